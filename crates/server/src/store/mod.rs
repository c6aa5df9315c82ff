//! The store: small traits by concern, each method one transaction named by its intention (design §4.8).
//!
//! Lives here: the traits, the rows and outcomes that cross them, the back ends. Does not: HTTP, policy, reading a clock.

mod codes;
#[cfg(test)]
mod conformance;
mod events;
mod keys;
mod people;
mod sessions;
mod sqlite;
mod tokens;
mod upkeep;

pub use codes::{Claiming, CodeClaim, CodeDigest, Codes, IdempotencyKey, Refused};
pub use events::{Audit, AuditLine, Event, EventKind, Feed};
pub use keys::{KeyRow, KeyState, Keys, MasterKeyRow, Rotating, SealedCount, SealedPlace, SealedValue};
pub use people::{IdentityName, KeptKey, People, PhoneChange, ProfileChange, UserRow};
pub use sessions::{
    Device, DeviceClass, EndReason, Ending, Ends, GrantRow, Limit, Opened, Opening, Presented, Rotation, SessionHead,
    SessionRow, Sessions, Standing,
};
pub use sqlite::{OnOldSchema, OpenError, Sqlite};
pub use tokens::{PlatformTokenRow, PlatformTokens};
pub use upkeep::{Sweeping, Swept, Upkeep};

/// A failure of the database itself: the transaction is gone, and nothing of it happened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached, written, or is too busy.
    #[error("the store is unavailable")]
    Unavailable(#[source] anyhow::Error),
}

/// What a store method returns.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Everything that menjin keeps.
pub trait Store: Codes + Sessions + People + Feed + Audit + Keys + PlatformTokens + Upkeep + std::fmt::Debug {}

impl<T: Codes + Sessions + People + Feed + Audit + Keys + PlatformTokens + Upkeep + std::fmt::Debug> Store for T {}
