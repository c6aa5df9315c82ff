//! Statements as values: written once where both dialects agree, else once for each; listed so that a test can read
//! every plan.
//!
//! Parameters are `?1`, `?2` … as in the statements for `SQLite`. Not here: a statement (a file a concern).

use std::sync::OnceLock;

use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments as _, Column as _, Executor as _, Row as _};

use super::connection::{Connection, Dialect};
use super::error::failed;
use super::value::Value;
use crate::store::Result;
use crate::store::columns::{Columns, Corrupt, Row};

/// A statement and the table that it is about. Only `statements!` makes one.
#[derive(Debug)]
pub(super) struct Sql {
    pub(super) table: &'static str,
    postgres: Text,
    mysql: Text,
}

#[derive(Debug)]
struct Text {
    written: &'static str,
    ready: OnceLock<Ready>,
}

/// A text as the database wants it, and which of the values stands at each of its parameters.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) text: String,
    pub(super) order: Vec<usize>,
}

/// A statement that both dialects understand.
pub(super) const fn both(table: &'static str, text: &'static str) -> Sql {
    each(table, text, text)
}

/// A statement as PostgreSQL and as MySQL want it.
pub(super) const fn each(table: &'static str, postgres: &'static str, mysql: &'static str) -> Sql {
    Sql {
        table,
        postgres: Text { written: postgres, ready: OnceLock::new() },
        mysql: Text { written: mysql, ready: OnceLock::new() },
    }
}

/// Names statements, and lists them for the test of their plans.
macro_rules! statements {
    ($($name:ident on $table:ident = $dialects:ident($($text:expr),+ $(,)?);)+) => {
        $(static $name: $crate::store::sql::statement::Sql =
            $crate::store::sql::statement::$dialects(stringify!($table), $($text),+);)+

        /// Every statement of this file.
        #[cfg(test)]
        pub(in crate::store::sql) static STATEMENTS: &[(&str, &$crate::store::sql::statement::Sql)] =
            &[$((stringify!($name), &$name)),+];
    };
}

pub(super) use statements;

impl Sql {
    pub(super) fn ready(&'static self, dialect: Dialect) -> &'static Ready {
        let text = match dialect {
            Dialect::Postgres => &self.postgres,
            Dialect::MySql => &self.mysql,
        };
        text.ready.get_or_init(|| translate(text.written, dialect))
    }

    /// Runs it; how many rows it found to change.
    pub(super) async fn run(&'static self, on: &mut Connection<'_>, values: &[Value<'_>]) -> Result<u64> {
        let ready = self.ready(on.dialect());
        match on {
            Connection::Postgres(on) => {
                let done = on.execute(sqlx::query_with(ready.text.as_str(), postgres(values)?)).await;
                Ok(done.map_err(failed)?.rows_affected())
            }
            Connection::MySql(on) => {
                let done = on.execute(sqlx::query_with(ready.text.as_str(), mysql(ready, values)?)).await;
                Ok(done.map_err(failed)?.rows_affected())
            }
        }
    }

    /// Adds a row, unless one of the same name is there: whether it did. For PostgreSQL the text says `ON CONFLICT DO NOTHING`,
    /// as an error would end the transaction.
    pub(super) async fn add(&'static self, on: &mut Connection<'_>, values: &[Value<'_>]) -> Result<bool> {
        match self.run(on, values).await {
            Err(error) if super::error::is_duplicate(&error) => Ok(false),
            added => Ok(added? > 0),
        }
    }

    /// Adds a row; the number that it was given. For PostgreSQL the text says `RETURNING`.
    pub(super) async fn number(&'static self, on: &mut Connection<'_>, values: &[Value<'_>]) -> Result<i64> {
        let ready = self.ready(on.dialect());
        match on {
            Connection::Postgres(on) => {
                let row = on.fetch_one(sqlx::query_with(ready.text.as_str(), postgres(values)?)).await;
                row.and_then(|row| row.try_get(0)).map_err(failed)
            }
            Connection::MySql(on) => {
                let done = on.execute(sqlx::query_with(ready.text.as_str(), mysql(ready, values)?)).await;
                Ok(done.map_err(failed)?.last_insert_id().cast_signed())
            }
        }
    }

    /// The first row, if there is one.
    pub(super) async fn row<T>(
        &'static self,
        on: &mut Connection<'_>,
        values: &[Value<'_>],
        read: impl FnMut(&mut Columns<'_>) -> Result<T, Corrupt>,
    ) -> Result<Option<T>> {
        Ok(self.rows(on, values, read).await?.into_iter().next())
    }

    /// All rows.
    pub(super) async fn rows<T>(
        &'static self,
        on: &mut Connection<'_>,
        values: &[Value<'_>],
        mut read: impl FnMut(&mut Columns<'_>) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>> {
        let ready = self.ready(on.dialect());
        let found: Vec<Either> = match on {
            Connection::Postgres(on) => {
                let query = sqlx::query_with(ready.text.as_str(), postgres(values)?);
                on.fetch_all(query).await.map_err(failed)?.into_iter().map(Either::Postgres).collect()
            }
            Connection::MySql(on) => {
                let query = sqlx::query_with(ready.text.as_str(), mysql(ready, values)?);
                on.fetch_all(query).await.map_err(failed)?.into_iter().map(Either::MySql).collect()
            }
        };
        let mut all = Vec::with_capacity(found.len());
        for row in &found {
            all.push(read(&mut Columns::of(row, self.table))?);
        }
        Ok(all)
    }
}

/// `?1` becomes `$1` for PostgreSQL; for MySQL, which knows no numbers, each place gets its value again. Question marks in
/// quotes are text.
fn translate(written: &str, dialect: Dialect) -> Ready {
    let (mut text, mut order, mut quoted) = (String::with_capacity(written.len()), Vec::new(), false);
    let mut rest = written.chars().peekable();
    while let Some(next) = rest.next() {
        quoted ^= next == '\'';
        if next != '?' || quoted {
            text.push(next);
            continue;
        }
        let mut number = 0;
        while let Some(digit) = rest.peek().and_then(|next| next.to_digit(10)) {
            number = number * 10 + digit as usize;
            rest.next();
        }
        order.push(number.saturating_sub(1));
        match dialect {
            Dialect::Postgres => text.extend(["$", &number.to_string()]),
            Dialect::MySql => text.push('?'),
        }
    }
    Ready { text, order }
}

fn postgres(values: &[Value<'_>]) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Int(int) => arguments.add(int),
            // No text of PostgreSQL has a zero: what can't be shown stands there, so that whoever sends one names nobody, and breaks
            // nothing.
            Value::Text(Some(text)) if text.contains('\0') => arguments.add(text.replace('\0', "\u{fffd}")),
            Value::Text(text) => arguments.add(text),
            Value::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(|error| failed(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

/// Text goes as bytes: the columns of names are bytes, those of text hold the same bytes.
fn mysql(ready: &Ready, values: &[Value<'_>]) -> Result<MySqlArguments> {
    let mut arguments = MySqlArguments::default();
    for at in &ready.order {
        match values.get(*at).copied().unwrap_or(Value::Int(None)) {
            Value::Int(int) => arguments.add(int),
            Value::Text(text) => arguments.add(text.map(str::as_bytes)),
            Value::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(|error| failed(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

/// A row of either.
pub(super) enum Either {
    Postgres(PgRow),
    MySql(MySqlRow),
}

impl Row for Either {
    fn int(&self, at: usize) -> Result<Option<i64>, String> {
        match self {
            Self::Postgres(row) => row.try_get(at),
            Self::MySql(row) => row.try_get(at),
        }
        .map_err(|error| error.to_string())
    }

    fn text(&self, at: usize) -> Result<Option<String>, String> {
        match self {
            Self::Postgres(row) => row.try_get(at).map_err(|error| error.to_string()),
            Self::MySql(_) => {
                let bytes = self.bytes(at)?;
                bytes.map(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string())).transpose()
            }
        }
    }

    fn bytes(&self, at: usize) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Postgres(row) => row.try_get(at),
            Self::MySql(row) => row.try_get(at),
        }
        .map_err(|error| error.to_string())
    }

    fn name(&self, at: usize) -> String {
        match self {
            Self::Postgres(row) => row.columns().get(at).map(|column| column.name().to_owned()),
            Self::MySql(row) => row.columns().get(at).map(|column| column.name().to_owned()),
        }
        .unwrap_or_else(|| "?".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_for_postgresql_and_repeated_for_mysql() {
        let written = "UPDATE t SET a = ?2, b = '?1', c = ?10 WHERE a = ?2 AND id = ?1";
        let postgres = translate(written, Dialect::Postgres);
        assert_eq!(postgres.text, "UPDATE t SET a = $2, b = '?1', c = $10 WHERE a = $2 AND id = $1");
        let mysql = translate(written, Dialect::MySql);
        assert_eq!(mysql.text, "UPDATE t SET a = ?, b = '?1', c = ? WHERE a = ? AND id = ?");
        assert_eq!(mysql.order, [1, 9, 1, 0]);
    }
}
