//! What each problem is answered with: status, code, action, and when to ask again.
//!
//! Does not: its words (`words.toml`).

use axum::http::StatusCode;

use super::Problem;
use crate::store::EndReason;

/// What a client should do next (design §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Call `wx.login` again and sign in.
    Relogin,
    /// Trade the refresh token.
    Refresh,
    /// Ask again, after `Retry-After`.
    Retry,
    /// Show what there is to agree to, and ask.
    Consent,
    /// Sign in anew to prove who you are, then repeat.
    Reauth,
    /// Nothing helps but another request.
    None,
}

impl Action {
    /// As the client reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relogin => "relogin",
            Self::Refresh => "refresh",
            Self::Retry => "retry",
            Self::Consent => "consent",
            Self::Reauth => "reauth",
            Self::None => "none",
        }
    }
}

/// How a problem is answered.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable slug.
    pub code: &'static str,
    /// What the client should do.
    pub action: Action,
}

const fn spec(status: StatusCode, code: &'static str, action: Action) -> Spec {
    Spec { status, code, action }
}

impl Problem {
    /// Status, code and action.
    pub fn spec(&self) -> Spec {
        match self {
            Self::BadField { .. } => spec(StatusCode::BAD_REQUEST, "field_invalid", Action::None),
            Self::BadJson(_) => spec(StatusCode::BAD_REQUEST, "json_invalid", Action::None),
            Self::BadContentType => spec(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_invalid", Action::None),
            Self::BadForm(_) => spec(StatusCode::BAD_REQUEST, "form_invalid", Action::None),
            Self::BodyTooLarge => spec(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", Action::None),
            Self::BodyTooSlow => spec(StatusCode::REQUEST_TIMEOUT, "body_too_slow", Action::Retry),
            Self::RouteUnknown => spec(StatusCode::NOT_FOUND, "route_unknown", Action::None),
            Self::MethodUnknown => spec(StatusCode::METHOD_NOT_ALLOWED, "method_unknown", Action::None),
            Self::AppUnknown => spec(StatusCode::NOT_FOUND, "app_unknown", Action::None),
            Self::UnsupportedByPlatform => {
                spec(StatusCode::UNPROCESSABLE_ENTITY, "unsupported_by_platform", Action::None)
            }
            Self::SnapshotUser => spec(StatusCode::FORBIDDEN, "snapshot_user", Action::None),
            Self::SignInDenied => spec(StatusCode::FORBIDDEN, "sign_in_denied", Action::Relogin),
            Self::SignInNotUnderWay => spec(StatusCode::BAD_REQUEST, "sign_in_not_under_way", Action::Relogin),
            Self::CodeUsed => spec(StatusCode::UNAUTHORIZED, "code_used", Action::Relogin),
            Self::CodeInvalid(_) => spec(StatusCode::UNAUTHORIZED, "code_invalid", Action::Relogin),
            Self::PlatformBlocked(_) => spec(StatusCode::FORBIDDEN, "platform_blocked", Action::None),
            Self::IdempotencyMismatch => spec(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", Action::None),
            Self::PlatformBusy { .. } => spec(StatusCode::SERVICE_UNAVAILABLE, "platform_unavailable", Action::Retry),
            Self::PlatformUnavailable => spec(StatusCode::SERVICE_UNAVAILABLE, "platform_unavailable", Action::Relogin),
            Self::PlatformQuota { .. } => spec(StatusCode::SERVICE_UNAVAILABLE, "platform_quota", Action::None),
            Self::PlatformMisconfigured { .. } => {
                spec(StatusCode::SERVICE_UNAVAILABLE, "platform_misconfigured", Action::None)
            }
            Self::PhoneCodeInvalid(_) => spec(StatusCode::UNPROCESSABLE_ENTITY, "phone_code_invalid", Action::None),
            Self::PhoneTaken => spec(StatusCode::CONFLICT, "phone_taken", Action::None),
            Self::NicknameRefused => spec(StatusCode::UNPROCESSABLE_ENTITY, "nickname_refused", Action::None),
            Self::NicknameUnchecked => spec(StatusCode::CONFLICT, "nickname_unchecked", Action::Relogin),
            Self::ProfileNotKept => spec(StatusCode::UNPROCESSABLE_ENTITY, "profile_not_kept", Action::None),
            Self::PictureUnknown => spec(StatusCode::NOT_FOUND, "picture_unknown", Action::None),
            Self::SessionKeyStale => spec(StatusCode::CONFLICT, "session_key_stale", Action::Relogin),
            Self::TokenMissing => spec(StatusCode::UNAUTHORIZED, "token_missing", Action::Relogin),
            Self::TokenInvalid => spec(StatusCode::UNAUTHORIZED, "token_invalid", Action::Relogin),
            Self::TokenUsed => spec(StatusCode::UNAUTHORIZED, "token_used", Action::Relogin),
            Self::TokenExpired { status } => spec(*status, "token_expired", Action::Refresh),
            Self::OldTokenExpired { status } => spec(*status, "token_expired", Action::Relogin),
            // Signing in again would only meet the same refusal.
            Self::Ended(EndReason::UserDisabled) => {
                spec(StatusCode::UNAUTHORIZED, EndReason::UserDisabled.code(), Action::None)
            }
            // A client that signs in by itself must not call somebody back who wants to leave.
            Self::Ended(EndReason::UserDeleting) => {
                spec(StatusCode::UNAUTHORIZED, EndReason::UserDeleting.code(), Action::None)
            }
            Self::Ended(reason) => spec(StatusCode::UNAUTHORIZED, reason.code(), Action::Relogin),
            Self::ClientInvalid => spec(StatusCode::UNAUTHORIZED, "client_invalid", Action::None),
            Self::PlatformTokenLimit { .. } => {
                spec(StatusCode::TOO_MANY_REQUESTS, "platform_token_limit", Action::Retry)
            }
            Self::ReauthRequired | Self::OtherReauthRequired => {
                spec(StatusCode::FORBIDDEN, "reauth_required", Action::Reauth)
            }
            Self::InsufficientScope(_) | Self::NotGranted(_) => {
                spec(StatusCode::FORBIDDEN, "insufficient_scope", Action::None)
            }
            Self::Forbidden | Self::OtherAudience => spec(StatusCode::FORBIDDEN, "forbidden", Action::None),
            Self::PushRefused(_) => spec(StatusCode::FORBIDDEN, "push_refused", Action::None),
            Self::OperatorRequired => spec(StatusCode::UNAUTHORIZED, "operator_required", Action::Relogin),
            Self::RightMissing => spec(StatusCode::FORBIDDEN, "right_missing", Action::None),
            Self::LastAdmin => spec(StatusCode::CONFLICT, "last_admin", Action::None),
            Self::OperatorUnknown => spec(StatusCode::NOT_FOUND, "operator_unknown", Action::None),
            Self::OperatorExists => spec(StatusCode::CONFLICT, "operator_exists", Action::None),
            Self::LinkInvalid => spec(StatusCode::NOT_FOUND, "link_invalid", Action::None),
            Self::OriginRefused | Self::FormRefused => spec(StatusCode::FORBIDDEN, "origin_refused", Action::None),
            Self::Replaced(_) => spec(StatusCode::UNAUTHORIZED, EndReason::Replaced.code(), Action::Relogin),
            Self::SessionsFull => spec(StatusCode::CONFLICT, "sessions_full", Action::None),
            Self::PasswordWrong => spec(StatusCode::UNAUTHORIZED, "password_wrong", Action::None),
            Self::OldPasswordWrong => spec(StatusCode::FORBIDDEN, "old_password_wrong", Action::None),
            Self::UsernameTaken => spec(StatusCode::CONFLICT, "username_taken", Action::None),
            Self::PasswordOvertaken => spec(StatusCode::CONFLICT, "password_overtaken", Action::None),
            Self::ResetCodeInvalid => spec(StatusCode::FORBIDDEN, "reset_code_invalid", Action::None),
            Self::PasswordsBusy => spec(StatusCode::SERVICE_UNAVAILABLE, "passwords_busy", Action::Retry),
            Self::Role(fault) => fault.spec(),
            Self::Misuse(misuse) => misuse.spec(),
            Self::People(fault) => fault.spec(),
            Self::UserUnknown => spec(StatusCode::NOT_FOUND, "user_unknown", Action::None),
            Self::UserErased => spec(StatusCode::CONFLICT, "user_erased", Action::None),
            Self::DeletionNotRequested => spec(StatusCode::CONFLICT, "deletion_not_requested", Action::None),
            Self::ConsentOutdated => spec(StatusCode::CONFLICT, "consent_outdated", Action::Consent),
            Self::StreamsFull => spec(StatusCode::SERVICE_UNAVAILABLE, "streams_full", Action::Retry),
            Self::SessionUnknown => spec(StatusCode::NOT_FOUND, "session_unknown", Action::None),
            Self::SubjectTokenMissing => spec(StatusCode::BAD_REQUEST, "subject_token_missing", Action::None),
            Self::BackendOnly => spec(StatusCode::FORBIDDEN, "backend_only", Action::None),
            Self::KeyUnknown => spec(StatusCode::NOT_FOUND, "key_unknown", Action::None),
            Self::VersionMismatch { .. } => spec(StatusCode::PRECONDITION_FAILED, "version_mismatch", Action::None),
            Self::SessionDataFull => spec(StatusCode::PAYLOAD_TOO_LARGE, "session_data_full", Action::None),
            Self::TooManyRequests { .. } => spec(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", Action::Retry),
            Self::StoreUnavailable(_) => spec(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", Action::Retry),
            Self::SignInLost(_) => spec(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", Action::Relogin),
            Self::RevocationsStale => spec(StatusCode::SERVICE_UNAVAILABLE, "revocations_stale", Action::Retry),
            Self::ForwardAuthMisconfigured(_) => {
                spec(StatusCode::INTERNAL_SERVER_ERROR, "forward_auth_misconfigured", Action::None)
            }
            Self::InHeader(_, problem) => problem.spec(),
            Self::TimedOut => spec(StatusCode::SERVICE_UNAVAILABLE, "timed_out", Action::Retry),
            Self::Internal(_) => spec(StatusCode::INTERNAL_SERVER_ERROR, "internal", Action::None),
        }
    }

    /// Seconds, rounded up, after which a 503 or 429 may be tried again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        if let Self::PlatformBusy { retry_after }
        | Self::PlatformQuota { retry_after, .. }
        | Self::PlatformTokenLimit { retry_after }
        | Self::TooManyRequests { retry_after } = self
        {
            return Some(retry_after.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX));
        }
        let unavailable = self.spec().status == StatusCode::SERVICE_UNAVAILABLE;
        unavailable.then_some(if matches!(self, Self::PlatformMisconfigured { .. }) { 60 } else { 1 })
    }
}
