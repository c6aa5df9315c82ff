//! `menjin restore`: a backup becomes the database again (design §4.3), never under a running server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use menjin_token::Timestamp;

use super::Progress;
use super::backup::sqlite;
use super::part::{Part, sync_folder};
use crate::config::Config;
use crate::seal::{Sealer, hex};
use crate::store::{self, Alone, Restored, Restoring, Sqlite, check_folder};

/// A backup, and how it becomes the database.
#[derive(Debug)]
pub struct Restore<'a> {
    /// The file.
    pub file: &'a Path,
    /// Whether it may take the place of a database that is there, which is put aside.
    pub overwrite: bool,
    /// Whether sessions live on.
    pub keep_sessions: bool,
    /// Numbers of users that are left out, as they may have been given after the backup.
    pub number_gap: u32,
    /// The time.
    pub now: Timestamp,
}

/// A store that has come back by itself, from a backup of its own.
#[derive(Debug)]
pub struct Settle {
    /// Whether sessions live on.
    pub keep_sessions: bool,
    /// Numbers of users that are left out, as they may have been given after the backup.
    pub number_gap: u32,
    /// The time.
    pub now: Timestamp,
}

/// Changes a store that the database's own tool has restored as [`restore`] would have, while no node runs on it.
pub async fn settle(
    config: &Config,
    settle: &Settle,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> anyhow::Result<Restored> {
    let restoring = Restoring {
        now: settle.now,
        tokens_until: tokens_until(config, settle.now),
        keep_sessions: settle.keep_sessions,
        number_gap: settle.number_gap,
        detail: "by the database's own tool".to_owned(),
    };
    let place = config.store.place();
    store::settle(place, &restoring, progress).await.with_context(|| format!("`store.url` ({place})"))
}

/// Access tokens that were given before are dead by then.
fn tokens_until(config: &Config, now: Timestamp) -> Timestamp {
    now.plus(config.lifetimes.access_token + Duration::from_mins(1))
}

/// What restoring did.
#[derive(Debug)]
pub struct Replaced {
    /// The database.
    pub path: PathBuf,
    /// Users in it.
    pub users: u64,
    /// Where the database before is now, if there was one.
    pub aside: Option<PathBuf>,
    /// What was changed in the copy.
    pub restored: Restored,
}

/// Puts a backup in the place of the configured store.
pub fn restore(config: &Config, restore: &Restore<'_>, progress: Progress<'_>) -> anyhow::Result<Replaced> {
    let path = sqlite(
        config,
        [
            "`pg_restore --clean --if-exists --single-transaction --dbname=DATABASE FILE` while every menjin is stopped, \
             and then `menjin restore --already-restored`",
            "`mariadb DATABASE < FILE` (for MySQL, `mysql`) while every menjin is stopped, and then `menjin restore \
             --already-restored`",
        ],
    )?;
    let sealer = Sealer::new(&config.master_keys()?);
    let file = restore.file;
    ensure!(file.is_file(), "{} is no file", file.display());
    check_folder(&path).map_err(|why| anyhow!("`store.url`: {}: {why}", path.display()))?;
    let part = Part::of(&path)?;
    // Before the database is opened, which may leave a log of ours beside it.
    keep_owner(&part, &path)?;
    let alone = path.exists().then(|| Sqlite::alone(&path)).transpose();
    let alone = alone.with_context(|| path.display().to_string())?;
    if alone.is_some() && !restore.overwrite {
        bail!("{} exists: --force puts it aside, and the backup in its place", path.display());
    }
    let contents = Sqlite::copy_of_backup(file, part.path(), progress)?;
    for id in contents.master_keys {
        ensure!(
            sealer.knows(id),
            "{} is sealed under master key {}, which is not configured: put it into `secret_key`, or into `old_secret_keys` if it is a former one",
            file.display(),
            hex(id)
        );
    }
    let restored = Sqlite::restore(part.path(), alone.as_ref(), &restoring(config, restore))
        .with_context(|| file.display().to_string())?;
    let aside = put_aside(&path, alone.as_ref(), restore.now)?;
    part.put()?;
    // Until here nobody could open the one before.
    drop(alone);
    Ok(Replaced { path, users: contents.users, aside, restored })
}

/// The server must be able to open it, whoever runs the command: it belongs to whom the database before did, else to whom
/// the folder does.
#[cfg(unix)]
fn keep_owner(part: &Part, path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = |of: &Path| fs::metadata(of).map(|metadata| (metadata.uid(), metadata.gid()));
    if let Ok(before) = owner(path) {
        return part.give_to(before).with_context(|| {
            let user = before.0;
            format!("{} belongs to user {user}, and what takes its place can't be given to them: run this as they or as root", path.display())
        });
    }
    // Who may make files in somebody else's folder, and is not root, keeps their own.
    owner(super::part::folder_of(path)).and_then(|owner| part.give_to(owner)).ok();
    Ok(())
}

#[cfg(not(unix))]
fn keep_owner(_part: &Part, _path: &Path) -> anyhow::Result<()> {
    Ok(())
}

fn restoring(config: &Config, restore: &Restore<'_>) -> Restoring {
    let name = restore.file.file_name().unwrap_or_default().to_string_lossy();
    Restoring {
        now: restore.now,
        tokens_until: tokens_until(config, restore.now),
        keep_sessions: restore.keep_sessions,
        number_gap: restore.number_gap,
        detail: format!("from {name}"),
    }
}

/// Keeps the database before under a name with the time. A second name, where the file system has them, so that at no
/// moment a server finds nothing there and begins anew.
fn put_aside(path: &Path, alone: Option<&Alone>, now: Timestamp) -> anyhow::Result<Option<PathBuf>> {
    let stamp: String = now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let aside = path.with_added_extension(format!("before-restore-{stamp}"));
    let mut is_whole = false;
    if let Some(alone) = alone {
        ensure!(!aside.exists(), "{} exists", aside.display());
        is_whole = alone.settle().with_context(|| path.display().to_string())?;
        fs::hard_link(path, &aside)
            .or_else(|_| fs::rename(path, &aside))
            .with_context(|| format!("{} can't be put aside", path.display()))?;
    }
    // A log that does not belong to the new file would be played into it.
    for log in ["-wal", "-shm"] {
        let beside = |path: &Path| PathBuf::from(format!("{}{log}", path.display()));
        let log = beside(path);
        if log.exists() {
            let gone = if is_whole { fs::remove_file(&log) } else { fs::rename(&log, beside(&aside)) };
            gone.with_context(|| log.display().to_string())?;
        }
    }
    sync_folder(path).with_context(|| path.display().to_string())?;
    Ok(alone.map(|_| aside))
}
