//! Schema versions: each migration runs once and records the oldest program that it allows. All that a file lacks are one
//! transaction: it is as new as this program, or as it was.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::why;
use crate::store::schema::{OnOldSchema, OpenError, checksum, newer_than_this_program, oldest_program_of};

/// All migrations, in order; the version is the place in the list.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/sqlite/0001_sign_in.sql"),
    include_str!("../migrations/sqlite/0002_session_data.sql"),
    include_str!("../migrations/sqlite/0003_apps.sql"),
    include_str!("../migrations/sqlite/0004_sessions.sql"),
    include_str!("../migrations/sqlite/0005_arrivals.sql"),
    include_str!("../migrations/sqlite/0006_pushes.sql"),
    include_str!("../migrations/sqlite/0007_audit.sql"),
    include_str!("../migrations/sqlite/0008_passwords.sql"),
    include_str!("../migrations/sqlite/0009_roles.sql"),
    include_str!("../migrations/sqlite/0010_people.sql"),
    include_str!("../migrations/sqlite/0011_leaving.sql"),
    include_str!("../migrations/sqlite/0012_operators.sql"),
    include_str!("../migrations/sqlite/0013_webhooks.sql"),
    include_str!("../migrations/sqlite/0014_operator_people.sql"),
    include_str!("../migrations/sqlite/0015_ended_sessions.sql"),
    include_str!("../migrations/sqlite/0016_chosen.sql"),
    include_str!("../migrations/sqlite/0017_token_makers.sql"),
    include_str!("../migrations/sqlite/0018_called_back.sql"),
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS _migrations (
  version        INTEGER PRIMARY KEY,
  checksum       BLOB NOT NULL,
  oldest_program TEXT NOT NULL,
  applied_at     INTEGER NOT NULL
) STRICT";

pub(super) fn run(connection: &mut Connection, on_old_schema: OnOldSchema, path: &Path) -> Result<(), OpenError> {
    let unusable = |error: rusqlite::Error| OpenError::Unusable { path: path.to_owned(), why: why(&error, path) };
    let needed = u32::try_from(MIGRATIONS.len()).expect("a short list");
    let found = version(connection).map_err(unusable)?;
    if found < needed && on_old_schema == OnOldSchema::Refuse {
        return Err(OpenError::OldSchema { found, needed });
    }
    if found < needed {
        apply(connection, MIGRATIONS).map_err(unusable)?;
    }
    // Also what another process applied meanwhile.
    for (version, oldest) in newer(connection, needed).map_err(unusable)? {
        if newer_than_this_program(&oldest) {
            return Err(OpenError::NewSchema { found: version, oldest });
        }
    }
    for (version, text) in (1..).zip(MIGRATIONS) {
        if !is_ours(connection, version, text).map_err(unusable)? {
            return Err(OpenError::ForeignSchema { version });
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

/// Migrations that this program does not know, the newest first, each with the oldest program that it allows.
fn newer(connection: &Connection, known: u32) -> rusqlite::Result<Vec<(u32, String)>> {
    let mut statement = connection
        .prepare("SELECT version, oldest_program FROM _migrations WHERE version > ?1 ORDER BY version DESC")?;
    statement.query_map([known], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn is_ours(connection: &Connection, version: u32, text: &str) -> rusqlite::Result<bool> {
    let applied: Option<Vec<u8>> = connection
        .query_row("SELECT checksum FROM _migrations WHERE version = ?1", [version], |row| row.get(0))
        .optional()?;
    Ok(applied == Some(checksum(text)))
}

fn apply(connection: &mut Connection, all: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    transaction.execute_batch(TABLE)?;
    // Another process may have been faster.
    let found = version(&transaction)?;
    for (version, text) in (1_u32..).zip(all).skip(found as usize) {
        transaction.execute_batch(text)?;
        transaction.execute(
            "INSERT INTO _migrations (version, checksum, oldest_program, applied_at) VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
            params![version, checksum(text), oldest_program_of(text)],
        )?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Barrier;

    use tempfile::TempDir;

    use super::*;
    use crate::store::{Sqlite, Upkeep as _};

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("menjin.db");
        (folder, path)
    }

    /// A file that this program has migrated, and then somebody else has changed.
    fn changed(by: &str) -> (TempDir, PathBuf) {
        let (folder, path) = folder();
        drop(Sqlite::open(&path, OnOldSchema::Migrate).unwrap());
        Connection::open(&path).unwrap().execute_batch(by).unwrap();
        (folder, path)
    }

    fn newer(oldest_program: &str) -> (TempDir, PathBuf) {
        changed(&format!("INSERT INTO _migrations VALUES ({}, x'00', '{oldest_program}', 0)", next()))
    }

    /// The version that a newer program will have.
    fn next() -> u32 {
        u32::try_from(MIGRATIONS.len()).unwrap() + 1
    }

    #[tokio::test]
    async fn a_fresh_file_is_migrated_once() {
        let (_folder, path) = folder();
        let applied = |path: &Path| -> Vec<(u32, i64)> {
            let connection = Connection::open(path).unwrap();
            let mut statement = connection.prepare("SELECT version, applied_at FROM _migrations").unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        Sqlite::open(&path, OnOldSchema::Migrate).unwrap().ready().await.unwrap();
        let first = applied(&path);
        assert_eq!(first.len(), MIGRATIONS.len());
        for on_old_schema in [OnOldSchema::Migrate, OnOldSchema::Refuse] {
            Sqlite::open(&path, on_old_schema).unwrap().ready().await.unwrap();
            assert_eq!(applied(&path), first);
        }
    }

    #[test]
    fn an_old_schema_is_left_alone_where_it_may_not_be_migrated() {
        let (_folder, path) = folder();
        let error = Sqlite::open(&path, OnOldSchema::Refuse).unwrap_err();
        assert!(matches!(error, OpenError::OldSchema { found: 0, needed } if needed + 1 == next()), "{error}");
        assert!(error.to_string().contains("menjin migrate"), "{error}");
        assert_eq!(version(&Connection::open(&path).unwrap()).unwrap(), 0);
    }

    #[test]
    fn a_newer_schema_opens_where_it_allows_this_program() {
        let (_folder, path) = newer(env!("CARGO_PKG_VERSION"));
        drop(Sqlite::open(&path, OnOldSchema::Migrate).unwrap());
        let (_folder, path) = newer("99.0.0");
        let error = Sqlite::open(&path, OnOldSchema::Migrate).unwrap_err();
        let is_newer =
            matches!(&error, OpenError::NewSchema { found, oldest } if *found == next() && oldest == "99.0.0");
        assert!(is_newer, "{error}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for (oldest, newer) in
            [("0.0.9", false), ("0.1.0", false), ("0.1.1", true), ("0.10.0", true), ("nonsense", true)]
        {
            assert_eq!(newer_than_this_program(oldest), newer, "{oldest}");
        }
    }

    #[test]
    fn a_migration_with_another_text_is_refused() {
        let (_folder, path) = changed("UPDATE _migrations SET checksum = x'00' WHERE version = 1");
        for on_old_schema in [OnOldSchema::Migrate, OnOldSchema::Refuse] {
            let error = Sqlite::open(&path, on_old_schema).unwrap_err();
            assert!(matches!(error, OpenError::ForeignSchema { version: 1 }), "{error}");
        }
    }

    #[test]
    fn another_programs_file_is_refused_and_left_as_it_is() {
        let (_folder, path) = folder();
        let notes = b"These are my notes, and no database. ".repeat(100);
        std::fs::write(&path, &notes).unwrap();
        let error = Sqlite::open(&path, OnOldSchema::Migrate).unwrap_err();
        assert!(matches!(&error, OpenError::Unusable { path: named, .. } if *named == path), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), notes);

        let (_folder, path) = folder();
        let theirs = Connection::open(&path).unwrap();
        theirs.execute_batch("CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('Zoe')").unwrap();
        let error = Sqlite::open(&path, OnOldSchema::Migrate).unwrap_err();
        assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
        let tables: i64 = theirs.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        let name: String = theirs.query_row("SELECT name FROM users", [], |row| row.get(0)).unwrap();
        assert_eq!((tables, name.as_str()), (1, "Zoe"));
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing() {
        let (_folder, path) = changed("");
        let mut connection = Connection::open(&path).unwrap();
        let bad = "CREATE TABLE half (n INTEGER); CREATE TABLE users (n INTEGER)";
        assert!(apply(&mut connection, &[MIGRATIONS, &[bad]].concat()).is_err());
        let half = "SELECT count(*) FROM sqlite_schema WHERE name = 'half'";
        assert_eq!(connection.query_row(half, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
        assert_eq!(version(&connection).unwrap() + 1, next());
    }

    #[test]
    fn programs_that_start_at_once_migrate_once_and_all_open() {
        for _ in 0..10 {
            let (_folder, path) = folder();
            // Made before: threads of one program share locks, and a file that one of them closes lets go of all.
            std::fs::write(&path, "").unwrap();
            let start = Barrier::new(4);
            let open = || {
                start.wait();
                Sqlite::open(&path, OnOldSchema::Migrate)
            };
            std::thread::scope(|scope| {
                let opening: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                for opened in opening {
                    opened.join().unwrap().unwrap();
                }
            });
        }
    }
}
