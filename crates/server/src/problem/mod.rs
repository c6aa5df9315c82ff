//! The error catalogue: every way a request can fail, with its status, code, action and words.
//!
//! Lives here: the enum; beside it what each is answered with (`spec`), what becomes one (`cause`), its words in Chinese and English
//! (`words.toml`) and how they are said (`render`). Does not: deciding (the rooms do).

mod catalogue;
mod cause;
mod fault;
mod log;
mod not_done;
mod people;
mod render;
mod role;
mod spec;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use axum::http::StatusCode;
use menjin_platform::NotTaken;

use crate::store::{EndReason, Replacement};
pub use catalogue::markdown;
pub(crate) use catalogue::routes;
pub use fault::Fault;
pub(crate) use log::tell;
pub use not_done::{Misuse, NotDone};
pub use people::PeopleFault;
pub(crate) use render::{Reader, answer, for_people, for_programs, headers, short};
pub use role::RoleFault;
pub use spec::{Action, Spec};
pub(crate) use words::Language;
pub use words::{Words, catalogue};

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
    /// Another user has the phone number, and what proves it does not say that it was made now and for this person.
    #[error("another user has the phone number, and this proof does not move it")]
    PhoneTaken,
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
    /// The sign-in to the other account is, of two that shall be merged.
    #[error("a fresh sign-in to the other account is needed")]
    OtherReauthRequired,
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
    /// Asked on the operator's side by somebody who is no operator.
    #[error("no operator")]
    OperatorRequired,
    /// The operator's role does not reach.
    #[error("the operator's role does not reach")]
    RightMissing,
    /// Nobody would be left who may add operators.
    #[error("the last admin")]
    LastAdmin,
    /// No operator or token is called so.
    #[error("no such operator")]
    OperatorUnknown,
    /// Another operator or token is called so.
    #[error("the name is another operator's")]
    OperatorExists,
    /// A link for operators that was used, replaced, or is too old.
    #[error("the link is worth nothing any more")]
    LinkInvalid,
    /// A route of `menjin dev`, asked from another machine or by somebody else's page.
    #[error("asked from elsewhere")]
    OriginRefused,
    /// A form or call of the operator's side without the proof that it is a page's of this sign-in.
    #[error("the form is no page's of this sign-in")]
    FormRefused,
    /// A newer sign-in took the session's place, and this is known of it.
    #[error("the session was replaced")]
    Replaced(Replacement),
    /// As many sessions live as the app lets one person have, and none gives way.
    #[error("as many sessions live as may")]
    SessionsFull,
    /// The name or the password is wrong, and nobody is told which.
    #[error("the name or the password is wrong")]
    PasswordWrong,
    /// The caller's present password is another one.
    #[error("the present password is wrong")]
    OldPasswordWrong,
    /// Somebody has the name.
    #[error("the name is taken")]
    UsernameTaken,
    /// Another password was set meanwhile.
    #[error("another password was set meanwhile")]
    PasswordOvertaken,
    /// A one-use code that is none, was used, or has expired.
    #[error("the one-use code is not good")]
    ResetCodeInvalid,
    /// As many passwords wait to be hashed as may.
    #[error("as many passwords wait to be hashed as may")]
    PasswordsBusy,
    /// What was asked of roles can't be.
    #[error("{0}")]
    Role(RoleFault),
    /// What an operator asked for that can't be.
    #[error("an operator's request can't be carried out: {0:?}")]
    Misuse(Misuse),
    /// Who somebody is can't be changed so.
    #[error("{0}")]
    People(PeopleFault),
    /// No such user.
    #[error("no such user")]
    UserUnknown,
    /// The user was erased: there is nothing left to act on.
    #[error("the user was erased")]
    UserErased,
    /// Nobody asked for the user to be deleted.
    #[error("the user is not to be deleted")]
    DeletionNotRequested,
    /// What somebody agrees to is no version that counts.
    #[error("another version of the document counts")]
    ConsentOutdated,
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

    /// The platform's own words, where a person caused them.
    pub(crate) fn platform_said(&self) -> Option<&PlatformSaid> {
        if let Self::CodeInvalid(said) | Self::PhoneCodeInvalid(said) | Self::PlatformBlocked(said) = self {
            said.as_ref()
        } else {
            None
        }
    }
}
