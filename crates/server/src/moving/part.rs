//! A file in the making: beside its place, readable by its owner only, and put there when it is whole and on the disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

pub(super) struct Part {
    path: PathBuf,
    target: PathBuf,
    /// Locked, so that two programs don't write one file.
    file: File,
    kept: bool,
}

impl Part {
    /// An empty file in the folder of `target`; one that was left half-made is taken over.
    pub(super) fn of(target: &Path) -> anyhow::Result<Self> {
        let path = target.with_added_extension("part");
        let file = open(&path).with_context(|| format!("{} can't be written", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{} is being written by another menjin", path.display()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| path.display().to_string()),
        }
        file.set_len(0).with_context(|| path.display().to_string())?;
        Ok(Self { path, target: target.to_owned(), file, kept: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(fs::metadata(&self.path)?.len())
    }

    /// Puts it in its place, in one step, over whatever is there.
    pub(super) fn put(mut self) -> anyhow::Result<()> {
        let put = || {
            self.file.sync_all()?;
            fs::rename(&self.path, &self.target)?;
            sync_folder(&self.target)
        };
        put().with_context(|| format!("{} can't be written", self.target.display()))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            // What is left would be taken over by the next one.
            fs::remove_file(&self.path).ok();
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A rename is on the disk when its folder is.
pub(super) fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
