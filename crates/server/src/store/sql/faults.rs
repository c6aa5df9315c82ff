//! What goes wrong between menjin and a database server: calls that are given up, transactions that lose, connections that
//! die, a pool that is used up. Nothing half done stays, and nobody waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, MySqlConnection, PgConnection, Row as _};

use super::Database;
use super::connection::{Connection, Dialect, Of};
use super::fresh::{Fresh, on_each};
use super::statement::{Sql, both, each};
use super::value::values;
use crate::store::conformance::sample::{at, identity, open, opening, presented, sign_in};
use crate::store::rows;
use crate::store::{Result, Rotation, Sessions as _, StoreError, Upkeep as _};

static ONE: Sql = both("users", "UPDATE users SET updated_at = 8 WHERE number = 1");
static OTHER: Sql = both("users", "UPDATE users SET updated_at = 8 WHERE number = 2");
static TWICE: Sql = both(
    "identities",
    "INSERT INTO identities (id, user_number, platform, appid, openid, created_at)
    SELECT ?1, user_number, platform, appid, openid, 1 FROM identities",
);
static NO_NUMBER: Sql = each(
    "users",
    "INSERT INTO users (id, created_at, updated_at) SELECT ?1, openid::BIGINT, 1 FROM identities",
    "INSERT INTO users (id, created_at, updated_at) SELECT ?1, CAST(openid AS CHAR), 1 FROM identities",
);

/// A connection beside the store's, in a transaction of its own.
enum Beside {
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

impl Beside {
    async fn of(t: &Fresh) -> Self {
        match t.dialect {
            Dialect::Postgres => Self::Postgres(PgConnection::connect(&t.url).await.unwrap()),
            Dialect::MySql => Self::MySql(MySqlConnection::connect(&t.url).await.unwrap()),
        }
    }

    async fn say(&mut self, sql: &'static str) {
        self.try_say(sql).await.unwrap();
    }

    async fn try_say(&mut self, sql: &'static str) -> sqlx::Result<()> {
        match self {
            Self::Postgres(on) => sqlx::raw_sql(sql).execute(on).await.map(drop),
            Self::MySql(on) => sqlx::raw_sql(sql).execute(on).await.map(drop),
        }
    }
}

impl Fresh {
    /// How many transactions wait for a lock.
    fn waiting(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            Dialect::MySql => "SELECT count(*) FROM information_schema.innodb_trx t
                JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.db = database() AND trx_state = 'LOCK WAIT'",
        }
    }

    /// How many transactions of the store are open.
    fn in_transaction(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => {
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND application_name = 'menjin' AND xact_start IS NOT NULL"
            }
            Dialect::MySql => {
                "SELECT count(*) FROM information_schema.innodb_trx t
                JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.db = database()"
            }
        }
    }

    /// How many connections the store has.
    fn connections(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => {
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'menjin'"
            }
            Dialect::MySql => {
                "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND user = 'menjin'"
            }
        }
    }
}

#[track_caller]
fn why<T: std::fmt::Debug>(failed: Result<T>) -> String {
    let StoreError::Unavailable(cause) = failed.unwrap_err();
    format!("{cause:#}")
}

async fn a_call_that_is_given_up_leaves_no_transaction_behind(t: Fresh) {
    let store = t.open(2).await;
    let alice = sign_in(&*store, "alice", at(0)).await;
    let mut beside = Beside::of(&t).await;
    beside.say("BEGIN").await;
    beside.say("UPDATE grants SET counter = counter").await;
    for _ in 0..4 {
        let calling = tokio::spawn({
            let (store, grant) = (Arc::clone(&store), alice.grant());
            async move { store.rotate(presented(grant, 0, at(1))).await }
        });
        t.until(t.waiting(), "1").await;
        calling.abort();
        assert!(calling.await.unwrap_err().is_cancelled());
    }
    beside.say("ROLLBACK").await;
    drop(beside);
    t.until(t.in_transaction(), "0").await;
    let rotation = store.rotate(presented(alice.grant(), 0, at(1))).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)), "{rotation:?}");
}

static BOUND: Sql = each(
    "pg_settings",
    "SELECT current_setting('statement_timeout')",
    "SELECT CAST(@@session.max_statement_time AS CHAR)",
);

/// What the database itself allows a statement.
async fn bound(on: &mut Connection<'_>) -> Result<Option<String>> {
    BOUND.row(on, &[], rows::value).await
}

async fn a_chore_is_not_bounded_as_requests_are(t: Fresh) {
    let store = t.open(1).await;
    let of_requests = || store.pool.alone(&(), |on, ()| bound(on).boxed(), Duration::from_secs(30));
    let usual = of_requests().await.unwrap();
    let of_chores = store.pool.chore(&(), |on, ()| bound(on).boxed()).await.unwrap();
    let (usually, none) = (t.by_dialect("5s", "0.000000"), t.by_dialect("0", "0.000000"));
    assert_eq!((usual.as_deref(), of_chores.as_deref()), (Some(usually), Some(none)));
    assert_eq!(of_requests().await.unwrap(), usual, "on the same connection");
    t.until(t.connections(), "1").await;
}

/// Takes two rows, one after the other.
async fn cross(on: &mut Connection<'_>, tries: &AtomicUsize) -> Result<()> {
    tries.fetch_add(1, Ordering::Relaxed);
    ONE.run(on, &[]).await?;
    OTHER.run(on, &[]).await.map(drop)
}

async fn a_transaction_that_loses_is_tried_again(t: Fresh) {
    let store = t.open(2).await;
    for person in ["alice", "bob"] {
        sign_in(&*store, person, at(0)).await;
    }
    let mut beside = Beside::of(&t).await;
    let tries = Arc::new(AtomicUsize::new(0));
    // Of two that took the rows in another order one has to lose: the database says which.
    for _ in 0..20 {
        // Who has done more is seldom chosen.
        beside.say("BEGIN; INSERT INTO audit (at, action, actor) SELECT at, action, actor FROM audit").await;
        beside.say("UPDATE users SET updated_at = 7 WHERE number = 2").await;
        let crossing = tokio::spawn({
            let (store, tries) = (Arc::clone(&store), Arc::clone(&tries));
            async move { store.transact(&*tries, |on, tries| cross(on, tries).boxed()).await }
        });
        t.until(t.waiting(), "1").await;
        let other = beside.try_say("UPDATE users SET updated_at = 7 WHERE number = 1").await;
        beside.say(if other.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
        crossing.await.unwrap().unwrap();
        assert_eq!(t.query("SELECT updated_at FROM users ORDER BY number").await, "8\n8");
        if tries.swap(0, Ordering::Relaxed) > 1 {
            return;
        }
    }
    panic!("it never lost");
}

async fn a_lock_that_nobody_lets_go_of_is_waited_for_no_longer_than_a_request_is(t: Fresh) {
    let store = t.open(2).await;
    let alice = sign_in(&*store, "alice", at(0)).await;
    let mut beside = Beside::of(&t).await;
    beside.say("BEGIN").await;
    beside.say("UPDATE grants SET counter = counter").await;
    let rotating = store.rotate(presented(alice.grant(), 0, at(1)));
    let refused = tokio::time::timeout(Duration::from_secs(30), rotating).await.unwrap();
    let told = why(refused);
    assert!(told.contains("lock timeout") || told.contains("took too long"), "{told}");
    beside.say("ROLLBACK").await;
    let rotation = store.rotate(presented(alice.grant(), 0, at(1))).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)), "{rotation:?}");
}

/// Connections of the pool that are held by somebody.
enum Held {
    Postgres(PoolConnection<sqlx::Postgres>),
    MySql(PoolConnection<sqlx::MySql>),
}

impl Held {
    async fn of(store: &Database) -> Self {
        match &store.pool.of {
            Of::Postgres(pool) => Self::Postgres(pool.acquire().await.unwrap()),
            Of::MySql(pool) => Self::MySql(pool.acquire().await.unwrap()),
        }
    }

    /// The first column but `at` of the first row.
    async fn ask(&mut self, sql: &'static str, at: usize) -> String {
        match self {
            Self::Postgres(on) => sqlx::raw_sql(sql).fetch_one(&mut **on).await.unwrap().get(at),
            Self::MySql(on) => sqlx::raw_sql(sql).fetch_one(&mut **on).await.unwrap().get(at),
        }
    }
}

async fn the_pool_is_bounded_and_who_gets_no_connection_is_told_soon(t: Fresh) {
    let store = t.open(2).await;
    let alice = sign_in(&*store, "alice", at(0)).await;
    let held = [Held::of(&store).await, Held::of(&store).await];
    let mut waiting = tokio::task::JoinSet::new();
    for nth in 0..40 {
        let (store, grant) = (Arc::clone(&store), alice.grant());
        waiting.spawn(async move {
            if nth % 2 == 0 {
                store.grant(grant).await.map(drop)
            } else {
                store.rotate(presented(grant, 0, at(1))).await.map(drop)
            }
        });
    }
    let told = tokio::time::timeout(Duration::from_secs(30), waiting.join_all()).await.unwrap();
    assert_eq!(told.len(), 40);
    for told in told {
        let why = why(told);
        assert!(["gave no connection", "was busy"].iter().any(|told| why.contains(told)), "{why}");
    }
    drop(held);
    let mut racing = tokio::task::JoinSet::new();
    for nth in 0..40 {
        let store = Arc::clone(&store);
        racing.spawn(async move { open(&*store, opening(&format!("person {nth}"), at(0))).await.is_new_user });
    }
    assert!(racing.join_all().await.into_iter().all(|is_new| is_new));
    let connections: u32 = t.query(t.connections()).await.parse().unwrap();
    assert!((1..=2).contains(&connections), "{connections}");
}

async fn a_statement_is_prepared_once_on_each_connection(t: Fresh) {
    let store = t.open(1).await;
    let alice = sign_in(&*store, "alice", at(0)).await;
    let counted = match t.dialect {
        Dialect::Postgres => "SELECT count(*)::text FROM pg_prepared_statements",
        Dialect::MySql => "SHOW SESSION STATUS LIKE 'Com_stmt_prepare'",
    };
    let column = usize::from(t.dialect == Dialect::MySql);
    let mut prepared = Vec::new();
    for counter in 0..5 {
        store.grant(alice.grant()).await.unwrap().unwrap();
        store.rotate(presented(alice.grant(), counter, at(1))).await.unwrap();
        let mut held = Held::of(&store).await;
        prepared.push(held.ask(counted, column).await.parse::<u32>().unwrap());
    }
    assert!(prepared[0] > 3 && prepared.iter().all(|count| *count == prepared[0]), "{prepared:?}");
}

async fn connections_that_died_are_replaced_before_anybody_notices(t: Fresh) {
    let store = t.open(3).await;
    let alice = sign_in(&*store, "alice", at(0)).await;
    for counter in 0..5 {
        let held = [Held::of(&store).await, Held::of(&store).await, Held::of(&store).await];
        drop(held);
        match t.dialect {
            Dialect::Postgres => {
                let all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'menjin'";
                t.query(all).await;
            }
            Dialect::MySql => {
                let all = "SELECT id FROM information_schema.processlist WHERE db = database() AND user = 'menjin'";
                for id in t.query(all).await.lines() {
                    // It may have ended by itself.
                    drop(t.try_query(&format!("KILL {id}")).await);
                }
            }
        }
        store.session(alice.session()).await.unwrap().unwrap();
        let rotation = store.rotate(presented(alice.grant(), counter, at(1))).await.unwrap();
        assert!(matches!(rotation, Rotation::Rotated(_)), "{rotation:?}");
        store.ready().await.unwrap();
    }
}

async fn a_failure_never_quotes_what_people_are_called(t: Fresh) {
    let store = t.open(2).await;
    let openid = identity("alice").openid;
    sign_in(&*store, "alice", at(0)).await;
    for (sql, part) in [(&TWICE, t.by_dialect("23505", "23000")), (&NO_NUMBER, "22")] {
        let told = why(store.pool.run(sql, values![&[7; 16]]).await);
        assert!(told.contains(part) && !told.contains(&openid), "{told}");
        assert!(!format!("{told:?}").contains("alice"), "{told}");
    }
}

on_each! {
    a_chore_is_not_bounded_as_requests_are
    a_call_that_is_given_up_leaves_no_transaction_behind
    a_transaction_that_loses_is_tried_again
    a_lock_that_nobody_lets_go_of_is_waited_for_no_longer_than_a_request_is
    the_pool_is_bounded_and_who_gets_no_connection_is_told_soon
    a_statement_is_prepared_once_on_each_connection
    connections_that_died_are_replaced_before_anybody_notices
    a_failure_never_quotes_what_people_are_called
}

/// A server of its own, whose connections end no statement by themselves: menjin's do all the same.
mod without_autocommit {
    use std::path::Path;

    use super::*;
    use crate::config::StorePlace;
    use crate::store::conformance::sample::claiming;
    use crate::store::{CodeClaim, CodeDigest, Codes as _, OnOldSchema};

    mod on_mariadb {
        use super::*;

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn what_stands_alone_is_committed() {
            let server = tokio::task::spawn_blocking(|| menjin_testbed::MariaDb::start_with(&["--autocommit=0"]));
            let server = Arc::new(server.await.unwrap().unwrap());
            let making = Arc::clone(&server);
            let url = tokio::task::spawn_blocking(move || making.database()).await.unwrap();
            let place = StorePlace::parse(&url, Path::new("")).unwrap();
            let open = async || Database::open(&place, 4, OnOldSchema::Migrate).await.unwrap();
            let (one, other) = (open().await, open().await);
            let claim = claiming(CodeDigest([7; 32]), None);
            assert_eq!(one.claim_code(claim).await.unwrap(), CodeClaim::Claimed);
            assert_eq!(other.claim_code(claim).await.unwrap(), CodeClaim::Used);
            drop(one);
            assert_eq!(other.claim_code(claim).await.unwrap(), CodeClaim::Used);
            let stopping = tokio::task::spawn_blocking(move || drop(server));
            stopping.await.unwrap();
        }
    }
}
