//! The language that a refused client reads.

use http::header::ACCEPT_LANGUAGE;
use http::{HeaderMap, HeaderValue};

/// One of the two that refusals are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// `zh-CN`.
    Chinese,
    /// `en`: where a client asks for neither.
    #[default]
    English,
}

impl Language {
    /// The one that a request asks for.
    pub fn of(headers: &HeaderMap) -> Self {
        Self::preferred(headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()))
    }

    /// The one of ours that `Accept-Language` weighs highest (RFC 9110 section 12.5.4); English where it says nothing.
    pub(crate) fn preferred(accept_language: Option<&str>) -> Self {
        let mut best = (0.0, Self::English);
        for range in accept_language.unwrap_or_default().split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = match parameters.trim().strip_prefix("q=") {
                Some(q) => q.parse().unwrap_or(0.0),
                None => 1.0,
            };
            let language = match tag.trim().split('-').next() {
                Some(primary) if primary.eq_ignore_ascii_case("zh") => Self::Chinese,
                Some(primary) if primary.eq_ignore_ascii_case("en") => Self::English,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }

    pub(crate) fn tag(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        })
    }
}
