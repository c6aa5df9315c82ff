//! Rows into `SQLite`, on a connection beside menjin's.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::place::{Loader, Loading};
use super::rows::{Rows, Value};

pub(crate) struct IntoSqlite(Connection);

impl IntoSqlite {
    pub(crate) fn open(file: &Path, loading: Loading) -> anyhow::Result<Self> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(Duration::from_secs(30))?;
        if loading == Loading::Empty {
            connection.pragma_update(None, "journal_mode", "OFF")?;
            connection.pragma_update(None, "synchronous", "OFF")?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.pragma_update(None, "cache_size", -2 * 1024 * 1024)?;
        }
        Ok(Self(connection))
    }
}

impl Loader for IntoSqlite {
    fn write(&mut self, batch: &[Rows]) -> anyhow::Result<()> {
        let transaction = self.0.transaction()?;
        for Rows { table, rows } in batch {
            let values = vec!["?"; table.columns.len()].join(", ");
            let mut statement =
                transaction.prepare_cached(&format!("INSERT INTO {} VALUES ({values})", table.said()))?;
            for row in rows {
                statement.execute(params_from_iter(row))?;
            }
        }
        Ok(transaction.commit()?)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Id(id) => ValueRef::Blob(id),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
