//! Everything that is kept of somebody, for a copy of it; secrets and what belongs to others stay behind.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::{ConsentRow, DataMap, Device, EndReason, Result, UserRow};

/// All rows of somebody.
#[derive(Debug, Clone)]
pub struct Everything {
    /// Their own row.
    pub user: UserRow,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// When their own row last changed.
    pub updated_at: Timestamp,
    /// Who was merged into them: what follows is of all of them.
    pub merged: Vec<UserRow>,
    /// Phone numbers: row, sealed, and since when they are theirs.
    pub phones: Vec<([u8; 16], Vec<u8>, Timestamp)>,
    /// The names that they sign in with, and since when with this password.
    pub usernames: Vec<(String, Timestamp)>,
    /// How platforms know them, the oldest first.
    pub identities: Vec<KnownAs>,
    /// Their sign-ins, those that are over, too; the newest first.
    pub sessions: Vec<PastSession>,
    /// What back ends keep of them.
    pub data: Vec<OwnData>,
    /// What they agreed to, the oldest first.
    pub consents: Vec<ConsentRow>,
    /// Their roles: name and audience.
    pub roles: Vec<(String, String)>,
    /// What was done, the newest first.
    pub history: Vec<Act>,
}

impl Everything {
    pub(super) fn of(user: UserRow, external_id: Option<String>, updated_at: Timestamp) -> Self {
        Self {
            user,
            external_id,
            updated_at,
            merged: Vec::new(),
            phones: Vec::new(),
            usernames: Vec::new(),
            identities: Vec::new(),
            sessions: Vec::new(),
            data: Vec::new(),
            consents: Vec::new(),
            roles: Vec::new(),
            history: Vec::new(),
        }
    }

    pub(super) fn newest_first(&mut self) {
        self.identities.sort_by_key(|it| it.created_at);
        self.sessions.sort_by_key(|it| std::cmp::Reverse((it.opened_at, it.id)));
        self.consents.sort_by_key(|it| it.given_at);
        self.history.sort_by_key(|it| std::cmp::Reverse(it.at));
    }
}

/// An identity with everything that the platform said.
#[derive(Clone)]
pub struct KnownAs {
    /// The platform.
    pub platform: String,
    /// The platform's appid.
    pub appid: String,
    /// Their name in it.
    pub openid: String,
    /// Their name in the open-platform account.
    pub unionid: Option<String>,
    /// Since when it is theirs.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for KnownAs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KnownAs({}, {}, [openid])", self.platform, self.appid)
    }
}

/// A sign-in, over or not.
#[derive(Debug, Clone)]
pub struct PastSession {
    /// Its id.
    pub id: SessionId,
    /// The app.
    pub app: String,
    /// How they proved who they are.
    pub amr: String,
    /// The device.
    pub device: Device,
    /// What a back end said of them.
    pub claims: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When and why it ended.
    pub ended: Option<(Timestamp, EndReason)>,
}

/// A map of session data.
#[derive(Debug, Clone)]
pub struct OwnData {
    /// The session that it belongs to; otherwise it is the user's.
    pub session: Option<SessionId>,
    /// The back end that keeps it.
    pub audience: String,
    /// What it holds.
    pub map: DataMap,
}

/// Something that was done with them or by them.
#[derive(Debug, Clone)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// What, e.g. `session.opened`.
    pub action: String,
    /// What kind of actor did it.
    pub actor: String,
    /// Through which app.
    pub app: Option<String>,
    /// From where.
    pub ip: Option<String>,
    /// What else there is to say.
    pub detail: Option<String>,
}

/// Copies of all that is kept.
#[async_trait]
pub trait Copying: Send + Sync {
    /// Everything that is kept of a user; `None`: there is no such user.
    async fn everything_of(&self, user: UserId) -> Result<Option<Everything>>;
}
