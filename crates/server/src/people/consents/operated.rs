//! What operators see of people's consents: the evidence, and nothing to change.

use menjin_token::{Timestamp, UserId};
use serde::Serialize;

use crate::problem::NotDone;
use crate::state::Menjin;
use crate::store::ConsentRow;

/// Somebody's consent to a version of a document, as operators see it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Consented)]
pub struct ConsentedView {
    /// The document.
    #[schema(example = "privacy")]
    pub document: String,
    /// Its version.
    #[schema(example = "2026-11-01")]
    pub version: String,
    /// The app in which it was said.
    pub app: String,
    /// From where.
    pub ip: Option<String>,
    /// What the client called itself; anybody's text.
    pub user_agent: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub given_at: Timestamp,
    /// Since when it holds no more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub withdrawn_at: Option<Timestamp>,
}

impl From<ConsentRow> for ConsentedView {
    fn from(row: ConsentRow) -> Self {
        let ConsentRow { document, version, app, ip, user_agent, given_at, withdrawn_at } = row;
        Self { document, version, app, ip, user_agent, given_at, withdrawn_at }
    }
}

impl Menjin {
    /// What somebody agreed to, the oldest first.
    pub async fn consents_of(&self, user: UserId) -> Result<Vec<ConsentedView>, NotDone> {
        let found = self.store.user(user).await?;
        let found = found.ok_or_else(|| NotDone::UserUnknown(format!("the id {user}")))?;
        Ok(self.store.consents_of(found.number).await?.into_iter().map(ConsentedView::from).collect())
    }
}
