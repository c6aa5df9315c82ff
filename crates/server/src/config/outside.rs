//! `[audit]` and `[telemetry]`: what is kept of the audit beside the store, and where traces of requests go.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::ConfigError;

/// `[audit]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Where lines are written before they are pruned; without it they are only pruned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export_folder: Option<PathBuf>,
}

impl Audit {
    /// A folder beside the file of the configuration.
    pub(super) fn resolve(&mut self, base: &Path) {
        self.export_folder = self.export_folder.take().map(|folder| base.join(folder));
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let is_named = self.export_folder.as_ref().is_none_or(|folder| !folder.as_os_str().is_empty());
        if is_named { Ok(()) } else { Err(ConfigError::refused("audit.export_folder", "must name a folder")) }
    }
}

/// `[telemetry]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// The base URL of a collector that takes OTLP over HTTP; without it there are no traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<Url>,
    /// What traces call this program.
    pub service_name: String,
    /// Which part of the requests is traced that come without a decision of their caller.
    pub sample: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, service_name: "menjin".to_owned(), sample: 1.0 }
    }
}

impl Telemetry {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |key: &str, why: &str| Err(ConfigError::refused(format!("telemetry.{key}"), why));
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        if self.otlp_endpoint.as_ref().is_some_and(|url| !is_web(url)) {
            return refused("otlp_endpoint", "must be http or https, e.g. \"http://127.0.0.1:4318\"");
        }
        if self.service_name.is_empty() || self.service_name.len() > 64 {
            return refused("service_name", "must be 1 to 64 bytes, e.g. \"menjin\"");
        }
        if !(0.0..=1.0).contains(&self.sample) {
            return refused("sample", "must be 0.0 to 1.0: 0.1 is every tenth request");
        }
        Ok(())
    }
}
