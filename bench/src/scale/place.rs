//! Where a store's data is: a file, or a database on a server. What differs between the stores stands here and in the loaders.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use menjin_testbed::{MariaDb, Postgres};

use super::mariadb::IntoMariaDb;
use super::postgres::IntoPostgres;
use super::rows::Rows;
use super::sqlite::IntoSqlite;
use crate::database::Database;
use crate::menjin;

/// Writes rows into a store.
pub(crate) trait Loader {
    /// Each call is durable or not there at all, unless the loader fills an empty store.
    fn write(&mut self, batch: &[Rows]) -> anyhow::Result<()>;
}

/// An empty store is filled without care for a power cut, one in use as menjin itself would write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loading {
    Empty,
    InUse,
}

pub(crate) enum Place<'d> {
    /// Its folder.
    Sqlite(PathBuf),
    /// Its URL.
    Postgres(&'d Postgres, String),
    MariaDb(&'d MariaDb, String),
}

impl<'d> Place<'d> {
    /// A new one, without a schema.
    pub(crate) fn new(database: Option<&'d Database>, folder: &Path) -> Self {
        match database {
            None => Self::Sqlite(folder.to_owned()),
            Some(Database::Postgres(server)) => Self::Postgres(server, server.database()),
            Some(Database::MariaDb(server)) => Self::MariaDb(server, server.database()),
        }
    }

    /// For `store.url`.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Sqlite(_) => menjin::SQLITE,
            Self::Postgres(_, url) | Self::MariaDb(_, url) => url,
        }
    }

    pub(crate) fn loader(&self, loading: Loading) -> anyhow::Result<Box<dyn Loader>> {
        Ok(match self {
            Self::Sqlite(folder) => Box::new(IntoSqlite::open(&file(folder), loading)?),
            Self::Postgres(server, url) => {
                server.query(url, "GRANT SET ON PARAMETER session_replication_role TO menjin")?;
                Box::new(IntoPostgres::connect(url)?)
            }
            Self::MariaDb(server, url) => {
                server.query(url, "GRANT BINLOG ADMIN ON *.* TO menjin@'127.0.0.1'")?;
                Box::new(IntoMariaDb::connect(url, loading)?)
            }
        })
    }

    /// After filling: what an operator's database would have done by itself meanwhile.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(server, url) => {
                server
                    .query(url, "SELECT setval(pg_get_serial_sequence('users', 'number'), max(number)) FROM users")?;
                server.query(url, "VACUUM (ANALYZE)")?;
                server.query(url, "CHECKPOINT").map(drop)
            }
            Self::MariaDb(server, url) => {
                server.query(url, "ANALYZE TABLE users, identities, sessions, grants, audit").map(drop)
            }
        }
    }

    /// On disk, with indexes.
    pub(crate) fn bytes(&self) -> anyhow::Result<u64> {
        match self {
            Self::Sqlite(folder) => bytes_in(folder, "menjin.db"),
            Self::Postgres(server, url) => {
                Ok(server.query(url, "SELECT pg_database_size(current_database())")?.parse()?)
            }
            Self::MariaDb(server, url) => bytes_in(&server.folder().join("data").join(name(url)?), ""),
        }
    }

    /// What `SQLite`'s own check says; `None` on a server, whose crashes are not menjin's.
    pub(crate) fn integrity(&self) -> anyhow::Result<Option<String>> {
        let Self::Sqlite(folder) = self else { return Ok(None) };
        let connection = rusqlite::Connection::open(file(folder))?;
        Ok(Some(connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?))
    }

    /// Throws it away.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(folder) => std::fs::remove_dir_all(folder).context("removing a store"),
            Self::Postgres(server, url) => server.drop_database(url),
            Self::MariaDb(server, url) => server.drop_database(url),
        }
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("menjin.db")
}

fn name(url: &str) -> anyhow::Result<&str> {
    Ok(url.rsplit_once('/').context("a URL without a database")?.1)
}

fn bytes_in(folder: &Path, beginning: &str) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(beginning) {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}
