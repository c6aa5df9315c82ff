//! Used login codes: each is claimed once, on any node, before the platform hears of it (design §4.7).

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp};

use super::Result;

/// SHA-256 of app and code; all that is kept of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodeDigest(pub [u8; 32]);

/// An `Idempotency-Key` and the body that came with it, both as digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// SHA-256 of app and key.
    pub key: [u8; 32],
    /// SHA-256 of the body.
    pub body: [u8; 32],
}

/// A request that wants to spend a code.
#[derive(Debug, Clone, Copy)]
pub struct Claiming {
    /// Which code.
    pub code: CodeDigest,
    /// The key it may be repeated under.
    pub idempotency: Option<IdempotencyKey>,
    /// The time.
    pub now: Timestamp,
    /// The code is remembered until then.
    pub until: Timestamp,
    /// Claims from before then can't be repeated any more.
    pub repeatable_since: Timestamp,
}

/// A refusal that a repeated request gets again: the problem's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

/// The session that a request opened before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedBefore {
    /// The session.
    pub session: SessionId,
    /// Whether its user wanted to leave, and stays by it.
    pub called_back: bool,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeClaim {
    /// It is the caller's: the platform may be asked, once.
    Claimed,
    /// Somebody spent it.
    Used,
    /// The same request is under way elsewhere.
    InFlight,
    /// The same request opened this session.
    Done(OpenedBefore),
    /// The same request was refused.
    Refused(Refused),
    /// The key belongs to another request.
    Mismatch,
}

/// Codes and what became of them.
#[async_trait]
pub trait Codes: Send + Sync {
    /// Atomic: of any number of racing callers with one code, one gets `Claimed`.
    async fn claim_code(&self, claiming: Claiming) -> Result<CodeClaim>;
    /// The platform did not take the code: it may come again.
    async fn release_code(&self, code: CodeDigest) -> Result<()>;
    /// The platform refused, or may have taken the code: repeats of the request learn the same.
    async fn refuse_code(&self, code: CodeDigest, refused: Refused) -> Result<()>;
}
