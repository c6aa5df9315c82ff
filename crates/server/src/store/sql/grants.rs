//! Grants as they stand.

use async_trait::async_trait;
use menjin_token::{GrantId, Timestamp};

use super::Database;
use super::statement::statements;
use super::value::{id, values};
use crate::store::rows::{self, living_grant_columns};
use crate::store::{Grants, LivingGrant, Result};

statements! {
    LIVING on grants = both(concat!("SELECT ", living_grant_columns!(), " FROM grants g JOIN sessions s ON s.id = g.session
        JOIN users u ON u.number = s.user_number WHERE g.id = ?1"));
}

#[async_trait]
impl Grants for Database {
    async fn living_grant(&self, grant: GrantId, now: Timestamp) -> Result<Option<LivingGrant>> {
        let found = self.pool.row(&LIVING, values![&id(grant)], rows::living_grant).await?;
        Ok(found.flatten().filter(|grant| now < grant.until))
    }
}
