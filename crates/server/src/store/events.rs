//! The feed of ends (design §4.5) and the audit.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::Result;

/// What ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// One session.
    SessionEnded(SessionId),
    /// A signing key.
    KeyRevoked(String),
    /// The ring of signing keys changed.
    KeysChanged,
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
    /// Events after `seq`, the oldest first.
    async fn events_since(&self, seq: i64) -> Result<Vec<Event>>;
}

/// What the audit keeps of an act.
#[derive(Debug, Clone, Default)]
pub struct AuditLine {
    /// What was done, e.g. `session.opened`.
    pub action: &'static str,
    /// Who did it: `user`, `operator`, `system`.
    pub actor: &'static str,
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

/// Who did what.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Writes a line that belongs to no other transaction.
    async fn audit(&self, line: AuditLine, now: Timestamp) -> Result<()>;
}
