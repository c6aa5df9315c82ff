//! A table of an `SQLite` file.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, ensure};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc;

use super::{ForeignRow, ForeignRows, ForeignTable, PAGE, in_double_quotes};
use crate::store::sqlite::why;

pub(super) fn read(table: &ForeignTable<'_>) -> anyhow::Result<ForeignRows> {
    let path = path(table)?;
    let connection = open(&path);
    let connection =
        connection.map_err(|error| anyhow!("--from: {} can't be opened: {}", path.display(), why(&error, &path)))?;
    let names = connection
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table.name], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>();
    table.check(&names.with_context(|| format!("--from: {} can't be read", path.display()))?)?;
    connection.execute_batch("BEGIN")?;
    let count = connection.query_row(&table.count(in_double_quotes), [], |row| row.get(0))?;
    let (rows, pages) = ForeignRows::new(count);
    let select = table.select(in_double_quotes, |column| format!("CAST({column} AS TEXT)"));
    tokio::task::spawn_blocking(move || {
        if let Err(error) = send(&connection, &select, &pages) {
            // Whoever reads may have gone.
            drop(pages.blocking_send(Err(error)));
        }
    });
    Ok(rows)
}

fn path(table: &ForeignTable<'_>) -> anyhow::Result<PathBuf> {
    let path = PathBuf::from(table.url.strip_prefix("sqlite://").unwrap_or_default());
    ensure!(path.is_file(), "--from: {} is no file", path.display());
    Ok(path)
}

fn open(path: &PathBuf) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

fn send(
    connection: &Connection,
    select: &str,
    pages: &mpsc::Sender<anyhow::Result<Vec<ForeignRow>>>,
) -> anyhow::Result<()> {
    let mut statement = connection.prepare(select)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut page = Vec::with_capacity(PAGE);
    while let Some(row) = rows.next()? {
        let value = |at| Ok(row.get_ref(at)?.as_bytes_or_null()?.map(<[u8]>::to_vec));
        page.push((0..columns).map(value).collect::<anyhow::Result<ForeignRow>>()?);
        if page.len() == PAGE && pages.blocking_send(Ok(std::mem::take(&mut page))).is_err() {
            return Ok(());
        }
    }
    drop(pages.blocking_send(Ok(page)));
    Ok(())
}
