//! Everything that can go wrong between us and a platform, as one closed enum; callers decide by variant, never by text.
//!
//! Not here: what each errcode means (`explained`), nor what a client of ours is told (the server's `problem`).

use std::time::Duration;

/// WeChat's and QQ's "the minute's quota is used up". They answer so before looking at the code.
const MINUTE_QUOTA: i64 = 45011;

/// Why a platform did not do what it was asked. `errmsg` is the platform's own text, request id included, with whatever
/// we had sent in confidence cut out of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The code is wrong, expired or another app's: platforms do not tell these apart.
    #[error("the code is wrong, expired or another app's ({errcode} {errmsg})")]
    BadCode {
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
    },
    /// The code has been exchanged before.
    #[error("the code has been used ({errcode} {errmsg})")]
    CodeUsed {
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
    },
    /// The platform's risk control refuses this user.
    #[error("the platform refuses this user ({errcode} {errmsg})")]
    Blocked {
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
    },
    /// The platform is busy.
    #[error("the platform is busy ({errcode} {errmsg})")]
    Busy {
        /// When asking again makes sense.
        retry_after: Duration,
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
    },
    /// The app or the user has asked too often.
    #[error("a quota of the platform is used up ({errcode} {errmsg})")]
    Quota {
        /// When asking again makes sense.
        retry_after: Duration,
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
    },
    /// Appid, secret, address list or rights are wrong: only the operator can mend it.
    #[error("the app is not set up rightly at the platform ({errcode} {errmsg})")]
    Misconfigured {
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
        /// What to do, where it is known; for the log.
        remedy: Option<&'static str>,
    },
    /// The access token is not, or no longer, good: renew it once and ask once more.
    #[error("the access token is stale ({errcode} {errmsg})")]
    TokenStale {
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
    },
    /// The platform does not accept a parameter.
    #[error("the platform refuses a parameter ({errcode} {errmsg})")]
    BadInput {
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
    },
    /// The session key has been replaced or has expired.
    #[error("the session key is stale ({errcode} {errmsg})")]
    SessionKeyStale {
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
    },
    /// No connection could be made, so nothing was sent.
    #[error("the platform can't be reached: {reason}")]
    Unreachable {
        /// For the operator: name resolution, refusal, certificate.
        reason: String,
    },
    /// Something was sent and no whole answer came back in time: a code may have been spent.
    #[error("the platform did not answer: {reason}")]
    NoAnswer {
        /// For the operator: deadline, reset, end of stream.
        reason: String,
    },
    /// The answer is not what the platform promises; often a gateway's error page. A code may have been spent.
    #[error("the platform's answer makes no sense: {why} (HTTP {status})")]
    Malformed {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An errcode that we don't know.
    #[error("the platform answered an unknown error ({errcode} {errmsg})")]
    Unexpected {
        /// The platform's number.
        errcode: i64,
        /// The platform's text.
        errmsg: String,
    },
    /// The page was open as a snapshot: the platform answered a virtual user, who is nobody.
    #[error("the platform answered a virtual user: the page was open as a snapshot")]
    Snapshot,
    /// This platform has no such thing.
    #[error("the platform does not offer this")]
    Unsupported,
}

/// The variants of [`Error`] without what they carry: for tables and log fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// See [`Error::BadCode`].
    BadCode,
    /// See [`Error::CodeUsed`].
    CodeUsed,
    /// See [`Error::Blocked`].
    Blocked,
    /// See [`Error::Busy`].
    Busy,
    /// See [`Error::Quota`].
    Quota,
    /// See [`Error::Misconfigured`].
    Misconfigured,
    /// See [`Error::TokenStale`].
    TokenStale,
    /// See [`Error::BadInput`].
    BadInput,
    /// See [`Error::SessionKeyStale`].
    SessionKeyStale,
    /// See [`Error::Unreachable`].
    Unreachable,
    /// See [`Error::NoAnswer`].
    NoAnswer,
    /// See [`Error::Malformed`].
    Malformed,
    /// See [`Error::Unexpected`].
    Unexpected,
    /// See [`Error::Snapshot`].
    Snapshot,
    /// See [`Error::Unsupported`].
    Unsupported,
}

impl Kind {
    /// A stable name for log fields and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadCode => "bad_code",
            Self::CodeUsed => "code_used",
            Self::Blocked => "blocked",
            Self::Busy => "busy",
            Self::Quota => "quota",
            Self::Misconfigured => "misconfigured",
            Self::TokenStale => "token_stale",
            Self::BadInput => "bad_input",
            Self::SessionKeyStale => "session_key_stale",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no_answer",
            Self::Malformed => "malformed",
            Self::Unexpected => "unexpected",
            Self::Snapshot => "snapshot",
            Self::Unsupported => "unsupported",
        }
    }
}

impl Error {
    /// The variant, without what it carries.
    pub fn kind(&self) -> Kind {
        match self {
            Self::BadCode { .. } => Kind::BadCode,
            Self::CodeUsed { .. } => Kind::CodeUsed,
            Self::Blocked { .. } => Kind::Blocked,
            Self::Busy { .. } => Kind::Busy,
            Self::Quota { .. } => Kind::Quota,
            Self::Misconfigured { .. } => Kind::Misconfigured,
            Self::TokenStale { .. } => Kind::TokenStale,
            Self::BadInput { .. } => Kind::BadInput,
            Self::SessionKeyStale { .. } => Kind::SessionKeyStale,
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::NoAnswer { .. } => Kind::NoAnswer,
            Self::Malformed { .. } => Kind::Malformed,
            Self::Unexpected { .. } => Kind::Unexpected,
            Self::Snapshot => Kind::Snapshot,
            Self::Unsupported => Kind::Unsupported,
        }
    }

    /// The platform's number, where it gave one.
    pub fn errcode(&self) -> Option<i64> {
        self.said().map(|(errcode, _)| errcode)
    }

    /// The platform's own text, where it gave one.
    pub fn errmsg(&self) -> Option<&str> {
        self.said().map(|(_, errmsg)| errmsg).filter(|errmsg| !errmsg.is_empty())
    }

    /// When asking again makes sense, where the platform asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Busy { retry_after, .. } | Self::Quota { retry_after, .. } = self {
            Some(*retry_after)
        } else {
            None
        }
    }

    /// Whether a code that was sent is certainly still good: nothing was sent at all, or the platform was busy or over
    /// its quota for this minute. All else may have spent it.
    pub fn code_unspent(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } => true,
            Self::Quota { errcode, .. } => *errcode == MINUTE_QUOTA,
            Self::BadCode { .. }
            | Self::CodeUsed { .. }
            | Self::Blocked { .. }
            | Self::Misconfigured { .. }
            | Self::TokenStale { .. }
            | Self::BadInput { .. }
            | Self::SessionKeyStale { .. }
            | Self::NoAnswer { .. }
            | Self::Malformed { .. }
            | Self::Unexpected { .. }
            | Self::Snapshot
            | Self::Unsupported => false,
        }
    }

    fn said(&self) -> Option<(i64, &str)> {
        match self {
            Self::BadCode { errcode, errmsg }
            | Self::CodeUsed { errcode, errmsg }
            | Self::Blocked { errcode, errmsg }
            | Self::Busy { errcode, errmsg, .. }
            | Self::Quota { errcode, errmsg, .. }
            | Self::Misconfigured { errcode, errmsg, .. }
            | Self::TokenStale { errcode, errmsg }
            | Self::BadInput { errcode, errmsg }
            | Self::SessionKeyStale { errcode, errmsg }
            | Self::Unexpected { errcode, errmsg } => Some((*errcode, errmsg)),
            Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Malformed { .. }
            | Self::Snapshot
            | Self::Unsupported => None,
        }
    }
}
