//! The data folder: database, master key and secrets, each made once and then kept.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::private_file;

/// An open data folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The operating system lets go of it when the process ends, however it ends.
    _lock: File,
}

/// Whose lock says that a `menjin dev` works here.
const LOCK: &str = "dev.lock";

impl Folder {
    /// Opens it, or makes it with a `.gitignore` over everything in it.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let is_ours = fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none());
        private_file::make_folder(path).context("--data")?;
        if is_ours {
            let ignore = path.join(".gitignore");
            fs::write(&ignore, "*\n").with_context(|| format!("{} can't be written (--data)", ignore.display()))?;
        }
        Ok(Self { path: path.to_owned(), _lock: locked(path)? })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The secret of this name, made at first sight.
    pub(super) fn secret(&self, name: &str, make: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<String> {
        let file = self.path.join(name);
        if let Some(secret) = private_file::read(&file)? {
            return Ok(secret);
        }
        let secret = make()?;
        private_file::keep(&file, &secret)?;
        Ok(secret)
    }
}

/// Takes the folder for this process alone: two would overwrite each other's configuration.
fn locked(path: &Path) -> anyhow::Result<File> {
    let file = path.join(LOCK);
    let lock = File::create(&file).with_context(|| format!("{} can't be written (--data)", file.display()))?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => {
            bail!(
                "{} belongs to a `menjin dev` that is running (--data): stop it, or name another folder",
                path.display()
            )
        }
        // Some network file systems have no locks: then nobody is kept out, as before there were any.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(lock),
    }
}
