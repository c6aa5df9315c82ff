//! Accounts as operators and back ends name and change them: found by other names, disabled, enabled.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::{Actor, Result, UserRow};

/// A user with what else names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: UserRow,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// Their other names, by merges, the oldest first.
    pub aliases: Vec<UserId>,
    /// Platform and appid of each identity, the oldest first.
    pub identities: Vec<(String, String)>,
}

/// An account to disable or to enable.
#[derive(Debug, Clone)]
pub struct Ban {
    /// Whose.
    pub user: UserId,
    /// The time.
    pub now: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
    /// Who does it.
    pub by: Actor,
}

/// What disabling did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banned {
    /// Since when they were disabled before.
    pub before: Option<Timestamp>,
    /// Sessions that lived.
    pub sessions: Vec<SessionId>,
}

/// Accounts.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Whom another system calls so.
    async fn user_by_external_id(&self, external_id: &str) -> Result<Option<UserRow>>;
    /// Who has the number with this keyed digest.
    async fn user_by_phone(&self, lookup: [u8; 32]) -> Result<Option<UserRow>>;
    /// A user with what else names them.
    async fn account(&self, user: UserId) -> Result<Option<Account>>;
    /// Disables: from then on nobody signs in as them, all their sessions end, and the feed tells of each and of the user.
    /// Atomic: a sign-in that races it is refused, or ended with the rest. `None`: there is no such user.
    async fn disable_user(&self, ban: Ban) -> Result<Option<Banned>>;
    /// Lets them sign in again, and the feed tells that a sign-in helps those who were signed in before; since when they were
    /// disabled. `None`: there is no such user.
    async fn enable_user(&self, ban: Ban) -> Result<Option<Option<Timestamp>>>;
}
