//! `SQLite` runs the suite of all back ends: two nodes are two programs on one file.

use std::sync::Arc;

use super::{OnOldSchema, Sqlite};
use crate::store::conformance::{Bench, conformance};

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(Sqlite::open(&folder.path().join("menjin.db"), OnOldSchema::Migrate).unwrap());
    Bench { store: open(), other: open(), _keeps: Box::new(folder) }
}

conformance!(crate::store::sqlite::conforms::bench);
