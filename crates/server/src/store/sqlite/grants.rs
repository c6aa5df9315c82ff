//! Grants as they stand, in `SQLite`.

use async_trait::async_trait;
use menjin_token::{GrantId, Timestamp};

use super::Sqlite;
use super::sql::statements;
use crate::store::rows::{self, living_grant_columns};
use crate::store::{Grants, LivingGrant, Result};

statements! {
    LIVING on grants = "SELECT ", living_grant_columns!(), " FROM grants g JOIN sessions s ON s.id = g.session
        JOIN users u ON u.number = s.user_number WHERE g.id = ?1";
}

#[async_trait]
impl Grants for Sqlite {
    async fn living_grant(&self, grant: GrantId, now: Timestamp) -> Result<Option<LivingGrant>> {
        let found = self.read(|connection| LIVING.row(connection, [grant.to_bytes()], rows::living_grant))?;
        Ok(found.flatten().filter(|grant| now < grant.until))
    }
}
