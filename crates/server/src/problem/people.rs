//! Why who somebody is stays as it is: identities that are linked and unlinked, users that are merged.

use axum::http::StatusCode;

use super::{Action, Spec};

/// Why nothing was linked, unlinked, merged or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeopleFault {
    /// Somebody else signs in by it.
    #[error("the identity is another user's: merge the two, if they are one person")]
    IdentityTaken,
    /// They have no such identity.
    #[error("no such identity: `menjin user identities` shows all of a user")]
    IdentityUnknown,
    /// They could sign in no more.
    #[error("it is their last way to sign in")]
    LastIdentity,
    /// One of the two is the other's already, or somebody's.
    #[error("the two were merged before, or one of them is another name of somebody: `menjin user show` says of whom")]
    AlreadyMerged,
    /// Both are the same, or one of them is not free to go or to stay.
    #[error("both are one user, or one of them is disabled or about to be deleted: end that first")]
    MergeRefused,
    /// They are nobody's other name.
    #[error("they were not merged into anybody")]
    NotMerged,
    /// The one who stayed then was merged since.
    #[error("the user whom they were merged into was merged since: undo that first")]
    MergeCovered,
    /// It was too long ago.
    #[error("the merge can no longer be undone (`lifetimes.unmerge`)")]
    MergeFinal,
}

impl PeopleFault {
    #[cfg(test)]
    pub(super) const ALL: [Self; 8] = [
        Self::IdentityTaken,
        Self::IdentityUnknown,
        Self::LastIdentity,
        Self::AlreadyMerged,
        Self::MergeRefused,
        Self::NotMerged,
        Self::MergeCovered,
        Self::MergeFinal,
    ];

    pub(super) fn spec(self) -> Spec {
        let (status, code) = match self {
            Self::IdentityTaken => (StatusCode::CONFLICT, "identity_taken"),
            Self::IdentityUnknown => (StatusCode::NOT_FOUND, "identity_unknown"),
            Self::LastIdentity => (StatusCode::CONFLICT, "last_identity"),
            Self::AlreadyMerged => (StatusCode::CONFLICT, "already_merged"),
            Self::MergeRefused => (StatusCode::CONFLICT, "merge_refused"),
            Self::NotMerged => (StatusCode::CONFLICT, "not_merged"),
            Self::MergeCovered => (StatusCode::CONFLICT, "merge_covered"),
            Self::MergeFinal => (StatusCode::CONFLICT, "merge_final"),
        };
        Spec { status, code, action: Action::None }
    }
}
