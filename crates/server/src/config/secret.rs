//! Secrets as configuration holds them: never printed, never serialised, wiped when dropped.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::ConfigError;

/// A secret value, perhaps not given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(Option<SecretString>);

impl Secret {
    /// A secret that is there.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Some(SecretString::from(value.into())))
    }

    /// Whether nothing was given.
    pub fn is_absent(&self) -> bool {
        self.expose().is_none_or(|value| value.trim().is_empty())
    }

    /// Whether it was given and can't be meant: blank, or the dots of an example.
    pub(super) fn is_placeholder(&self) -> bool {
        self.expose().is_some_and(|value| !value.chars().any(char::is_alphanumeric))
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> Option<&str> {
        self.0.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Takes the value from `file` when it was not given itself; both at once are refused.
    pub(super) fn or_from_file(&mut self, file: Option<&Path>, base: &Path, key: &str) -> Result<(), ConfigError> {
        let Some(file) = file else { return Ok(()) };
        if !self.is_absent() {
            return Err(ConfigError::refused(key, format!("is given twice, as `{key}` and as `{key}_file`: keep one")));
        }
        let path: PathBuf = base.join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            ConfigError::refused(format!("{key}_file"), format!("{} can't be read: {error}", path.display()))
        })?;
        *self = Self::new(text.trim());
        Ok(())
    }

    pub(super) fn master_key(&self, key: &str) -> Result<MasterKey, ConfigError> {
        let refused = || ConfigError::refused(key, "must be 32 bytes in base64 or hex: `menjin init` makes one");
        let text = self.expose().ok_or_else(refused)?.trim();
        let bytes = Zeroizing::new(decode(text).ok_or_else(refused)?);
        let key_bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| refused())?;
        if key_bytes.iter().all(|byte| *byte == key_bytes[0]) {
            return Err(ConfigError::refused(key, "is a placeholder: `menjin init` makes a random one"));
        }
        Ok(MasterKey(Zeroizing::new(key_bytes)))
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_absent() { "" } else { "[REDACTED]" })
    }
}

/// The 32 bytes that everything sealed hangs on (design §4.1).
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A master key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey([REDACTED])")
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return (0..64).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
    }
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_is_32_bytes_in_base64_or_hex() {
        let hex = Secret::new("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
        assert_eq!(hex.master_key("secret_key").unwrap().bytes()[1], 0x11);
        let base64 = Secret::new("ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=");
        assert_eq!(base64.master_key("secret_key").unwrap().bytes()[1], 0x11);
        for wrong in ["", "short", &"A".repeat(43), &"0".repeat(64)] {
            assert!(Secret::new(wrong).master_key("secret_key").is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&secret).unwrap().contains("hunter2"));
    }
}
