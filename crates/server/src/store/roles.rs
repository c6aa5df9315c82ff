//! Roles, and who has them. Every change takes a turn: a counter goes up under its row's lock, and the feed tells of it, so that
//! whoever reads the counter with somebody's roles knows of all changes up to then (docs/roles.md).
//!
//! Not here: what a name may be, and how much a token holds (the room `roles`); what a role comes to (`role_rules`).

use async_trait::async_trait;
use menjin_token::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{AuditLine, Result};

/// So many roles there are at most, so that all of them can be read at once.
pub const MOST_ROLES: usize = 500;
/// So many roles one person has at most, over all audiences.
pub const MOST_HELD: usize = 32;
/// So many permissions a role comes to at most, with those of the roles in it.
pub const MOST_PERMISSIONS: usize = 500;

/// What a role is called: two audiences may call different roles the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName {
    /// The name, such as `clerk`.
    pub name: String,
    /// The back end that it is defined for; `None` for every one.
    pub audience: Option<String>,
}

impl RoleName {
    /// A role of every audience.
    pub fn everywhere(name: impl Into<String>) -> Self {
        Self { name: name.into(), audience: None }
    }

    /// The audience as rows have it.
    pub(super) fn stored_audience(&self) -> &str {
        self.audience.as_deref().unwrap_or_default()
    }
}

impl std::fmt::Display for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.audience {
            Some(audience) => write!(f, "{} for {audience}", self.name),
            None => write!(f, "{} everywhere", self.name),
        }
    }
}

/// A list as its column has it.
pub(super) fn texts_text(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

/// The same of numbers.
pub(super) fn numbers_text(numbers: &[i64]) -> String {
    serde_json::Value::from(numbers).to_string()
}

/// The same of what a role comes to.
pub(super) fn whole_text(whole: &Whole) -> String {
    serde_json::json!(whole).to_string()
}

/// What a role comes to with all the roles in it, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// Its name and theirs.
    pub roles: Vec<String>,
    /// Its permissions and theirs.
    pub permissions: Vec<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// What others refer to it by: no later role of the same name has it.
    pub number: i64,
    /// What it is called.
    pub name: RoleName,
    /// What it is for, for operators.
    pub description: Option<String>,
    /// What it allows by itself.
    pub permissions: Vec<String>,
    /// The numbers of the roles in it.
    pub includes: Vec<i64>,
    /// What it comes to.
    pub whole: Whole,
    /// What the counter was when it last changed.
    pub version: i64,
    /// When that was.
    pub changed_at: Timestamp,
}

/// What every change of roles has in common.
#[derive(Debug, Clone)]
pub struct RoleTurn {
    /// The time.
    pub now: Timestamp,
    /// When that was, on the clock that nobody sets: other nodes issue tokens while the change waits for its turn.
    pub began: Instant,
    /// Tokens that were issued by `now` are dead by then.
    pub tokens_until: Timestamp,
    /// What the audit says of it.
    pub audit: AuditLine,
}

impl RoleTurn {
    /// `tokens_until`, later by as long as the change had to wait.
    pub(super) fn until(&self) -> Timestamp {
        self.tokens_until.plus(self.began.elapsed())
    }

    /// What the audit says of this user, whatever name was asked by.
    pub(super) fn line(&self, user: UserId) -> AuditLine {
        AuditLine { user: Some(user), ..self.audit.clone() }
    }
}

/// A role to define, or to define anew.
#[derive(Debug, Clone)]
pub struct PuttingRole {
    /// What it is called.
    pub name: RoleName,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows by itself, each once and in order.
    pub permissions: Vec<String>,
    /// The names of the roles in it: of its own audience, else of every one.
    pub includes: Vec<String>,
    /// When, and by whom.
    pub turn: RoleTurn,
}

/// Why a role can't stand so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleRefused {
    /// No role of this name may stand in it.
    Unknown(String),
    /// It would have itself in it.
    Cycle,
    /// There are as many roles as may be.
    TooMany,
    /// Some role would come to more permissions than may be.
    TooLarge,
}

/// What became of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolePut {
    /// It stands; the feed tells of it and of the roles that it changed by standing in them.
    Put(RoleRow, RolesTold),
    /// It stood so before.
    Unchanged(RoleRow),
    /// It can't.
    Refused(RoleRefused),
}

/// What the feed was told: tokens that hold these roles and were issued before this version are outdated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolesTold {
    /// Names of roles.
    pub names: Vec<String>,
    /// The counter.
    pub version: i64,
}

/// A role that somebody gets, or loses.
#[derive(Debug, Clone)]
pub struct HoldingRole {
    /// Who.
    pub user: UserId,
    /// The role: that of the audience by this name, else that of every one.
    pub role: String,
    /// For which back end; `None` for every one.
    pub audience: Option<String>,
    /// The row's name, if there will be one.
    pub id: [u8; 16],
    /// When, and by whom.
    pub turn: RoleTurn,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleHeld {
    /// It is so from now on, and told with this version: of this user, whatever name was asked by.
    Changed(UserId, i64),
    /// It was so before.
    Unchanged,
    /// There is no such user, or no more.
    UserUnknown,
    /// There is no such role.
    RoleUnknown,
    /// They have as many as may be.
    TooMany,
}

/// What somebody has for one audience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The counter: every change up to it is in here.
    pub version: i64,
    /// Each role that they were given, and what it comes to.
    pub roles: Vec<(String, Whole)>,
}

/// A role that somebody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// Which one, as it is defined.
    pub role: RoleName,
    /// For which back end; `None` for every one.
    pub audience: Option<String>,
    /// Since when.
    pub granted_at: Timestamp,
}

/// Somebody who has a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The row's name: a page goes on after it.
    pub id: [u8; 16],
    /// Who.
    pub user: UserId,
    /// Their number.
    pub number: i64,
    /// What they call themselves.
    pub nickname: Option<String>,
    /// For which back end; `None` for every one.
    pub audience: Option<String>,
    /// Since when.
    pub granted_at: Timestamp,
}

/// Roles.
#[async_trait]
pub trait Roles: Send + Sync {
    /// All that are defined, by name.
    async fn roles(&self) -> Result<Vec<RoleRow>>;
    /// Defines a role, tells the feed of it and of those that have it in them, and writes the audit. Atomic: racing callers
    /// never leave a cycle, and each gets a version of its own.
    async fn put_role(&self, putting: PuttingRole) -> Result<RolePut>;
    /// Removes a role: nobody has it any more, and it stands in no other. `None`: there is no such role.
    async fn remove_role(&self, name: RoleName, turn: RoleTurn) -> Result<Option<RolesTold>>;
    /// Gives somebody a role, tells the feed and writes the audit. Atomic: of racing callers with one role, one gets `Changed`.
    async fn grant_role(&self, granting: HoldingRole) -> Result<RoleHeld>;
    /// Takes a role from somebody, tells the feed and writes the audit.
    async fn revoke_role(&self, revoking: HoldingRole) -> Result<RoleHeld>;
    /// What somebody has for one audience, and the counter, as they stood at one moment.
    async fn held_for(&self, user: i64, audience: &str) -> Result<Held>;
    /// All roles of somebody.
    async fn roles_of(&self, user: i64) -> Result<Vec<HeldRole>>;
    /// Who has a role, in the order in which they got it: those after `after`, at most so many.
    async fn holders(&self, role: i64, after: [u8; 16], limit: u32) -> Result<Vec<Holder>>;
}
