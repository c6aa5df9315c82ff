//! `[session_data]`: how much back ends may keep about a session, and which keys of it a person may reach by themselves.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The longest key.
const LONGEST_KEY: usize = 64;
/// A row travels whole, and many of them together when a store moves.
const MOST_BYTES: usize = 64 * 1024;

/// `[session_data]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionData {
    /// Largest value, as JSON.
    pub value_bytes: usize,
    /// Largest map of a session or user and an audience, as JSON.
    pub total_bytes: usize,
}

impl Default for SessionData {
    fn default() -> Self {
        Self { value_bytes: 2048, total_bytes: 16 * 1024 }
    }
}

impl SessionData {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |key: &str, why: &str| Err(ConfigError::refused(format!("session_data.{key}"), why));
        if !(1..=MOST_BYTES).contains(&self.total_bytes) {
            return refused("total_bytes", "must be 1 to 65536: keep what is larger in your own database");
        }
        if self.value_bytes == 0 || self.value_bytes > self.total_bytes {
            return refused("value_bytes", "must be 1 or more, and not more than session_data.total_bytes");
        }
        Ok(())
    }
}

/// The keys of session data that a person reaches by their own token: exact names, or beginnings with a `*` behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientKeys(Vec<String>);

impl Default for ClientKeys {
    fn default() -> Self {
        Self(vec!["client.*".to_owned()])
    }
}

impl ClientKeys {
    /// Whether this key is one of them.
    pub fn cover(&self, key: &str) -> bool {
        self.0.iter().any(|name| match name.strip_suffix('*') {
            Some(beginning) => key.starts_with(beginning),
            None => key == name,
        })
    }

    pub(super) fn check(&self, key: impl FnOnce() -> String) -> Result<(), ConfigError> {
        match self.0.iter().find(|name| !is_data_key(name.strip_suffix('*').unwrap_or(name)) && *name != "*") {
            Some(name) => {
                let why = format!(
                    "{name:?} must be 1 to 64 of A-Z a-z 0-9 . _ : -, and may end with one *, e.g. \"client.*\""
                );
                Err(ConfigError::refused(key(), why))
            }
            None => Ok(()),
        }
    }
}

/// Whether session data may be kept under this key. What a path means beside a name is none.
pub(crate) fn is_data_key(text: &str) -> bool {
    (1..=LONGEST_KEY).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
        && text != "."
        && text != ".."
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn client_keys_are_names_and_beginnings() {
        let keys = ClientKeys(vec!["client.*".into(), "theme".into()]);
        for (key, covered) in [
            ("client.x", true),
            ("client.", true),
            ("client.*", true),
            ("theme", true),
            ("client", false),
            ("clientx", false),
            ("Client.x", false),
            ("theme.x", false),
            ("x.client.", false),
            ("", false),
        ] {
            assert_eq!(keys.cover(key), covered, "{key}");
        }
        assert!(!ClientKeys(Vec::new()).cover("client.x"));
    }

    #[test]
    fn odd_sizes_and_keys_are_refused_by_name() {
        let parse = |text: &str| Config::parse(text, Path::new("")).map_err(|error| error.to_string());
        let config = parse("[session_data]\nvalue_bytes = 10\ntotal_bytes = 10").unwrap();
        assert_eq!((config.session_data.value_bytes, config.session_data.total_bytes), (10, 10));
        for (text, key) in [
            ("value_bytes = 0", "session_data.value_bytes"),
            ("value_bytes = 16385", "session_data.value_bytes"),
            ("total_bytes = 0", "session_data.total_bytes"),
            ("total_bytes = 65537", "session_data.total_bytes"),
        ] {
            let error = parse(&format!("[session_data]\n{text}")).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
        let app = |keys: &str| parse(&format!("[[app]]\nid = \"a\"\nkind = \"web\"\nclient_keys = [{keys}]"));
        for good in ["", "\"*\"", "\"client.*\", \"theme\", \"a:b-c_d.E\""] {
            app(good).unwrap();
        }
        for odd in ["\"\"", "\"..\"", "\"a*b\"", "\"**\"", "\"a/b\"", "\"client. *\"", "\"caf\u{e9}\""] {
            let error = app(odd).unwrap_err();
            assert!(error.contains("app.a.client_keys") && error.contains("client.*"), "{odd}: {error}");
        }
    }
}
