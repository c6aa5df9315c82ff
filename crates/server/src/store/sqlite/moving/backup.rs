//! The database as one file, copied beside a running server.
//!
//! `SQLite`'s own backup, page by page, inside one read transaction: the copy is of one moment, what is written meanwhile
//! neither waits nor makes it begin anew, and how far it is can be said. `VACUUM INTO` would build every table again, which
//! takes longer and can't say how far it is; a plain copy of the file lacks its log.

use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

use super::check_soundness;
use crate::store::sqlite::{Sqlite, why};

/// Pages copied at once: 4 MiB.
const PAGES: i32 = 1024;

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Users.
    pub users: u64,
    /// Their identities.
    pub identities: u64,
    /// Sessions that live.
    pub live_sessions: u64,
    /// Ids of the master keys that something is sealed under.
    pub master_keys: Vec<[u8; 4]>,
}

impl Sqlite {
    /// Copies a database that may be in use into `to`, an empty file, and checks the copy. `progress` gets pages, done and
    /// in all.
    pub fn copy(from: &Path, to: &Path, progress: &dyn Fn(u64, u64)) -> anyhow::Result<Contents> {
        // The connection that closes last puts the log away, which one that can only read can't.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let source = open(from, flags).or_else(|_| open(from, OpenFlags::SQLITE_OPEN_READ_ONLY));
        copy(source, (from, to), "is `store.url` right?", progress)
    }

    /// The same of a backup, which stays as it is.
    pub fn copy_of_backup(from: &Path, to: &Path, progress: &dyn Fn(u64, u64)) -> anyhow::Result<Contents> {
        let remedy = "name a file that `menjin backup` wrote";
        copy(open(from, OpenFlags::SQLITE_OPEN_READ_ONLY), (from, to), remedy, progress)
    }
}

fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

fn copy(
    source: rusqlite::Result<Connection>,
    (from, to): (&Path, &Path),
    remedy: &str,
    progress: &dyn Fn(u64, u64),
) -> anyhow::Result<Contents> {
    let source = source.map_err(|error| anyhow!("{} can't be opened: {}", from.display(), why(&error, from)))?;
    let is_ours = match is_ours(&source) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => false,
        told => told.with_context(|| format!("{} can't be read", from.display()))?,
    };
    ensure!(is_ours, "{} is no database of menjin: {remedy}", from.display());
    let target = Connection::open(to);
    let mut target = target.map_err(|error| anyhow!("{} can't be written: {}", to.display(), why(&error, to)))?;
    copy_pages(&source, &mut target, progress).with_context(|| format!("copying {}", from.display()))?;
    check_soundness(&target).with_context(|| from.display().to_string())?;
    Ok(contents(&target)?)
}

/// Whether menjin made it.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('_migrations', 'users', 'grants')";
    connection.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? == 3))
}

fn copy_pages(source: &Connection, target: &mut Connection, progress: &dyn Fn(u64, u64)) -> rusqlite::Result<()> {
    source.execute_batch("BEGIN")?;
    // A transaction begins with its first read.
    source.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())).optional()?;
    let backup = Backup::new(source, target)?;
    loop {
        let step = backup.step(PAGES)?;
        let pages = backup.progress();
        let (all, left) = (pages.pagecount.unsigned_abs(), pages.remaining.unsigned_abs());
        progress(u64::from(all.saturating_sub(left)), u64::from(all));
        if step == StepResult::Done {
            break;
        }
    }
    drop(backup);
    source.execute_batch("COMMIT")?;
    // One file without a log beside it; a server turns the log on again.
    target.pragma_update(None, "journal_mode", "DELETE")
}

fn contents(connection: &Connection) -> rusqlite::Result<Contents> {
    let count = |sql: &str| connection.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()));
    let mut masters = connection.prepare("SELECT id FROM master_keys ORDER BY since, id")?;
    Ok(Contents {
        users: count("SELECT count(*) FROM users")?,
        identities: count("SELECT count(*) FROM identities")?,
        live_sessions: count("SELECT count(*) FROM sessions WHERE ended_at IS NULL")?,
        master_keys: masters.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?,
    })
}
