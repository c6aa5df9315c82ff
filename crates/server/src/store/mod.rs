//! The store: small traits by concern, each method one transaction named by its intention (design §4.8).
//!
//! Lives here: the traits, the rows and outcomes that cross them, the back ends. Does not: HTTP, policy, reading a clock.

mod accounts;
pub(crate) mod across;
mod apps;
mod arrivals;
mod codes;
mod columns;
#[cfg(test)]
mod conformance;
mod consents;
mod data_map;
mod events;
mod everything;
mod fast;
mod foreign;
mod grants;
mod identities;
mod keys;
mod leaving;
mod lists;
mod merges;
mod moving;
mod opening;
mod operators;
mod passwords;
mod people;
mod pushes;
mod role_rows;
mod role_rules;
mod roles;
mod rows;
mod rules;
mod schema;
mod session_data;
mod sessions;
mod sql;
mod sqlite;
pub(crate) mod tables;
mod tokens;
mod trail;
mod upkeep;

pub use accounts::{Account, Accounts, Ban, Banned};
pub use apps::{AppAdded, AppChange, AppChanged, AppRow, Apps, ChangingApp, ClientSecretRow, LIVE_SECRETS};
pub use arrivals::{Arrival, Arrivals};
pub use codes::{Claiming, CodeClaim, CodeDigest, Codes, IdempotencyKey, OpenedBefore, Refused};
pub(crate) use consents::holding;
pub use consents::{ConsentRow, Consenting, Consents, NewConsent};
pub use data_map::{DataAt, DataEntry, DataMap, JsonText};
pub use events::{Actor, Audit, AuditLine, Event, EventKind, Feed};
pub use everything::{Act, Copying, Everything, KnownAs, OwnData, PastSession};
pub(crate) use everything::{MOST_ACTS, MOST_OVER};
pub use fast::Bell;
pub(crate) use fast::{Fast, InProcess, Line, Pace, Quotas, Slowing, Tries};
pub use foreign::{ForeignRow, ForeignRows, ForeignTable};
pub use grants::{Grants, LivingGrant};
pub use identities::{FreshKey, Identities, IdentityRow, Linked, Linking, ProvedIdentity, Unlinked, Unlinking};
pub use keys::{KeyRow, KeyState, Keys, MasterKeyRow, Revoking, Rotating, SealedCount, SealedPlace, SealedValue};
pub use leaving::{Departed, Departure, Due, Emptied, Emptying, Erased, Erasing, Leaving, Stayed};
pub use lists::{AuditOf, AuditPlace, AuditRow, ListedSession, ListedUser, Lists};
pub use merges::{
    MergePlan, MergeRefused, MergeRole, MergeSide, Merged, MergedByItself, Merges, Merging, Moved, Unmerged, Unmerging,
};
pub(crate) use moving::settle;
pub use moving::{Clash, MovedIn, MovingIn, NewIdentity, Newcomer};
pub use opening::{Limit, Opened, Opening, Who};
pub use operators::{
    AddingOperator, ChangingOperator, HeldDigest, LinkingOperator, NewLink, NewOperatorSession, OperatorChange,
    OperatorChanged, OperatorLinked, OperatorProof, OperatorRole, OperatorRow, OperatorSessionRow, OperatorShown,
    OperatorTokenAdded, OperatorTokenRow, Operators, RedeemingLink, ShownStep,
};
pub(crate) use operators::{EndingTokens, TOKEN_ACTOR};
pub use passwords::{NewPassword, PasswordReset, PasswordRow, PasswordSet, Passwords, ResetAllowed, SettingPassword};
pub use people::{IdentityName, KeptKey, KeyReset, People, PhoneBound, PhoneChange, ProfileChange, UserRow};
pub use pushes::{CarriedOut, CarryingOut, ClaimedPush, ClaimingPush, NewPush, PushAsks, PushClaim, Pushes, Queued};
pub use roles::{
    Held, HeldRole, Holder, HoldingRole, MOST_HELD, MOST_PERMISSIONS, MOST_ROLES, PuttingRole, RoleHeld, RoleName,
    RolePut, RoleRefused, RoleRow, RoleTurn, Roles, RolesTold, Whole,
};
pub use schema::{OnOldSchema, OpenError};
pub use session_data::{
    Condition, DataChange, DataChanged, DataLimits, DataPlace, DataRead, DataWrite, Present, SessionData, Versions,
};
pub use sessions::{
    Device, DeviceClass, EndReason, Ending, Ends, GrantRow, Presented, Replacement, Rotation, SessionHead, SessionRow,
    Sessions, Standing,
};
pub use sql::Database;
pub(crate) use sqlite::check_folder;
pub use sqlite::{Alone, Contents, Restored, Restoring, Sqlite};
pub use tokens::{Forced, Forcing, PlatformTokenRow, PlatformTokens, TokenClaim, TokenClaiming};
pub use trail::{ClaimedPlace, ClaimingPlace, MovingPlace, Run, Trail};
pub use upkeep::{Load, Sweeping, Swept, Upkeep};

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
    Codes
    + Arrivals
    + Pushes
    + Sessions
    + SessionData
    + Grants
    + People
    + Identities
    + Merges
    + Accounts
    + Consents
    + Copying
    + Leaving
    + Roles
    + Passwords
    + Apps
    + Feed
    + Audit
    + Keys
    + Operators
    + Lists
    + PlatformTokens
    + Trail
    + Upkeep
    + MovingIn
    + std::fmt::Debug
{
}

impl<T> Store for T where
    T: Codes
        + Arrivals
        + Pushes
        + Sessions
        + SessionData
        + Grants
        + People
        + Identities
        + Merges
        + Accounts
        + Consents
        + Copying
        + Leaving
        + Roles
        + Passwords
        + Apps
        + Feed
        + Audit
        + Keys
        + Operators
        + Lists
        + PlatformTokens
        + Trail
        + Upkeep
        + MovingIn
        + std::fmt::Debug
{
}
