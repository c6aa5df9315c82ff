//! The store: small traits by concern, each method one transaction named by its intention (design §4.8).
//!
//! Lives here: the traits, the rows and outcomes that cross them, the back ends. Does not: HTTP, policy, reading a clock.

pub(crate) mod across;
mod codes;
mod columns;
#[cfg(test)]
mod conformance;
mod events;
mod fast;
mod foreign;
mod keys;
mod moving;
mod people;
mod rows;
mod rules;
mod schema;
mod sessions;
mod sql;
mod sqlite;
pub(crate) mod tables;
mod tokens;
mod upkeep;

pub use codes::{Claiming, CodeClaim, CodeDigest, Codes, IdempotencyKey, Refused};
pub use events::{Audit, AuditLine, Event, EventKind, Feed};
pub use fast::Bell;
pub(crate) use fast::{Fast, InProcess, Line, Quotas};
pub use foreign::{ForeignRow, ForeignRows, ForeignTable};
pub use keys::{KeyRow, KeyState, Keys, MasterKeyRow, Rotating, SealedCount, SealedPlace, SealedValue};
pub(crate) use moving::settle;
pub use moving::{Clash, MovedIn, MovingIn, NewIdentity, Newcomer};
pub use people::{IdentityName, KeptKey, People, PhoneChange, ProfileChange, UserRow};
pub use schema::{OnOldSchema, OpenError};
pub use sessions::{
    Device, DeviceClass, EndReason, Ending, Ends, GrantRow, Limit, Opened, Opening, Presented, Rotation, SessionHead,
    SessionRow, Sessions, Standing,
};
pub use sql::Database;
pub use sqlite::{Alone, Contents, Restored, Restoring, Sqlite};
pub use tokens::{Forced, Forcing, PlatformTokenRow, PlatformTokens, TokenClaim, TokenClaiming};
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
pub trait Store:
    Codes + Sessions + People + Feed + Audit + Keys + PlatformTokens + Upkeep + MovingIn + std::fmt::Debug
{
}

impl<T: Codes + Sessions + People + Feed + Audit + Keys + PlatformTokens + Upkeep + MovingIn + std::fmt::Debug> Store
    for T
{
}
