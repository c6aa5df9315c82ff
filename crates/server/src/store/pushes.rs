//! What platforms tell of people: queued until it is carried out, and what carrying it out leaves of them.

use std::time::Duration;

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::{Emptied, IdentityName, Result};

/// A push to queue.
#[derive(Debug, Clone)]
pub struct NewPush {
    /// Keyed digest of what it says and of when: the same push has the same when it is repeated.
    pub digest: [u8; 32],
    /// Keyed digest of what makes the request this one.
    pub nonce: [u8; 32],
    /// The app that heard it.
    pub app: String,
    /// What it says, sealed to `digest`.
    pub sealed: Vec<u8>,
    /// The time.
    pub now: Timestamp,
}

/// What became of a push that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// It waits to be carried out.
    Waiting,
    /// The same push came before: it waits, or is done.
    Repeated,
    /// Another push came with the same nonce.
    NonceSeen,
}

/// Somebody wants to carry out the next push.
#[derive(Debug, Clone, Copy)]
pub struct ClaimingPush {
    /// The time.
    pub now: Timestamp,
    /// The first claim lasts so long, each further one twice as long: it is the pause before the next try, too.
    pub first: Duration,
    /// A claim lasts no longer.
    pub longest: Duration,
}

impl ClaimingPush {
    /// When whoever claims it for the `tries`th time loses it.
    pub(super) fn until(&self, tries: u32) -> Timestamp {
        let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
        self.now.plus(self.first.saturating_mul(doubled).min(self.longest))
    }
}

/// A claim on a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushClaim {
    /// Which push.
    pub digest: [u8; 32],
    /// The how manieth claim it is: a later one takes its place.
    pub tries: u32,
}

/// A push that the caller is to carry out.
#[derive(Debug, Clone)]
pub struct ClaimedPush {
    /// The claim.
    pub claim: PushClaim,
    /// The app that heard it.
    pub app: String,
    /// What it says, sealed to its digest.
    pub sealed: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
}

/// What a push asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushAsks {
    /// To forget some of what is kept of the person.
    Forget {
        /// What they call themselves.
        nickname: bool,
        /// Their picture.
        avatar: bool,
        /// Their phone number, if it was bound before the push came.
        phone: bool,
    },
    /// To forget the identity; with the last one of a person what platforms told of them, too; and where nothing else signs them
    /// in, the person.
    Close,
}

/// A push to carry out.
#[derive(Debug, Clone)]
pub struct CarryingOut {
    /// By which claim.
    pub claim: PushClaim,
    /// About whom.
    pub identity: IdentityName,
    /// What it asks for.
    pub asks: PushAsks,
    /// The app that heard it, for the audit.
    pub app: String,
    /// The platform's name for it and what it says beside, for the audit.
    pub why: String,
    /// When it came.
    pub received_at: Timestamp,
    /// What is emptied already of whom it erases.
    pub emptied: Emptied,
    /// The time.
    pub now: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
    /// That it came is remembered until then.
    pub known_until: Timestamp,
}

/// What carrying out a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarriedOut {
    /// Nothing: the claim has run out, and somebody else has it.
    NotOurs,
    /// Nobody has this identity.
    Nobody,
    /// It is done.
    Done {
        /// About whom.
        user: UserId,
        /// Sessions that it ended.
        ended: Vec<SessionId>,
        /// The addresses of pictures that are no longer theirs, or another name's of theirs.
        former_avatars: Vec<(UserId, String)>,
        /// Whether nothing is left of the person but their id and number.
        was_last: bool,
    },
}

/// Pushes.
#[async_trait]
pub trait Pushes: Send + Sync {
    /// Queues a push durably. Atomic: of racing callers with the same push one gets `Waiting`.
    async fn queue_push(&self, push: NewPush) -> Result<Queued>;
    /// Claims the push that has been due the longest. Atomic: of racing callers each gets another one, or none.
    async fn claim_push(&self, claiming: ClaimingPush) -> Result<Option<ClaimedPush>>;
    /// Empties the next part of whoever a push erases, as `empty_user` does. `None`: what is left belongs to `carry_out_push`.
    /// Atomic with the look whether the claim holds and the push would erase them still.
    async fn empty_for_push(&self, carrying: CarryingOut) -> Result<Option<Emptied>>;
    /// Does what a push asks for, with its audit and the feed, and takes it from the queue; its sealed text is gone then. What a
    /// merge left with another name that came by the identity goes, too: no way back keeps it. Atomic, and done once however many have claimed it. The user's row stays for ever: neither id nor number comes again.
    async fn carry_out_push(&self, carrying: CarryingOut) -> Result<CarriedOut>;
    /// Takes a push from the queue that can't be carried out, and keeps it until then; false when the claim has run out.
    async fn give_up_push(&self, claim: PushClaim, kept_until: Timestamp) -> Result<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_claim_lasts_twice_as_long_as_the_one_before_up_to_a_bound() {
        let now = Timestamp::from_secs(1_800_000_000);
        let claiming = ClaimingPush { now, first: Duration::from_secs(30), longest: Duration::from_mins(5) };
        let lasts = |tries| claiming.until(tries).since(now).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 100].map(lasts), [30, 60, 120, 240, 300, 300]);
    }
}
