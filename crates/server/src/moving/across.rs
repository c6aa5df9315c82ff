//! `menjin move`: everything from one store to another, a page a transaction, carried on after a kill, and compared in the end.

use anyhow::{Context as _, bail, ensure};

use crate::config::StorePlace;
use crate::store::across::{Digest, End, Position, fingerprint, source, target};
use crate::store::tables::{TABLES, Table};

/// What a move is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Rows are written.
    Copying,
    /// Both sides are read again and compared.
    Comparing,
}

/// What was moved.
#[derive(Debug)]
pub struct Moved {
    /// Each table with its rows and the beginning of its digest.
    pub tables: Vec<(&'static str, u64, String)>,
    /// Rows that an earlier run had written.
    pub before: u64,
}

/// Told how far it is: done, and in all.
pub type Told<'a> = &'a dyn Fn(Stage, u64, u64);

/// Moves everything. The source stays as it is; nobody else has either of them meanwhile.
pub async fn across(from: &StorePlace, to: &StorePlace, told: Told<'_>) -> anyhow::Result<Moved> {
    ensure!(from != to, "--from and --to are the same");
    let mut source = source(from).await.with_context(|| format!("--from {from}"))?;
    let mut target = target(to).await.with_context(|| format!("--to {to}"))?;
    let (source, target) = (&mut *source, &mut *target);
    let from_here = fingerprint(source).await?;
    let position = match target.position().await.with_context(|| format!("--to {to}"))? {
        Some(position) if position.source == from_here => position,
        Some(_) => bail!("--to {to} holds half of another move: begin again with an empty database"),
        None => begin(target, from_here).await.with_context(|| format!("--to {to}"))?,
    };
    let mut all = 0;
    for table in &TABLES {
        all += source.count(table).await?;
    }
    let before = copy(source, target, position, &|done| told(Stage::Copying, done, all)).await?;
    let tables = compare(source, target, &|done| told(Stage::Comparing, done, all)).await?;
    for table in TABLES.iter().filter(|table| table.is_numbered) {
        let given = source.given(table).await?.max(target.given(table).await?);
        target.give_after(table, given).await?;
    }
    target.finish().await?;
    Ok(Moved { tables, before })
}

async fn begin(target: &mut dyn End, source: [u8; 32]) -> anyhow::Result<Position> {
    for table in &TABLES {
        ensure!(
            target.count(table).await? == 0,
            "it is not empty ({}): name a database that no menjin has served",
            table.name
        );
    }
    let position = Position { source, table: 0, after: None };
    target.begin(&position).await?;
    Ok(position)
}

/// From the position on; returns how many rows were there already.
async fn copy(
    source: &mut dyn End,
    target: &mut dyn End,
    mut position: Position,
    told: &dyn Fn(u64),
) -> anyhow::Result<u64> {
    let mut done = 0;
    for table in &TABLES[..=position.table] {
        done += target.count(table).await?;
    }
    let before = done;
    while position.table < TABLES.len() {
        let table = &TABLES[position.table];
        let rows = source.page(table, position.after.as_ref()).await?;
        let is_last = rows.len() < table.page_rows() as usize;
        done += rows.len() as u64;
        if is_last && position.table + 1 == TABLES.len() {
            // The position stays in the last table, behind its last row.
            position.after = rows.last().map(|row| row[0].clone()).or(position.after);
            target.put(table, &rows, &position).await?;
            break;
        }
        if is_last {
            position = Position { table: position.table + 1, after: None, ..position };
        } else {
            position.after = rows.last().map(|row| row[0].clone());
        }
        target.put(table, &rows, &position).await?;
        told(done);
    }
    told(done);
    Ok(before)
}

async fn compare(
    source: &mut dyn End,
    target: &mut dyn End,
    told: &dyn Fn(u64),
) -> anyhow::Result<Vec<(&'static str, u64, String)>> {
    let mut tables = Vec::new();
    let mut done = 0;
    for table in &TABLES {
        let there = digest(target, table, &|_| ()).await?;
        let here = digest(source, table, &|rows| told(done + rows)).await?;
        ensure!(
            here == there,
            "{} differs: {} rows with digest {} became {} rows with digest {}; something wrote to one of them, so begin again with an empty database",
            table.name,
            here.rows,
            here.hex(),
            there.rows,
            there.hex()
        );
        done += here.rows;
        tables.push((table.name, here.rows, here.hex()));
    }
    Ok(tables)
}

async fn digest(end: &mut dyn End, table: &Table, told: &dyn Fn(u64)) -> anyhow::Result<Digest> {
    let mut digest = Digest::default();
    let mut after = None;
    loop {
        let rows = end.page(table, after.as_ref()).await?;
        for row in &rows {
            digest.add(row);
        }
        told(digest.rows);
        if rows.len() < table.page_rows() as usize {
            return Ok(digest);
        }
        after = rows.last().map(|row| row[0].clone());
    }
}
