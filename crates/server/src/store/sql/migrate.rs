//! Schema versions on a database server: one program migrates while the others wait, and one that was killed in the middle
//! is carried on by the next.
//!
//! PostgreSQL takes a migration as one transaction. MySQL ends its transaction with each change of the schema, so each
//! statement is a step that is noted when it is done; the one that a kill fell on runs again, and is written so that it may.

use std::time::Duration;

use futures_util::FutureExt as _;

use super::Database;
use super::connection::{Connection, Dialect};
use super::error::is_duplicate;
use super::reach::prepare;
use super::statement::statements;
use super::value::values;
use crate::store::rows;
use crate::store::schema::{OnOldSchema, OpenError, checksum, newer_than_this_program, oldest_program_of};
use crate::store::{Result, StoreError};

/// All migrations, in order; the version is the place in the list.
pub(super) const POSTGRES: &[&str] = &[
    include_str!("../migrations/postgres/0001_sign_in.sql"),
    include_str!("../migrations/postgres/0002_session_data.sql"),
    include_str!("../migrations/postgres/0003_apps.sql"),
    include_str!("../migrations/postgres/0004_sessions.sql"),
    include_str!("../migrations/postgres/0005_arrivals.sql"),
    include_str!("../migrations/postgres/0006_pushes.sql"),
    include_str!("../migrations/postgres/0007_audit.sql"),
    include_str!("../migrations/postgres/0008_passwords.sql"),
    include_str!("../migrations/postgres/0009_roles.sql"),
    include_str!("../migrations/postgres/0010_people.sql"),
    include_str!("../migrations/postgres/0011_leaving.sql"),
    include_str!("../migrations/postgres/0012_operators.sql"),
    include_str!("../migrations/postgres/0013_webhooks.sql"),
    include_str!("../migrations/postgres/0014_operator_people.sql"),
    include_str!("../migrations/postgres/0015_ended_sessions.sql"),
    include_str!("../migrations/postgres/0016_chosen.sql"),
    include_str!("../migrations/postgres/0017_token_makers.sql"),
    include_str!("../migrations/postgres/0018_called_back.sql"),
];
const MYSQL: &[&str] = &[
    include_str!("../migrations/mysql/0001_sign_in.sql"),
    include_str!("../migrations/mysql/0002_session_data.sql"),
    include_str!("../migrations/mysql/0003_apps.sql"),
    include_str!("../migrations/mysql/0004_sessions.sql"),
    include_str!("../migrations/mysql/0005_arrivals.sql"),
    include_str!("../migrations/mysql/0006_pushes.sql"),
    include_str!("../migrations/mysql/0007_audit.sql"),
    include_str!("../migrations/mysql/0008_passwords.sql"),
    include_str!("../migrations/mysql/0009_roles.sql"),
    include_str!("../migrations/mysql/0010_people.sql"),
    include_str!("../migrations/mysql/0011_leaving.sql"),
    include_str!("../migrations/mysql/0012_operators.sql"),
    include_str!("../migrations/mysql/0013_webhooks.sql"),
    include_str!("../migrations/mysql/0014_operator_people.sql"),
    include_str!("../migrations/mysql/0015_ended_sessions.sql"),
    include_str!("../migrations/mysql/0016_chosen.sql"),
    include_str!("../migrations/mysql/0017_token_makers.sql"),
    include_str!("../migrations/mysql/0018_called_back.sql"),
];

/// A migration may rebuild a large table.
const PATIENCE: Duration = Duration::from_hours(1);

statements! {
    TABLE on _migrations = each(
        "CREATE TABLE IF NOT EXISTS _migrations (version BIGINT PRIMARY KEY, checksum BYTEA NOT NULL, oldest_program TEXT NOT NULL,
        applied_at BIGINT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS _migrations (version BIGINT PRIMARY KEY, checksum VARBINARY(32) NOT NULL,
        oldest_program VARBINARY(32) NOT NULL, applied_at BIGINT NOT NULL) ENGINE = InnoDB",
    );
    STEPS_TABLE on _migration_steps = both(
        "CREATE TABLE IF NOT EXISTS _migration_steps (version BIGINT PRIMARY KEY, done BIGINT NOT NULL)"
    );
    IS_THERE on pg_class = each(
        "SELECT count(*) FROM pg_catalog.pg_class
        WHERE relname = ?1 AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())",
        "SELECT count(*) FROM information_schema.tables WHERE table_name = ?1 AND table_schema = database()",
    );
    OUR_COLUMNS on columns = each(
        "SELECT count(*) FROM information_schema.columns WHERE table_name = '_migrations' AND table_schema = current_schema()
        AND column_name IN ('version', 'checksum', 'oldest_program', 'applied_at')",
        "SELECT count(*) FROM information_schema.columns WHERE table_name = '_migrations' AND table_schema = database()
        AND column_name IN ('version', 'checksum', 'oldest_program', 'applied_at')",
    );
    VERSION on _migrations = both("SELECT coalesce(max(version), 0) FROM _migrations");
    NEWER on _migrations = both("SELECT version, oldest_program FROM _migrations WHERE version > ?1 ORDER BY version DESC");
    CHECKSUM on _migrations = both("SELECT checksum FROM _migrations WHERE version = ?1");
    APPLIED on _migrations = each(
        "INSERT INTO _migrations (version, checksum, oldest_program, applied_at)
        VALUES (?1, ?2, ?3, (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT)",
        "INSERT INTO _migrations (version, checksum, oldest_program, applied_at)
        VALUES (?1, ?2, ?3, CAST(unix_timestamp(now(3)) * 1000 AS SIGNED))",
    );
    STEPS on _migration_steps = both("SELECT done FROM _migration_steps WHERE version = ?1");
    STEP on _migration_steps = both("INSERT INTO _migration_steps (version, done) VALUES (?1, ?2) ON DUPLICATE KEY UPDATE done = ?2");
    LOCK on _migrations = each("SELECT 1::BIGINT FROM pg_advisory_lock(7309453116862190)", "SELECT get_lock(concat('menjin_migrate ', md5(database())), 3600)");
    UNLOCK on _migrations = each(
        "SELECT pg_advisory_unlock(7309453116862190)::INT::BIGINT",
        "SELECT release_lock(concat('menjin_migrate ', md5(database())))",
    );
}

fn migrations(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::MySql => MYSQL,
    }
}

/// What was found, or why this program can't use it.
type Checked<T> = std::result::Result<T, OpenError>;

pub(super) async fn run(database: &Database, on_old_schema: OnOldSchema) -> Checked<()> {
    run_all(database, on_old_schema, migrations(database.pool.dialect())).await
}

pub(super) async fn run_all(
    database: &Database,
    on_old_schema: OnOldSchema,
    all: &'static [&'static str],
) -> Checked<()> {
    let unreachable = |error: StoreError| {
        let StoreError::Unavailable(cause) = error;
        OpenError::Unreachable { why: format!("{cause:#}") }
    };
    let needed = u32::try_from(all.len()).expect("a short list");
    let found = database.pool.alone(&(), |on, ()| look(on).boxed(), PATIENCE).await.map_err(unreachable)??;
    if found < needed && on_old_schema == OnOldSchema::Refuse {
        return Err(OpenError::OldSchema { found, needed });
    }
    if found < needed {
        database.pool.alone(&all, |on, all| locked(on, all).boxed(), PATIENCE).await.map_err(unreachable)??;
    }
    database.pool.alone(&all, |on, all| judge(on, all).boxed(), PATIENCE).await.map_err(unreachable)?
}

async fn is_there(on: &mut Connection<'_>, table: &str) -> Result<bool> {
    Ok(IS_THERE.row(on, values![table], rows::value::<i64>).await? > Some(0))
}

/// The version of the schema; 0 where there is none.
async fn look(on: &mut Connection<'_>) -> Result<Checked<u32>> {
    if !is_there(on, "_migrations").await? {
        return Ok(Ok(0));
    }
    if OUR_COLUMNS.row(on, &[], rows::value::<i64>).await? != Some(4) {
        return Ok(Err(OpenError::ForeignTable { table: "_migrations".to_owned() }));
    }
    Ok(Ok(VERSION.row(on, &[], rows::value).await?.unwrap_or(0)))
}

/// Migrates while no other program does. A connection that fails lets go of its lock by ending.
async fn locked(on: &mut Connection<'_>, all: &'static [&'static str]) -> Result<Checked<()>> {
    // Another program's migration may take its time.
    if on.dialect() == Dialect::Postgres {
        on.say("SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0").await?;
    } else {
        on.say("SET SESSION lock_wait_timeout = 3600").await?;
    }
    if LOCK.row(on, &[], rows::value::<i64>).await? != Some(1) {
        return Err(StoreError::Unavailable(anyhow::anyhow!("another program has been migrating for an hour")));
    }
    let migrated = migrate(on, all).await?;
    UNLOCK.row(on, &[], rows::value::<i64>).await?;
    if on.dialect() == Dialect::Postgres {
        on.say("RESET statement_timeout; RESET lock_timeout; RESET idle_in_transaction_session_timeout").await?;
    }
    on.say(prepare(on.dialect())).await?;
    Ok(migrated)
}

async fn migrate(on: &mut Connection<'_>, all: &'static [&'static str]) -> Result<Checked<()>> {
    let done = match look(on).await? {
        Ok(done) => done,
        Err(error) => return Ok(Err(error)),
    };
    for (version, text) in (1..).zip(all).skip(done as usize) {
        if let Some(table) = foreign_table(on, version, text).await? {
            return Ok(Err(OpenError::ForeignTable { table }));
        }
        match on.dialect() {
            Dialect::Postgres => at_once(on, version, text).await?,
            Dialect::MySql => step_by_step(on, version, text).await?,
        }
    }
    Ok(Ok(()))
}

/// A table that this migration will make and that is there, unless the migration has begun already.
async fn foreign_table(on: &mut Connection<'_>, version: u32, text: &'static str) -> Result<Option<String>> {
    if is_there(on, "_migration_steps").await? && steps_done(on, version).await?.is_some() {
        return Ok(None);
    }
    let made = text.lines().filter_map(|line| line.strip_prefix("CREATE TABLE "));
    for line in made {
        let name = line.trim_start_matches("IF NOT EXISTS ").split([' ', '(']).next().unwrap_or_default();
        if is_there(on, name).await? {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

async fn steps_done(on: &mut Connection<'_>, version: u32) -> Result<Option<u32>> {
    STEPS.row(on, values![version], rows::value).await
}

async fn at_once(on: &mut Connection<'_>, version: u32, text: &'static str) -> Result<()> {
    on.say("BEGIN").await?;
    TABLE.run(on, &[]).await?;
    on.say(text).await?;
    APPLIED.run(on, values![version, &checksum(text), oldest_program_of(text)]).await?;
    on.say("COMMIT").await
}

async fn step_by_step(on: &mut Connection<'_>, version: u32, text: &'static str) -> Result<()> {
    STEPS_TABLE.run(on, &[]).await?;
    let done = steps_done(on, version).await?.unwrap_or(0);
    // Noted before the first: from now on its tables are menjin's.
    STEP.run(on, values![version, done]).await?;
    for (step, statement) in (1_u32..).zip(steps(text)).skip(done as usize) {
        let adds = statement.contains(" ADD COLUMN ") || statement.contains("CREATE INDEX ");
        match on.say(statement).await {
            // The kill fell between the change of a table and the note of it.
            Err(error) if adds && is_duplicate(&error) => {}
            done => done?,
        }
        STEP.run(on, values![version, step]).await?;
    }
    TABLE.run(on, &[]).await?;
    APPLIED.run(on, values![version, &checksum(text), oldest_program_of(text)]).await.map(drop)
}

/// The statements of a migration: each ends a line with a semicolon.
fn steps(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split(";\n").map(str::trim).filter(|step| step.lines().any(|line| !line.starts_with("--") && !line.is_empty()))
}

/// Whether this program may use what is there, also what another one applied meanwhile.
async fn judge(on: &mut Connection<'_>, all: &'static [&'static str]) -> Result<Checked<()>> {
    let known = u32::try_from(all.len()).expect("a short list");
    let newer: Vec<(u32, String)> = NEWER.rows(on, values![known], |it| Ok((it.get()?, it.get()?))).await?;
    if let Some((found, oldest)) = newer.into_iter().find(|(_, oldest)| newer_than_this_program(oldest)) {
        return Ok(Err(OpenError::NewSchema { found, oldest }));
    }
    for (version, text) in (1..).zip(all) {
        let applied: Option<Vec<u8>> = CHECKSUM.row(on, values![version], rows::value).await?;
        if applied.as_ref() != Some(&checksum(text)) {
            return Ok(Err(OpenError::ForeignSchema { version }));
        }
    }
    Ok(Ok(()))
}
