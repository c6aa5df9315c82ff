//! PostgreSQL's LISTEN and NOTIFY, so that nodes hear of each other's ends at once.
//!
//! A notification is a statement of its own after the commit: within a transaction it would make commits wait in a line.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use super::connection::{Of, Pool};
use super::statement::statements;
use super::value::values;
use crate::store::Bell;

const CHANNEL: &str = "menjin_events";

statements! {
    NOTIFY on events = both("SELECT pg_notify('menjin_events', ?1)");
}

/// The bell of the nodes on one PostgreSQL database.
#[derive(Debug)]
pub(super) struct PostgresBell {
    pool: Pool,
    options: Arc<PgConnectOptions>,
    /// Tells this node's own notifications.
    node: String,
}

impl PostgresBell {
    /// The bell of a pool, if it is PostgreSQL's.
    pub(super) fn of(pool: &Pool) -> Option<Self> {
        let Of::Postgres(connections) = &pool.of else { return None };
        let mut name = [0; 8];
        aws_lc_rs::rand::fill(&mut name).expect("a system without randomness can't serve");
        let node = format!("{:016x}", u64::from_be_bytes(name));
        Some(Self { pool: pool.clone(), options: connections.connect_options(), node })
    }

    /// A connection of its own, which is not one of those that requests wait for.
    async fn listener(&self) -> sqlx::Result<PgListener> {
        let one = PgPoolOptions::new().max_connections(1).connect_lazy_with((*self.options).clone());
        let mut listener = PgListener::connect_with(&one).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }
}

#[async_trait]
impl Bell for PostgresBell {
    async fn ring(&self) {
        let rung = self.pool.run(&NOTIFY, values![&self.node]).await;
        if let Err(error) = rung {
            tracing::debug!(error = format!("{:#}", anyhow::Error::from(error)), "other nodes could not be woken");
        }
    }

    async fn listen(&self, heard: &(dyn Fn() + Send + Sync)) {
        let mut listener = match self.listener().await {
            Ok(listener) => listener,
            Err(error) => {
                tracing::debug!(error = %super::error::describe(&error), "wake-ups can't be heard");
                return;
            }
        };
        heard();
        while let Ok(Some(notification)) = listener.try_recv().await {
            if notification.payload() != self.node {
                heard();
            }
        }
    }
}
