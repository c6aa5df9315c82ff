//! Moving in: users and identities of another system, a batch a transaction, safe to repeat.

use async_trait::async_trait;
use menjin_token::{IdentityId, Timestamp, UserId};

use super::{Database, IdentityName, NewPassword, Restored, Restoring, Result, Sqlite};
use crate::config::StorePlace;

/// Somebody of another system.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Their id, should they not be here.
    pub id: UserId,
    /// Their old id, which they keep.
    pub number: i64,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// What they call themselves.
    pub nickname: Option<String>,
    /// Where their picture is.
    pub avatar_url: Option<String>,
    /// When they first came there.
    pub created_at: Timestamp,
    /// Whether they may not sign in.
    pub disabled: bool,
    /// How they sign in.
    pub identities: Vec<NewIdentity>,
    /// Or by this name and password, unless they have one here.
    pub password: Option<NewPassword>,
}

/// An identity of a newcomer.
#[derive(Debug, Clone)]
pub struct NewIdentity {
    /// Its id, should it not be here.
    pub id: IdentityId,
    /// What makes it unique.
    pub name: IdentityName,
    /// The person's name in the open-platform account, and that account.
    pub unionid: Option<(String, String)>,
}

/// What became of a newcomer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MovedIn {
    /// They are here now.
    Made,
    /// They were here, and have got the identities or the password that they lacked.
    Completed,
    /// They were here already.
    There,
    /// They can't be who they say; nothing of them was written.
    Refused(Clash),
}

/// Why a newcomer can't move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clash {
    /// Another user has the number.
    Number,
    /// This other user has the external id.
    ExternalId(i64),
    /// This other user has the name to sign in by.
    Username(i64),
    /// Another user has the identity.
    Identity {
        /// Its place among the newcomer's.
        at: usize,
        /// Who has it, by number.
        user: i64,
    },
}

/// Users and identities of another system.
#[async_trait]
pub trait MovingIn: Send + Sync {
    /// Takes them in. Atomic for all; one who is refused takes nobody with them. What is here already is never changed.
    /// A `rehearsal` answers the same, as long as nobody stands twice among them, and writes nothing: of numbers that were
    /// written MySQL keeps the highest, also when that is undone.
    async fn move_in(&self, newcomers: Vec<Newcomer>, now: Timestamp, rehearsal: bool) -> Result<Vec<MovedIn>>;
    /// Whether `menjin move` has begun to fill this store, and has not come to its end.
    async fn is_half_moved(&self) -> Result<bool>;
    /// From now on new users get numbers above this one, and above all that were given; returns the next.
    async fn number_from(&self, above: i64) -> Result<i64>;
}

/// So far apart are the places of the feed before and after a restore, so that whoever has read further misses nothing.
pub(super) const FEED_GAP: i64 = 1_000_000;

/// Changes a database that has come back from a backup by itself, and that no node runs on: what must not come back does
/// not, and nothing is given twice.
pub(crate) async fn settle(
    place: &StorePlace,
    restoring: &Restoring,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> anyhow::Result<Restored> {
    match place {
        StorePlace::Sqlite(path) => {
            anyhow::ensure!(path.is_file(), "it does not exist");
            drop(Sqlite::alone(path)?);
            Sqlite::restore(path, None, restoring)
        }
        StorePlace::Postgres(_) | StorePlace::MySql(_) => Database::settle(place, restoring, progress).await,
    }
}

/// What a back end has found of a newcomer.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whether a user has the number.
    pub(super) number: bool,
    /// Who has the external id.
    pub(super) external_id: Option<i64>,
    /// Who has each identity.
    pub(super) identities: Vec<Option<i64>>,
    /// Who has the name to sign in by.
    pub(super) username: Option<i64>,
    /// Whether the user has a password.
    pub(super) password: bool,
}

/// What is to be done about a newcomer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Write them, with all identities.
    Make,
    /// Write these identities, by place, there may be none; and the password, or not.
    Add(Vec<usize>, bool),
    /// Write nothing.
    Refuse(Clash),
}

impl From<Verdict> for MovedIn {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Make => Self::Made,
            Verdict::Add(places, password) if places.is_empty() && !password => Self::There,
            Verdict::Add(..) => Self::Completed,
            Verdict::Refuse(clash) => Self::Refused(clash),
        }
    }
}

impl Found {
    /// Whoever was merged into another has what the one who stays has, and no password of their own any more.
    pub(super) fn by_name_of(mut self, number: i64, stays: Option<i64>) -> Self {
        let Some(stays) = stays.filter(|stays| *stays != number) else { return self };
        let own = |holder: &mut Option<i64>| {
            if *holder == Some(stays) {
                *holder = Some(number);
            }
        };
        own(&mut self.external_id);
        own(&mut self.username);
        self.identities.iter_mut().for_each(own);
        self.password = true;
        self
    }

    /// A number is somebody's own only with an identity, an external id or a name that is theirs too: menjin may have given
    /// the same number to somebody else.
    pub(super) fn verdict(&self, newcomer: &Newcomer) -> Verdict {
        let number = newcomer.number;
        let holders = self.identities.iter().enumerate().filter_map(|(at, holder)| Some((at, (*holder)?)));
        if let Some((at, user)) = holders.clone().find(|(_, user)| *user != number) {
            return Verdict::Refuse(Clash::Identity { at, user });
        }
        if let Some(user) = self.external_id.filter(|user| *user != number) {
            return Verdict::Refuse(Clash::ExternalId(user));
        }
        if let Some(user) = self.username.filter(|user| *user != number) {
            return Verdict::Refuse(Clash::Username(user));
        }
        if !self.number {
            return Verdict::Make;
        }
        if self.external_id.is_none() && self.username.is_none() && holders.count() == 0 {
            return Verdict::Refuse(Clash::Number);
        }
        let missing = self.identities.iter().enumerate().filter(|(_, holder)| holder.is_none());
        Verdict::Add(missing.map(|(at, _)| at).collect(), newcomer.password.is_some() && !self.password)
    }
}
