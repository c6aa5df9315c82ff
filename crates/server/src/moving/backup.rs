//! `menjin backup`: the `SQLite` database of a running server, as one checked file.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};

use super::Progress;
use super::part::Part;
use crate::config::{Config, StorePlace};
use crate::seal::hex;
use crate::store::{Contents, Sqlite};

/// Where a backup goes.
#[derive(Debug)]
pub struct Backup<'a> {
    /// The file.
    pub file: &'a Path,
    /// Whether it may take the place of one that is there.
    pub overwrite: bool,
}

/// What a backup holds.
#[derive(Debug)]
pub struct BackedUp {
    /// Its size in bytes.
    pub bytes: u64,
    /// Users.
    pub users: u64,
    /// Their identities.
    pub identities: u64,
    /// Sessions that live.
    pub live_sessions: u64,
    /// The master keys that it is sealed under, and does not hold.
    pub master_keys: Vec<String>,
}

/// Copies the configured store, beside whatever runs on it.
pub fn backup(config: &Config, backup: &Backup<'_>, progress: Progress<'_>) -> anyhow::Result<BackedUp> {
    let from = sqlite(
        config,
        [
            "`pg_dump --format=custom --file=FILE DATABASE`",
            "`mariadb-dump --single-transaction --hex-blob DATABASE > FILE` (for MySQL, `mysqldump`)",
        ],
    )?;
    let file = backup.file;
    ensure!(from.exists(), "{} does not exist (`store.url`): is this the right --config?", from.display());
    ensure!(!file.is_dir(), "{} is a folder: name the file", file.display());
    ensure!(backup.overwrite || !file.exists(), "{} exists: choose another name, or --force", file.display());
    ensure!(!is_same(&from, file), "{} is the database itself", file.display());
    let logs = ["-wal", "-shm", "-journal"].map(|log| PathBuf::from(format!("{}{log}", from.display())));
    ensure!(!logs.iter().any(|log| is_same(log, file)), "{} is a part of the database", file.display());
    let part = Part::of(file)?;
    let contents = Sqlite::copy(&from, part.path(), progress)?;
    let bytes = part.len()?;
    part.put()?;
    let Contents { users, identities, live_sessions, master_keys } = contents;
    Ok(BackedUp { bytes, users, identities, live_sessions, master_keys: master_keys.into_iter().map(hex).collect() })
}

/// The file of an `SQLite` store; for others, what to do instead.
pub(super) fn sqlite(config: &Config, instead: [&str; 2]) -> anyhow::Result<PathBuf> {
    match config.store.place() {
        StorePlace::Sqlite(path) => Ok(path.clone()),
        StorePlace::Postgres(_) => bail!("`store.url` is a PostgreSQL database: use {}", instead[0]),
        StorePlace::MySql(_) => bail!("`store.url` is a MySQL database: use {}", instead[1]),
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(a).zip(whole(b)).is_some_and(|(a, b)| a == b)
}
