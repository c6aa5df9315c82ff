//! What can be wrong with a role, with a permission, or with who has one.

use axum::http::StatusCode;

use super::{Action, Spec};

/// Why roles stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoleFault {
    /// No role is called so.
    #[error(
        "no role is called so: `menjin role list` shows all; a role of one audience is given for that audience only"
    )]
    Unknown,
    /// No app has this audience.
    #[error("no app has this audience: it is `audience` of an [[app]], or of one that `menjin app add` registered")]
    AudienceUnknown,
    /// No name for a role.
    #[error("a role's name has a-z, 0-9, `.`, `_` and `-`, with `:` between its parts, and 64 characters at most")]
    NameInvalid,
    /// No permission.
    #[error(
        "a permission has a-z, 0-9, `.`, `_` and `-`, with `:` between its parts, each of which may be `*`, and 128 characters at most"
    )]
    PermissionInvalid,
    /// It would stand in itself.
    #[error("the role would have itself in it: leave out the role that has this one in it")]
    Cycle,
    /// There are as many roles as may be, or somebody has as many as may be.
    #[error("as many roles as may be: 500 in all, and 32 of one person; put roles that go together into one")]
    TooMany,
    /// It would allow more single things than may be.
    #[error("the role would come to more than 500 permissions: a wildcard such as `orders:*` stands for many")]
    TooLarge,
}

impl RoleFault {
    /// Each of them, for the tests of words.
    #[cfg(test)]
    pub(super) const ALL: [Self; 7] = [
        Self::Unknown,
        Self::AudienceUnknown,
        Self::NameInvalid,
        Self::PermissionInvalid,
        Self::Cycle,
        Self::TooMany,
        Self::TooLarge,
    ];

    pub(super) fn spec(self) -> Spec {
        let (status, code) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "role_unknown"),
            Self::AudienceUnknown => (StatusCode::NOT_FOUND, "audience_unknown"),
            Self::NameInvalid => (StatusCode::BAD_REQUEST, "role_name_invalid"),
            Self::PermissionInvalid => (StatusCode::BAD_REQUEST, "permission_invalid"),
            Self::Cycle => (StatusCode::CONFLICT, "role_cycle"),
            Self::TooMany => (StatusCode::CONFLICT, "too_many_roles"),
            Self::TooLarge => (StatusCode::CONFLICT, "too_many_permissions"),
        };
        Spec { status, code, action: Action::None }
    }
}
