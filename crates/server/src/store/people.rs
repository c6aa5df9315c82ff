//! People as rows: users, their identities, phone numbers and platform session keys.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::{Result, SessionHead};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// The public name.
    pub id: UserId,
    /// The row's key; for back ends with integer keys.
    pub number: i64,
    /// What they call themselves.
    pub nickname: Option<String>,
    /// Where their picture is.
    pub avatar_url: Option<String>,
    /// When they chose this nickname themselves; `None` for one that a platform told.
    pub nickname_chosen_at: Option<Timestamp>,
    /// When they chose this picture themselves; `None` for one that a platform told.
    pub avatar_chosen_at: Option<Timestamp>,
    /// Their number, with the middle hidden.
    pub phone_masked: Option<String>,
    /// When they first signed in.
    pub created_at: Timestamp,
    /// When an operator disabled them.
    pub disabled_at: Option<Timestamp>,
    /// What the counter of roles was when theirs last changed; `None` for who never had one.
    pub roles_version: Option<i64>,
    /// From when on they may be erased, as they want to leave.
    pub deletes_at: Option<Timestamp>,
    /// When they were erased: nothing is left but id and number.
    pub erased_at: Option<Timestamp>,
}

/// What makes an identity unique: platform, appid and openid.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityName {
    /// The platform.
    pub platform: &'static str,
    /// The platform's appid.
    pub appid: String,
    /// The platform's name of the person in that appid.
    pub openid: String,
}

impl std::fmt::Debug for IdentityName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IdentityName({}, {}, [openid])", self.platform, self.appid)
    }
}

/// New nickname or avatar; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// New nickname.
    pub nickname: Option<String>,
    /// New picture.
    pub avatar_url: Option<String>,
    /// Whether the person chose them. What a platform tells takes the place of nothing that somebody chose.
    pub is_chosen: bool,
}

impl ProfileChange {
    /// Whether there is nothing to change.
    pub(crate) fn is_empty(&self) -> bool {
        self.nickname.is_none() && self.avatar_url.is_none()
    }
}

/// A phone number that the platform proved, ready to be stored.
#[derive(Debug, Clone)]
pub struct PhoneChange {
    /// Keyed digest by which it is found.
    pub lookup: [u8; 32],
    /// Random name of its row, which it is sealed to.
    pub row: [u8; 16],
    /// The sealed number.
    pub sealed: Vec<u8>,
    /// With the middle hidden.
    pub masked: String,
    /// Whether it was proved now and for this very person. A proof that tells neither takes the number from nobody.
    pub is_fresh: bool,
}

/// What became of a proved number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneBound {
    /// It is theirs: the user as they are then.
    Bound(Box<UserRow>),
    /// Another user has it, and the proof is none that takes it from them.
    Taken,
    /// There is no such user.
    Nobody,
}

/// A platform `session_key` of an identity, sealed.
#[derive(Debug, Clone)]
pub struct KeptKey {
    /// Name of its row, which it is sealed to.
    pub row: [u8; 16],
    /// The sealed key.
    pub sealed: Vec<u8>,
    /// When a newer one took its place.
    pub superseded_at: Option<Timestamp>,
}

/// A `session_key` that the platform made in the place of another, or that died there without a successor.
#[derive(Debug, Clone)]
pub struct KeyReset {
    /// Whose it is.
    pub identity: IdentityName,
    /// Keyed digest of the one that died.
    pub former: [u8; 32],
    /// Its successor: its row, sealed, with its keyed digest.
    pub fresh: Option<([u8; 16], Vec<u8>, [u8; 32])>,
}

/// Who people are.
#[async_trait]
pub trait People: Send + Sync {
    /// The user of a session, with the session.
    async fn user_of_session(&self, session: SessionId) -> Result<Option<(UserRow, SessionHead)>>;
    /// A user by id.
    async fn user(&self, user: UserId) -> Result<Option<UserRow>>;
    /// A user by number.
    async fn user_by_number(&self, number: i64) -> Result<Option<UserRow>>;
    /// Changes the profile; `None` when there is no such user. What a platform told leaves what they chose as it is.
    async fn change_profile(&self, user: UserId, change: ProfileChange, now: Timestamp) -> Result<Option<UserRow>>;
    /// Binds a proved number. Whoever had it loses it to a fresh proof, and to no other. Atomic: of racing callers with one
    /// number, one user has it in the end.
    async fn bind_phone(&self, user: UserId, phone: PhoneChange, now: Timestamp) -> Result<PhoneBound>;
    /// The addresses of the pictures that this user shows, or whoever they were merged into, or may show again once a merge
    /// is undone.
    async fn pictures_of(&self, user: UserId) -> Result<Vec<String>>;
    /// Forgets the keys that were superseded, and puts the successor in the place of the one that died, unless a sign-in has
    /// put another there meanwhile.
    async fn reset_session_keys(&self, reset: KeyReset) -> Result<()>;
    /// The keys of an identity that still open data at `now`, the newest first.
    async fn session_keys(&self, identity: &IdentityName, now: Timestamp) -> Result<Vec<KeptKey>>;
    /// Who a session's identity is; `None` for sessions without one.
    async fn identity_of_session(&self, session: SessionId) -> Result<Option<IdentityName>>;
}
