//! People who leave: announced, called back within the cooling-off, erased after it (design §4.6).

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::{Actor, AuditLine, Result};

/// The detail of a line of the audit, as it stays when somebody is erased: it says of nobody more than ids, and others may yet
/// have to be told of it (`events`). That a sign-in made somebody new; who was merged into whom, and parted.
macro_rules! impersonal_detail {
    () => {
        "CASE WHEN action IN ('user.became_alias', 'user.was_alias') OR action = 'session.opened' AND detail = 'new user' THEN detail END"
    };
}

pub(super) use impersonal_detail;

/// Somebody is to be erased after a while.
#[derive(Debug, Clone)]
pub struct Departure {
    /// Who.
    pub user: UserId,
    /// Who wants it.
    pub by: Actor,
    /// In which app it was said.
    pub app: Option<String>,
    /// The time.
    pub now: Timestamp,
    /// From when on they may be erased.
    pub deletes_at: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departed {
    /// They will be erased from then on; these sessions lived, and are over.
    Begun {
        /// When: of somebody who wanted to leave before, still the former time.
        deletes_at: Timestamp,
        /// What ended.
        ended: Vec<SessionId>,
    },
    /// They were erased before.
    Gone,
    /// There is no such user.
    Unknown,
}

/// Somebody stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stayed {
    /// They would have been erased at this time.
    Stays(Timestamp),
    /// Nobody wanted to erase them.
    NotLeaving,
    /// They were erased before.
    Gone,
    /// There is no such user.
    Unknown,
}

/// Somebody to erase.
#[derive(Debug, Clone)]
pub struct Erasing {
    /// Who.
    pub user: UserId,
    /// What the audit says of it, whoever does it.
    pub line: AuditLine,
    /// Whether only somebody goes whose cooling-off is over.
    pub only_if_due: bool,
    /// The time.
    pub now: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erased {
    /// Nothing is left but id and number.
    Erased {
        /// Sessions that lived.
        ended: Vec<SessionId>,
        /// The addresses of pictures that are no longer anybody's.
        former_avatars: Vec<(UserId, String)>,
    },
    /// They stay: somebody called them back meanwhile, or their time has not come.
    NotDue,
    /// They were erased before.
    Gone,
    /// There is no such user.
    Unknown,
}

/// People who leave.
#[async_trait]
pub trait Leaving: Send + Sync {
    /// Ends all their sessions, and notes from when on they may be erased; the feed tells of each session and of the user.
    /// Atomic: a sign-in that races it is over with the rest, or comes later and calls them back.
    async fn announce_leaving(&self, departure: Departure) -> Result<Departed>;
    /// They stay after all. A sign-in does the same by itself.
    async fn cancel_leaving(&self, user: UserId, by: Actor, now: Timestamp) -> Result<Stayed>;
    /// Whose cooling-off is over, the longest first.
    async fn due_to_leave(&self, now: Timestamp, most: u32) -> Result<Vec<UserId>>;
    /// Erases everything that is kept of somebody, of all that was merged into them, too: each row that is theirs goes, or
    /// loses what says anything of them. Their row stays as an empty one, so that neither id nor number comes again; the lines
    /// of the audit stay without address, and without detail that could say anything of them. Atomic: nobody is ever half there.
    async fn erase_user(&self, erasing: Erasing) -> Result<Erased>;
}
