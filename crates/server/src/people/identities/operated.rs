//! What operators do about people's identities: listed, and taken away.

use menjin_token::{IdentityId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::take_away;
use crate::people::merging::not_done;
use crate::problem::NotDone;
use crate::state::Menjin;
use crate::store::{Actor, IdentityRow};

/// An identity as operators see it; what the platform calls the person is not shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatedIdentity {
    /// Its id.
    #[schema(value_type = String, example = "idn_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub id: IdentityId,
    /// The platform.
    #[schema(example = "wechat")]
    pub platform: String,
    /// The platform's name for the app.
    #[schema(example = "wx0123456789abcdef")]
    pub appid: String,
    /// Whether the platform told the person's name in the open-platform account.
    pub has_unionid: bool,
    /// Since when it is theirs.
    #[schema(value_type = String, format = DateTime)]
    pub linked_at: Timestamp,
}

impl From<IdentityRow> for OperatedIdentity {
    fn from(row: IdentityRow) -> Self {
        let IdentityRow { id, platform, appid, has_unionid, created_at } = row;
        Self { id, platform, appid, has_unionid, linked_at: created_at }
    }
}

impl Menjin {
    /// How a user signs in by platforms, the oldest first.
    pub async fn identities_of(&self, user: UserId) -> Result<Vec<OperatedIdentity>, NotDone> {
        let found = self.store.user(user).await?.ok_or_else(|| NotDone::UserUnknown(format!("the id {user}")))?;
        Ok(self.store.identities_of(found.id).await?.into_iter().map(OperatedIdentity::from).collect())
    }

    /// Takes an identity away, and ends the sessions that it opened; how many there were. The last way to sign in goes only
    /// `even_last`.
    pub async fn unlink_identity(
        &self,
        by: &Actor,
        user: UserId,
        identity: IdentityId,
        even_last: bool,
    ) -> Result<usize, NotDone> {
        let found = self.store.user(user).await?.ok_or_else(|| NotDone::UserUnknown(format!("the id {user}")))?;
        let sessions = take_away(self, (by.clone(), even_last), found.id, identity).await.map_err(not_done)?;
        self.fast.wake.tell_now().await;
        Ok(sessions)
    }
}
