//! Sessions and their grants: opened, rotated and ended in one transaction each (design §4.3, §4.4).
//!
//! Not here: what an opening is made of (`opening`).

use std::time::Duration;

use async_trait::async_trait;
use menjin_token::{GrantId, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::{AuditLine, Opened, Opening, Result, UserRow};

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The person signed out.
    Logout,
    /// A newer sign-in took its place.
    Replaced,
    /// An operator or another device ended it.
    Kicked,
    /// Idle for too long, or too old.
    Expired,
    /// The user was disabled or deleted.
    UserDisabled,
    /// The password was changed.
    PasswordChanged,
    /// A spent refresh token came again.
    RefreshReused,
    /// The data was restored from a backup.
    Restored,
    /// The person closed their account at the platform, or was erased.
    AccountClosed,
    /// The person wants to be erased, and may still be called back.
    UserDeleting,
    /// Two users turned out to be one, or one turned out to be two.
    UserMerged,
}

impl EndReason {
    const ALL: [Self; 11] = [
        Self::Logout,
        Self::Replaced,
        Self::Kicked,
        Self::Expired,
        Self::UserDisabled,
        Self::PasswordChanged,
        Self::RefreshReused,
        Self::Restored,
        Self::AccountClosed,
        Self::UserDeleting,
        Self::UserMerged,
    ];

    /// The problem code that late requests get; also how it is stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::Logout => "session_ended",
            Self::Replaced => "session_replaced",
            Self::Kicked => "session_kicked",
            Self::Expired => "session_expired",
            Self::UserDisabled => "user_disabled",
            Self::PasswordChanged => "password_changed",
            Self::RefreshReused => "refresh_reused",
            Self::Restored => "restored",
            Self::AccountClosed => "account_closed",
            Self::UserDeleting => "user_deleting",
            Self::UserMerged => "user_merged",
        }
    }

    /// To whoever asks now: of an account that was enabled again it is no longer the reason that it is disabled, nor that it
    /// is to be deleted once somebody was called back, or is gone.
    #[must_use]
    pub fn now_of(self, user: &UserRow) -> Self {
        if self == Self::UserDisabled && user.disabled_at.is_none() {
            Self::Kicked
        } else if self == Self::UserDeleting && user.erased_at.is_some() {
            Self::AccountClosed
        } else if self == Self::UserDeleting && user.deletes_at.is_none() {
            Self::Logout
        } else {
            self
        }
    }

    /// The reason with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// What kind of device somebody says they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceClass {
    /// A phone.
    #[default]
    Phone,
    /// A tablet.
    Tablet,
    /// A desktop or laptop.
    Pc,
    /// Anything else.
    Other,
}

impl DeviceClass {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Pc => "pc",
            Self::Other => "other",
        }
    }

    /// The class stored so; `Other` for what a later version may have written.
    pub fn parse(text: &str) -> Self {
        [Self::Phone, Self::Tablet, Self::Pc].into_iter().find(|class| class.as_str() == text).unwrap_or(Self::Other)
    }
}

/// A device as its client reports it; never trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// Random id kept by the SDK.
    pub id: Option<String>,
    /// What kind of device.
    pub class: DeviceClass,
    /// Its model.
    pub name: Option<String>,
    /// Its system.
    pub system: Option<String>,
    /// Where the request came from.
    pub ip: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// What a grant stands for when tokens are issued.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The grant.
    pub grant: GrantId,
    /// Counter of its current refresh token.
    pub counter: u32,
    /// The session.
    pub session: SessionId,
    /// The app.
    pub app: String,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// How.
    pub amr: String,
    /// The refresh token dies then unless it is used.
    pub idle_until: Timestamp,
    /// Its secret, sealed.
    pub secret: Vec<u8>,
    /// What its access tokens say beside the usual: a JSON object.
    pub claims: Option<String>,
    /// The user.
    pub user: UserRow,
}

/// A grant as it is read before its token is checked.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// Its app.
    pub app: String,
    /// Its session.
    pub session: SessionId,
    /// Its secret, sealed.
    pub secret: Vec<u8>,
}

/// A refresh token whose MAC was right.
#[derive(Debug, Clone, Copy)]
pub struct Presented {
    /// Its grant.
    pub grant: GrantId,
    /// Its counter.
    pub counter: u32,
    /// Id of the master key that the successor is made under.
    pub master_key: [u8; 4],
    /// The time.
    pub now: Timestamp,
    /// A lost answer may be asked again for so long.
    pub grace: Duration,
    /// The successor lives so long if unused.
    pub idle: Duration,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
}

/// What became of a presented refresh counter (design §4.3).
#[derive(Debug, Clone)]
pub enum Rotation {
    /// It was current; the grant has moved on.
    Rotated(Box<Standing>),
    /// It was the last one spent, and its answer may have been lost: the grant as it stands now.
    Repeated(Box<Standing>),
    /// It was the last one spent, long after: its successor never arrived and is superseded.
    Recovered(Box<Standing>),
    /// It is older still: the session has been ended, in this same transaction.
    Stolen(SessionId),
    /// It is newer than the row, which was restored: the session has been ended.
    Restored(SessionId),
    /// It came too late: the session has been ended.
    Expired(SessionId),
    /// The session was over before.
    Ended(EndReason),
    /// No such grant.
    Unknown,
}

/// One session as it is listed.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Whose it is, by number.
    pub user: i64,
    /// The app.
    pub app: String,
    /// The device.
    pub device: Device,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was last refreshed.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When and why it ended.
    pub ended: Option<(Timestamp, EndReason)>,
}

/// What a request in a session needs of its row.
#[derive(Debug, Clone)]
pub struct SessionHead {
    /// Its id.
    pub id: SessionId,
    /// The app.
    pub app: String,
    /// How the person proved who they are.
    pub amr: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When and why it ended.
    pub ended: Option<(Timestamp, EndReason)>,
}

/// What took the place of a session that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The device's class, as it reports it.
    pub class: DeviceClass,
    /// Its name, as it reports it.
    pub name: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Which sessions to end.
#[derive(Debug, Clone)]
pub enum Ends {
    /// This one.
    Session(SessionId),
    /// This one of this user.
    SessionOf(UserId, SessionId),
    /// All of the user's on this class of device.
    DeviceClass(UserId, DeviceClass),
    /// All of the user's.
    All(UserId),
    /// All of the user's but this one.
    Others(UserId, SessionId),
    /// The one that a grant belongs to.
    Grant(GrantId),
}

/// An end to carry out.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Which sessions.
    pub which: Ends,
    /// Why.
    pub reason: EndReason,
    /// The time.
    pub now: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
    /// What the audit says of it.
    pub audit: AuditLine,
}

impl Ending {
    /// Whether an end at this time may be one that nobody was told of: long enough ago for its transaction to have been given
    /// up, and not so long that every token is dead.
    pub(super) fn is_doubted(&self, at: Timestamp) -> bool {
        let given_up = Duration::from_secs(5);
        at.plus(given_up) <= self.now && self.now < at.plus(self.tokens_until.since(self.now))
    }
}

/// Sessions and grants.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Finds or makes the user, and opens a session with a grant for them. Atomic: racing first logins of one person make one
    /// user, and no race passes a limit.
    async fn open_session(&self, opening: Opening) -> Result<Opened>;
    /// The standing of a session's own grant while it lives unrefreshed; for a repeated login.
    async fn unrefreshed(&self, session: SessionId) -> Result<Option<Standing>>;
    /// What a refresh token's MAC is checked against.
    async fn grant(&self, grant: GrantId) -> Result<Option<GrantRow>>;
    /// Atomic: of two racing callers with the same counter, both get the same successor.
    async fn rotate(&self, presented: Presented) -> Result<Rotation>;
    /// A session, ended or not.
    async fn session(&self, session: SessionId) -> Result<Option<SessionRow>>;
    /// The live sessions of a user, the newest first.
    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>>;
    /// What took this session's place, while that is known.
    async fn replacement(&self, session: SessionId) -> Result<Option<Replacement>>;
    /// Ends sessions; returns those that lived. One session that ended some seconds ago, and whose tokens may live, is told
    /// to the feed again: whoever ended it may never have been answered.
    async fn end_sessions(&self, ending: Ending) -> Result<Vec<SessionId>>;
}
