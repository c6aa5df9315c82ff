//! `SQLite`, the embedded store: WAL, durable commits, one writer that groups what waits, many readers.
//!
//! Lives here: opening the file and its connections. Does not: statements (a file a concern), the writer's loop (`writer`).

mod accounts;
mod apps;
mod arrivals;
mod codes;
#[cfg(test)]
mod conforms;
mod consents;
mod events;
mod everything;
#[cfg(test)]
mod faults;
mod grants;
mod identities;
mod keys;
mod leaving;
mod lists;
mod merges;
mod migrate;
mod moving;
mod operator_people;
mod operators;
mod passwords;
mod people;
mod phones;
#[cfg(test)]
mod plans;
mod pushes;
mod readers;
mod roles;
mod sealed;
mod session_data;
mod sessions;
mod sql;
mod tokens;
mod trail;
mod upkeep;
mod writer;

use std::fs::Permissions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

pub use self::moving::{Alone, Contents, Restored, Restoring};
use self::readers::Readers;
use self::writer::{Urgency, Writer};
use super::schema::{OnOldSchema, OpenError};
use super::{Result, StoreError};

/// The embedded store.
pub struct Sqlite {
    path: PathBuf,
    // Before the writer: the connection that closes last leaves one file, without a log beside it.
    readers: Arc<Readers>,
    writer: Writer,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens or makes the file, and starts its writer. Its folder must be there: of a path that was mistyped nothing is made.
    pub fn open(path: &Path, on_old_schema: OnOldSchema) -> std::result::Result<Self, OpenError> {
        let unusable = |why: String| unusable(path, why);
        check_folder(path).map_err(unusable)?;
        let former = make_private(path).map_err(|error| unusable(no_access(&error)))?;
        let prepared = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(PATIENCE)?;
            turn_log_on(&connection)?;
            Ok(connection)
        };
        let connection = prepared().map_err(|error: rusqlite::Error| unusable(why(&error, path)));
        let writer = connection.and_then(|connection| writing(connection, on_old_schema, path));
        Self::of(path, writer.inspect_err(|_| give_back(path, former))?)
    }

    /// Opens a file that is there, to look at it: its mode, its journal and an old schema stay as they are.
    pub fn look_at(path: &Path) -> std::result::Result<Self, OpenError> {
        check_folder(path).map_err(|why| unusable(path, why))?;
        let flags = OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE);
        let opened = || {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(PATIENCE)?;
            Ok(connection)
        };
        let connection = opened().map_err(|error: rusqlite::Error| unusable(path, why(&error, path)))?;
        Self::of(path, writing(connection, OnOldSchema::Refuse, path)?)
    }

    fn of(path: &Path, writer: Connection) -> std::result::Result<Self, OpenError> {
        let readers = Readers::open(path).map_err(|error| unusable(path, why(&error, path)))?;
        Ok(Self { path: path.to_owned(), readers: Arc::new(readers), writer: Writer::start(writer) })
    }

    /// Does `work` as one transaction; answers after it is durable.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(work, Urgency::Now).await
    }

    /// The same, behind everything else that waits.
    async fn write_last<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(work, Urgency::Last).await
    }

    /// Reads on the spot: for point reads by key, a few microseconds each.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.readers.read(work)
    }

    /// Reads on a thread for it: for what may read a whole table.
    async fn scan<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        let readers = Arc::clone(&self.readers);
        let scanned = tokio::task::spawn_blocking(move || readers.read(work));
        scanned.await.map_err(|error| StoreError::Unavailable(error.into()))?
    }
}

/// How long somebody else may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);

fn unusable(path: &Path, why: String) -> OpenError {
    OpenError::Unusable { path: path.to_owned(), why }
}

/// A connection that may write, on this program's schema.
fn writing(
    mut connection: Connection,
    on_old_schema: OnOldSchema,
    path: &Path,
) -> std::result::Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| unusable(path, why(&error, path));
    prepare_writer(&connection).map_err(failed)?;
    migrate::run(&mut connection, on_old_schema, path)?;
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(failed)? {
        return Err(unusable(path, "it can only be read".to_owned()));
    }
    Ok(connection)
}

fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // What was deleted is overwritten: of whoever closed their account the file keeps nothing.
    connection.pragma_update(None, "secure_delete", "ON")?;
    steady(connection)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Of two programs that make a file at once, `SQLite` refuses one without letting it wait, so that neither waits for ever.
fn turn_log_on(connection: &Connection) -> rusqlite::Result<()> {
    let turn_on = || connection.pragma_update(None, "journal_mode", "WAL");
    turn_on().or_else(|error| {
        if error.sqlite_error_code() != Some(rusqlite::ErrorCode::DatabaseBusy) {
            return Err(error);
        }
        // This waits until the other one has done it.
        connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
        turn_on()
    })
}

fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(1))?;
    connection.pragma_update(None, "query_only", "ON")?;
    connection.pragma_update(None, "cache_size", -2048)?;
    steady(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// One plan a statement: otherwise each new value of a parameter that a partial index might depend on has it parsed again.
fn steady(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Whether a database may be at this place, and its folder is there; otherwise what to do.
pub(crate) fn check_folder(path: &Path) -> std::result::Result<(), String> {
    if path.is_dir() {
        return Err(format!("it is a folder: name a file in it, e.g. {}", path.join("menjin.db").display()));
    }
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    match folder.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is no folder", folder.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = folder.display();
            Err(format!("its folder does not exist: is the path right? If it is, make the folder: mkdir -p {folder}"))
        }
        Err(error) => Err(no_access(&error)),
    }
}

fn no_access(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::PermissionDenied {
        format!("{error}: the account that runs menjin must own the file, and be allowed to write in its folder")
    } else {
        error.to_string()
    }
}

/// What `SQLite` says, without the path, which whoever is told has heard already.
pub(super) fn why(error: &rusqlite::Error, path: &Path) -> String {
    let said = error.to_string();
    said.strip_suffix(&format!(": {}", path.display())).map_or_else(|| said.clone(), str::to_owned)
}

/// The file holds people's data: nobody else on the machine reads it. One that is there is not opened for it: closing it
/// again would let go of locks that this program may hold on it. Gives the permissions that it had.
#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<Option<Permissions>> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let former = std::fs::metadata(path)?.permissions();
            std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
            Ok(Some(former))
        }
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn make_private(_path: &Path) -> std::io::Result<Option<Permissions>> {
    Ok(None)
}

/// A file that can't be used may be somebody else's: its permissions stay what they were.
fn give_back(path: &Path, former: Option<Permissions>) {
    if let Some(former) = former {
        // Whoever reads of the refusal is told of the file.
        std::fs::set_permissions(path, former).ok();
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(anyhow::Error::new(error))
    }
}
