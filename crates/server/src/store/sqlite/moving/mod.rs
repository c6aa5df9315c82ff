//! Moving in and out of `SQLite`: users of another system (`arrive`), the file's copy (`backup`), and its return (`restore`).

mod across;
mod arrive;
mod backup;
mod restore;

use anyhow::{Context as _, bail};
use rusqlite::Connection;

#[cfg(test)]
pub(super) use arrive::STATEMENTS;
pub use backup::Contents;
pub use restore::{Alone, Restored, Restoring};

/// Refuses a file whose pages or references are broken.
fn check_soundness(connection: &Connection) -> anyhow::Result<()> {
    let mut statement = connection.prepare("PRAGMA integrity_check(1)")?;
    let found: String = statement.query_row([], |row| row.get(0)).context("reading it")?;
    if found != "ok" {
        bail!("it is damaged: {found}");
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    if let Some(row) = statement.query([])?.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        bail!("it is damaged: a row of {table} belongs to none of {parent}");
    }
    Ok(())
}
