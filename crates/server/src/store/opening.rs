//! What one transaction needs to open a session, and what comes of it (design §4.4).

use menjin_token::{GrantId, IdentityId, SessionId, Timestamp, UserId};

use super::{CodeDigest, Device, IdentityName, PhoneChange, ProfileChange, Standing};

/// Whose session is opened.
#[derive(Debug, Clone)]
pub enum Who {
    /// Whoever has this identity. Nobody has it: a new user.
    Identity(IdentityName),
    /// This user.
    User(UserId),
    /// The user with this number.
    Number(i64),
    /// Whom another system calls so. Nobody is called so: a new user.
    ExternalId(String),
}

impl Who {
    /// Their identity, if they come by one.
    pub(super) fn identity(&self) -> Option<&IdentityName> {
        match self {
            Self::Identity(name) => Some(name),
            Self::User(_) | Self::Number(_) | Self::ExternalId(_) => None,
        }
    }

    /// What another system calls them, if they come by that.
    pub(super) fn external_id(&self) -> Option<&str> {
        match self {
            Self::ExternalId(name) => Some(name),
            Self::Identity(_) | Self::User(_) | Self::Number(_) => None,
        }
    }

    /// Whether somebody unknown becomes a user.
    pub(super) fn may_be_new(&self) -> bool {
        self.identity().is_some() || self.external_id().is_some()
    }
}

/// How many sessions may live beside a new one.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Of this user and app, without a device id; the oldest goes.
    pub without_device: u32,
    /// Of this user and app, on the new one's class of device.
    pub on_class: Option<u32>,
    /// Of this user.
    pub in_all: u32,
    /// Whether the new one is refused where one of the last two is reached, and the oldest stays.
    pub refuses_newest: bool,
}

/// A sign-in that the platform or a back end has proved: everything that one transaction needs.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Id of the session.
    pub session: SessionId,
    /// Id of its grant.
    pub grant: GrantId,
    /// Id of the user, should they be new.
    pub new_user: UserId,
    /// Id of the identity, should it be new.
    pub new_identity: IdentityId,
    /// Whose it is.
    pub who: Who,
    /// The person's name in the open-platform account, and that account.
    pub unionid: Option<(String, String)>,
    /// The platform's `session_key`: its row, sealed, with a keyed digest that tells an unchanged one.
    pub session_key: Option<([u8; 16], Vec<u8>, [u8; 32])>,
    /// Superseded keys are kept until then.
    pub superseded_until: Timestamp,
    /// What the person brought of a profile.
    pub profile: ProfileChange,
    /// A proved phone number.
    pub phone: Option<PhoneChange>,
    /// The app.
    pub app: String,
    /// The back end that opens it, where the person did not.
    pub opened_by: Option<String>,
    /// What its access tokens say beside the usual: a JSON object.
    pub claims: Option<String>,
    /// The device.
    pub device: Device,
    /// How many sessions may live.
    pub limit: Limit,
    /// The grant's secret, sealed.
    pub secret: Vec<u8>,
    /// Id of the master key that its first refresh token is made under.
    pub master_key: [u8; 4],
    /// How the person proved who they are.
    pub amr: &'static str,
    /// The code that was spent.
    pub code: Option<CodeDigest>,
    /// Whether the same request may come again for the same session.
    pub repeatable: bool,
    /// The time.
    pub now: Timestamp,
    /// The session ends then unless it is refreshed.
    pub idle_until: Timestamp,
    /// The session ends then.
    pub expires_at: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
}

/// What opening a session did.
#[derive(Debug, Clone)]
pub enum Opened {
    /// A session is open.
    Open {
        /// What tokens are issued for.
        standing: Box<Standing>,
        /// Whether the person is new.
        is_new_user: bool,
        /// Sessions that it took the place of.
        replaced: Vec<SessionId>,
    },
    /// The user is disabled: no session was opened.
    Disabled,
    /// As many sessions live as may, and none gives way: no session was opened.
    Full,
    /// There is no such user, and what names them can't make one.
    Unknown,
}
