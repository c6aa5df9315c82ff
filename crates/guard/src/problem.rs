//! Refusals, and how they are answered: status, `WWW-Authenticate` (RFC 6750 section 3), problem JSON (RFC 9457).
//!
//! Does not: say anything about how the guard works. The reason behind `token_invalid` goes to the log only.

use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};
use menjin_token::Invalid;
use serde::Serialize;

use crate::code::Code;
use crate::ended::EndedBecause;

/// How long a client waits after a 503, in seconds.
const RETRY_SECONDS: &str = "2";

/// Why a request does not get through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No token, or another scheme.
    #[error("no token")]
    Missing,
    /// Not a token that is good here.
    #[error("{0}")]
    Invalid(Invalid),
    /// A token whose time is over; a fresh one would do.
    #[error("the token has expired")]
    Expired,
    /// The session, user or app was cut off.
    #[error("ended: {}", .0.code)]
    Ended(EndedBecause),
    /// The token lacks this scope.
    #[error("the token lacks the scope {0}")]
    InsufficientScope(String),
    /// The caller lacks this role or permission.
    #[error("the caller lacks {0}")]
    Forbidden(String),
    /// No keys have been read, or they are too old to trust.
    #[error("no keys to verify with")]
    KeysUnavailable,
    /// The feed of endings was not read lately.
    #[error("the feed of endings is stale")]
    FeedStale,
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        if invalid.is_expired() { Self::Expired } else { Self::Invalid(invalid) }
    }
}

/// What a refused client reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `/problems/<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short, in the client's language.
    pub title: &'static str,
    /// The status once more.
    pub status: u16,
    /// A sentence, in the client's language.
    pub detail: &'static str,
    /// Stable, for programs.
    pub code: &'static str,
    /// `relogin`, `refresh`, `retry` or `none`.
    pub action: &'static str,
}

impl Refusal {
    /// The problem's code as a type.
    pub fn kind(&self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::Invalid(_) => Code::TokenInvalid,
            Self::Expired => Code::TokenExpired,
            Self::Ended(because) => Code::of_end(&because.code),
            Self::InsufficientScope(_) => Code::InsufficientScope,
            Self::Forbidden(_) => Code::Forbidden,
            Self::KeysUnavailable => Code::KeysUnavailable,
            Self::FeedStale => Code::RevocationsStale,
        }
    }

    /// The problem's code.
    pub fn code(&self) -> &'static str {
        self.kind().as_str()
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.kind().status()
    }

    /// The challenge of a 401, and of a 403 for lack of scope (RFC 6750 section 3).
    pub fn challenge(&self) -> Option<HeaderValue> {
        let kind = self.kind();
        match (self, kind.status()) {
            (Self::Missing, _) => Some(HeaderValue::from_static(r#"Bearer realm="menjin""#)),
            (Self::InsufficientScope(scope), _) => {
                let scope: String = scope.chars().filter(|&c| is_scope_char(c)).collect();
                let value = format!(r#"Bearer realm="menjin", error="insufficient_scope", scope="{scope}""#);
                HeaderValue::from_str(&value).ok()
            }
            (_, StatusCode::UNAUTHORIZED) => {
                let (title, _) = kind.english();
                let value = format!(r#"Bearer realm="menjin", error="invalid_token", error_description="{title}""#);
                HeaderValue::from_str(&value).ok()
            }
            _ => None,
        }
    }

    /// The body, in the language that the client asked for.
    pub fn problem(&self, accept_language: Option<&str>) -> Problem {
        let kind = self.kind();
        let (title, detail) = match Language::preferred(accept_language) {
            Language::Chinese => kind.chinese(),
            Language::English => kind.english(),
        };
        Problem {
            kind: format!("/problems/{}", kind.as_str()),
            title,
            status: kind.status().as_u16(),
            detail,
            code: kind.as_str(),
            action: kind.action().as_str(),
        }
    }

    /// The whole answer, in the language that the client asked for.
    #[expect(clippy::missing_panics_doc, reason = "it can't")]
    pub fn into_response_for(self, accept_language: Option<&str>) -> Response<String> {
        let problem = self.problem(accept_language);
        let body = serde_json::to_string(&problem).expect("strings and a number serialise");
        let mut response = Response::new(body);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_LANGUAGE, Language::preferred(accept_language).tag());
        headers.insert(VARY, HeaderValue::from_name(ACCEPT_LANGUAGE));
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        response
    }
}

/// What may stand in a scope (RFC 6749 section 3.3).
fn is_scope_char(c: char) -> bool {
    matches!(c, ' ' | '!' | '#'..='[' | ']'..='~')
}

#[derive(Clone, Copy)]
enum Language {
    Chinese,
    English,
}

impl Language {
    /// The one of ours that `Accept-Language` weighs highest (RFC 9110 section 12.5.4); English where it says nothing.
    fn preferred(accept_language: Option<&str>) -> Self {
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

    fn tag(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        })
    }
}
