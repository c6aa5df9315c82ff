//! Sweeping what is over, and whether the store is there at all.

use async_trait::async_trait;
use menjin_token::Timestamp;

use super::Result;

/// How many rows one sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows removed, ended, or passed by for good.
    pub rows: u64,
    /// Whether more is left.
    pub more: bool,
}

/// What to sweep.
#[derive(Debug, Clone, Copy)]
pub struct Sweeping {
    /// The time: what ended by itself before it goes.
    pub now: Timestamp,
    /// Lines of the feed that mattered until before then go.
    pub feed_before: Timestamp,
    /// Audit lines from before then go.
    pub audit_before: Timestamp,
    /// Sessions that ended before then go.
    pub ended_before: Timestamp,
    /// Access tokens of sessions that are ended now are dead by then.
    pub tokens_until: Timestamp,
    /// At most so many rows of each table.
    pub batch: u32,
}

/// How busy the store is, as this node sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Connections to a database server that are in use; none with `SQLite`.
    pub in_use: usize,
    /// Connections that are open and wait for work.
    pub idle: usize,
    /// Whoever waits: for a connection, or for their turn to write.
    pub waiting: usize,
}

/// What keeps a store small.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Removes what is over and ends sessions that were idle for too long, after everything else that waits.
    async fn sweep(&self, sweeping: Sweeping) -> Result<Swept>;
    /// How busy it is.
    fn load(&self) -> Load;
    /// Succeeds when the store can be read and written.
    async fn ready(&self) -> Result<()>;
}
