//! Everything that is kept of somebody, for a copy of it; secrets and what belongs to others stay behind.

use std::collections::HashSet;

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};

use super::{ConsentRow, DataMap, Device, EndReason, Result, UserRow};

/// So many sign-ins that are over are copied at most, the newest: a program leaves more than anybody could hold at once.
pub(crate) const MOST_OVER: u32 = 1000;
/// The same of lines of the audit.
pub(crate) const MOST_ACTS: u32 = 10_000;

/// All rows of somebody.
#[derive(Debug, Clone)]
pub struct Everything {
    /// Their own row.
    pub user: UserRow,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// When their own row last changed.
    pub updated_at: Timestamp,
    /// Who was merged into them, each with what another system calls them: what follows is of all of them.
    pub merged: Vec<(UserRow, Option<String>)>,
    /// Phone numbers: row, sealed, and when they were last proved.
    pub phones: Vec<([u8; 16], Vec<u8>, Timestamp)>,
    /// The names that they sign in with, and since when with this password.
    pub usernames: Vec<(String, Timestamp)>,
    /// How platforms know them, the oldest first.
    pub identities: Vec<KnownAs>,
    /// Their sign-ins, the newest first; of those that are over `MOST_OVER`.
    pub sessions: Vec<PastSession>,
    /// Whether there are more of them.
    pub more_sessions: bool,
    /// What back ends keep of them.
    pub data: Vec<OwnData>,
    /// What they agreed to, the oldest first.
    pub consents: Vec<ConsentRow>,
    /// Their roles: name and audience.
    pub roles: Vec<(String, String)>,
    /// What was done, the newest first; `MOST_ACTS` of them.
    pub history: Vec<Act>,
    /// Whether there is more of it.
    pub more_history: bool,
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
            more_sessions: false,
            data: Vec::new(),
            consents: Vec::new(),
            roles: Vec::new(),
            history: Vec::new(),
            more_history: false,
        }
    }

    /// Puts everything in order; of what is too much the newest stays. Each name brings one row more than that where there is one.
    pub(super) fn newest_first(&mut self) {
        self.identities.sort_by_key(|it| it.created_at);
        self.sessions.sort_by_key(|it| std::cmp::Reverse((it.opened_at, it.id)));
        self.consents.sort_by_key(|it| it.given_at);
        self.history.sort_by_key(|it| std::cmp::Reverse(it.at));
        self.more_sessions |= keep_newest(&mut self.sessions, &mut self.data);
        self.more_history |= self.history.len() > MOST_ACTS as usize;
        self.history.truncate(MOST_ACTS as usize);
    }
}

/// Drops the oldest of too many sign-ins that are over, with their data; whether there were any. The newest comes first.
fn keep_newest(sessions: &mut Vec<PastSession>, data: &mut Vec<OwnData>) -> bool {
    let mut over = 0;
    sessions.retain(|it| {
        over += u32::from(it.ended.is_some());
        it.ended.is_none() || over <= MOST_OVER
    });
    let kept: HashSet<SessionId> = sessions.iter().map(|it| it.id).collect();
    data.retain(|it| it.session.is_none_or(|session| kept.contains(&session)));
    over > MOST_OVER
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
    /// Everything that is kept of a user, or the newest of what is too much; `None`: there is no such user.
    async fn everything_of(&self, user: UserId) -> Result<Option<Everything>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DataMap;

    fn session(nth: u8, secs: i64, is_over: bool) -> PastSession {
        let at = Timestamp::from_secs(secs);
        let mut id = [nth; 16];
        id[8..].copy_from_slice(&secs.to_be_bytes());
        PastSession {
            id: SessionId::from_bytes(id),
            app: "shop".into(),
            amr: "wechat".into(),
            device: Device::default(),
            claims: None,
            opened_at: at,
            expires_at: at,
            ended: is_over.then_some((at, EndReason::Logout)),
        }
    }

    #[test]
    fn of_sign_ins_without_end_the_newest_stay_with_their_data_and_all_that_live() {
        let last = i64::from(MOST_OVER);
        let (living, oldest, newest) = (session(2, 0, false), session(1, 1, true), session(1, last, true));
        let mut sessions: Vec<_> =
            (1..=last).rev().map(|secs| session(1, secs, true)).chain([living.clone()]).collect();
        let of = |session: Option<SessionId>| OwnData { session, audience: "shop-api".into(), map: DataMap::default() };
        let mut data: Vec<_> = [None, Some(oldest.id), Some(newest.id), Some(living.id)].map(of).into();
        assert!(!keep_newest(&mut sessions, &mut data));
        let count = sessions.len();
        assert_eq!(data.len(), 4);
        sessions.insert(0, session(1, last + 1, true));
        assert!(keep_newest(&mut sessions, &mut data));
        assert_eq!((sessions.len(), sessions[0].opened_at), (count, Timestamp::from_secs(last + 1)));
        assert!(sessions.iter().any(|it| it.id == living.id) && sessions.iter().all(|it| it.id != oldest.id));
        let left: Vec<_> = data.iter().map(|it| it.session).collect();
        assert_eq!(left, [None, Some(newest.id), Some(living.id)]);
    }
}
