//! The words of each problem, in Chinese and English, from `words.toml`; the source of `docs/errors.md` too.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// The languages that menjin speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Chinese,
    English,
}

impl Language {
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// The better of the two by `Accept-Language` (RFC 9110 §12.5.4); English where nothing is said.
    pub(crate) fn accepted(header: Option<&str>) -> Self {
        let mut best = (Self::English, 0.0_f32);
        for range in header.unwrap_or_default().split(',').take(16) {
            let (tag, q) = range.split_once(';').unwrap_or((range, ""));
            let tag = tag.trim().to_ascii_lowercase();
            let language = match tag.split('-').next() {
                Some("zh") => Self::Chinese,
                Some("en") => Self::English,
                _ => continue,
            };
            let q = q.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0);
            if q > best.1 {
                best = (language, q);
            }
        }
        best.0
    }
}

/// What one problem is called and what to do about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// HTTP status, for the manual.
    pub status: u16,
    /// What a client may be told to do, for the manual.
    pub actions: Vec<String>,
    /// Short name, English.
    pub title: String,
    /// Short name, Chinese.
    pub title_zh: String,
    /// What happened and what to do, English.
    pub detail: String,
    /// What happened and what to do, Chinese.
    pub detail_zh: String,
    /// Why it comes, English.
    #[serde(default)]
    pub cause: String,
    /// Why it comes, Chinese.
    #[serde(default)]
    pub cause_zh: String,
    /// How to be rid of it, English.
    #[serde(default)]
    pub remedy: String,
    /// How to be rid of it, Chinese.
    #[serde(default)]
    pub remedy_zh: String,
}

impl Words {
    pub(crate) fn title_in(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.title_zh,
            Language::English => &self.title,
        }
    }

    pub(crate) fn detail_in(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.detail_zh,
            Language::English => &self.detail,
        }
    }

    pub(super) fn cause_in(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.cause_zh,
            Language::English => &self.cause,
        }
    }

    pub(super) fn remedy_in(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.remedy_zh,
            Language::English => &self.remedy,
        }
    }
}

/// The words with `/docs` where it is found: below the path of `server.public_url`.
pub(super) fn below(path: &str, words: &str) -> String {
    words.replace("/docs", &format!("{path}/docs"))
}

static CATALOGUE: LazyLock<BTreeMap<String, Words>> =
    LazyLock::new(|| toml::from_str(include_str!("words.toml")).expect("words.toml is compiled in and tested"));

/// All problems by code.
pub fn catalogue() -> &'static BTreeMap<String, Words> {
    &CATALOGUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_follows_the_header() {
        let cases = [
            (None, Language::English),
            (Some("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese),
            (Some("en-GB,zh;q=0.5"), Language::English),
            (Some("fr, zh-Hans;q=0.3"), Language::Chinese),
            (Some("zh;q=0, en"), Language::English),
            (Some(";;;,,,q"), Language::English),
        ];
        for (header, expected) in cases {
            assert_eq!(Language::accepted(header), expected, "{header:?}");
        }
    }
}
