//! What a platform tells an app's server by itself: checked, opened, and what it means for what is kept of a person.
//!
//! Not here: how a platform signs and writes it (`wechat/push`), doing what it asks.

use std::fmt;

use crate::OpenId;

/// Something that a platform told, whose sender and time were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The request's time and random text: whoever has seen them before sees a replay.
    pub nonce: String,
    /// When it happened, as the platform says: seconds since 1970. The same push keeps it when it is repeated.
    pub created: i64,
    /// The platform's name for it, such as `user_authorization_revoke`: a short text of letters, digits and `_`.
    pub event: String,
    /// What it says beside, such as the numbers of what was withdrawn; digits and commas.
    pub detail: String,
    /// What it means.
    pub told: Told,
}

/// What a push means for what is kept of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The person has withdrawn this, or the platform has found it unfit.
    Forget(OpenId, Forgotten),
    /// The person has closed their account at the platform.
    Closed(OpenId),
    /// Nothing that is kept here.
    Nothing,
}

/// What is no longer to be kept of a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// What they call themselves.
    pub nickname: bool,
    /// Their picture.
    pub avatar: bool,
    /// Their phone number.
    pub phone: bool,
}

/// Why a push was not taken. Nothing of it is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// A parameter of the address is missing, there twice or too long.
    Parameter(&'static str),
    /// The signature is not the platform's.
    Signature,
    /// It was signed too long ago, or ahead of our time.
    Stale,
    /// Another push came by the same request.
    Replayed,
    /// It came in clear to an app with a key.
    InClear,
    /// It came encrypted to an app without a key.
    Encrypted,
    /// It does not open under the app's key.
    Unopened,
    /// It is for another app.
    OtherApp,
    /// It is neither the JSON nor the XML that such a push is.
    Unreadable(&'static str),
}

/// As the operator reads it, with the remedy.
impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "the parameter `{name}` is missing, there twice or too long"),
            Self::Signature => {
                f.write_str("the signature is another one: `push_token` must be the Token of the platform's console")
            }
            Self::Stale => f.write_str("it was signed more than five minutes from now: is this machine's clock right?"),
            Self::Replayed => f.write_str("its nonce has come before"),
            Self::InClear => f.write_str("it came in clear: choose 安全模式 (secure mode) at the platform's console"),
            Self::Encrypted => f.write_str("it came encrypted, and `push_aes_key` is missing"),
            Self::Unopened => {
                f.write_str("it can't be opened: `push_aes_key` must be the EncodingAESKey of the platform's console")
            }
            Self::OtherApp => f.write_str("it is for another AppID"),
            Self::Unreadable(why) => write!(f, "it can't be read: {why}"),
        }
    }
}

impl std::error::Error for NotTaken {}
