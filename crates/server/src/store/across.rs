//! From one store to another: what both ends of a move can do, and what is compared in the end.
//!
//! Does not: the order of things (`moving`), statements (each back end's own `across`).

use async_trait::async_trait;

use super::tables::{Cell, TABLES, Table};
use super::{Database, Sqlite};
use crate::config::StorePlace;
use crate::entropy::sha256;

/// Rows in one transaction, at the most.
pub(super) const PAGE: u32 = 500;

/// Where a move noted how far it is, in the store that it goes to.
pub(super) const NOTES: &str = "_move";

/// How far a move is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// What it came from.
    pub(crate) source: [u8; 32],
    /// Place of the table among all.
    pub(crate) table: usize,
    /// The last key that is written there.
    pub(crate) after: Option<Cell>,
}

/// A row.
pub(crate) type Cells = Vec<Cell>;

/// One end of a move. Nobody else writes there while it lives.
#[async_trait]
pub(crate) trait End: Send {
    /// Rows after a key, in the order of their keys.
    async fn page(&mut self, table: &Table, after: Option<&Cell>) -> anyhow::Result<Vec<Cells>>;
    /// How many rows there are.
    async fn count(&mut self, table: &Table) -> anyhow::Result<u64>;
    /// How far a move to here is; `None` where none was begun.
    async fn position(&mut self) -> anyhow::Result<Option<Position>>;
    /// Notes that a move begins.
    async fn begin(&mut self, position: &Position) -> anyhow::Result<()>;
    /// Writes rows and notes the position after them, in one transaction.
    async fn put(&mut self, table: &Table, rows: &[Cells], position: &Position) -> anyhow::Result<()>;
    /// Forgets that there was a move.
    async fn finish(&mut self) -> anyhow::Result<()>;
    /// The highest number that was given in a numbered table.
    async fn given(&mut self, table: &Table) -> anyhow::Result<i64>;
    /// Gives none up to this one.
    async fn give_after(&mut self, table: &Table, number: i64) -> anyhow::Result<()>;
}

/// Takes a store to move from.
pub(crate) async fn source(place: &StorePlace) -> anyhow::Result<Box<dyn End>> {
    Ok(match place {
        StorePlace::Sqlite(path) => Box::new(Sqlite::source(path)?),
        StorePlace::Postgres(_) | StorePlace::MySql(_) => Box::new(Database::source(place).await?),
    })
}

/// Takes a store to move to, and makes its tables.
pub(crate) async fn target(place: &StorePlace) -> anyhow::Result<Box<dyn End>> {
    Ok(match place {
        StorePlace::Sqlite(path) => Box::new(Sqlite::target(path)?),
        StorePlace::Postgres(_) | StorePlace::MySql(_) => Box::new(Database::target(place).await?),
    })
}

/// What a table holds, whatever the order of its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) rows: u64,
    sum: [u64; 4],
}

impl Digest {
    /// Rows may come in any order: their digests are added up.
    pub(crate) fn add(&mut self, row: &[Cell]) {
        let mut bytes = Vec::with_capacity(256);
        for cell in row {
            cell.put_into(&mut bytes);
        }
        let digest = sha256(&bytes);
        for (sum, part) in self.sum.iter_mut().zip(digest.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_be_bytes(*part));
        }
        self.rows += 1;
    }

    /// In short.
    pub(crate) fn hex(&self) -> String {
        format!("{:016x}", self.sum[0])
    }
}

/// What tells one source from another: keys that outlive everything else in it.
pub(crate) async fn fingerprint(end: &mut dyn End) -> anyhow::Result<[u8; 32]> {
    let mut bytes = Vec::new();
    for table in TABLES.iter().filter(|table| matches!(table.name, "data_keys" | "master_keys")) {
        for row in end.page(table, None).await? {
            for cell in row {
                cell.put_into(&mut bytes);
            }
        }
    }
    Ok(sha256(&bytes))
}

impl Position {
    /// From what is noted.
    pub(super) fn of_notes(source: Vec<u8>, table: &str, after: Option<Vec<u8>>) -> anyhow::Result<Self> {
        let unknown =
            || anyhow::anyhow!("{NOTES} was written by another version of menjin: begin again with an empty database");
        let place = TABLES.iter().position(|it| it.name == table).ok_or_else(unknown)?;
        let kind = TABLES[place].columns[0].1;
        let after = after.map(|bytes| Cell::from_bytes(kind, bytes).ok_or_else(unknown)).transpose()?;
        Ok(Self { source: source.try_into().map_err(|_| unknown())?, table: place, after })
    }

    pub(super) fn table_name(&self) -> &'static str {
        TABLES[self.table].name
    }

    pub(super) fn after_bytes(&self) -> Option<Vec<u8>> {
        self.after.as_ref().map(Cell::to_bytes)
    }
}
