//! A database server as the store, through sqlx: PostgreSQL, MySQL or MariaDB, for any number of nodes.
//!
//! Lives here: opening it. Each intention is one transaction, `READ COMMITTED`, with row locks where callers race; one that
//! lost against others is tried again. Does not: statements (a file a concern), connections (`connection`).

mod accounts;
mod across;
mod apps;
mod arrivals;
mod bell;
mod codes;
#[cfg(test)]
mod conforms;
mod connection;
mod consents;
mod error;
mod events;
mod everything;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fresh;
mod grants;
mod identities;
mod keys;
mod leaving;
mod lists;
mod merges;
mod migrate;
#[cfg(test)]
mod migrating;
mod moving;
mod operator_people;
mod operators;
mod passwords;
mod people;
mod phones;
#[cfg(test)]
mod plans;
mod pushes;
pub(super) mod reach;
mod restored;
mod roles;
mod sealed;
mod session_data;
mod sessions;
mod statement;
#[cfg(test)]
mod tls;
mod tokens;
mod trail;
mod upkeep;
mod value;

use std::sync::Arc;

use self::bell::PostgresBell;
use self::connection::Pool;
use super::schema::{OnOldSchema, OpenError};
use crate::config::StorePlace;

/// PostgreSQL, MySQL or MariaDB as the store.
pub struct Database {
    pool: Pool,
    bell: Option<Arc<PostgresBell>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("dialect", &self.pool.dialect()).finish_non_exhaustive()
    }
}

impl Database {
    /// Connects to a database server, with at most so many connections.
    pub async fn open(
        place: &StorePlace,
        max_connections: u32,
        on_old_schema: OnOldSchema,
    ) -> std::result::Result<Self, OpenError> {
        let pool =
            Box::pin(reach::reach(place, max_connections)).await.map_err(|why| OpenError::Unreachable { why })?;
        let bell = PostgresBell::of(&pool).map(Arc::new);
        let database = Self { pool, bell };
        Box::pin(migrate::run(&database, on_old_schema)).await?;
        Ok(database)
    }
}
