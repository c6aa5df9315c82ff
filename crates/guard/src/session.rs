//! The values that back ends keep beside a session, or beside its user (design §4.4): typed, over HTTP, with the program's
//! own app as whoever asks.
//!
//! Does not: check tokens; menjin does, each time.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::rand;
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use menjin_token::{Invalid, Timestamp};
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::code::Code;
use crate::ended::EndedBecause;
use crate::menjin::{self, Answer, Menjin, Trouble};
use crate::{Guard, Language, Refusal};

const PLACE: [&str; 3] = ["v1", "session", "data"];
const SUBJECT: HeaderName = HeaderName::from_static("menjin-subject-token");
/// Writers of one key that come between are made way for so often.
const TRIES: u32 = 40;
const STEP: Duration = Duration::from_millis(4);

/// What is kept about the session of one access token. Each call is a request to menjin.
///
/// ```
/// use menjin_guard::{Session, SessionError};
///
/// async fn add_to_cart(session: Session, sku: u32) -> Result<Vec<u32>, SessionError> {
///     session.update("cart", |cart: Option<Vec<u32>>| {
///         let mut cart = cart.unwrap_or_default();
///         cart.push(sku);
///         cart
///     }).await
/// }
/// ```
#[derive(Clone)]
pub struct Session {
    guard: Guard,
    token: Zeroizing<String>,
    of_user: bool,
    language: Language,
}

/// A value, and which version of it this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// Grows with each write.
    pub version: Version,
}

/// A version of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(HeaderValue);

/// What a write rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    None,
    Absent,
    Version(Version),
}

/// Why nothing was read or kept, and in which language the client reads of it.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The session has ended, or its token is no longer good.
    #[error("{0}")]
    Refused(Refusal, Language),
    /// The value, or all of them together, would be too large.
    #[error("the session data would be too large")]
    Full(Language),
    /// The value is no JSON of this type.
    #[error("the value of {key}: {error}")]
    Value {
        /// Where it is.
        key: String,
        /// What is wrong with it.
        error: serde_json::Error,
        /// The client's.
        language: Language,
    },
    /// The program asked for something that can't be: an odd key, or it has no app, or the app may not. The words are
    /// for its makers.
    #[error("{0}")]
    Mistake(String, Language),
    /// menjin can't be reached, or is not well.
    #[error("{0}")]
    Unavailable(String, Language),
}

impl SessionError {
    /// The problem's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal, _) => refusal.code(),
            Self::Full(_) | Self::Value { .. } | Self::Mistake(..) | Self::Unavailable(..) => self.kind().as_str(),
        }
    }

    fn kind(&self) -> Code {
        match self {
            Self::Refused(refusal, _) => refusal.kind(),
            Self::Full(_) => Code::SessionDataFull,
            Self::Value { .. } | Self::Mistake(..) => Code::Internal,
            Self::Unavailable(..) => Code::StoreUnavailable,
        }
    }

    /// The whole answer, as a problem. What is no fault of the client's is logged.
    pub fn answer(self) -> Response<String> {
        let language = match &self {
            Self::Refused(_, language) | Self::Full(language) => *language,
            Self::Value { language, .. } | Self::Mistake(_, language) | Self::Unavailable(_, language) => {
                tracing::error!(error = %self, "session data can't be used");
                *language
            }
        };
        let code = self.kind();
        if let Self::Refused(refusal, _) = self {
            refusal.in_language(language).answer()
        } else {
            code.answer(language)
        }
    }
}

impl Guard {
    /// The data of the session that a good access token belongs to. Needs [`as_app`](crate::GuardBuilder::as_app), and
    /// of the app the scope `session-data` and the audience of the token.
    pub fn session(&self, token: &str) -> Session {
        Session {
            guard: self.clone(),
            token: Zeroizing::new(token.to_owned()),
            of_user: false,
            language: Language::default(),
        }
    }
}

#[derive(Serialize)]
struct Put<'v, T> {
    value: &'v T,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
}

#[derive(Deserialize)]
struct Kept<T> {
    value: T,
}

#[derive(Deserialize)]
struct All {
    #[serde(default)]
    data: BTreeMap<String, Value>,
}

impl Session {
    /// What is kept about the user instead, in whichever session.
    #[must_use]
    pub fn of_user(&self) -> Self {
        Self { of_user: true, ..self.clone() }
    }

    /// With the language in which refusals are told; extractors know it already.
    #[must_use]
    pub fn reading(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// The value of this key, if there is one.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SessionError> {
        Ok(self.get_versioned(key).await?.map(|versioned| versioned.value))
    }

    /// The value of this key and its version.
    pub async fn get_versioned<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Versioned<T>>, SessionError> {
        let answer = self.send(self.request(Method::GET, Some(key))?).await?;
        if answer.status == StatusCode::NOT_FOUND && answer.code() == "key_unknown" {
            return Ok(None);
        }
        let answer = self.good(answer)?;
        let version = self.version(&answer)?;
        let kept: Kept<T> = serde_json::from_slice(&answer.body).map_err(|error| self.of_key(key, error))?;
        Ok(Some(Versioned { value: kept.value, version }))
    }

    /// Keeps a value, as long as the session.
    pub async fn set<T: Serialize + Sync>(&self, key: &str, value: &T) -> Result<(), SessionError> {
        self.put(key, &Put { value, ttl: None }, &Condition::None).await.map(drop)
    }

    /// Keeps a value for so long, in whole seconds.
    pub async fn set_for<T: Serialize + Sync>(&self, key: &str, value: &T, ttl: Duration) -> Result<(), SessionError> {
        self.put(key, &Put { value, ttl: Some(ttl.as_secs().max(1)) }, &Condition::None).await.map(drop)
    }

    /// Keeps a value if the one that it rests on is still there, `None` meaning that there was none. Gives the new
    /// version, or `None` when somebody else came first.
    pub async fn set_if<T: Serialize + Sync>(
        &self,
        key: &str,
        value: &T,
        still: Option<&Version>,
    ) -> Result<Option<Version>, SessionError> {
        let condition = still.map_or(Condition::Absent, |version| Condition::Version(version.clone()));
        self.put(key, &Put { value, ttl: None }, &condition).await
    }

    /// Replaces a value by what `change` makes of it, at once: nobody comes between reading and writing. `change` is
    /// called again when somebody did. A value that had an end has none afterwards.
    pub async fn update<T, F>(&self, key: &str, mut change: F) -> Result<T, SessionError>
    where
        T: Serialize + DeserializeOwned + Sync,
        F: FnMut(Option<T>) -> T,
    {
        for attempt in 0..TRIES {
            let (old, version) = match self.get_versioned(key).await? {
                Some(Versioned { value, version }) => (Some(value), Some(version)),
                None => (None, None),
            };
            let new = change(old);
            if self.set_if(key, &new, version.as_ref()).await?.is_some() {
                return Ok(new);
            }
            stand_aside(attempt).await;
        }
        Err(self.unavailable(format!("too many write {key} at once")))
    }

    /// Forgets a value; one that is not there, too.
    pub async fn remove(&self, key: &str) -> Result<(), SessionError> {
        let answer = self.send(self.request(Method::DELETE, Some(key))?).await?;
        self.good(answer).map(drop)
    }

    /// Forgets all that is kept.
    pub async fn flush(&self) -> Result<(), SessionError> {
        let answer = self.send(self.request(Method::DELETE, None)?).await?;
        self.good(answer).map(drop)
    }

    /// All that is kept, by key.
    pub async fn all(&self) -> Result<BTreeMap<String, Value>, SessionError> {
        let answer = self.send(self.request(Method::GET, None)?).await?;
        let all: All = self.good(answer)?.json().map_err(|trouble| self.unavailable(trouble.to_string()))?;
        Ok(all.data)
    }

    async fn put<T: Serialize + Sync>(
        &self,
        key: &str,
        put: &Put<'_, T>,
        condition: &Condition,
    ) -> Result<Option<Version>, SessionError> {
        let body = serde_json::to_vec(put).map_err(|error| self.of_key(key, error))?;
        let request = self.request(Method::PUT, Some(key))?.header(CONTENT_TYPE, "application/json").body(body);
        let request = match condition {
            Condition::None => request,
            Condition::Absent => request.header(IF_NONE_MATCH, "*"),
            Condition::Version(Version(tag)) => request.header(IF_MATCH, tag),
        };
        let answer = self.send(request).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            return Ok(None);
        }
        self.version(&self.good(answer)?).map(Some)
    }

    fn menjin(&self) -> Result<&Menjin, SessionError> {
        let no_app = "session data needs GuardBuilder::as_app with an app that has the scope session-data";
        self.guard.menjin().ok_or_else(|| SessionError::Mistake(no_app.to_owned(), self.language))
    }

    fn request(&self, method: Method, key: Option<&str>) -> Result<RequestBuilder, SessionError> {
        let mut path = PLACE.to_vec();
        if let Some(key) = key {
            // menjin says the same; but a path of dots would not reach the route.
            let is_odd = |byte: u8| !byte.is_ascii_alphanumeric() && !b"._:-".contains(&byte);
            if !(1..=64).contains(&key.len()) || key.bytes().any(is_odd) || key == "." || key == ".." {
                let rule = "a key has 1 to 64 of A-Z a-z 0-9 . _ : -";
                return Err(SessionError::Mistake(rule.to_owned(), self.language));
            }
            path.push(key);
        }
        let mut token = HeaderValue::from_str(&self.token)
            .map_err(|_| SessionError::Refused(Refusal::Invalid(Invalid::Malformed), self.language))?;
        token.set_sensitive(true);
        let request = self.menjin()?.request(method, &path).header(SUBJECT, token);
        Ok(if self.of_user { request.query(&[("scope", "user")]) } else { request })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, SessionError> {
        menjin::answer(request).await.map_err(|trouble| self.unavailable(trouble.to_string()))
    }

    fn good(&self, answer: Answer) -> Result<Answer, SessionError> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        let (status, code) = (answer.status, answer.code());
        Err(match (status.as_u16(), code.as_str()) {
            // The program's own credentials, and not the person's.
            (401, "client_invalid" | "") | (400 | 403, _) => {
                let trouble = Trouble::Refused { status: status.as_u16(), code };
                SessionError::Mistake(format!("session data: {trouble}"), self.language)
            }
            (401, code) => {
                if code == "token_invalid" {
                    tracing::warn!("menjin refuses a token for session data: has this program's app another audience?");
                }
                SessionError::Refused(refusal(code, self.guard.now()), self.language)
            }
            (413, _) => SessionError::Full(self.language),
            _ => self.unavailable(format!("menjin answers {status} {code}")),
        })
    }

    fn version(&self, answer: &Answer) -> Result<Version, SessionError> {
        let tag = answer.headers.get(ETAG).cloned().map(Version);
        tag.ok_or_else(|| self.unavailable("menjin's answer has no ETag".to_owned()))
    }

    fn of_key(&self, key: &str, error: serde_json::Error) -> SessionError {
        SessionError::Value { key: key.to_owned(), error, language: self.language }
    }

    fn unavailable(&self, why: String) -> SessionError {
        SessionError::Unavailable(why, self.language)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("of_user", &self.of_user).finish_non_exhaustive()
    }
}

/// What menjin says of a person's token, as we would.
fn refusal(code: &str, now: Timestamp) -> Refusal {
    match code {
        "token_missing" => Refusal::Missing,
        "token_invalid" => Refusal::Invalid(Invalid::Signature),
        "token_expired" => Refusal::Expired,
        code => Refusal::Ended(EndedBecause { code: code.to_owned(), at: now }),
    }
}

/// The longer, the more often somebody else was first; and not as long as them.
async fn stand_aside(attempt: u32) {
    let mut byte = [128];
    // Without randomness the pause is what it is.
    _ = rand::fill(&mut byte);
    tokio::time::sleep(STEP * (attempt + 1).min(16) * u32::from(byte[0]) / 256).await;
}
