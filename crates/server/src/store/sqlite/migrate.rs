//! Schema versions: each migration runs once, in a transaction of its own, and records the oldest program that it allows.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::{OnOldSchema, OpenError};

/// All migrations, in order; the version is the place in the list.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/sqlite/0001_sign_in.sql")];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS _migrations (
  version        INTEGER PRIMARY KEY,
  checksum       BLOB NOT NULL,
  oldest_program TEXT NOT NULL,
  applied_at     INTEGER NOT NULL
) STRICT";

pub(super) fn run(connection: &mut Connection, on_old_schema: OnOldSchema, path: &Path) -> Result<(), OpenError> {
    let unusable = |error: rusqlite::Error| OpenError::Unusable { path: path.to_owned(), why: error.to_string() };
    let needed = u32::try_from(MIGRATIONS.len()).expect("a short list");
    let found = version(connection).map_err(unusable)?;
    if found > needed {
        let oldest = oldest_program(connection, found).map_err(unusable)?;
        if newer_than_this_program(&oldest) {
            return Err(OpenError::NewSchema { found, oldest });
        }
    }
    if found < needed && found > 0 && on_old_schema == OnOldSchema::Refuse {
        return Err(OpenError::OldSchema { found, needed });
    }
    if found == 0 && on_old_schema == OnOldSchema::Refuse {
        return Err(OpenError::OldSchema { found, needed });
    }
    for (version, text) in (1..).zip(MIGRATIONS) {
        if version <= found {
            check(connection, version, text)
                .map_err(unusable)?
                .then_some(())
                .ok_or(OpenError::ForeignSchema { version })?;
        } else {
            apply(connection, version, text).map_err(unusable)?;
        }
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    let exists: Option<i64> = connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = '_migrations'", [], |row| row.get(0))
        .optional()?;
    if exists.is_none() {
        return Ok(0);
    }
    connection.query_row("SELECT coalesce(max(version), 0) FROM _migrations", [], |row| row.get(0))
}

fn oldest_program(connection: &Connection, version: u32) -> rusqlite::Result<String> {
    connection.query_row("SELECT oldest_program FROM _migrations WHERE version = ?1", [version], |row| row.get(0))
}

fn check(connection: &Connection, version: u32, text: &str) -> rusqlite::Result<bool> {
    let known: Vec<u8> =
        connection.query_row("SELECT checksum FROM _migrations WHERE version = ?1", [version], |row| row.get(0))?;
    Ok(known == checksum(text))
}

fn apply(connection: &mut Connection, version: u32, text: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    transaction.execute_batch(TABLE)?;
    let done: Option<i64> = transaction
        .query_row("SELECT 1 FROM _migrations WHERE version = ?1", [version], |row| row.get(0))
        .optional()?;
    if done.is_none() {
        transaction.execute_batch(text)?;
        transaction.execute(
            "INSERT INTO _migrations (version, checksum, oldest_program, applied_at) VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
            rusqlite::params![version, checksum(text), oldest_program_of(text)],
        )?;
    }
    transaction.commit()
}

fn checksum(text: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

fn oldest_program_of(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("-- oldest-program: ")).unwrap_or("0.1.0").trim()
}

fn newer_than_this_program(oldest: &str) -> bool {
    let parse = |text: &str| text.split('.').map(|part| part.parse::<u32>().unwrap_or(u32::MAX)).collect::<Vec<_>>();
    parse(oldest) > parse(env!("CARGO_PKG_VERSION"))
}
