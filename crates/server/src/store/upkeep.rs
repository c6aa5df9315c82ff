//! Sweeping what is over, and whether the store is there at all.

use async_trait::async_trait;
use menjin_token::Timestamp;

use super::Result;

/// How many rows one sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows removed or ended.
    pub rows: u64,
    /// Whether more is left.
    pub more: bool,
}

/// What keeps a store small.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Removes what is over: at most `batch` rows of each table.
    async fn sweep(
        &self,
        now: Timestamp,
        audit_before: Timestamp,
        ended_before: Timestamp,
        batch: u32,
    ) -> Result<Swept>;
    /// Succeeds when the store can be read and written.
    async fn ready(&self) -> Result<()>;
}
