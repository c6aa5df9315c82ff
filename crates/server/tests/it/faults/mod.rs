//! A database server that goes away, hangs, or can only be read while people use menjin: who asks hears what helps, no token
//! is burnt, and all goes on by itself afterwards.
//!
//! Not here: a killed menjin (`crash`), a table that is gone (`outages`).

mod gone;
mod hung;
mod read_only;
mod times;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use menjin_testbed::{MariaDb, Postgres};

use crate::harness::{Answer, Setup, TestServer};
use crate::rows::Rows;
use crate::store::{DatabaseServer, Folder};

/// A menjin on a database server of its own.
pub(crate) struct Faulty {
    database: DatabaseServer,
    t: TestServer,
}

impl Faulty {
    async fn on(database: DatabaseServer) -> Self {
        let folder = Arc::new(Folder::on(&database.new_database().await));
        // What menjin says of the database is asked for, and not that a busy machine took too long to find out.
        let server = "request_timeout = \"60s\"".to_owned();
        let t = TestServer::with(Setup { folder: Some(folder), server, ..Setup::default() }).await;
        Self { database, t }
    }

    /// Does something to the database server that may take its time.
    async fn tell(
        &self,
        postgres: impl Fn(&Postgres) -> anyhow::Result<()> + Send + 'static,
        mariadb: impl Fn(&MariaDb) -> anyhow::Result<()> + Send + 'static,
    ) {
        let database = self.database.clone();
        let told = tokio::task::spawn_blocking(move || match database {
            DatabaseServer::Postgres(server) => postgres(&server),
            DatabaseServer::MariaDb(server) => mariadb(&server),
        });
        told.await.unwrap().unwrap();
    }

    /// As an operator stops it.
    async fn stop(&self) {
        self.tell(Postgres::stop, MariaDb::stop).await;
    }

    async fn pause(&self) {
        self.tell(Postgres::pause, MariaDb::pause).await;
    }

    async fn resume(&self) {
        self.tell(Postgres::resume, MariaDb::resume).await;
    }

    /// Runs statements as the database's operator.
    async fn operate(&self, postgres: &'static [&'static str], mariadb: &'static str) {
        let all = |server: &Postgres| postgres.iter().try_for_each(|sql| server.query("postgres", sql).map(drop));
        self.tell(all, |server| server.query("mysql", mariadb).map(drop)).await;
    }

    /// Waits until it says that it is ready.
    async fn is_ready(&self) {
        until(async || self.t.anon().get("/readyz").await.status == 200).await;
    }
}

/// Waits until it is so.
async fn until(is_so: impl AsyncFn() -> bool) {
    in_time(async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Nothing here takes so long.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(2), work).await.expect("it comes to an end")
}

/// The number that a question about the rows gives.
async fn number(rows: &mut Rows, sql: &str) -> i64 {
    rows.all(sql).await[0][0].int()
}

/// What somebody is told while the database can't be used.
#[track_caller]
fn assert_in_trouble(answer: Answer) {
    assert_eq!(answer.header("retry-after"), "1", "{}", answer.text);
    assert_eq!(answer.problem(503, "store_unavailable")["action"], "retry");
}

/// Makes a test on each server of each function, which gets a [`Faulty`].
macro_rules! on_each {
    ($($name:ident)+) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = crate::store::DatabaseServer::postgres().await;
                super::$name(crate::faults::Faulty::on(database).await).await;
            })+
        }

        mod on_mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = crate::store::DatabaseServer::mariadb().await;
                super::$name(crate::faults::Faulty::on(database).await).await;
            })+
        }
    };
}

use on_each;
