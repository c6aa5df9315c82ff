//! What operators do about people who leave: begin it, do it at once, undo it.

use menjin_token::{SessionId, Timestamp, UserId};
use serde::Serialize;

use super::{announce, erase};
use crate::people::merging::not_done;
use crate::problem::NotDone;
use crate::session::carried_through;
use crate::state::Menjin;
use crate::store::{Actor, Departed, Erased, Stayed};

/// How soon somebody is to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenToDelete {
    /// After `lifetimes.deletion_cooling_off`, unless they sign in before.
    AfterCoolingOff,
    /// Now: nothing brings them back.
    Now,
}

/// What deleting somebody did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Deletion {
    /// Who.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub user: UserId,
    /// Whether nothing is left of them by now.
    pub erased: bool,
    /// From when on they are erased; none for who is already.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deletes_at: Option<Timestamp>,
    /// How many sessions ended.
    pub sessions_ended: usize,
}

impl Menjin {
    /// Deletes somebody, after the cooling-off or now.
    pub async fn delete_user(&self, by: &Actor, user: UserId, when: WhenToDelete) -> Result<Deletion, NotDone> {
        let unknown = || NotDone::UserUnknown(format!("the id {user}"));
        let done = |ended: &[SessionId], deletes_at: Option<Timestamp>| {
            Ok(Deletion { user, erased: deletes_at.is_none(), deletes_at, sessions_ended: ended.len() })
        };
        if when == WhenToDelete::AfterCoolingOff {
            return match announce(self, user, by.clone(), None).await? {
                Departed::Begun { deletes_at, ended } => done(&ended, Some(deletes_at)),
                Departed::Gone => Err(NotDone::UserErased(user)),
                Departed::Unknown => Err(unknown()),
            };
        }
        let (menjin, by) = (self.clone(), by.clone());
        // To its end, though the request's time is up: whoever left much behind takes longer.
        let erased = carried_through(async move { Ok(erase(&menjin, user, &by).await?) }).await;
        match erased.map_err(not_done)? {
            Erased::Erased { ended, .. } => done(&ended, None),
            Erased::Gone => Err(NotDone::UserErased(user)),
            // It was asked for whether they are due or not.
            Erased::NotDue | Erased::Unknown => Err(unknown()),
        }
    }

    /// Somebody who was to be deleted stays; when they would have been.
    pub async fn undelete_user(&self, by: &Actor, user: UserId) -> Result<Timestamp, NotDone> {
        match self.store.cancel_leaving(user, by.clone(), self.clock.now()).await? {
            Stayed::Stays(at) => Ok(at),
            Stayed::NotLeaving => Err(NotDone::NotLeaving(user)),
            Stayed::Gone => Err(NotDone::UserErased(user)),
            Stayed::Unknown => Err(NotDone::UserUnknown(format!("the id {user}"))),
        }
    }
}
