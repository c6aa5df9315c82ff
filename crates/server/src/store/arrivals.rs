//! Browsers that have come back from a platform: whom it named is kept for a minute, until the app's page exchanges its code.

use async_trait::async_trait;
use menjin_token::Timestamp;

use super::{CodeDigest, Refused, Result};

/// Somebody whom a platform has named.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// SHA-256 of app and one-use code.
    pub code: CodeDigest,
    /// Who it is, sealed to the code.
    pub sealed: Vec<u8>,
    /// The code is good until then.
    pub until: Timestamp,
    /// The platform's code that was spent for it.
    pub spent: CodeDigest,
    /// What the same request learns when it comes again.
    pub told: Refused,
}

/// Arrivals.
#[async_trait]
pub trait Arrivals: Send + Sync {
    /// Atomic: keeps the arrival, and notes what came of the platform's code.
    async fn keep_arrival(&self, arrival: Arrival) -> Result<()>;
    /// Atomic: of any number of racing callers with one code, one gets what is sealed; it is gone then, in time or not.
    async fn take_arrival(&self, code: CodeDigest, now: Timestamp) -> Result<Option<Vec<u8>>>;
}
