//! Passwords as rows: what a name is found by, sealed hashes, and the one-use codes that let somebody choose a new one.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::{Actor, Result, UserRow};

/// A password beside whose it is.
#[derive(Debug, Clone)]
pub struct PasswordRow {
    /// Whose.
    pub user: UserRow,
    /// Name of the row, which the hash is sealed to.
    pub row: [u8; 16],
    /// The name that they sign in by, as they wrote it.
    pub username: String,
    /// The hash, sealed.
    pub hash: Vec<u8>,
    /// When it was last chosen; tells one password of a user from the next.
    pub changed_at: Timestamp,
}

/// A password ready to be kept.
#[derive(Debug, Clone)]
pub struct NewPassword {
    /// Name of its row, which the hash is sealed to: of the one that there is, else a random one.
    pub row: [u8; 16],
    /// The name, as it was written.
    pub username: String,
    /// The name in the form that it is found by.
    pub lookup: String,
    /// How the hash was made, and at what cost.
    pub form: String,
    /// The hash, sealed.
    pub hash: Vec<u8>,
}

/// A password to set.
#[derive(Debug, Clone)]
pub struct SettingPassword {
    /// Whose.
    pub user: UserId,
    /// The new one.
    pub password: NewPassword,
    /// When the one was chosen in whose place it comes; `None` where there is none.
    pub before: Option<Timestamp>,
    /// The session in which it is set, which must live, and goes on; all others end. `None`: all end.
    pub keep: Option<SessionId>,
    /// SHA-256 of the one-use code that allows it.
    pub reset: Option<[u8; 32]>,
    /// Who sets it.
    pub by: Actor,
    /// The time.
    pub now: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
}

/// What became of a password to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSet {
    /// It is the password from now on; these sessions have ended.
    Set(Vec<SessionId>),
    /// Somebody else has the name.
    NameTaken,
    /// Another one was set meanwhile.
    Overtaken,
    /// The one-use code was used, has expired, or is none.
    CodeUnknown,
    /// The session in which it was to be set is over, or the user is disabled.
    SessionOver,
    /// No such user.
    Unknown,
}

/// A one-use code to hand out.
#[derive(Debug, Clone)]
pub struct PasswordReset {
    /// SHA-256 of the code.
    pub digest: [u8; 32],
    /// Who may choose a new password by it.
    pub user: UserId,
    /// For somebody without a name: their name, with a password that nobody knows.
    pub name: Option<NewPassword>,
    /// It is good until then.
    pub until: Timestamp,
    /// Who hands it out.
    pub by: Actor,
    /// The time.
    pub now: Timestamp,
}

/// What became of a one-use code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetAllowed {
    /// It is good, and no former one is.
    Allowed,
    /// They have no name, and none was given.
    NoName,
    /// They have a name already.
    HasName,
    /// Somebody else has the name.
    NameTaken,
    /// No such user.
    Unknown,
}

/// Passwords.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// The password of whoever is found by this name.
    async fn password_by_name(&self, lookup: &str) -> Result<Option<PasswordRow>>;
    /// A user's password.
    async fn password_of(&self, user: UserId) -> Result<Option<PasswordRow>>;
    /// Sets a password, ends the user's other sessions, and voids their one-use codes. Atomic: of racing callers with one code,
    /// or in the place of one password, one sets it; of racing callers with one name, one has it.
    async fn set_password(&self, setting: SettingPassword) -> Result<PasswordSet>;
    /// Keeps another hash of the same password, if the sealed `former` is still there: `form` and hash of `to` alone count.
    async fn rehash_password(&self, former: Vec<u8>, to: NewPassword) -> Result<bool>;
    /// Lets somebody choose a new password by a one-use code; a former code of theirs is void.
    async fn allow_reset(&self, reset: PasswordReset) -> Result<ResetAllowed>;
    /// Whom a one-use code is for, while it is good.
    async fn reset_of(&self, digest: [u8; 32], now: Timestamp) -> Result<Option<UserId>>;
    /// The form of some kept hash, the same for one point until passwords come or go, and each form for as many points as it has
    /// its share; `None` where there is none.
    async fn password_form_near(&self, point: [u8; 16]) -> Result<Option<String>>;
}
