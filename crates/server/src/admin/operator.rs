//! The operator of a request: who asks, what they may, and since when they are known.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::{Actor, HeldDigest, OperatorRole};

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// To look; phone numbers are masked. Every operator has it.
    Read,
    /// To help people: end their sessions, ban them, link, merge, give them a new password. Of `support` and `admin`.
    Support,
    /// To change what all depend on, or to take data away: apps, keys, roles, exports, deletions, operators. Of `admin`.
    Admin,
}

impl Right {
    /// The least role that has it.
    fn role(self) -> OperatorRole {
        match self {
            Self::Read => OperatorRole::Viewer,
            Self::Support => OperatorRole::Support,
            Self::Admin => OperatorRole::Admin,
        }
    }
}

/// Who asks on the operator's side; a handler takes it as an argument. Only [`door`](super::door) makes one.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    /// What they are called; a program's token is `token:NAME`.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: OperatorRole,
    /// Whether they proved themselves in the last minutes (`lifetimes.fresh_sign_in`). A token proves itself each time.
    pub(crate) is_fresh: bool,
    /// From where they ask.
    pub(crate) ip: Option<String>,
    /// The sign-in, where they came with the cookie.
    pub(super) session: Option<HeldDigest>,
    /// What their forms carry; empty for a token.
    pub(super) form_token: String,
}

impl Operator {
    /// Refuses who lacks a right: 403 `right_missing`.
    pub(crate) fn may(&self, right: Right) -> Result<(), Problem> {
        if self.has(right) { Ok(()) } else { Err(Problem::RightMissing) }
    }

    /// Whether they have a right, for what a page shows.
    pub(crate) fn has(&self, right: Right) -> bool {
        self.role >= right.role()
    }

    /// Refuses whose sign-in is too old for keys, secrets, exports and operators: 403 `reauth_required`. A page sends them to
    /// `/admin/confirm?next=…`, and takes the act up again afterwards.
    pub(crate) fn reauthenticated(&self) -> Result<(), Problem> {
        if self.is_fresh { Ok(()) } else { Err(Problem::ReauthRequired) }
    }

    /// Whom the audit names for what they do.
    pub(crate) fn actor(&self) -> Actor {
        Actor { kind: "operator", id: Some(self.name.clone()), ip: self.ip.clone() }
    }

    /// The value of the hidden field `form_token` of each form that they are shown.
    pub(crate) fn form_token(&self) -> &str {
        &self.form_token
    }
}

impl FromRequestParts<Menjin> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Menjin) -> Result<Self, Problem> {
        let operator = parts.extensions.get::<Self>().cloned();
        operator.ok_or_else(|| Problem::Internal(anyhow::anyhow!("a route of operators stands outside their door")))
    }
}

/// For pages that are shown to everybody.
impl OptionalFromRequestParts<Menjin> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, menjin: &Menjin) -> Result<Option<Self>, Problem> {
        super::door::by_cookie(menjin, parts).await
    }
}
