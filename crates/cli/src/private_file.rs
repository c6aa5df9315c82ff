//! Files and folders that only their owner may read: secrets, made once and kept.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;

/// Makes a folder that only its owner may enter, and those above it; one that exists stays as it is.
pub(crate) fn make_folder(path: &Path) -> anyhow::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("{} can't be made", path.display()))
}

/// Writes a file that did not exist.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The secret in the file; `None` when there is no file, or an empty one.
pub(crate) fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
    }
}

/// Puts a secret into a file, in place of whatever was there.
pub(crate) fn keep(path: &Path, secret: &str) -> anyhow::Result<()> {
    let fresh = path.with_added_extension("new");
    let written = match write_new(&fresh, &format!("{secret}\n")) {
        // Left over by a process that was stopped in the middle.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            std::fs::remove_file(&fresh).and_then(|()| write_new(&fresh, &format!("{secret}\n")))
        }
        written => written,
    };
    written.and_then(|()| std::fs::rename(&fresh, path)).with_context(|| format!("{} can't be written", path.display()))
}
