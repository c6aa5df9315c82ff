//! Why an act of an operator was not carried out: in words for whoever gave a command, and the problem that it is over HTTP.
//!
//! Not here: deciding (the rooms do), and refusals that concern one room alone.

use axum::http::StatusCode;

use super::{Action, Fault, PeopleFault, Problem, Spec};
use crate::config::ConfigError;
use crate::store::StoreError;

/// What an operator asked for that can't be, where no other problem says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    /// The app stands in `menjin.toml`.
    AppReadOnly,
    /// An app has the id.
    AppExists,
    /// An app had the id, which is never used again.
    AppIdUsed,
    /// Another app has the platform's appid.
    AppidTaken,
    /// The app has no such client secret.
    ClientSecretUnknown,
    /// As many client secrets live as may.
    ClientSecretsFull,
    /// No live signing key is called so.
    SigningKeyUnknown,
    /// The audit has no such line.
    AuditLineUnknown,
}

impl Misuse {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 8] = [
        Self::AppReadOnly,
        Self::AppExists,
        Self::AppIdUsed,
        Self::AppidTaken,
        Self::ClientSecretUnknown,
        Self::ClientSecretsFull,
        Self::SigningKeyUnknown,
        Self::AuditLineUnknown,
    ];

    pub(super) fn spec(self) -> Spec {
        let (status, code) = match self {
            Self::AppReadOnly => (StatusCode::CONFLICT, "app_read_only"),
            Self::AppExists => (StatusCode::CONFLICT, "app_exists"),
            Self::AppIdUsed => (StatusCode::CONFLICT, "app_id_used"),
            Self::AppidTaken => (StatusCode::CONFLICT, "appid_taken"),
            Self::ClientSecretUnknown => (StatusCode::NOT_FOUND, "client_secret_unknown"),
            Self::ClientSecretsFull => (StatusCode::CONFLICT, "client_secrets_full"),
            Self::SigningKeyUnknown => (StatusCode::NOT_FOUND, "signing_key_unknown"),
            Self::AuditLineUnknown => (StatusCode::NOT_FOUND, "audit_line_unknown"),
        };
        Spec { status, code, action: Action::None }
    }
}

/// Why an act of an operator was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// Nobody is called so.
    #[error("no user has {0}")]
    UserUnknown(String),
    /// They were erased.
    #[error("{0} was erased: nothing is left of them but id and number")]
    UserErased(menjin_token::UserId),
    /// Nobody asked for them to be deleted.
    #[error("{0} is not to be deleted: there is nothing to undo")]
    NotLeaving(menjin_token::UserId),
    /// It is no phone number.
    #[error("a phone number begins with + and its country code, e.g. +8613800000000")]
    PhoneOdd,
    /// No session has this id.
    #[error("no session has the id {id}: ended ones are kept for {kept_days} days (`lifetimes.ended_sessions`)")]
    SessionUnknown {
        /// The id.
        id: menjin_token::SessionId,
        /// How long ended ones are kept.
        kept_days: u64,
    },
    /// No app has this id.
    #[error("no app is called {0}: `menjin app list` shows all")]
    AppUnknown(String),
    /// The app is the file's.
    #[error("{0} is an [[app]] of menjin.toml: change it there, and restart menjin")]
    AppOfFile(String),
    /// An app has this id.
    #[error("{0} is registered already: `menjin app show {0}`")]
    AppExists(String),
    /// An app had this id.
    #[error("{0} was removed, and an id is never used again: old tokens may name it. Choose another one")]
    AppIdUsedBefore(String),
    /// Another app is the platform's.
    #[error("the AppID (--appid) belongs to another app: `menjin app list` shows all")]
    AppidTaken,
    /// An app can't be so: what its key in `menjin.toml` would hear.
    #[error(transparent)]
    AppRefused(#[from] ConfigError),
    /// An app of this platform can't be registered.
    #[error("Alipay knows an app by keys and not by a secret: such an app stands in menjin.toml, as an [[app]]")]
    AppOfKeys,
    /// The app has no such client secret.
    #[error("{app} has no client secret {secret:?}: `menjin app show {app}` names all")]
    ClientSecretUnknown {
        /// The app.
        app: String,
        /// What it was called.
        secret: String,
    },
    /// The app has as many client secrets as may live.
    #[error("two client secrets of {0} live: revoke the old one first (`menjin app secret revoke {0} …`)")]
    ClientSecretsFull(String),
    /// No live signing key is called so.
    #[error("no live signing key is called {0}: `menjin key list` shows all")]
    SigningKeyUnknown(String),
    /// No line of the audit has this place.
    #[error("the audit has no line {0}: it is kept for {1} days (`lifetimes.audit`)")]
    AuditLineUnknown(i64, u64),
    /// Who somebody is can't be changed so.
    #[error("{0}")]
    People(PeopleFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Anything that is our fault.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::UserUnknown(_) => Self::UserUnknown,
            NotDone::UserErased(_) => Self::UserErased,
            NotDone::NotLeaving(_) => Self::DeletionNotRequested,
            NotDone::PhoneOdd => Self::field("phone", Fault::NotAPhoneNumber),
            NotDone::SessionUnknown { .. } => Self::SessionUnknown,
            NotDone::AppUnknown(_) => Self::AppUnknown,
            NotDone::AppOfFile(_) => Self::Misuse(Misuse::AppReadOnly),
            NotDone::AppExists(_) => Self::Misuse(Misuse::AppExists),
            NotDone::AppIdUsedBefore(_) => Self::Misuse(Misuse::AppIdUsed),
            NotDone::AppidTaken => Self::Misuse(Misuse::AppidTaken),
            NotDone::AppRefused(why) => app_refused(why),
            NotDone::AppOfKeys => Self::field("platform", Fault::NotOneOf(&["wechat", "qq", "douyin"])),
            NotDone::ClientSecretUnknown { .. } => Self::Misuse(Misuse::ClientSecretUnknown),
            NotDone::ClientSecretsFull(_) => Self::Misuse(Misuse::ClientSecretsFull),
            NotDone::SigningKeyUnknown(_) => Self::Misuse(Misuse::SigningKeyUnknown),
            NotDone::AuditLineUnknown(..) => Self::Misuse(Misuse::AuditLineUnknown),
            NotDone::People(fault) => Self::People(fault),
            NotDone::Store(error) => error.into(),
            NotDone::Internal(error) => Self::Internal(error),
        }
    }
}

/// What an `[[app]]` would hear of its key, for who registers one: as the member that was sent for it, in both languages.
fn app_refused(why: ConfigError) -> Problem {
    let key = if let ConfigError::Refused { key, .. } = &why { key.rsplit('.').next() } else { None };
    let (member, fault) = match key.unwrap_or_default() {
        "id" => ("id", Fault::NotAnAppId),
        "name" => ("name", Fault::NotAShortName),
        "audience" => ("audience", Fault::NotAnAudience),
        "scopes" => ("scopes", Fault::NotScopes),
        "platform" => ("platform", Fault::NotOffered),
        "sign_in" | "redirect_uris" => ("platform", Fault::OfFileAlone),
        "appid" => ("appid", Fault::OddAppid),
        "secret" => ("app_secret", Fault::Placeholder),
        "open_account" => ("open_account", Fault::NotAShortName),
        "passwords" => ("passwords", Fault::NotForBackends),
        "register" => ("register", Fault::Needs("passwords")),
        // Of no member that can be sent.
        _ => return Problem::Internal(why.into()),
    };
    Problem::field(member, fault)
}
