//! What operators look through, a page at a time: each page begins behind the last row of the one before, by an index.
//!
//! Not here: who is found by a name (`accounts`, `people`), and which rows of a page somebody asked for (`admin`).

use std::cmp::Reverse;

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::{IdentityName, Result, SessionRow, UserRow};

/// Somebody, as a list has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// The user.
    pub user: UserRow,
    /// What another system calls them.
    pub external_id: Option<String>,
}

/// A session, as a list has it.
#[derive(Debug, Clone)]
pub struct ListedSession {
    /// The session.
    pub session: SessionRow,
    /// Whose it is.
    pub user: UserId,
}

/// Where a page of the audit begins: behind the line at this time and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPlace {
    /// When the line was written.
    pub at: Timestamp,
    /// Its place.
    pub seq: i64,
}

impl AuditPlace {
    /// Behind which is everything that is older than `at`.
    pub fn before(at: Timestamp) -> Self {
        Self { at, seq: 0 }
    }

    /// Behind which is everything.
    pub fn newest() -> Self {
        Self { at: Timestamp::from_millis(i64::MAX), seq: i64::MAX }
    }
}

/// Whose lines of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditOf {
    /// All of them.
    All,
    /// Those about a user, under any of their names.
    User(UserId),
    /// Those of what one operator, program or app did.
    Actor(String),
}

/// A line of the audit, as it was written. Its words stay words: another version of the program may have written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What was done.
    pub action: String,
    /// Who did it: `user`, `operator`, `app`, `platform`, `system`.
    pub actor: String,
    /// Which one.
    pub by: Option<String>,
    /// To whom.
    pub user: Option<UserId>,
    /// To which session.
    pub session: Option<SessionId>,
    /// Through which app.
    pub app: Option<String>,
    /// From where.
    pub ip: Option<String>,
    /// What else matters.
    pub detail: Option<String>,
}

impl AuditRow {
    /// Where the next page begins, if this is the last line of one.
    pub fn place(&self) -> AuditPlace {
        AuditPlace { at: self.at, seq: self.seq }
    }
}

/// The newest of what was found under each of a person's names: a page, if as much was asked for under each.
pub(super) fn newest<T, P: Ord>(mut found: Vec<T>, place: impl Fn(&T) -> P, limit: u32) -> Vec<T> {
    found.sort_unstable_by_key(|it| Reverse(place(it)));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    found
}

/// Lists for operators. Whoever was merged into somebody else, or erased, is in none; what they did before stands with the one
/// who stays.
#[async_trait]
pub trait Lists: Send + Sync {
    /// People with a number below this one, the newest first.
    async fn users_below(&self, number: i64, limit: u32) -> Result<Vec<ListedUser>>;
    /// Whose identity this is.
    async fn user_by_identity(&self, identity: &IdentityName) -> Result<Option<UserRow>>;
    /// Sessions that are older than this one, ended or not, the newest first.
    async fn sessions_before(&self, session: SessionId, limit: u32) -> Result<Vec<ListedSession>>;
    /// Ended sessions of somebody, under any of their names, that are older than this one, the newest first.
    async fn ended_sessions_of(&self, user: i64, session: SessionId, limit: u32) -> Result<Vec<SessionRow>>;
    /// Lines of the audit behind a place, the newest first: all of them by time, somebody's by place.
    async fn audit_behind(&self, place: AuditPlace, of: &AuditOf, limit: u32) -> Result<Vec<AuditRow>>;
    /// One line of the audit.
    async fn audit_line(&self, seq: i64) -> Result<Option<AuditRow>>;
}
