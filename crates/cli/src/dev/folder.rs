//! The data folder: database, master key and secrets, each made once and then kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::private_file;

/// An open data folder.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Opens it, or makes it with a `.gitignore` over everything in it.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let is_ours = fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none());
        private_file::make_folder(path).context("--data")?;
        if is_ours {
            let ignore = path.join(".gitignore");
            fs::write(&ignore, "*\n").with_context(|| format!("{} can't be written (--data)", ignore.display()))?;
        }
        Ok(Self(path.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The secret of this name, made at first sight.
    pub(super) fn secret(&self, name: &str, make: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<String> {
        let file = self.0.join(name);
        if let Some(secret) = private_file::read(&file)? {
            return Ok(secret);
        }
        let secret = make()?;
        private_file::keep(&file, &secret)?;
        Ok(secret)
    }
}
