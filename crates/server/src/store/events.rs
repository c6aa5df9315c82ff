//! The feed of ends (design §4.5) and the audit.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::Result;

/// What ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// One session.
    SessionEnded(SessionId),
    /// Every sign-in of this user that was opened before.
    UserNotBefore(UserId),
    /// Every token that was issued to this app before.
    AppNotBefore(String),
    /// The roles that a user has are others from this version on.
    RolesOfUser(UserId, i64),
    /// The role of this name is another one from this version on.
    RoleChanged(String, i64),
    /// A signing key.
    KeyRevoked(String),
    /// The ring of signing keys changed.
    KeysChanged,
    /// The apps that the store holds changed.
    AppsChanged,
    /// Something that a newer program tells, beside this one for a while.
    Unknown,
}

impl EventKind {
    /// The word of a session's end.
    pub(super) const SESSION_ENDED: &'static str = "session_ended";

    /// The kind, as it is stored.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::SessionEnded(_) => Self::SESSION_ENDED,
            Self::UserNotBefore(_) => "user_not_before",
            Self::AppNotBefore(_) => "app_not_before",
            Self::RolesOfUser(..) => "roles_of_user",
            Self::RoleChanged(..) => "role_changed",
            Self::KeyRevoked(_) => "key_revoked",
            Self::KeysChanged => "keys_changed",
            Self::AppsChanged => "apps_changed",
            Self::Unknown => "unknown",
        }
    }

    /// Which one, as it is stored.
    pub(super) fn subject(&self) -> Option<Vec<u8>> {
        match self {
            Self::SessionEnded(id) => Some(id.to_bytes().to_vec()),
            Self::UserNotBefore(id) => Some(id.to_bytes().to_vec()),
            Self::RolesOfUser(id, version) => Some([&version.to_be_bytes()[..], &id.to_bytes()].concat()),
            Self::RoleChanged(name, version) => Some([&version.to_be_bytes(), name.as_bytes()].concat()),
            Self::AppNotBefore(name) | Self::KeyRevoked(name) => Some(name.as_bytes().to_vec()),
            Self::KeysChanged | Self::AppsChanged | Self::Unknown => None,
        }
    }

    /// What was stored so; `None` for what can't be.
    pub(super) fn from_stored(word: &str, subject: Option<Vec<u8>>) -> Option<Self> {
        match (word, subject) {
            ("session_ended", Some(id)) => Some(Self::SessionEnded(SessionId::from_bytes(id.try_into().ok()?))),
            ("user_not_before", Some(id)) => Some(Self::UserNotBefore(UserId::from_bytes(id.try_into().ok()?))),
            ("app_not_before", Some(app)) => Some(Self::AppNotBefore(String::from_utf8(app).ok()?)),
            ("roles_of_user", Some(subject)) => {
                let (version, id) = versioned(&subject)?;
                Some(Self::RolesOfUser(UserId::from_bytes(id.try_into().ok()?), version))
            }
            ("role_changed", Some(subject)) => {
                let (version, name) = versioned(&subject)?;
                Some(Self::RoleChanged(String::from_utf8(name.to_vec()).ok()?, version))
            }
            ("key_revoked", Some(kid)) => Some(Self::KeyRevoked(String::from_utf8(kid).ok()?)),
            ("keys_changed", _) => Some(Self::KeysChanged),
            ("apps_changed", _) => Some(Self::AppsChanged),
            (
                "session_ended" | "user_not_before" | "app_not_before" | "key_revoked" | "roles_of_user"
                | "role_changed",
                None,
            ) => None,
            _ => Some(Self::Unknown),
        }
    }
}

/// A version, and what it is about.
fn versioned(subject: &[u8]) -> Option<(i64, &[u8])> {
    let (version, rest) = subject.split_first_chunk()?;
    Some((i64::from_be_bytes(*version), rest))
}

/// One line of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place.
    pub seq: i64,
    /// What ended.
    pub kind: EventKind,
    /// Why: the problem code that late requests get.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// No token that it affects lives longer.
    pub until: Timestamp,
}

/// The feed of ends.
#[async_trait]
pub trait Feed: Send + Sync {
    /// How nodes on this store wake each other; `None` where it has nothing of the kind.
    fn bell(&self) -> Option<std::sync::Arc<dyn super::Bell>> {
        None
    }
    /// Events after `seq`, the oldest first.
    async fn events_since(&self, seq: i64) -> Result<Vec<Event>>;
    /// The events at these places that are there.
    async fn events_at(&self, places: &[i64]) -> Result<Vec<Event>>;
}

/// What the audit keeps of an act.
#[derive(Debug, Clone, Default)]
pub struct AuditLine {
    /// What was done, e.g. `session.opened`.
    pub action: &'static str,
    /// Who did it: `user`, `operator`, `app`, `platform`, `system`.
    pub actor: &'static str,
    /// Which one, where the rest of the line does not say so.
    pub by: Option<String>,
    /// To whom.
    pub user: Option<UserId>,
    /// To which session.
    pub session: Option<SessionId>,
    /// Through which app.
    pub app: Option<String>,
    /// From where.
    pub ip: Option<String>,
    /// What else matters, without secrets.
    pub detail: Option<String>,
}

/// Who does something that is written down.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    /// `user`, `operator`, `app`, `platform`, `system`.
    pub kind: &'static str,
    /// Which one, where what they do does not say so.
    pub id: Option<String>,
    /// From where.
    pub ip: Option<String>,
}

impl Actor {
    /// Whoever may run commands on the machine.
    pub fn command() -> Self {
        Self { kind: "operator", id: None, ip: None }
    }

    /// The person whom it is about.
    pub fn user(ip: Option<String>) -> Self {
        Self { kind: "user", id: None, ip }
    }

    /// menjin by itself.
    pub fn system() -> Self {
        Self { kind: "system", id: None, ip: None }
    }

    /// What the audit says of something that they do.
    pub fn line(&self, action: &'static str) -> AuditLine {
        AuditLine { action, actor: self.kind, by: self.id.clone(), ip: self.ip.clone(), ..AuditLine::default() }
    }
}

/// Who did what.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Writes a line that belongs to no other transaction.
    async fn audit(&self, line: AuditLine, now: Timestamp) -> Result<()>;
}
