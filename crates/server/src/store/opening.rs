//! What one transaction needs to open a session, and what comes of it (design §4.4).

use menjin_token::{GrantId, IdentityId, SessionId, Timestamp, UserId};

use super::{
    Actor, CodeDigest, Device, IdentityName, MergedByItself, Merging, NewPassword, PhoneChange, ProfileChange, Standing,
};

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
    /// This user, whose password was chosen then.
    Password(UserId, Timestamp),
    /// A new user, with this name and password.
    Registered(Box<NewPassword>),
}

impl Who {
    /// Their identity, if they come by one.
    pub(super) fn identity(&self) -> Option<&IdentityName> {
        match self {
            Self::Identity(name) => Some(name),
            Self::User(_) | Self::Number(_) | Self::ExternalId(_) | Self::Password(..) | Self::Registered(_) => None,
        }
    }

    /// What another system calls them, if they come by that.
    pub(super) fn external_id(&self) -> Option<&str> {
        match self {
            Self::ExternalId(name) => Some(name),
            Self::Identity(_) | Self::User(_) | Self::Number(_) | Self::Password(..) | Self::Registered(_) => None,
        }
    }

    /// Whether somebody unknown becomes a user.
    pub(super) fn may_be_new(&self) -> bool {
        self.identity().is_some() || self.external_id().is_some() || self.registered().is_some()
    }

    /// The name and the password that they come by, if they are made of these.
    pub(super) fn registered(&self) -> Option<&NewPassword> {
        match self {
            Self::Registered(new) => Some(new),
            Self::Identity(_) | Self::User(_) | Self::Number(_) | Self::ExternalId(_) | Self::Password(..) => None,
        }
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
    /// Should it merge two users, that can be undone until then.
    pub unmerge_until: Timestamp,
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

impl Opening {
    /// Two users whom the unionid that came late proves to be one.
    pub(super) fn merging(&self, from: UserId, into: UserId) -> Merging {
        let (by, now, until) = (Actor::system(), self.now, self.unmerge_until);
        Merging { from, into, by, rehearsal: false, now, until, tokens_until: self.tokens_until }
    }
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
        /// Somebody who turned out to be the same person, by the unionid that came with it.
        merged: Option<MergedByItself>,
        /// Whether they wanted to leave, and stay by this.
        called_back: bool,
    },
    /// The user is disabled: no session was opened.
    Disabled,
    /// As many sessions live as may, and none gives way: no session was opened.
    Full,
    /// Somebody has the name that a new user wants: no session was opened.
    NameTaken,
    /// There is no such user, or their password is another one by now; and what names them can't make one.
    Unknown,
}
