//! `SQLite`, the embedded store: WAL, durable commits, one writer that groups what waits, many readers.
//!
//! Lives here: opening the file and its connections. Does not: statements (a file a concern), the writer's loop (`writer`).

mod codes;
mod events;
mod keys;
mod migrate;
mod people;
mod readers;
mod rows;
mod sessions;
mod tokens;
mod upkeep;
mod writer;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use self::readers::Readers;
use self::writer::Writer;
use super::{Result, StoreError};

/// The embedded store.
pub struct Sqlite {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What `open` may do about the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOldSchema {
    /// Bring it up to date.
    Migrate,
    /// Refuse to open it.
    Refuse,
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or file can't be read or written.
    #[error("{path} can't be opened: {why}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The schema is older than the program.
    #[error("the schema is at version {found}, this program needs {needed}: run `menjin migrate`")]
    OldSchema {
        /// Its version.
        found: u32,
        /// The program's.
        needed: u32,
    },
    /// The schema is newer than the program allows.
    #[error("the schema (version {found}) needs menjin {oldest} or newer")]
    NewSchema {
        /// Its version.
        found: u32,
        /// The oldest program that may use it.
        oldest: String,
    },
    /// A migration that ran has another text than the one compiled in.
    #[error("migration {version} of this database is not the one this program knows")]
    ForeignSchema {
        /// Which.
        version: u32,
    },
}

impl Sqlite {
    /// Opens or makes the file, and starts its writer.
    pub fn open(path: &Path, on_old_schema: OnOldSchema) -> std::result::Result<Self, OpenError> {
        let unusable = |why: String| OpenError::Unusable { path: path.to_owned(), why };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| unusable(error.to_string()))?;
        }
        make_private(path).map_err(|error| unusable(error.to_string()))?;
        let mut connection = Connection::open(path).map_err(|error| unusable(error.to_string()))?;
        prepare_writer(&connection).map_err(|error| unusable(error.to_string()))?;
        migrate::run(&mut connection, on_old_schema, path)?;
        let readers = Readers::open(path).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { path: path.to_owned(), writer: Writer::start(connection), readers })
    }

    /// Does `work` as one transaction; answers after it is durable.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(work).await
    }

    /// Reads on the spot: for point reads by key, a few microseconds each.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.readers.read(work)
    }
}

fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(1))?;
    connection.pragma_update(None, "query_only", "ON")?;
    connection.pragma_update(None, "cache_size", -2048)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The file holds people's data: nobody else on the machine reads it.
#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

/// A failure of the database, whatever it was.
fn broken(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(anyhow::Error::new(error))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        broken(error)
    }
}
