//! The folder of pictures: 256 folders of files, each written whole before it has its name.
//!
//! Several nodes share the folder. What is done here waits for a disk, so it is done on threads that may wait.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;
use menjin_token::Timestamp;
use tokio::io::AsyncReadExt as _;

use super::name::Name;

const CHUNK: usize = 64 * 1024;
/// Files that are being written end so.
const UNFINISHED: &str = ".part";

#[derive(Debug, Clone)]
pub(super) struct Shelf(PathBuf);

/// A file that stands in the folder.
pub(super) struct Found {
    /// Its picture's name; `None` for one that was never finished.
    pub(super) name: Option<Name>,
    pub(super) path: PathBuf,
    pub(super) written_at: Timestamp,
}

impl Shelf {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    fn folder(&self, part: u8) -> PathBuf {
        self.0.join(format!("{part:02x}"))
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.folder(name.folder()).join(name.to_string())
    }

    /// Keeps a picture. When this returns, it outlives a power cut.
    pub(super) async fn put(&self, name: &Name, bytes: Vec<u8>) -> anyhow::Result<()> {
        let (folder, path) = (self.folder(name.folder()), self.path(name));
        let told = format!("`avatars.folder`: {}: can't be written", self.0.display());
        apart(move || write(&folder, &path, &bytes)).await.context(told)
    }

    /// Takes a picture down; one that is gone is no error.
    pub(super) async fn remove(&self, name: &Name) -> io::Result<()> {
        let path = self.path(name);
        apart(move || gone_or(fs::remove_file(path))).await
    }

    /// A picture's length, and its bytes piece by piece; `None` where there is none.
    pub(super) async fn read(
        &self,
        name: &Name,
    ) -> anyhow::Result<Option<(u64, impl Stream<Item = io::Result<Bytes>> + Send + 'static)>> {
        let told = || format!("`avatars.folder`: {}: can't be read", self.0.display());
        let file = match tokio::fs::File::open(self.path(name)).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(told),
        };
        let length = file.metadata().await.with_context(told)?.len();
        let chunks = try_unfold(file, async |mut file| {
            let mut chunk = Vec::with_capacity(CHUNK);
            let read = (&mut file).take(CHUNK as u64).read_to_end(&mut chunk).await?;
            Ok((read > 0).then(|| (Bytes::from(chunk), file)))
        });
        Ok(Some((length, chunks)))
    }

    /// What stands in one of the 256 folders. What menjin never wrote is not told.
    pub(super) async fn list(&self, part: u8) -> io::Result<Vec<Found>> {
        let folder = self.folder(part);
        apart(move || list(&folder)).await
    }
}

/// Removes a file that was found.
pub(super) async fn remove(path: PathBuf) -> io::Result<()> {
    apart(move || gone_or(fs::remove_file(path))).await
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn gone_or(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        folder.parent().map_or(Ok(()), settle)?;
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    let unfinished = PathBuf::from(unfinished);
    let written = (|| {
        let mut file = File::create_new(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    })();
    if written.is_err() {
        fs::remove_file(&unfinished).unwrap_or_default();
    }
    written?;
    settle(folder)
}

/// What was made or renamed in a folder is there after a power cut.
fn settle(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn list(folder: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(text) = file_name.to_str() else { continue };
        let (text, is_whole) = text.strip_suffix(UNFINISHED).map_or((text, true), |text| (text, false));
        let Some(name) = Name::parse(text) else { continue };
        // Another node may have removed it meanwhile.
        let Ok(modified) = entry.metadata().and_then(|it| it.modified()) else { continue };
        let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let written_at = Timestamp::from_secs(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        found.push(Found { name: Some(name).filter(|_| is_whole), path: entry.path(), written_at });
    }
    Ok(found)
}
