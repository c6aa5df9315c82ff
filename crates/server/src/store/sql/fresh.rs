//! For tests: a fresh database on each kind of server, opened as a store and touched from beside it.

use std::path::Path;
use std::sync::Arc;

use menjin_testbed::{MariaDb, Postgres};

use super::connection::Dialect;
use super::{Database, OnOldSchema, OpenError};
use crate::config::StorePlace;

/// An empty database of a server that all tests share.
#[derive(Debug, Clone)]
pub(super) struct Fresh {
    pub(super) url: String,
    pub(super) dialect: Dialect,
}

impl Fresh {
    pub(super) async fn of(dialect: Dialect) -> Self {
        let make = move || match dialect {
            Dialect::Postgres => Postgres::shared().database(),
            Dialect::MySql => MariaDb::shared().database(),
        };
        Self { url: tokio::task::spawn_blocking(make).await.unwrap(), dialect }
    }

    pub(super) fn place(&self) -> StorePlace {
        StorePlace::parse(&self.url, Path::new("")).unwrap()
    }

    pub(super) async fn try_open(&self, on_old_schema: OnOldSchema) -> Result<Database, OpenError> {
        Database::open(&self.place(), 8, on_old_schema).await
    }

    /// The store, with at most so many connections.
    pub(super) async fn open(&self, max_connections: u32) -> Arc<Database> {
        Arc::new(Database::open(&self.place(), max_connections, OnOldSchema::Migrate).await.unwrap())
    }

    /// Does something that no method of the store does.
    pub(super) async fn query(&self, sql: &str) -> String {
        self.try_query(sql).await.unwrap()
    }

    pub(super) async fn try_query(&self, sql: &str) -> anyhow::Result<String> {
        let (fresh, sql) = (self.clone(), sql.to_owned());
        tokio::task::spawn_blocking(move || fresh.query_now(&sql)).await.unwrap()
    }

    pub(super) fn query_now(&self, sql: &str) -> anyhow::Result<String> {
        match self.dialect {
            Dialect::Postgres => Postgres::shared().query(&self.url, sql),
            Dialect::MySql => MariaDb::shared().query(&self.url, sql),
        }
    }

    /// One of two texts.
    pub(super) fn by_dialect<'t>(&self, postgres: &'t str, mysql: &'t str) -> &'t str {
        match self.dialect {
            Dialect::Postgres => postgres,
            Dialect::MySql => mysql,
        }
    }

    /// Waits until a question gets this answer.
    pub(super) async fn until(&self, sql: &str, answer: &str) {
        let waiting = async {
            while self.query(sql).await != answer {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await;
        assert!(waited.is_ok(), "{sql} never gave {answer:?}, but {:?}", self.query(sql).await);
    }
}

/// Makes a test on PostgreSQL and one on MariaDB of each function, which gets a [`Fresh`].
macro_rules! on_each {
    ($($name:ident)+) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::store::sql::fresh::Fresh::of($crate::store::sql::connection::Dialect::Postgres).await).await;
            })+
        }

        mod on_mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::store::sql::fresh::Fresh::of($crate::store::sql::connection::Dialect::MySql).await).await;
            })+
        }
    };
}

pub(super) use on_each;
