//! Every reason to refuse, with its stable name, status, remedy and words.
//!
//! Does not: decide anything. The words say what happened to the person, never how it was found out.

use http::StatusCode;

/// Why a request was refused: the `code` of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// No token came.
    TokenMissing,
    /// The token is not one of ours, or not for here.
    TokenInvalid,
    /// Its time is over.
    TokenExpired,
    /// Signed out.
    SessionEnded,
    /// Signed in on another device, which took this one's place.
    SessionReplaced,
    /// Signed out by an operator or from another device.
    SessionKicked,
    /// The sign-in is too old.
    SessionExpired,
    /// The account is disabled.
    UserDisabled,
    /// The password was changed.
    PasswordChanged,
    /// A refresh token was used twice, so it may have been stolen.
    RefreshReused,
    /// menjin was restored from a backup that is older than the sign-in.
    Restored,
    /// The person closed their account, here or at the platform that they signed in by.
    AccountClosed,
    /// The person wants their account to be deleted, and may still change their mind.
    UserDeleting,
    /// Two accounts of one person became one, or one became two again.
    UserMerged,
    /// The token's scope does not reach.
    InsufficientScope,
    /// The person may not do this.
    Forbidden,
    /// The keys to verify tokens with are not at hand.
    KeysUnavailable,
    /// What has ended is not known well enough.
    RevocationsStale,
    /// More than one token came.
    TokenTwice,
    /// A value, or all that is kept of a session, would be too large.
    SessionDataFull,
    /// What is kept about the caller can't be read or written.
    StoreUnavailable,
    /// The program's own fault.
    Internal,
}

/// What the client should do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sign in again.
    Relogin,
    /// Trade the refresh token, then ask again.
    Refresh,
    /// Ask again in a moment.
    Retry,
    /// Nothing would help.
    None,
}

impl Action {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relogin => "relogin",
            Self::Refresh => "refresh",
            Self::Retry => "retry",
            Self::None => "none",
        }
    }
}

impl Code {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::SessionEnded => "session_ended",
            Self::SessionReplaced => "session_replaced",
            Self::SessionKicked => "session_kicked",
            Self::SessionExpired => "session_expired",
            Self::UserDisabled => "user_disabled",
            Self::PasswordChanged => "password_changed",
            Self::RefreshReused => "refresh_reused",
            Self::Restored => "restored",
            Self::AccountClosed => "account_closed",
            Self::UserDeleting => "user_deleting",
            Self::UserMerged => "user_merged",
            Self::InsufficientScope => "insufficient_scope",
            Self::Forbidden => "forbidden",
            Self::KeysUnavailable => "keys_unavailable",
            Self::RevocationsStale => "revocations_stale",
            Self::TokenTwice => "token_twice",
            Self::SessionDataFull => "session_data_full",
            Self::StoreUnavailable => "store_unavailable",
            Self::Internal => "internal",
        }
    }

    /// The code of an end that is told with this reason; one that nobody knows is a `session_ended`.
    /// `token_expired` asks for a fresh token only: what the old one says has changed.
    pub fn of_end(reason: &str) -> Self {
        match reason {
            "token_expired" => Self::TokenExpired,
            "session_replaced" => Self::SessionReplaced,
            "session_kicked" => Self::SessionKicked,
            "session_expired" => Self::SessionExpired,
            "user_disabled" => Self::UserDisabled,
            "password_changed" => Self::PasswordChanged,
            "refresh_reused" => Self::RefreshReused,
            "restored" => Self::Restored,
            "account_closed" => Self::AccountClosed,
            "user_deleting" => Self::UserDeleting,
            "user_merged" => Self::UserMerged,
            _ => Self::SessionEnded,
        }
    }

    /// The status that goes with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenExpired
            | Self::SessionEnded
            | Self::SessionReplaced
            | Self::SessionKicked
            | Self::SessionExpired
            | Self::UserDisabled
            | Self::PasswordChanged
            | Self::RefreshReused
            | Self::Restored
            | Self::AccountClosed
            | Self::UserDeleting
            | Self::UserMerged => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::KeysUnavailable | Self::RevocationsStale | Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::TokenTwice => StatusCode::BAD_REQUEST,
            Self::SessionDataFull => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the client should do.
    pub const fn action(self) -> Action {
        match self {
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::SessionEnded
            | Self::SessionReplaced
            | Self::SessionKicked
            | Self::SessionExpired
            | Self::PasswordChanged
            | Self::RefreshReused
            | Self::Restored
            | Self::AccountClosed
            | Self::UserMerged => Action::Relogin,
            Self::TokenExpired => Action::Refresh,
            // Signing in again would only meet the same refusal, or keep an account that somebody wants to be rid of.
            Self::UserDisabled
            | Self::UserDeleting
            | Self::InsufficientScope
            | Self::Forbidden
            | Self::TokenTwice
            | Self::SessionDataFull
            | Self::Internal => Action::None,
            Self::KeysUnavailable | Self::RevocationsStale | Self::StoreUnavailable => Action::Retry,
        }
    }

    /// Title and detail in Chinese.
    pub(crate) const fn chinese(self) -> (&'static str, &'static str) {
        match self {
            Self::TokenMissing => ("未登录", "请求没有带令牌，请先登录。"),
            Self::TokenInvalid => ("令牌无效", "令牌无效，请重新登录。"),
            Self::TokenExpired => ("令牌已过期", "令牌已过期，请刷新后重试。"),
            Self::SessionEnded => ("登录已结束", "登录已结束，请重新登录。"),
            Self::SessionReplaced => ("已在其他设备登录", "账号已在其他设备登录，请重新登录。"),
            Self::SessionKicked => ("已被下线", "此设备已被下线，请重新登录。"),
            Self::SessionExpired => ("登录已过期", "登录时间过长，请重新登录。"),
            Self::UserDisabled => ("账号已停用", "账号已停用，如有疑问请联系客服。"),
            Self::PasswordChanged => ("密码已修改", "密码已修改，请用新密码登录。"),
            Self::RefreshReused => ("登录存在风险", "刷新令牌被重复使用，为安全起见请重新登录。"),
            Self::Restored => ("请重新登录", "系统刚从备份恢复，请重新登录。"),
            Self::AccountClosed => ("账号已注销", "账号已注销，相关数据已删除。"),
            Self::UserDeleting => ("账号注销中", "账号正在注销。在注销完成之前重新登录，即可保留账号。"),
            Self::UserMerged => ("账号已合并", "同一个人的账号已合并或分开，请重新登录。"),
            Self::InsufficientScope => ("授权范围不足", "令牌的授权范围不包含此操作。"),
            Self::Forbidden => ("没有权限", "没有执行此操作的权限。"),
            Self::KeysUnavailable => ("暂时无法验证", "暂时无法验证登录状态，请稍后重试。"),
            Self::RevocationsStale => ("暂时无法验证", "暂时无法确认登录是否仍然有效，请稍后重试。"),
            Self::TokenTwice => ("令牌重复", "请求在多处带有令牌，只能带一个。"),
            Self::SessionDataFull => ("会话数据过大", "要保存的会话数据过大。"),
            Self::StoreUnavailable => ("暂时不可用", "暂时无法读写数据，请稍后重试。"),
            Self::Internal => ("内部错误", "服务内部出错。"),
        }
    }

    /// Title and detail in English.
    pub(crate) const fn english(self) -> (&'static str, &'static str) {
        match self {
            Self::TokenMissing => ("Not signed in", "The request has no token. Sign in first."),
            Self::TokenInvalid => ("Invalid token", "The token is not valid. Sign in again."),
            Self::TokenExpired => ("Token expired", "The token has expired. Refresh it and ask again."),
            Self::SessionEnded => ("Signed out", "The sign-in has ended. Sign in again."),
            Self::SessionReplaced => {
                ("Signed in elsewhere", "Another device has signed in to this account. Sign in again.")
            }
            Self::SessionKicked => ("Signed out remotely", "This device was signed out. Sign in again."),
            Self::SessionExpired => ("Sign-in expired", "The sign-in is too old. Sign in again."),
            Self::UserDisabled => ("Account disabled", "The account is disabled. Ask for support."),
            Self::PasswordChanged => ("Password changed", "The password was changed. Sign in with the new one."),
            Self::RefreshReused => ("Sign-in at risk", "A refresh token was used twice. To be safe, sign in again."),
            Self::Restored => ("Sign in again", "The system was restored from a backup. Sign in again."),
            Self::AccountClosed => ("Account closed", "The account was closed, and its data was deleted."),
            Self::UserDeleting => {
                ("Account is being deleted", "The account is being deleted. Signing in before that is done keeps it.")
            }
            Self::UserMerged => ("Accounts merged", "Accounts of one person were merged or separated. Sign in again."),
            Self::InsufficientScope => ("Insufficient scope", "The token's scope does not cover this."),
            Self::Forbidden => ("Forbidden", "You may not do this."),
            Self::KeysUnavailable => {
                ("Can't verify now", "The sign-in can't be verified at the moment. Try again soon.")
            }
            Self::RevocationsStale => {
                ("Can't verify now", "Whether the sign-in still holds is not known at the moment. Try again soon.")
            }
            Self::TokenTwice => ("Two tokens", "The request has a token in more than one place. Send one."),
            Self::SessionDataFull => ("Too much session data", "The session data would be too large."),
            Self::StoreUnavailable => ("Unavailable", "Data can't be read or written at the moment. Try again soon."),
            Self::Internal => ("Internal error", "Something went wrong in the service."),
        }
    }
}
