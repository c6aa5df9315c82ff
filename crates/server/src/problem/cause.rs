//! What becomes a problem by itself, and how a problem leaves a handler.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use menjin_guard::Refusal;

use super::{PlatformSaid, Problem};
use crate::store::{EndReason, StoreError};

/// Words follow the request's language, so they are put on further out: see `answer`.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.spec().status.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<menjin_platform::Error> for Problem {
    fn from(error: menjin_platform::Error) -> Self {
        use menjin_platform::Error;
        let said = || Some(PlatformSaid { errcode: error.errcode()?, errmsg: error.errmsg()?.to_owned() });
        match &error {
            Error::BadCode { .. } => Self::CodeInvalid(said()),
            Error::CodeUsed { .. } => Self::CodeUsed,
            Error::Blocked { .. } => Self::PlatformBlocked(said()),
            Error::Busy { retry_after, .. } => Self::PlatformBusy { retry_after: *retry_after },
            Error::Quota { retry_after, .. } if error.code_unspent() => {
                Self::PlatformBusy { retry_after: *retry_after }
            }
            Error::Quota { retry_after, errcode, .. } => {
                Self::PlatformQuota { retry_after: *retry_after, errcode: *errcode }
            }
            Error::Unreachable { .. } => Self::PlatformBusy { retry_after: Duration::from_secs(1) },
            Error::Misconfigured { remedy, .. } => {
                Self::PlatformMisconfigured { errcode: error.errcode(), remedy: *remedy }
            }
            Error::TokenStale { .. } | Error::BadInput { .. } => {
                Self::PlatformMisconfigured { errcode: error.errcode(), remedy: None }
            }
            Error::SessionKeyStale { .. } => Self::SessionKeyStale,
            Error::NoAnswer { .. } | Error::Malformed { .. } | Error::Unexpected { .. } => Self::PlatformUnavailable,
            Error::Snapshot => Self::SnapshotUser,
            Error::Unsupported => Self::UnsupportedByPlatform,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::StoreUnavailable(error.into()),
        }
    }
}

/// What the guard refuses is a problem of ours.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing => Self::TokenMissing,
            Refusal::Invalid(_) | Refusal::Twice => Self::TokenInvalid,
            Refusal::Expired => Self::TokenExpired { status: StatusCode::UNAUTHORIZED },
            // The session lives: what its token says has changed, and a fresh one says it right.
            Refusal::Ended(because) if because.code == "token_expired" => {
                Self::TokenExpired { status: StatusCode::UNAUTHORIZED }
            }
            Refusal::Ended(because) => Self::Ended(EndReason::from_code(&because.code).unwrap_or(EndReason::Logout)),
            Refusal::InsufficientScope(scope) => Self::InsufficientScope(scope),
            Refusal::Forbidden(_) => Self::Forbidden,
            Refusal::KeysUnavailable => Self::Internal(anyhow::anyhow!("the ring holds no keys")),
            Refusal::FeedStale => Self::RevocationsStale,
            Refusal::Unavailable => Self::Internal(anyhow::anyhow!("the guard looked somebody up")),
        }
    }
}
