//! What a start does to the schema of a database server, also when several start at once, and when one is killed amid it.

use std::sync::Arc;

use sqlx::{Connection as _, MySqlConnection, PgConnection};

use super::connection::Dialect;
use super::fresh::{Fresh, on_each};
use super::migrate::{POSTGRES, run_all};
use super::{Database, OnOldSchema, OpenError, reach};
use crate::store::Upkeep as _;

const APPLIED: &str = "SELECT version, applied_at FROM _migrations ORDER BY version";

impl Fresh {
    /// How many tables there are.
    async fn tables(&self) -> String {
        let of = self.by_dialect("current_schema()", "database()");
        self.query(&format!("SELECT count(*) FROM information_schema.tables WHERE table_schema = {of}")).await
    }

    /// Opens it with these migrations instead of menjin's.
    async fn run_all(&self, all: &'static [&'static str]) -> Result<Database, OpenError> {
        let pool = reach::reach(&self.place(), 2).await.unwrap();
        let database = Database { pool, bell: None };
        run_all(&database, OnOldSchema::Migrate, all).await.map(|()| database)
    }

    /// Says that a newer program has migrated.
    async fn migrated_by_a_newer_program(&self, oldest: &str) {
        self.open(1).await;
        let none = self.by_dialect("'\\x00'", "x'00'");
        self.query(&format!("INSERT INTO _migrations VALUES ({}, {none}, '{oldest}', 0)", next())).await;
    }
}

/// The version that a newer program will have; both dialects have as many migrations.
fn next() -> u32 {
    u32::try_from(POSTGRES.len()).unwrap() + 1
}

async fn a_fresh_database_is_migrated_once(t: Fresh) {
    t.try_open(OnOldSchema::Migrate).await.unwrap().ready().await.unwrap();
    let first = t.query(APPLIED).await;
    assert_eq!(first.lines().count(), POSTGRES.len(), "{first}");
    for on_old_schema in [OnOldSchema::Migrate, OnOldSchema::Refuse] {
        t.try_open(on_old_schema).await.unwrap().ready().await.unwrap();
        assert_eq!(t.query(APPLIED).await, first);
    }
}

async fn programs_that_start_at_once_migrate_once_and_all_open(t: Fresh) {
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let t = t.clone();
        opening.spawn(async move { t.try_open(OnOldSchema::Migrate).await.unwrap().ready().await });
    }
    for opened in opening.join_all().await {
        opened.unwrap();
    }
    assert_eq!(t.query(APPLIED).await.lines().count(), POSTGRES.len());
}

async fn an_old_schema_is_left_alone_where_it_may_not_be_migrated(t: Fresh) {
    let error = t.try_open(OnOldSchema::Refuse).await.unwrap_err();
    assert!(matches!(error, OpenError::OldSchema { found: 0, needed } if needed + 1 == next()), "{error}");
    assert!(error.to_string().contains("menjin migrate"), "{error}");
    assert_eq!(t.tables().await, "0");
}

async fn a_newer_schema_opens_where_it_allows_this_program(t: Fresh) {
    t.migrated_by_a_newer_program(env!("CARGO_PKG_VERSION")).await;
    t.try_open(OnOldSchema::Refuse).await.unwrap();
}

async fn a_newer_schema_is_refused_where_it_does_not(t: Fresh) {
    t.migrated_by_a_newer_program("99.0.0").await;
    for on_old_schema in [OnOldSchema::Migrate, OnOldSchema::Refuse] {
        let error = t.try_open(on_old_schema).await.unwrap_err();
        let is_newer =
            matches!(&error, OpenError::NewSchema { found, oldest } if *found == next() && oldest == "99.0.0");
        assert!(is_newer, "{error}");
    }
}

async fn a_migration_with_another_text_is_refused(t: Fresh) {
    t.open(1).await;
    t.query(t.by_dialect("UPDATE _migrations SET checksum = '\\x00'", "UPDATE _migrations SET checksum = x'00'")).await;
    for on_old_schema in [OnOldSchema::Migrate, OnOldSchema::Refuse] {
        let error = t.try_open(on_old_schema).await.unwrap_err();
        assert!(matches!(error, OpenError::ForeignSchema { version: 1 }), "{error}");
    }
}

async fn another_programs_tables_are_refused_and_left_as_they_are(t: Fresh) {
    for (theirs, table) in [
        ("CREATE TABLE events (name TEXT); INSERT INTO events VALUES ('Zoe')", "events"),
        (
            "DROP TABLE events; CREATE TABLE users (number BIGINT PRIMARY KEY, name TEXT); INSERT INTO users VALUES (7, 'Zoe')",
            "users",
        ),
        (
            "CREATE TABLE _migrations (name TEXT, version BIGINT); INSERT INTO _migrations VALUES ('Zoe', 1)",
            "_migrations",
        ),
    ] {
        t.query(theirs).await;
        let before = t.tables().await;
        let error = t.try_open(OnOldSchema::Migrate).await.unwrap_err();
        assert!(matches!(&error, OpenError::ForeignTable { table: named } if named == table), "{error}");
        assert!(error.to_string().contains("a database of its own"), "{error}");
        assert_eq!((t.tables().await, t.query(&format!("SELECT name FROM {table}")).await), (before, "Zoe".to_owned()));
    }
}

async fn a_migration_that_fails_is_carried_on_where_it_stopped(t: Fresh) {
    const ALL: [&str; 2] = [
        "CREATE TABLE words (word BIGINT);\n\nINSERT INTO words VALUES (1);\n",
        "-- oldest-program: 0.1.0\nCREATE TABLE copies (word BIGINT);\nINSERT INTO words VALUES (2);\n\
         INSERT INTO words SELECT word FROM later;\nINSERT INTO words VALUES (3);\n",
    ];
    let error = t.run_all(&ALL).await.unwrap_err();
    assert!(matches!(&error, OpenError::Unreachable { why } if why.contains("later")), "{error}");
    // PostgreSQL takes a migration whole or not at all; MySQL goes on with the step that failed.
    let words = "SELECT word FROM words ORDER BY word";
    assert_eq!(t.query(words).await, t.by_dialect("1", "1\n2"));
    assert_eq!(t.query(APPLIED).await.lines().count(), 1);
    t.query("CREATE TABLE later (word BIGINT); INSERT INTO later VALUES (9)").await;
    if t.dialect == Dialect::Postgres {
        t.query("GRANT ALL ON later TO menjin").await;
    }
    for _ in 0..2 {
        t.run_all(&ALL).await.unwrap();
        assert_eq!(t.query(words).await, "1\n2\n3\n9");
    }
}

/// A kill may fall between a step and the note of it, so each must be able to run again. PostgreSQL has no steps.
mod each_step_runs_again {
    use super::*;

    mod on_mariadb {
        use super::*;

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_migration_whose_steps_were_done_and_not_noted_is_carried_on() {
            let t = Fresh::of(Dialect::MySql).await;
            t.open(1).await;
            let columns =
                "SELECT group_concat(concat(table_name, '.', column_name) ORDER BY 1) FROM information_schema.columns
                WHERE table_schema = database()";
            let before = t.query(columns).await;
            t.query("DELETE FROM _migrations; UPDATE _migration_steps SET done = 0").await;
            t.open(1).await.ready().await.unwrap();
            assert_eq!(t.query(columns).await, before);
            assert_eq!(t.query(APPLIED).await.lines().count(), POSTGRES.len());
        }
    }
}

async fn a_program_that_is_killed_amid_a_migration_holds_up_nobody(t: Fresh) {
    const SLOW_POSTGRES: [&str; 1] = [
        "CREATE TABLE words (word BIGINT);\nINSERT INTO words VALUES (1);\nSELECT pg_advisory_lock(1);\nSELECT pg_advisory_unlock(1);\n",
    ];
    const SLOW_MYSQL: [&str; 1] = [
        "CREATE TABLE IF NOT EXISTS words (word BIGINT);\nINSERT INTO words VALUES (1);\nDO get_lock(concat('slow ', database()), 600);\n",
    ];
    let all: &'static [&str] = if t.dialect == Dialect::Postgres { &SLOW_POSTGRES } else { &SLOW_MYSQL };
    let mut obstacle = Obstacle::put(&t).await;
    let migrating = tokio::spawn({
        let t = t.clone();
        async move { t.run_all(all).await }
    });
    t.until(
        t.by_dialect(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'",
            "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND info LIKE 'DO get_lock%'",
        ),
        "1",
    )
    .await;
    // The next one waits for the first, and goes on when that is gone, whatever it leaves.
    let next = tokio::spawn({
        let t = t.clone();
        async move { t.run_all(all).await.map(drop) }
    });
    t.until(t.by_dialect(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'",
        "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND info LIKE '%get_lock(%' AND id <> connection_id()",
    ), "2").await;
    let victim = t.query(t.by_dialect(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
            AND query LIKE 'CREATE TABLE words%'",
        "SELECT id FROM information_schema.processlist WHERE db = database() AND info LIKE 'DO get_lock%'",
    ));
    let victim = victim.await;
    t.query(&t.by_dialect("SELECT pg_terminate_backend(VICTIM)", "KILL VICTIM").replace("VICTIM", &victim)).await;
    migrating.await.unwrap().unwrap_err();
    obstacle.lift().await;
    next.await.unwrap().unwrap();
    assert_eq!(t.query("SELECT word FROM words").await, "1");
    t.run_all(all).await.unwrap();
}

/// What a slow step of a migration waits for.
enum Obstacle {
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

impl Obstacle {
    async fn put(t: &Fresh) -> Self {
        let mut obstacle = match t.dialect {
            Dialect::Postgres => Self::Postgres(PgConnection::connect(&t.url).await.unwrap()),
            Dialect::MySql => Self::MySql(MySqlConnection::connect(&t.url).await.unwrap()),
        };
        obstacle.say("SELECT pg_advisory_lock(1)", "DO get_lock(concat('slow ', database()), 600)").await;
        obstacle
    }

    async fn lift(&mut self) {
        self.say("SELECT pg_advisory_unlock(1)", "DO release_lock(concat('slow ', database()))").await;
    }

    async fn say(&mut self, postgres: &'static str, mysql: &'static str) {
        match self {
            Self::Postgres(on) => drop(sqlx::raw_sql(postgres).execute(on).await.unwrap()),
            Self::MySql(on) => drop(sqlx::raw_sql(mysql).execute(on).await.unwrap()),
        }
    }
}

async fn a_migration_waits_for_another_programs(t: Fresh) {
    let (postgres, mysql) =
        ("SELECT pg_advisory_lock(7309453116862190)", "DO get_lock(concat('menjin_migrate ', md5(database())), 600)");
    let mut other = Obstacle::put(&t).await;
    other.say(postgres, mysql).await;
    let opening = tokio::spawn({
        let t = t.clone();
        async move { Arc::new(t.try_open(OnOldSchema::Migrate).await.unwrap()).ready().await }
    });
    t.until(t.by_dialect(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'",
        "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND info LIKE 'SELECT get_lock%'",
    ), "1").await;
    assert_eq!(t.tables().await, "0");
    drop(other);
    opening.await.unwrap().unwrap();
}

on_each! {
    a_fresh_database_is_migrated_once
    programs_that_start_at_once_migrate_once_and_all_open
    an_old_schema_is_left_alone_where_it_may_not_be_migrated
    a_newer_schema_opens_where_it_allows_this_program
    a_newer_schema_is_refused_where_it_does_not
    a_migration_with_another_text_is_refused
    another_programs_tables_are_refused_and_left_as_they_are
    a_migration_that_fails_is_carried_on_where_it_stopped
    a_program_that_is_killed_amid_a_migration_holds_up_nobody
    a_migration_waits_for_another_programs
}
