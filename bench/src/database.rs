//! The stores that can be measured, and the database servers that are started for it, with durable settings.

use menjin_testbed::{MariaDb, Postgres};

use crate::machine::memory_in_all;

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    Mariadb,
}

/// For how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// The server's own defaults.
    Default,
    /// As an operator would set it for many people.
    Large,
}

/// A database server; gone when dropped.
pub(crate) enum Database {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Database {
    /// `None` for `SQLite`, which needs none.
    pub(crate) fn start(kind: Kind, room: Room) -> anyhow::Result<Option<Self>> {
        Ok(match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(Self::Postgres(postgres(room)?)),
            Kind::Mariadb => Some(Self::MariaDb(mariadb(room)?)),
        })
    }

    /// The URL of a new database.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.database(),
            Self::MariaDb(server) => server.database(),
        }
    }

    pub(crate) fn process(&self) -> Option<u32> {
        match self {
            Self::Postgres(server) => server.pid(),
            Self::MariaDb(server) => server.pid(),
        }
    }
}

/// A quarter of the machine's memory for its cache, as its manual says; it uses the system's cache beside that.
fn postgres(room: Room) -> anyhow::Result<Postgres> {
    if room == Room::Default {
        return Postgres::start();
    }
    let cache = format!("{}MB", memory_in_all() / 4);
    Postgres::start_with(&[("shared_buffers", &cache), ("max_wal_size", "8GB"), ("checkpoint_timeout", "15min")])
}

/// Half of the memory, as it reads past the system's cache.
fn mariadb(room: Room) -> anyhow::Result<MariaDb> {
    if room == Room::Default {
        return MariaDb::start();
    }
    let cache = format!("--innodb-buffer-pool-size={}M", memory_in_all() / 2);
    MariaDb::start_with(&[&cache, "--innodb-log-file-size=2G"])
}
