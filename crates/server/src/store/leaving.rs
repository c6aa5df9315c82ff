//! People who leave: announced, called back within the cooling-off, erased after it (design §4.6).

use std::time::Duration;

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::columns::{Columns, Corrupt};
use super::{Actor, AuditLine, Result};

/// The detail of a line of the audit, as it stays when somebody is erased: it says of nobody more than ids, and others may yet
/// have to be told of it (`events`). That a sign-in made somebody new; who was merged into whom, and parted.
macro_rules! impersonal_detail {
    () => {
        "CASE WHEN action IN ('user.became_alias', 'user.was_alias') OR action = 'session.opened' AND detail = 'new user' THEN detail END"
    };
}

/// Sessions that are over, of whom nothing is to be told any more; those of which nothing is left are not written again.
macro_rules! bare {
    () => {
        "identity = NULL, device_id = NULL, device_name = NULL, device_system = NULL, ip = NULL, user_agent = NULL, claims = NULL \
         WHERE user_number = ?1 AND ended_at IS NOT NULL AND (identity IS NOT NULL OR device_id IS NOT NULL OR device_name IS NOT NULL \
         OR device_system IS NOT NULL OR ip IS NOT NULL OR user_agent IS NOT NULL OR claims IS NOT NULL)"
    };
}

pub(super) use {bare, impersonal_detail};

/// So many lines of the audit, or sessions, of somebody who goes are emptied in one small transaction: a program may have left
/// a million of them, which no transaction that others wait for could take.
pub(super) const PART: u32 = 200;
/// Behind a line of the audit that is older than this none is being written that comes before it: transactions are over long
/// before, however much clocks differ.
const SETTLED: Duration = Duration::from_mins(10);

/// How far somebody who goes is emptied already, name by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Emptied(Vec<(UserId, EmptiedTo)>);

/// The last of what a name left behind that is emptied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct EmptiedTo {
    /// Of the sessions that are over.
    pub(super) session: [u8; 16],
    /// Of the lines of the audit.
    pub(super) line: i64,
}

impl Emptied {
    pub(super) fn of(&self, name: UserId) -> EmptiedTo {
        self.0.iter().find(|(of, _)| *of == name).map_or_else(EmptiedTo::default, |(_, to)| *to)
    }

    pub(super) fn and(&self, name: UserId, to: EmptiedTo) -> Self {
        let others = self.0.iter().filter(|(of, _)| *of != name);
        Self(others.copied().chain([(name, to)]).collect())
    }
}

/// Up to which of the next lines the audit may be emptied before the rest; none: what is left belongs to the last transaction.
pub(super) fn settled(lines: &[(i64, Timestamp)], now: Timestamp) -> Option<i64> {
    lines.iter().rev().find(|(_, at)| *at < now.minus(SETTLED)).map(|(seq, _)| *seq)
}

/// Somebody whose cooling-off is over, with their place in the line of all who are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Who.
    pub user: UserId,
    /// Since when they are due.
    pub deletes_at: Timestamp,
    /// Their number.
    pub number: i64,
}

pub(super) fn due(it: &mut Columns<'_>) -> std::result::Result<Due, Corrupt> {
    it.of_table("users");
    Ok(Due { user: it.id()?, deletes_at: it.time()?, number: it.get()? })
}

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

/// Somebody who is to be erased, of whom the next part is emptied.
#[derive(Debug, Clone)]
pub struct Emptying {
    /// Who.
    pub user: UserId,
    /// Whether only somebody goes whose cooling-off is over.
    pub only_if_due: bool,
    /// What is emptied already.
    pub emptied: Emptied,
    /// The time.
    pub now: Timestamp,
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
    /// What is emptied already.
    pub emptied: Emptied,
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
    /// Whose cooling-off is over, the longest first, from the place behind `after` on.
    async fn due_to_leave(&self, now: Timestamp, after: Option<Due>, most: u32) -> Result<Vec<Due>>;
    /// Empties the next part of what may be much of somebody who goes, old lines of the audit and sessions that are over, so that
    /// no transaction takes it all; up to where. `None`: what is left belongs to `erase_user`, or they are not to go. Atomic with
    /// the look whether they are still to go, and which names are theirs: whoever is called back or parted from them in the
    /// middle has lost no more than what was emptied before.
    async fn empty_user(&self, emptying: Emptying) -> Result<Option<Emptied>>;
    /// Erases everything that is kept of somebody, of all that was merged into them, too: each row that is theirs goes, or
    /// loses what says anything of them. Their row stays as an empty one, so that neither id nor number comes again; the lines
    /// of the audit stay without address, and without detail that could say anything of them. Atomic: nobody is ever half there.
    async fn erase_user(&self, erasing: Erasing) -> Result<Erased>;
}
