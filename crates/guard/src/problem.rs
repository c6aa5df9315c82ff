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
use crate::language::Language;

/// How long a client waits after a 503, in seconds.
const RETRY_SECONDS: &str = "2";

/// Why a request does not get through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No token, or another scheme.
    #[error("no token")]
    Missing,
    /// More than one token, in places of which one may have one.
    #[error("a token in more than one place")]
    Twice,
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
    /// What the program itself asks about the caller can't be answered at the moment.
    #[error("the program can't look the caller up")]
    Unavailable,
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        if invalid.is_expired() { Self::Expired } else { Self::Invalid(invalid) }
    }
}

/// A refusal, and the language in which its client reads it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What the request's `Accept-Language` prefers.
    pub language: Language,
}

impl Refused {
    /// The whole answer.
    pub fn answer(self) -> Response<String> {
        self.refusal.answer(self.language)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        refused.refusal
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
            Self::Twice => Code::TokenTwice,
            Self::Invalid(_) => Code::TokenInvalid,
            Self::Expired => Code::TokenExpired,
            Self::Ended(because) => Code::of_end(&because.code),
            Self::InsufficientScope(_) => Code::InsufficientScope,
            Self::Forbidden(_) => Code::Forbidden,
            Self::KeysUnavailable => Code::KeysUnavailable,
            Self::FeedStale => Code::RevocationsStale,
            Self::Unavailable => Code::StoreUnavailable,
        }
    }

    /// The problem's code.
    pub fn code(&self) -> &'static str {
        self.kind().as_str()
    }

    /// With the language to tell it in.
    pub fn in_language(self, language: Language) -> Refused {
        Refused { refusal: self, language }
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
        self.kind().problem(Language::preferred(accept_language))
    }

    /// The whole answer, in the language that the client asked for.
    pub fn into_response_for(self, accept_language: Option<&str>) -> Response<String> {
        self.answer(Language::preferred(accept_language))
    }

    fn answer(self, language: Language) -> Response<String> {
        let mut response = self.kind().answer(language);
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl Code {
    fn problem(self, language: Language) -> Problem {
        let (title, detail) = match language {
            Language::Chinese => self.chinese(),
            Language::English => self.english(),
        };
        Problem {
            kind: format!("/problems/{}", self.as_str()),
            title,
            status: self.status().as_u16(),
            detail,
            code: self.as_str(),
            action: self.action().as_str(),
        }
    }

    /// The whole answer, without a challenge.
    pub(crate) fn answer(self, language: Language) -> Response<String> {
        let body = serde_json::to_string(&self.problem(language)).expect("strings and a number serialise");
        let mut response = Response::new(body);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_LANGUAGE, language.tag());
        headers.insert(VARY, HeaderValue::from_name(ACCEPT_LANGUAGE));
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
