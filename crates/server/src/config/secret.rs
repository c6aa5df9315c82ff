//! Secrets as configuration holds them: never printed, never serialised, wiped when dropped.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::ConfigError;

/// A database without its master key is worth nothing, so a fresh one is no remedy for one that was lost.
const NO_MASTER_KEY: &str = "bring back the one that this database was made with; for a new database, `menjin init \
                             --dir FOLDER` makes a secret.key";

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

    /// Takes the value from `file` when it was not given itself; both at once are refused. Gives a remark on a file that
    /// others may read.
    pub(super) fn or_from_file(
        &mut self,
        file: Option<&Path>,
        base: &Path,
        key: &str,
    ) -> Result<Option<String>, ConfigError> {
        let Some(file) = file else { return Ok(None) };
        if !self.is_absent() {
            return Err(ConfigError::refused(key, format!("is given twice, as `{key}` and as `{key}_file`: keep one")));
        }
        let path: PathBuf = base.join(file);
        let remedy = if key == "secret_key" { NO_MASTER_KEY } else { "put the value into it" };
        let refused = |why: String| ConfigError::refused(format!("{key}_file"), format!("{} {why}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let kind = error.kind();
            if kind == ErrorKind::NotFound {
                return refused(format!("does not exist: {remedy}"));
            }
            let owner = "it must belong to the account that runs menjin";
            let remedy = if kind == ErrorKind::PermissionDenied { format!("; {owner}") } else { String::new() };
            refused(format!("can't be read: {error}{remedy}"))
        })?;
        if text.trim().is_empty() {
            return Err(refused(format!("is empty: {remedy}")));
        }
        *self = Self::new(text.trim());
        Ok(mode_for_others(&path).map(|mode| {
            format!(
                "`{key}_file`: others on this machine have rights to {0} (mode {mode:04o}): chmod 600 {0}",
                path.display()
            )
        }))
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

/// The mode of a file that others than its owner may read or write.
#[cfg(unix)]
fn mode_for_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn mode_for_others(_path: &Path) -> Option<u32> {
    None
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

    fn from_file(folder: &Path, key: &str) -> Result<Option<String>, String> {
        let read = Secret::default().or_from_file(Some(Path::new("a.secret")), folder, key);
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_without_a_secret_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.secret").display().to_string();
        for (text, is) in [(None, "does not exist"), (Some(""), "is empty"), (Some(" \n"), "is empty")] {
            if let Some(text) = text {
                std::fs::write(folder.path().join("a.secret"), text).unwrap();
            }
            let why = from_file(folder.path(), "secret_key").unwrap_err();
            assert!(why.starts_with(&format!("`secret_key_file`: {place} {is}")), "{why}");
            assert!(why.contains("menjin init") && why.contains("bring back"), "{why}");
            let why = from_file(folder.path(), "app.shop.secret").unwrap_err();
            assert!(why.starts_with("`app.shop.secret_file`") && why.contains(is), "{why}");
            assert!(!why.contains("menjin init"), "{why}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_have_rights_to_is_remarked_on() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.secret");
        std::fs::write(&file, "hunter2").unwrap();
        for (mode, is_open) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o620, true)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let remark = from_file(folder.path(), "store.url").unwrap();
            assert_eq!(remark.is_some(), is_open, "{mode:o}");
            let remark = remark.unwrap_or_default();
            assert!(!remark.contains("hunter2"), "{remark}");
            let words = ["`store.url_file`", "a.secret", &format!("{mode:04o}"), "chmod 600"];
            assert!(!is_open || words.iter().all(|word| remark.contains(word)), "{remark}");
        }
    }

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
