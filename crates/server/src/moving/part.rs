//! A file in the making: beside its place, readable by its owner only, and put there when it is whole and on the disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// Whoever loses so many races about the name is not alone there.
const TRIES: usize = 8;

pub(super) struct Part {
    path: PathBuf,
    target: PathBuf,
    /// Locked, so that two programs don't write one file.
    file: File,
    kept: bool,
}

impl Part {
    /// An empty file in the folder of `target`, always a new one of our own: whatever has its name, be it left half-made
    /// or a link that somebody put there, is neither followed nor written to.
    pub(super) fn of(target: &Path) -> anyhow::Result<Self> {
        let path = target.with_added_extension("part");
        for _ in 0..TRIES {
            match create(&path) {
                Ok(file) => {
                    lock(&file, &path)?;
                    // Until the lock held, another one could take it for left over.
                    if is_at(&file, &path) {
                        return Ok(Self { path, target: target.to_owned(), file, kept: false });
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => clear(&path)?,
                Err(error) => return Err(error).with_context(|| format!("{} can't be written", path.display())),
            }
        }
        bail!("{} is being written by another menjin", path.display())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    /// Gives it to the owner of another file; it stays readable by its owner only.
    #[cfg(unix)]
    pub(super) fn give_to(&self, (user, group): (u32, u32)) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt as _;
        let given = std::os::unix::fs::fchown(&self.file, Some(user), Some(group));
        // The group has no rights in it, so that one may be another.
        if self.file.metadata()?.uid() == user { Ok(()) } else { given }
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
            // What is left would be cleared away by the next one.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Fails where anything has the name, also a link to nowhere.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn lock(file: &File, path: &Path) -> anyhow::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => bail!("{} is being written by another menjin", path.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Takes away what has the name, unless somebody is writing it.
fn clear(path: &Path) -> anyhow::Result<()> {
    let gone = |outcome: io::Result<()>| match outcome {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} is in the way, and can't be removed", path.display()))
        }
        _ => Ok(()),
    };
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) => return gone(Err(error)),
    };
    if !there.is_file() {
        return gone(fs::remove_file(path));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return gone(Err(error)),
    };
    lock(&file, path)?;
    if is_at(&file, path) { gone(fs::remove_file(path)) } else { Ok(()) }
}

/// Whether the name is still this file's.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let name = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().ok().map(name) == fs::symlink_metadata(path).ok().map(name)
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// A rename is on the disk when its folder is.
pub(super) fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = folder_of(of);
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
