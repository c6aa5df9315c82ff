//! `SQLite` runs the suite of all back ends: two nodes are two programs on one file.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::{OnOldSchema, Sqlite};
use crate::store::conformance::{Bench, conformance};

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("menjin.db");
    let open = || Arc::new(Sqlite::open(&path, OnOldSchema::Migrate).unwrap());
    let (store, other) = (open(), open());
    Bench { store, other, raw: Box::new(move |sql| raw(&path, sql)), _keeps: Box::new(folder) }
}

fn raw(path: &Path, sql: &str) -> String {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let mut rows = statement.raw_query();
    let value = rows.next().unwrap().map(|row| row.get_ref(0).unwrap().as_i64().unwrap());
    value.map(|value| value.to_string()).unwrap_or_default()
}

conformance!(crate::store::sqlite::conforms::bench);
