//! `[[consent]]`: documents that people agree to, each by version.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use url::Url;

use super::ConfigError;

/// One `[[consent]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// What it is called; never another document.
    pub id: String,
    /// The version that counts now: after a change people are asked again.
    pub version: String,
    /// Where people read it.
    pub url: Url,
    /// Whether `need` says so until it is agreed to.
    #[serde(default = "yes")]
    pub required: bool,
    /// The apps that ask for it; all when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apps: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

impl Consent {
    /// Whether people of this app are asked.
    pub(crate) fn is_of(&self, app: &str) -> bool {
        self.apps.as_ref().is_none_or(|apps| apps.iter().any(|it| it == app))
    }
}

pub(super) fn check(documents: &[Consent]) -> Result<(), ConfigError> {
    let mut ids = HashSet::new();
    for (index, document) in documents.iter().enumerate() {
        let refused = |field: &str, why: &str| Err(ConfigError::refused(format!("consent[{index}].{field}"), why));
        if !is_document(&document.id) || !ids.insert(&document.id) {
            return refused("id", "must be 1 to 32 of a-z 0-9 - _, and stand once, e.g. \"privacy\"");
        }
        if !is_version(&document.version) {
            return refused("version", "must be 1 to 64 characters without spaces, e.g. \"2026-11-01\"");
        }
        if !matches!(document.url.scheme(), "http" | "https") || !document.url.has_host() {
            return refused("url", "must be the http(s) address at which people read it");
        }
        if document.apps.as_ref().is_some_and(Vec::is_empty) {
            return refused("apps", "names no app, so nobody would be asked: leave it out to ask in all of them");
        }
    }
    Ok(())
}

/// Apps that documents name and the file does not have: registered ones, or slips.
pub(super) fn remarks<'c>(
    documents: &'c [Consent],
    is_app: impl Fn(&str) -> bool + 'c,
) -> impl Iterator<Item = String> + 'c {
    let named = documents
        .iter()
        .enumerate()
        .flat_map(|(index, document)| document.apps.iter().flatten().map(move |app| (index, app)));
    named.filter(move |(_, app)| !is_app(app)).map(|(index, app)| {
        format!("`consent[{index}].apps`: no [[app]] is called {app}: nobody is asked before `menjin app add` makes it")
    })
}

/// What a document may be called.
pub(crate) fn is_document(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    (1..=32).contains(&text.len()) && text.bytes().all(fits)
}

/// What a version may be called.
pub(crate) fn is_version(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn with(toml: &str) -> Result<Config, String> {
        let toml =
            format!("[[app]]\nid = \"shop\"\nkind = \"backend\"\nclient_secret = \"{}\"\n{toml}", "s".repeat(40));
        Config::parse(&toml, std::path::Path::new("/etc/menjin")).map_err(|it| it.to_string())
    }

    const PRIVACY: &str =
        "[[consent]]\nid = \"privacy\"\nversion = \"1\"\nurl = \"https://shop.example.com/privacy\"\n";

    #[test]
    fn a_document_is_asked_for_in_all_apps_unless_it_names_some() {
        let config = with(PRIVACY).unwrap();
        assert!(config.consent[0].required && config.consent[0].is_of("shop") && config.consent[0].is_of("club"));
        let config = with(&format!("{PRIVACY}apps = [\"club\"]\n")).unwrap();
        assert!(!config.consent[0].is_of("shop") && config.consent[0].is_of("club"));
        assert!(config.remarks().iter().any(|remark| remark.contains("consent[0].apps") && remark.contains("club")));
    }

    #[test]
    fn what_can_not_stand_names_the_key() {
        for (from, to, key) in [
            ("\"privacy\"", "\"Privacy Notice\"", "consent[0].id"),
            ("\"1\"", "\"\"", "consent[0].version"),
            ("\"1\"", "\"version one\"", "consent[0].version"),
            ("https://shop", "ftp://shop", "consent[0].url"),
            ("version", "apps = []\nversion", "consent[0].apps"),
            ("version", "needed = true\nversion", "needed"),
        ] {
            let error = with(&PRIVACY.replace(from, to)).unwrap_err();
            assert!(error.contains(key), "{key}: {error}");
        }
        let error = with(&format!("{PRIVACY}{PRIVACY}")).unwrap_err();
        assert!(error.contains("consent[1].id"), "{error}");
    }
}
