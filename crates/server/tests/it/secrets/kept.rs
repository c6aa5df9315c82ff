//! Everything that the store keeps, as bytes: the files of SQLite; of a database server the cells of all tables, and what it
//! says in its log.

use menjin_testbed::{MariaDb, Postgres};

use crate::rows::Rows;
use crate::store::{Folder, StoreKind};

/// All that is to be searched beside the tables.
pub(super) async fn everything(folder: &Folder) -> Vec<u8> {
    let log = match StoreKind::usual() {
        StoreKind::Sqlite => return files(folder),
        StoreKind::Postgres => Postgres::shared().folder().join("log"),
        StoreKind::MariaDb => MariaDb::shared().folder().join("log"),
    };
    let mut all = std::fs::read(log).unwrap();
    assert!(!all.is_empty(), "it said that it started");
    for (_, cells) in tables(folder).await {
        all.extend(cells);
    }
    all
}

/// All files beside the database's, its log among them.
fn files(folder: &Folder) -> Vec<u8> {
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    names.flat_map(|name| std::fs::read(name).unwrap()).collect()
}

/// Each table's cells, one after the other.
pub(super) async fn tables(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let mut rows = Rows::at(folder).await;
    let mut all = Vec::new();
    for table in rows.tables().await {
        let mut cells = Vec::new();
        for cell in rows.all(&format!("SELECT * FROM {table}")).await.iter().flatten() {
            if let Some(bytes) = cell.bytes() {
                cells.extend(bytes);
                cells.push(b'\n');
            }
        }
        all.push((table, cells));
    }
    all
}
