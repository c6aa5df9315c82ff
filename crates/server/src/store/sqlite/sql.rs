//! Statements as values: each is listed beside the code that runs it, so that a test can read every plan.
//!
//! Lives here: running a statement, and the columns that several statements share. Does not: a statement (a file a concern).

use menjin_token::{Id, Kind, Timestamp};
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::store::{Result, StoreError};

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

/// What [`user`](super::rows::user) reads, of `users AS u`.
macro_rules! user_columns {
    () => {
        "u.id, u.number, u.nickname, u.avatar_url, u.phone_masked, u.created_at, u.disabled_at"
    };
}

/// What [`session_row`](super::rows::session_row) reads, of `sessions AS s` and its own grant, `grants AS g`.
macro_rules! session_columns {
    () => {
        "s.id, s.user, s.app, s.device_id, s.device_class, s.device_name, s.device_system, s.ip, s.user_agent, \
         s.opened_at, g.rotated_at, s.expires_at, s.ended_at, s.end_reason"
    };
}

/// What [`standing`](super::rows::standing) reads, of `grants AS g` and `sessions AS s`; the user's columns follow.
macro_rules! standing_columns {
    () => {
        "g.id, g.counter, g.session, g.app, s.opened_at, s.amr, g.idle_until, g.secret"
    };
}

pub(super) use {session_columns, standing_columns, statements, user_columns};

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

/// A value that no version of menjin wrote there.
#[derive(Debug, thiserror::Error)]
#[error("{table}.{column} can't be: {why}")]
pub(super) struct Corrupt {
    table: &'static str,
    column: String,
    why: String,
}

impl From<Corrupt> for StoreError {
    fn from(error: Corrupt) -> Self {
        Self::Unavailable(error.into())
    }
}

/// The columns of a row, read one after the other.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
    table: &'static str,
}

impl<'r> Columns<'r> {
    fn of(row: &'r Row<'r>, table: &'static str) -> Self {
        Self { row, next: 0, table }
    }

    /// What is read from here on belongs to `table`.
    pub(super) fn of_table(&mut self, table: &'static str) -> &mut Self {
        self.table = table;
        self
    }

    /// The next column.
    pub(super) fn get<T: FromSql>(&mut self) -> Result<T, Corrupt> {
        let at = self.next;
        self.next += 1;
        self.row.get(at).map_err(|error| self.corrupt(at, error.to_string()))
    }

    /// The next column, as an id.
    pub(super) fn id<K: Kind>(&mut self) -> Result<Id<K>, Corrupt> {
        Ok(Id::from_bytes(self.get()?))
    }

    /// The next column, as a time.
    pub(super) fn time(&mut self) -> Result<Timestamp, Corrupt> {
        Ok(Timestamp::from_millis(self.get()?))
    }

    /// The next column, as a time that may not have come.
    pub(super) fn time_or_null(&mut self) -> Result<Option<Timestamp>, Corrupt> {
        Ok(self.get::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    /// The next column, as one of the words that this program knows.
    pub(super) fn word<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Corrupt> {
        let text: String = self.get()?;
        parse(&text).ok_or_else(|| self.corrupt(self.next - 1, format!("this program does not know {text:?}")))
    }

    fn corrupt(&self, at: usize, why: String) -> Corrupt {
        let column = self.row.as_ref().column_name(at).unwrap_or("?").to_owned();
        Corrupt { table: self.table, column, why }
    }
}
