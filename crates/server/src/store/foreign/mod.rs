//! Tables of other systems, read once from end to end: every value as text, in the order of the first column.
//!
//! Does not: knowing what the columns mean (`moving`), writing anything there.

mod mysql;
mod postgres;
mod sqlite;

use std::path::Path;
use std::pin::pin;

use anyhow::{anyhow, bail, ensure};
use futures_util::{Stream, StreamExt as _};
use sqlx::mysql::MySqlDatabaseError;
use tokio::sync::mpsc;

use super::sql::reach::{mysql_options, plainly, postgres_options};
use crate::config::StorePlace;

/// A row: its values as text, absent where they are NULL.
pub type ForeignRow = Vec<Option<Vec<u8>>>;

/// Rows that travel together.
const PAGE: usize = 500;
/// Pages that wait to be taken.
const WAITING: usize = 4;

/// A table of another system.
#[expect(missing_debug_implementations, reason = "the address may have a password in it")]
pub struct ForeignTable<'a> {
    /// `sqlite://…`, `postgres://…` or `mysql://…`.
    pub url: &'a str,
    /// Its name, with a schema before it where there is one.
    pub name: &'a str,
    /// The columns to read; the first is a whole number and gives the order.
    pub columns: Vec<String>,
}

/// The rows of a table, as they come.
#[derive(Debug)]
pub struct ForeignRows {
    /// How many there are.
    pub count: u64,
    table: String,
    pages: mpsc::Receiver<anyhow::Result<Vec<ForeignRow>>>,
    page: std::vec::IntoIter<ForeignRow>,
}

impl ForeignTable<'_> {
    /// Begins to read, in one snapshot.
    pub async fn read(&self) -> anyhow::Result<ForeignRows> {
        let rows = match self.url.split_once("://").map(|(scheme, _)| scheme) {
            Some("sqlite") => sqlite::read(self),
            Some("postgres" | "postgresql" | "mysql" | "mariadb") => self.read_from_server().await,
            Some(_) | None => bail!("--from must begin with sqlite://, postgres:// or mysql://"),
        };
        let rows = rows.map_err(|error| in_words(error, self.name))?;
        Ok(ForeignRows { table: self.name.to_owned(), ..rows })
    }

    async fn read_from_server(&self) -> anyhow::Result<ForeignRows> {
        let place = StorePlace::parse(self.url, Path::new("")).map_err(|why| anyhow::anyhow!("--from {why}"))?;
        let checked = place.wants_checked_tls();
        match &place {
            StorePlace::Postgres(url) => postgres::read(self, postgres_options(url, checked)?).await,
            StorePlace::MySql(url) => mysql::read(self, mysql_options(url, checked)?).await,
            StorePlace::Sqlite(_) => bail!("--from: SQLite is no server"),
        }
    }

    /// `SELECT` of all columns as text; `quote` and `cast` are the database's own.
    fn select(&self, quote: fn(&str) -> String, cast: fn(&str) -> String) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| cast(&quote(column))).collect();
        format!("SELECT {} FROM {} ORDER BY {}", columns.join(", "), self.quoted(quote), quote(&self.columns[0]))
    }

    fn count(&self, quote: fn(&str) -> String) -> String {
        format!("SELECT count(*) FROM {}", self.quoted(quote))
    }

    fn quoted(&self, quote: fn(&str) -> String) -> String {
        self.name.split('.').map(quote).collect::<Vec<_>>().join(".")
    }

    /// Refuses a table or a column that is not there, and says which there are.
    fn check(&self, there: &[String]) -> anyhow::Result<()> {
        // MySQL hides a table from an account that may not read it.
        let hidden =
            if self.url.starts_with("sqlite:") { "" } else { ", or GRANT SELECT on it to the account of --from" };
        ensure!(!there.is_empty(), "there is no table {:?} (--table){hidden}", self.name);
        for column in &self.columns {
            ensure!(
                there.contains(column),
                "table {} has no column {column:?}: it has {}",
                self.name,
                there.join(", ")
            );
        }
        Ok(())
    }
}

impl ForeignRows {
    fn new(count: i64) -> (Self, mpsc::Sender<anyhow::Result<Vec<ForeignRow>>>) {
        let (sender, pages) = mpsc::channel(WAITING);
        (Self { count: count.unsigned_abs(), table: String::new(), pages, page: Vec::new().into_iter() }, sender)
    }

    /// The next row.
    pub async fn next(&mut self) -> anyhow::Result<Option<ForeignRow>> {
        loop {
            if let Some(row) = self.page.next() {
                return Ok(Some(row));
            }
            match self.pages.recv().await {
                Some(page) => self.page = page.map_err(|error| in_words(error, &self.table))?.into_iter(),
                None => return Ok(None),
            }
        }
    }
}

/// What a server says, as whoever gave its address needs it.
fn in_words(error: anyhow::Error, table: &str) -> anyhow::Error {
    let Some(error) = error.downcast_ref::<sqlx::Error>() else { return error };
    let said = error.as_database_error();
    // MySQL's "SELECT command denied" has a number, and a state that it shares with much else.
    let may_not = said.is_some_and(|said| {
        said.code().as_deref() == Some("42501")
            || said.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|said| matches!(said.number(), 1142 | 1143))
    });
    if may_not {
        return anyhow!(
            "--from: this account may not read table {table}: as its owner, GRANT SELECT on it to the account \
             (PostgreSQL: and GRANT USAGE on its schema)"
        );
    }
    anyhow!("--from: table {table}: {}", plainly(error))
}

/// As standard SQL quotes a name.
fn in_double_quotes(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Sends rows in pages, until the end, a failure, or nobody reads any more.
async fn send(
    rows: impl Stream<Item = anyhow::Result<ForeignRow>>,
    pages: mpsc::Sender<anyhow::Result<Vec<ForeignRow>>>,
) {
    let mut rows = pin!(rows);
    let mut page = Vec::with_capacity(PAGE);
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => page.push(row),
            Err(error) => return drop(pages.send(Err(error)).await),
        }
        if page.len() == PAGE && pages.send(Ok(std::mem::take(&mut page))).await.is_err() {
            return;
        }
    }
    drop(pages.send(Ok(page)).await);
}
