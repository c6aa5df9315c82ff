//! `[avatars]`: the pictures that people upload of themselves.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::ConfigError;

/// Less would refuse what phones send.
const SMALLEST: usize = 16 * 1024;
/// A picture is held in memory while it is looked at.
const LARGEST: usize = 10 * 1024 * 1024;

/// `[avatars]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Avatars {
    /// Where the pictures are kept; several nodes share it.
    pub folder: PathBuf,
    /// What their addresses begin with; `avatars/` below `server.public_url` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Largest picture, in bytes.
    pub max_bytes: usize,
}

impl Default for Avatars {
    fn default() -> Self {
        Self { folder: PathBuf::from("avatars"), url: None, max_bytes: 2 * 1024 * 1024 }
    }
}

impl Avatars {
    /// The folder is relative to that of the configuration.
    pub(super) fn resolve(&mut self, base: &Path) {
        self.folder = base.join(&self.folder);
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |key: &str, why: &str| Err(ConfigError::refused(format!("avatars.{key}"), why));
        if !(SMALLEST..=LARGEST).contains(&self.max_bytes) {
            return refused("max_bytes", "must be 16384 (16 KiB) to 10485760 (10 MiB)");
        }
        let Some(url) = &self.url else { return Ok(()) };
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        if is_plain && url.path().ends_with('/') {
            Ok(())
        } else {
            refused(
                "url",
                "must be an http(s) address that ends with a slash, e.g. \"https://cdn.example.com/avatars/\"",
            )
        }
    }

    pub(super) fn check_for_production(&self) -> Result<(), ConfigError> {
        if self.url.as_ref().is_some_and(|url| url.scheme() != "https") {
            let why = "must be https in production: mini programs show no pictures from elsewhere";
            return Err(ConfigError::refused("avatars.url", why));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn with(toml: &str) -> Result<Config, String> {
        Config::parse(&format!("[avatars]\n{toml}"), std::path::Path::new("/etc/menjin")).map_err(|it| it.to_string())
    }

    #[test]
    fn the_folder_is_relative_to_the_configuration() {
        assert_eq!(with("").unwrap().avatars.folder.to_str(), Some("/etc/menjin/avatars"));
        assert_eq!(with("folder = \"/srv/a\"").unwrap().avatars.folder.to_str(), Some("/srv/a"));
    }

    #[test]
    fn what_can_not_stand_names_the_key() {
        assert!(with("url = \"https://cdn.example.com/a/\"").is_ok());
        for (key, value) in [
            ("url", "\"https://cdn.example.com/a\""),
            ("url", "\"https://cdn.example.com/a/?x=\""),
            ("url", "\"ftp://cdn.example.com/a/\""),
            ("max_bytes", "1000"),
            ("max_bytes", "99999999"),
        ] {
            let error = with(&format!("{key} = {value}")).unwrap_err();
            assert!(error.contains(&format!("avatars.{key}")), "{error}");
        }
    }
}
