//! The error catalogue: every way a request can fail, with its status, code, action and words.
//!
//! Lives here: the enum, its mapping, its rendering in Chinese and English. Does not: deciding (the rooms do).

mod catalogue;
mod fault;
mod log;
mod render;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use menjin_guard::Refusal;
use menjin_platform::NotTaken;

use crate::store::{EndReason, Replacement, StoreError};
pub use catalogue::markdown;
pub(crate) use catalogue::routes;
pub use fault::Fault;
pub(crate) use log::tell;
pub(crate) use render::{Reader, answer, for_people, for_programs, headers, short};
pub(crate) use words::Language;
pub use words::{Words, catalogue};

/// What a client should do next (design §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Call `wx.login` again and sign in.
    Relogin,
    /// Trade the refresh token.
    Refresh,
    /// Ask again, after `Retry-After`.
    Retry,
    /// Sign in anew to prove who you are, then repeat.
    Reauth,
    /// Nothing helps but another request.
    None,
}

impl Action {
    /// As the client reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relogin => "relogin",
            Self::Refresh => "refresh",
            Self::Retry => "retry",
            Self::Reauth => "reauth",
            Self::None => "none",
        }
    }
}

/// What the platform said, shown only where a person caused it.
#[derive(Debug, Clone)]
pub struct PlatformSaid {
    /// Its number.
    pub errcode: i64,
    /// Its text.
    pub errmsg: String,
}

/// Why a request failed. The only type that a handler fails with.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A member of the body, query or path can't stand.
    #[error("`{field}` {fault:?}")]
    BadField {
        /// Which one.
        field: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The body is no JSON.
    #[error("the body is not the JSON that this route takes: {0:?}")]
    BadJson(Fault),
    /// The body has another content type than the route takes.
    #[error("the content type is another one than the route takes")]
    BadContentType,
    /// The body is no form with parts.
    #[error("the body is not the form that this route takes: {0:?}")]
    BadForm(Fault),
    /// The body is too large.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body took too long to arrive.
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    /// No such route.
    #[error("no such route")]
    RouteUnknown,
    /// The route has no such method.
    #[error("no such method on this route")]
    MethodUnknown,
    /// No app has this id, or it has no such sign-in.
    #[error("no such app")]
    AppUnknown,
    /// The app's platform can't do this.
    #[error("the platform has no such thing")]
    UnsupportedByPlatform,
    /// The platform answered a virtual user: the page was open as a snapshot.
    #[error("the platform answered a virtual user")]
    SnapshotUser,
    /// The person did not let the platform tell who they are.
    #[error("the person declined at the platform")]
    SignInDenied,
    /// A browser came back that did not go out, went out from another place, or too long ago.
    #[error("no sign-in under way in this browser")]
    SignInNotUnderWay,
    /// Used before.
    #[error("the login code was used before")]
    CodeUsed,
    /// Wrong, expired or foreign.
    #[error("the platform refused the login code")]
    CodeInvalid(Option<PlatformSaid>),
    /// The platform refuses this person.
    #[error("the platform blocked the sign-in")]
    PlatformBlocked(Option<PlatformSaid>),
    /// The same `Idempotency-Key` with another body.
    #[error("the idempotency key belongs to another request")]
    IdempotencyMismatch,
    /// The platform did not take the code: the same one may come again.
    #[error("the platform is busy or can't be reached")]
    PlatformBusy {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The platform may have taken the code: a fresh one is needed.
    #[error("the platform gave no usable answer")]
    PlatformUnavailable,
    /// The app's quota at the platform is used up, for hours: neither the same code nor a fresh one helps before.
    #[error("the app's quota at the platform is used up (errcode {errcode})")]
    PlatformQuota {
        /// When to ask again.
        retry_after: Duration,
        /// Its number, for the log.
        errcode: i64,
    },
    /// The platform refuses our own credentials.
    #[error("the platform refuses this app's configuration (errcode {errcode:?})")]
    PlatformMisconfigured {
        /// Its number, for the log.
        errcode: Option<i64>,
        /// What to do, for the log.
        remedy: Option<&'static str>,
    },
    /// The platform refuses the phone code: wrong, used, expired, or somebody else's.
    #[error("the platform refused the phone code")]
    PhoneCodeInvalid(Option<PlatformSaid>),
    /// The platform calls the nickname unfit to be shown.
    #[error("the nickname is unfit to be shown")]
    NicknameRefused,
    /// The platform judges only people who were in the app lately.
    #[error("the platform does not judge what this person writes, before they sign in again")]
    NicknameUnchecked,
    /// The app keeps no nicknames and pictures.
    #[error("the app keeps no profile")]
    ProfileNotKept,
    /// No such picture.
    #[error("no such picture")]
    PictureUnknown,
    /// What was sent is not sealed under the `session_key` we hold.
    #[error("the session_key is stale")]
    SessionKeyStale,
    /// No token.
    #[error("no token")]
    TokenMissing,
    /// Not a token of ours.
    #[error("the token is not valid")]
    TokenInvalid,
    /// An old system's token that was traded for a session before.
    #[error("the old system's token was exchanged before")]
    TokenUsed,
    /// Its time is over.
    #[error("the token has expired")]
    TokenExpired {
        /// What an old client expects instead of 401.
        status: StatusCode,
    },
    /// Its time is over, and its old client has no refresh token (design §4.11).
    #[error("the old client's token has expired")]
    OldTokenExpired {
        /// What that client expects.
        status: StatusCode,
    },
    /// The session is over.
    #[error("the session has ended: {0:?}")]
    Ended(EndReason),
    /// A back end that can't prove which app it is.
    #[error("no app has this id and secret")]
    ClientInvalid,
    /// The platform's token may not be forced again before then.
    #[error("the platform's token was forced too often")]
    PlatformTokenLimit {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The sign-in is too old for this.
    #[error("a fresh sign-in is needed")]
    ReauthRequired,
    /// The token's scope does not reach.
    #[error("the token lacks the scope {0}")]
    InsufficientScope(String),
    /// An app that came with its secret was not granted this scope.
    #[error("the app was not granted the scope {0}")]
    NotGranted(String),
    /// The caller may not do this.
    #[error("not yours")]
    Forbidden,
    /// Of an app whose tokens are for another back end than the caller.
    #[error("the app has another audience")]
    OtherAudience,
    /// Something came as a platform's push that is none, and why.
    #[error("the push was not taken: {0}")]
    PushRefused(NotTaken),
    /// A route of `menjin dev`, asked from another machine or by somebody else's page.
    #[error("asked from elsewhere")]
    OriginRefused,
    /// A newer sign-in took the session's place, and this is known of it.
    #[error("the session was replaced")]
    Replaced(Replacement),
    /// As many sessions live as the app lets one person have, and none gives way.
    #[error("as many sessions live as may")]
    SessionsFull,
    /// No such user.
    #[error("no such user")]
    UserUnknown,
    /// As many streams are open as this node serves.
    #[error("as many streams are open as `server.max_streams`")]
    StreamsFull,
    /// No such session, or not the caller's.
    #[error("no such session")]
    SessionUnknown,
    /// A back end that does not say in whose session.
    #[error("no Menjin-Subject-Token")]
    SubjectTokenMissing,
    /// A person's own token where only a back end may write or read.
    #[error("this session data belongs to back ends")]
    BackendOnly,
    /// Nothing is kept under this key.
    #[error("no such key")]
    KeyUnknown,
    /// Somebody else has written since.
    #[error("the version is another one")]
    VersionMismatch {
        /// The one that there is.
        current: Option<i64>,
    },
    /// A value or a map would be too large.
    #[error("the session data would be too large")]
    SessionDataFull,
    /// Too many requests.
    #[error("too many requests")]
    TooManyRequests {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The store can't be read or written.
    #[error("the store is unavailable")]
    StoreUnavailable(#[source] anyhow::Error),
    /// The store failed after the platform had taken the code: no session came of it, and a fresh code is needed.
    #[error("the store is unavailable, and the login code is spent")]
    SignInLost(#[source] anyhow::Error),
    /// The feed of ends is older than it may be.
    #[error("the feed of ends is stale")]
    RevocationsStale,
    /// A proxy asks whether a request may pass, in a way that can't stand.
    #[error("the proxy's forward-auth address can't stand: {0}")]
    ForwardAuthMisconfigured(&'static str),
    /// What is wrong with one of two proofs that came together, and the header that held it.
    #[error("{1} (in {0})")]
    InHeader(&'static str, Box<Problem>),
    /// It took too long.
    #[error("the request took too long")]
    TimedOut,
    /// Anything that is our fault. Logged in full, shown as nothing.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

/// How a problem is answered.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable slug.
    pub code: &'static str,
    /// What the client should do.
    pub action: Action,
}

const fn spec(status: StatusCode, code: &'static str, action: Action) -> Spec {
    Spec { status, code, action }
}

impl Problem {
    /// A member that can't stand.
    pub fn field(field: impl Into<String>, fault: Fault) -> Self {
        Self::BadField { field: field.into(), fault }
    }

    /// Says which header held the token that this is about; what else went wrong needs no telling apart.
    pub(crate) fn in_header(self, name: &'static str) -> Self {
        let is_about_a_token = self.spec().status == StatusCode::UNAUTHORIZED && !matches!(self, Self::ClientInvalid);
        if is_about_a_token { Self::InHeader(name, Box::new(self)) } else { self }
    }

    /// Status, code and action.
    pub fn spec(&self) -> Spec {
        match self {
            Self::BadField { .. } => spec(StatusCode::BAD_REQUEST, "field_invalid", Action::None),
            Self::BadJson(_) => spec(StatusCode::BAD_REQUEST, "json_invalid", Action::None),
            Self::BadContentType => spec(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_invalid", Action::None),
            Self::BadForm(_) => spec(StatusCode::BAD_REQUEST, "form_invalid", Action::None),
            Self::BodyTooLarge => spec(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", Action::None),
            Self::BodyTooSlow => spec(StatusCode::REQUEST_TIMEOUT, "body_too_slow", Action::Retry),
            Self::RouteUnknown => spec(StatusCode::NOT_FOUND, "route_unknown", Action::None),
            Self::MethodUnknown => spec(StatusCode::METHOD_NOT_ALLOWED, "method_unknown", Action::None),
            Self::AppUnknown => spec(StatusCode::NOT_FOUND, "app_unknown", Action::None),
            Self::UnsupportedByPlatform => {
                spec(StatusCode::UNPROCESSABLE_ENTITY, "unsupported_by_platform", Action::None)
            }
            Self::SnapshotUser => spec(StatusCode::FORBIDDEN, "snapshot_user", Action::None),
            Self::SignInDenied => spec(StatusCode::FORBIDDEN, "sign_in_denied", Action::Relogin),
            Self::SignInNotUnderWay => spec(StatusCode::BAD_REQUEST, "sign_in_not_under_way", Action::Relogin),
            Self::CodeUsed => spec(StatusCode::UNAUTHORIZED, "code_used", Action::Relogin),
            Self::CodeInvalid(_) => spec(StatusCode::UNAUTHORIZED, "code_invalid", Action::Relogin),
            Self::PlatformBlocked(_) => spec(StatusCode::FORBIDDEN, "platform_blocked", Action::None),
            Self::IdempotencyMismatch => spec(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", Action::None),
            Self::PlatformBusy { .. } => spec(StatusCode::SERVICE_UNAVAILABLE, "platform_unavailable", Action::Retry),
            Self::PlatformUnavailable => spec(StatusCode::SERVICE_UNAVAILABLE, "platform_unavailable", Action::Relogin),
            Self::PlatformQuota { .. } => spec(StatusCode::SERVICE_UNAVAILABLE, "platform_quota", Action::None),
            Self::PlatformMisconfigured { .. } => {
                spec(StatusCode::SERVICE_UNAVAILABLE, "platform_misconfigured", Action::None)
            }
            Self::PhoneCodeInvalid(_) => spec(StatusCode::UNPROCESSABLE_ENTITY, "phone_code_invalid", Action::None),
            Self::NicknameRefused => spec(StatusCode::UNPROCESSABLE_ENTITY, "nickname_refused", Action::None),
            Self::NicknameUnchecked => spec(StatusCode::CONFLICT, "nickname_unchecked", Action::Relogin),
            Self::ProfileNotKept => spec(StatusCode::UNPROCESSABLE_ENTITY, "profile_not_kept", Action::None),
            Self::PictureUnknown => spec(StatusCode::NOT_FOUND, "picture_unknown", Action::None),
            Self::SessionKeyStale => spec(StatusCode::CONFLICT, "session_key_stale", Action::Relogin),
            Self::TokenMissing => spec(StatusCode::UNAUTHORIZED, "token_missing", Action::Relogin),
            Self::TokenInvalid => spec(StatusCode::UNAUTHORIZED, "token_invalid", Action::Relogin),
            Self::TokenUsed => spec(StatusCode::UNAUTHORIZED, "token_used", Action::Relogin),
            Self::TokenExpired { status } => spec(*status, "token_expired", Action::Refresh),
            Self::OldTokenExpired { status } => spec(*status, "token_expired", Action::Relogin),
            // Signing in again would only meet the same refusal.
            Self::Ended(EndReason::UserDisabled) => {
                spec(StatusCode::UNAUTHORIZED, EndReason::UserDisabled.code(), Action::None)
            }
            Self::Ended(reason) => spec(StatusCode::UNAUTHORIZED, reason.code(), Action::Relogin),
            Self::ClientInvalid => spec(StatusCode::UNAUTHORIZED, "client_invalid", Action::None),
            Self::PlatformTokenLimit { .. } => {
                spec(StatusCode::TOO_MANY_REQUESTS, "platform_token_limit", Action::Retry)
            }
            Self::ReauthRequired => spec(StatusCode::FORBIDDEN, "reauth_required", Action::Reauth),
            Self::InsufficientScope(_) | Self::NotGranted(_) => {
                spec(StatusCode::FORBIDDEN, "insufficient_scope", Action::None)
            }
            Self::Forbidden | Self::OtherAudience => spec(StatusCode::FORBIDDEN, "forbidden", Action::None),
            Self::PushRefused(_) => spec(StatusCode::FORBIDDEN, "push_refused", Action::None),
            Self::OriginRefused => spec(StatusCode::FORBIDDEN, "origin_refused", Action::None),
            Self::Replaced(_) => spec(StatusCode::UNAUTHORIZED, EndReason::Replaced.code(), Action::Relogin),
            Self::SessionsFull => spec(StatusCode::CONFLICT, "sessions_full", Action::None),
            Self::UserUnknown => spec(StatusCode::NOT_FOUND, "user_unknown", Action::None),
            Self::StreamsFull => spec(StatusCode::SERVICE_UNAVAILABLE, "streams_full", Action::Retry),
            Self::SessionUnknown => spec(StatusCode::NOT_FOUND, "session_unknown", Action::None),
            Self::SubjectTokenMissing => spec(StatusCode::BAD_REQUEST, "subject_token_missing", Action::None),
            Self::BackendOnly => spec(StatusCode::FORBIDDEN, "backend_only", Action::None),
            Self::KeyUnknown => spec(StatusCode::NOT_FOUND, "key_unknown", Action::None),
            Self::VersionMismatch { .. } => spec(StatusCode::PRECONDITION_FAILED, "version_mismatch", Action::None),
            Self::SessionDataFull => spec(StatusCode::PAYLOAD_TOO_LARGE, "session_data_full", Action::None),
            Self::TooManyRequests { .. } => spec(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", Action::Retry),
            Self::StoreUnavailable(_) => spec(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", Action::Retry),
            Self::SignInLost(_) => spec(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", Action::Relogin),
            Self::RevocationsStale => spec(StatusCode::SERVICE_UNAVAILABLE, "revocations_stale", Action::Retry),
            Self::ForwardAuthMisconfigured(_) => {
                spec(StatusCode::INTERNAL_SERVER_ERROR, "forward_auth_misconfigured", Action::None)
            }
            Self::InHeader(_, problem) => problem.spec(),
            Self::TimedOut => spec(StatusCode::SERVICE_UNAVAILABLE, "timed_out", Action::Retry),
            Self::Internal(_) => spec(StatusCode::INTERNAL_SERVER_ERROR, "internal", Action::None),
        }
    }

    /// Seconds, rounded up, after which a 503 or 429 may be tried again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        if let Self::PlatformBusy { retry_after }
        | Self::PlatformQuota { retry_after, .. }
        | Self::PlatformTokenLimit { retry_after }
        | Self::TooManyRequests { retry_after } = self
        {
            return Some(retry_after.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX));
        }
        let unavailable = self.spec().status == StatusCode::SERVICE_UNAVAILABLE;
        unavailable.then_some(if matches!(self, Self::PlatformMisconfigured { .. }) { 60 } else { 1 })
    }

    /// The platform's own words, where a person caused them.
    pub(crate) fn platform_said(&self) -> Option<&PlatformSaid> {
        if let Self::CodeInvalid(said) | Self::PhoneCodeInvalid(said) | Self::PlatformBlocked(said) = self {
            said.as_ref()
        } else {
            None
        }
    }
}

/// Words follow the request's language, so they are put on further out: see `answer`.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.spec().status.into_response();
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}

impl From<menjin_platform::Error> for Problem {
    fn from(error: menjin_platform::Error) -> Self {
        use menjin_platform::Error;
        let said = || Some(PlatformSaid { errcode: error.errcode()?, errmsg: error.errmsg()?.to_owned() });
        match &error {
            Error::BadCode { .. } => Self::CodeInvalid(said()),
            Error::CodeUsed { .. } => Self::CodeUsed,
            Error::Blocked { .. } => Self::PlatformBlocked(said()),
            Error::Busy { retry_after, .. } => Self::PlatformBusy { retry_after: *retry_after },
            Error::Quota { retry_after, .. } if error.code_unspent() => {
                Self::PlatformBusy { retry_after: *retry_after }
            }
            Error::Quota { retry_after, errcode, .. } => {
                Self::PlatformQuota { retry_after: *retry_after, errcode: *errcode }
            }
            Error::Unreachable { .. } => Self::PlatformBusy { retry_after: Duration::from_secs(1) },
            Error::Misconfigured { remedy, .. } => {
                Self::PlatformMisconfigured { errcode: error.errcode(), remedy: *remedy }
            }
            Error::TokenStale { .. } | Error::BadInput { .. } => {
                Self::PlatformMisconfigured { errcode: error.errcode(), remedy: None }
            }
            Error::SessionKeyStale { .. } => Self::SessionKeyStale,
            Error::NoAnswer { .. } | Error::Malformed { .. } | Error::Unexpected { .. } => Self::PlatformUnavailable,
            Error::Snapshot => Self::SnapshotUser,
            Error::Unsupported => Self::UnsupportedByPlatform,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::StoreUnavailable(error.into()),
        }
    }
}

/// What the guard refuses is a problem of ours.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing => Self::TokenMissing,
            Refusal::Invalid(_) | Refusal::Twice => Self::TokenInvalid,
            Refusal::Expired => Self::TokenExpired { status: StatusCode::UNAUTHORIZED },
            // The session lives: what its token says has changed, and a fresh one says it right.
            Refusal::Ended(because) if because.code == "token_expired" => {
                Self::TokenExpired { status: StatusCode::UNAUTHORIZED }
            }
            Refusal::Ended(because) => Self::Ended(EndReason::from_code(&because.code).unwrap_or(EndReason::Logout)),
            Refusal::InsufficientScope(scope) => Self::InsufficientScope(scope),
            Refusal::Forbidden(_) => Self::Forbidden,
            Refusal::KeysUnavailable => Self::Internal(anyhow::anyhow!("the ring holds no keys")),
            Refusal::FeedStale => Self::RevocationsStale,
            Refusal::Unavailable => Self::Internal(anyhow::anyhow!("the guard looked somebody up")),
        }
    }
}
