//! The audit as those read it who want every line once and in order: webhooks, `GET /v1/events`, the export.
//!
//! Lives here: reading on from a place, who may still add a line before one, and how far each reader has come. Does not:
//! pages for operators (`lists`), what others are told of a line (`events`).

use std::collections::BTreeSet;

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::{AuditRow, Result};

/// What stands behind a place in the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The last of the lines that follow without a gap; the place itself where the next one is missing.
    pub last: i64,
    /// The last line that there is; the place itself where there is none.
    pub highest: i64,
}

/// Somebody wants to go on reading from a place that is kept under a name.
#[derive(Debug, Clone)]
pub struct ClaimingPlace {
    /// The name.
    pub name: String,
    /// The time.
    pub now: Timestamp,
    /// Nobody else gets it before.
    pub until: Timestamp,
}

/// A place that the caller alone reads on from, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedPlace {
    /// Everything up to here was read.
    pub seq: i64,
    /// Which claim it is: a later one takes its place.
    pub claim: i64,
    /// How often the line behind it was tried in vain.
    pub tries: u32,
}

/// How far somebody came.
#[derive(Debug, Clone)]
pub struct MovingPlace {
    /// The name.
    pub name: String,
    /// By which claim.
    pub claim: i64,
    /// Everything up to here was read.
    pub seq: i64,
    /// How often the line behind it was tried in vain.
    pub tries: u32,
    /// When it is tried again.
    pub due_at: Timestamp,
    /// The claim holds so long; in the past, it is given back.
    pub until: Timestamp,
}

/// The audit, read in order.
#[async_trait]
pub trait Trail: Send + Sync {
    /// The lines after `after`, up to `last`, the oldest first.
    async fn audit_after(&self, after: i64, last: i64, limit: u32) -> Result<Vec<AuditRow>>;
    /// What stands behind a place. Where lines are written one transaction after the other nothing is ever missing.
    async fn audit_run(&self, after: i64) -> Result<Run>;
    /// Who is writing lines that nobody else sees yet; `None` where the store can't tell, or need not.
    async fn audit_writers(&self) -> Result<Option<BTreeSet<String>>>;
    /// The first place in this range, both ends outside it, whose line is there and not yet committed.
    async fn audit_pending(&self, after: i64, last: i64) -> Result<Option<i64>>;
    /// Where somebody signed in, up to a place in the audit: each app once, with the place of the first time.
    async fn apps_of(&self, user: UserId, last: i64) -> Result<Vec<(String, i64)>>;
    /// Where a session was opened and why it ended, as long as its row is kept.
    async fn end_of_session(&self, session: SessionId) -> Result<Option<(String, Option<String>)>>;
    /// The oldest lines that were written before then.
    async fn oldest_audit(&self, before: Timestamp, limit: u32) -> Result<Vec<AuditRow>>;
    /// Removes lines that were kept elsewhere; how many there were.
    async fn forget_audit(&self, places: Vec<i64>) -> Result<u64>;
    /// The place that is kept under a name.
    async fn place(&self, name: &str) -> Result<Option<i64>>;
    /// Keeps a place under a name that has none; the one that it has. Atomic: of racing callers all get the same.
    async fn begin_place(&self, name: &str, seq: i64) -> Result<i64>;
    /// Moves a place ahead that nobody needs to hold; never back.
    async fn raise_place(&self, name: &str, seq: i64) -> Result<()>;
    /// Takes a place to read on from that is due. Atomic: of racing callers one gets it.
    async fn claim_place(&self, claiming: ClaimingPlace) -> Result<Option<ClaimedPlace>>;
    /// Notes how far its holder came; false when somebody else holds it.
    async fn move_place(&self, moving: MovingPlace) -> Result<bool>;
}

/// The last of these places that follow `after` without a gap; they are in order.
pub(super) fn unbroken(after: i64, places: &[i64]) -> i64 {
    places.iter().fold(after, |last, place| if *place == last + 1 { *place } else { last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_before_the_first_place_that_is_missing() {
        for (places, last) in [(&[][..], 4), (&[5, 6, 7], 7), (&[5, 7, 8], 5), (&[6, 7], 4)] {
            assert_eq!(unbroken(4, places), last, "{places:?}");
        }
    }
}
