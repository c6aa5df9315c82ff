//! An end of a move that is an `SQLite` file, taken for oneself.

use std::path::Path;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::arrive::raise_sequence;
use crate::store::across::{Cells, End, NOTES, Position};
use crate::store::schema::OnOldSchema;
use crate::store::sqlite::{Sqlite, migrate};
use crate::store::tables::{Cell, Table, Type};

pub(in crate::store) struct SqliteEnd(Connection);

impl Sqlite {
    /// A database to move from.
    pub(in crate::store) fn source(path: &Path) -> anyhow::Result<SqliteEnd> {
        if !path.is_file() {
            bail!("it does not exist");
        }
        Self::end(path)
    }

    /// A database to move to, made where there is none.
    pub(in crate::store) fn target(path: &Path) -> anyhow::Result<SqliteEnd> {
        drop(Self::open(path, OnOldSchema::Migrate)?);
        Self::end(path)
    }

    fn end(path: &Path) -> anyhow::Result<SqliteEnd> {
        let Some(mut connection) = Self::alone(path)?.connection else { bail!("it is no database, or damaged") };
        // What is written must not be left in a log beside the file.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        migrate::run(&mut connection, OnOldSchema::Refuse, path)?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(SqliteEnd(connection))
    }
}

#[async_trait]
impl End for SqliteEnd {
    async fn page(&mut self, table: &Table, after: Option<&Cell>) -> anyhow::Result<Vec<Cells>> {
        let mut statement = self.0.prepare_cached(&table.page(quote, after.map(|_| "?1")))?;
        let mut rows = statement.query(params_from_iter(after.map(value)))?;
        let mut page = Vec::new();
        while let Some(row) = rows.next()? {
            let cell = |(at, (name, kind)): (usize, &(&str, Type))| {
                cell(*kind, row.get(at)?).with_context(|| format!("{}.{name} holds what it can't", table.name))
            };
            page.push(table.columns.iter().enumerate().map(cell).collect::<anyhow::Result<Cells>>()?);
        }
        Ok(page)
    }

    async fn count(&mut self, table: &Table) -> anyhow::Result<u64> {
        let sql = format!("SELECT count(*) FROM {}", quote(table.name));
        Ok(self.0.query_row(&sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    async fn position(&mut self) -> anyhow::Result<Option<Position>> {
        if !self.0.table_exists(None, NOTES)? {
            return Ok(None);
        }
        let sql = format!("SELECT source, at_table, last_key FROM {NOTES}");
        let noted: Option<(Vec<u8>, String, Option<Vec<u8>>)> =
            self.0.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        noted.map(|(source, table, after)| Position::of_notes(source, &table, after)).transpose()
    }

    async fn begin(&mut self, position: &Position) -> anyhow::Result<()> {
        let transaction = self.0.transaction()?;
        transaction.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS {NOTES} (id INTEGER PRIMARY KEY, source BLOB NOT NULL, at_table TEXT NOT NULL, last_key BLOB) STRICT"
        ))?;
        let sql = format!("INSERT INTO {NOTES} (id, source, at_table, last_key) VALUES (1, ?1, ?2, ?3)");
        transaction.execute(&sql, params![position.source, position.table_name(), position.after_bytes()])?;
        Ok(transaction.commit()?)
    }

    async fn put(&mut self, table: &Table, rows: &[Cells], position: &Position) -> anyhow::Result<()> {
        let transaction = self.0.transaction()?;
        if !rows.is_empty() {
            let insert = table.insert(quote, |at| format!("?{at}"), rows.len());
            transaction.prepare_cached(&insert)?.execute(params_from_iter(rows.iter().flatten().map(value)))?;
        }
        let sql = format!("UPDATE {NOTES} SET at_table = ?1, last_key = ?2");
        transaction.execute(&sql, params![position.table_name(), position.after_bytes()])?;
        Ok(transaction.commit()?)
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        Ok(self.0.execute_batch(&format!("DROP TABLE {NOTES}"))?)
    }

    async fn given(&mut self, table: &Table) -> anyhow::Result<i64> {
        Ok(raise_sequence(&self.0, table.name, 0)?)
    }

    async fn give_after(&mut self, table: &Table, number: i64) -> anyhow::Result<()> {
        Ok(raise_sequence(&self.0, table.name, number).map(drop)?)
    }
}

fn quote(name: &str) -> String {
    format!("\"{name}\"")
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(int) => Value::Integer(*int),
        Cell::Text(text) => Value::Text(text.clone()),
        Cell::Bytes(bytes) => Value::Blob(bytes.clone()),
    }
}

fn cell(kind: Type, value: Value) -> anyhow::Result<Cell> {
    Ok(match (kind, value) {
        (_, Value::Null) => Cell::Null,
        (Type::Int, Value::Integer(int)) => Cell::Int(int),
        (Type::Text, Value::Text(text)) => Cell::Text(text),
        (Type::Bytes, Value::Blob(bytes)) => Cell::Bytes(bytes),
        (_, other) => bail!("{}", other.data_type()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tables::TABLES;

    #[test]
    fn every_table_and_column_moves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("menjin.db");
        drop(Sqlite::open(&path, OnOldSchema::Migrate).unwrap());
        let connection = Connection::open(&path).unwrap();
        let sql = "SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
            WHERE t.type = 'table' AND t.name NOT IN ('_migrations', 'sqlite_sequence') ORDER BY t.name, c.cid";
        let mut statement = connection.prepare(sql).unwrap();
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        let found: Vec<(String, String, String, i64)> = found.collect::<Result<_, _>>().unwrap();
        let mut known = Vec::new();
        for table in &TABLES {
            for (at, (name, kind)) in table.columns.iter().enumerate() {
                let kind = match kind {
                    Type::Int => "INTEGER",
                    Type::Text => "TEXT",
                    Type::Bytes => "BLOB",
                };
                known.push((table.name.to_owned(), (*name).to_owned(), kind.to_owned(), i64::from(at == 0)));
            }
        }
        known.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        assert_eq!(found, known, "a migration added something that `menjin move` must know: store/tables.rs");
    }
}
