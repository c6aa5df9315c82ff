//! `[tls]`: a certificate of menjin's own. Does not: reading what it names (`certificate`), serving with it (`tls`).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[tls]`: with it the public side speaks TLS.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// PEM: the server's certificate and those between it and its authority. Relative to the folder of `menjin.toml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// PEM: its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    #[serde(skip)]
    base: PathBuf,
}

/// The two files, where they are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// `tls.cert`.
    pub cert: PathBuf,
    /// `tls.key`.
    pub key: PathBuf,
}

impl Tls {
    pub(super) fn resolve(&mut self, base: &Path) {
        base.clone_into(&mut self.base);
    }

    pub(super) fn is_absent(&self) -> bool {
        self.cert.is_none() && self.key.is_none()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let (missing, there) = match (&self.cert, &self.key) {
            (Some(_), None) => ("tls.key", "`tls.cert`: name the certificate's private key"),
            (None, Some(_)) => ("tls.cert", "`tls.key`: name the certificate that the key is of"),
            (Some(_), Some(_)) | (None, None) => return Ok(()),
        };
        let why = format!("is missing beside {there}, or take both out and let a proxy in front speak TLS");
        Err(ConfigError::refused(missing, why))
    }

    /// Both files; `None` where a proxy has the certificate.
    pub fn files(&self) -> Option<TlsFiles> {
        let (cert, key) = self.cert.as_ref().zip(self.key.as_ref())?;
        Some(TlsFiles { cert: self.base.join(cert), key: self.base.join(key) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parsed(tls: &str) -> Result<Config, String> {
        Config::parse(&format!("[tls]\n{tls}"), Path::new("/etc/menjin")).map_err(|error| error.to_string())
    }

    #[test]
    fn paths_are_relative_to_the_folder_of_the_file() {
        let files = parsed("cert = \"tls/fullchain.pem\"\nkey = \"/run/key.pem\"").unwrap().tls.files().unwrap();
        assert_eq!(files.cert, Path::new("/etc/menjin/tls/fullchain.pem"));
        assert_eq!(files.key, Path::new("/run/key.pem"));
        assert!(parsed("").unwrap().tls.files().is_none());
    }

    #[test]
    fn one_without_the_other_is_refused_by_the_missing_ones_name() {
        for (given, missing) in [("cert = \"a.pem\"", "`tls.key`"), ("key = \"a.pem\"", "`tls.cert`")] {
            let error = parsed(given).unwrap_err();
            assert!(error.starts_with(missing) && error.contains("proxy"), "{error}");
        }
    }
}
