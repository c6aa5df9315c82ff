//! Statements as values: each is listed beside the code that runs it, so that a test can read every plan.
//!
//! Lives here: running a statement. Does not: a statement (a file a concern).

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension as _, Params};

use crate::store::Result;
use crate::store::columns::{Columns, Corrupt, Row};

/// A statement and the table that it is about. Only `statements!` makes one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sql {
    pub(super) text: &'static str,
    pub(super) table: &'static str,
}

/// Names statements, and lists them for the test of their plans.
macro_rules! statements {
    ($($name:ident on $table:ident = $($part:expr),+;)+) => {
        $(const $name: $crate::store::sqlite::sql::Sql =
            $crate::store::sqlite::sql::Sql { text: concat!($($part),+), table: stringify!($table) };)+

        /// Every statement of this file.
        #[cfg(test)]
        pub(in crate::store::sqlite) const STATEMENTS: &[(&str, $crate::store::sqlite::sql::Sql)] =
            &[$((stringify!($name), $name)),+];
    };
}

pub(super) use statements;

impl Sql {
    /// Runs it; how many rows it changed.
    pub(super) fn run(self, connection: &Connection, values: impl Params) -> Result<usize> {
        Ok(connection.prepare_cached(self.text)?.execute(values)?)
    }

    /// The first row, if there is one.
    pub(super) fn row<T>(
        self,
        connection: &Connection,
        values: impl Params,
        read: impl FnOnce(&mut Columns<'_>) -> Result<T, Corrupt>,
    ) -> Result<Option<T>> {
        let mut statement = connection.prepare_cached(self.text)?;
        let mut rows = statement.query(values)?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(read(&mut Columns::of(row, self.table))?))
    }

    /// The first column of the first row.
    pub(super) fn value<T: FromSql>(self, connection: &Connection, values: impl Params) -> Result<Option<T>> {
        Ok(connection.prepare_cached(self.text)?.query_row(values, |row| row.get(0)).optional()?)
    }

    /// All rows.
    pub(super) fn rows<T>(
        self,
        connection: &Connection,
        values: impl Params,
        mut read: impl FnMut(&mut Columns<'_>) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>> {
        let mut statement = connection.prepare_cached(self.text)?;
        let mut rows = statement.query(values)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(&mut Columns::of(row, self.table))?);
        }
        Ok(all)
    }
}

impl Row for rusqlite::Row<'_> {
    fn int(&self, at: usize) -> Result<Option<i64>, String> {
        self.get(at).map_err(|error| error.to_string())
    }

    fn text(&self, at: usize) -> Result<Option<String>, String> {
        self.get(at).map_err(|error| error.to_string())
    }

    fn bytes(&self, at: usize) -> Result<Option<Vec<u8>>, String> {
        self.get(at).map_err(|error| error.to_string())
    }

    fn name(&self, at: usize) -> String {
        self.as_ref().column_name(at).unwrap_or("?").to_owned()
    }
}
