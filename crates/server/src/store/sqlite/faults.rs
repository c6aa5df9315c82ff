//! What a file can do to a store: be full, be read-only, be copied in the middle of a write.

use std::path::Path;

use menjin_token::SessionId;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{OnOldSchema, OpenError, Sqlite};
use crate::store::conformance::sample::{at, on_device, open, opening, presented, sign_in};
use crate::store::{Rotation, Sessions as _, StoreError, Upkeep as _};

fn open_in(folder: &Path) -> Sqlite {
    Sqlite::open(&folder.join("menjin.db"), OnOldSchema::Migrate).unwrap()
}

fn fresh() -> (TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(folder.path());
    (folder, store)
}

/// Sets a pragma of the writer's connection.
async fn set(store: &Sqlite, pragma: &str, value: i64) {
    let set = format!("PRAGMA {pragma} = {value}");
    store.write(move |connection| Ok(connection.execute_batch(&set)?)).await.unwrap();
}

/// Lets the file grow no more.
async fn fill(store: &Sqlite) {
    let pages = store.read(|connection| Ok(connection.query_row("PRAGMA page_count", [], |row| row.get(0))?));
    set(store, "max_page_count", pages.unwrap()).await;
}

async fn exists(store: &Sqlite, session: SessionId) -> bool {
    store.session(session).await.unwrap().is_some()
}

#[track_caller]
fn assert_unavailable(error: &StoreError, why: &str) {
    let StoreError::Unavailable(cause) = error;
    assert!(format!("{cause:#}").contains(why), "{cause:#}");
}

/// Nothing in the file is damaged, and no row points nowhere.
fn assert_whole(folder: &Path) {
    let connection = Connection::open(folder.join("menjin.db")).unwrap();
    let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
    assert!(!connection.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_keeps_what_was_acknowledged() {
    let (folder, store) = fresh();
    fill(&store).await;
    let mut kept = Vec::new();
    let (refused, error) = loop {
        let opening = opening(&format!("person {}", kept.len()), at(0));
        let session = opening.session;
        match store.open_session(opening).await {
            Ok(_) => kept.push(session),
            Err(error) => break (session, error),
        }
    };
    assert_unavailable(&error, "full");
    assert!(!exists(&store, refused).await);
    for session in &kept {
        assert!(exists(&store, *session).await, "it can still be read");
    }
    set(&store, "max_page_count", 1_000_000).await;
    assert!(sign_in(&store, &format!("person {}", kept.len()), at(1)).await.is_new_user, "there is room again");
    drop(store);
    assert_whole(folder.path());
    let store = open_in(folder.path());
    for session in kept {
        assert!(exists(&store, session).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_disk_fills_everybody_is_told_the_truth() {
    let (folder, store) = fresh();
    fill(&store).await;
    let store = std::sync::Arc::new(store);
    let mut racing = tokio::task::JoinSet::new();
    for nth in 0..200 {
        let store = std::sync::Arc::clone(&store);
        // Large rows, so that the room runs out amid a group.
        let opening = on_device(opening(&format!("person {nth}"), at(0)), &"x".repeat(1000));
        racing.spawn(async move { (opening.session, store.open_session(opening).await.is_ok()) });
    }
    let told = racing.join_all().await;
    assert!(told.iter().any(|(_, opened)| !opened), "the disk was full");
    for (session, opened) in told {
        assert_eq!(exists(&store, session).await, opened);
    }
    drop(store);
    assert_whole(folder.path());
}

#[tokio::test]
async fn a_store_that_became_read_only_is_unavailable_and_burns_nothing() {
    let (folder, store) = fresh();
    let alice = sign_in(&store, "alice", at(0)).await;
    set(&store, "query_only", 1).await;
    assert_unavailable(&store.open_session(opening("bob", at(1))).await.unwrap_err(), "readonly");
    assert_unavailable(&store.rotate(presented(alice.grant(), 0, at(1))).await.unwrap_err(), "readonly");
    assert_unavailable(&store.ready().await.unwrap_err(), "readonly");
    assert!(exists(&store, alice.session()).await, "it can still be read");
    drop(store);
    assert_whole(folder.path());
    let store = open_in(folder.path());
    let rotation = store.rotate(presented(alice.grant(), 0, at(2))).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)), "{rotation:?}");
    store.ready().await.unwrap();
}

#[test]
fn a_place_where_no_file_can_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let missing = folder.path().join("typo/menjin.db");
    for (path, words) in [
        (folder.path().join("file/menjin.db"), "is no folder"),
        (folder.path().to_owned(), "it is a folder: name a file in it"),
        (missing.clone(), "mkdir -p "),
    ] {
        let error = Sqlite::open(&path, OnOldSchema::Migrate).unwrap_err();
        assert!(matches!(&error, OpenError::Unusable { path: named, .. } if *named == path), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(!missing.parent().unwrap().exists(), "of a path that was mistyped nothing is made");
}

#[cfg(unix)]
#[test]
fn a_database_is_its_owners_alone_and_what_is_none_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    let open_to_all = |name: &str| {
        std::fs::set_permissions(folder.path().join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    };
    drop(open_in(folder.path()));
    assert_eq!(mode("menjin.db"), 0o600);
    open_to_all("menjin.db");
    let store = open_in(folder.path());
    assert_eq!((mode("menjin.db"), mode("menjin.db-wal")), (0o600, 0o600));
    drop(store);
    std::fs::write(folder.path().join("notes"), "These are my notes. ".repeat(100)).unwrap();
    open_to_all("notes");
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let before = mode("folder");
    for (name, before) in [("notes", 0o644), ("folder", before)] {
        Sqlite::open(&folder.path().join(name), OnOldSchema::Migrate).unwrap_err();
        assert_eq!(mode(name), before, "{name}");
    }
}

#[tokio::test]
async fn a_copy_with_a_torn_log_opens_with_what_was_whole() {
    let (folder, store) = fresh();
    let mut sessions = Vec::new();
    for nth in 0..12 {
        sessions.push(sign_in(&store, &format!("person {nth}"), at(nth)).await.session());
    }
    let file = std::fs::read(folder.path().join("menjin.db")).unwrap();
    let log = std::fs::read(folder.path().join("menjin.db-wal")).unwrap();
    let mut lengths: Vec<_> = (0..=20).map(|part| log.len() * part / 20).collect();
    lengths.extend([1, 31, 32, 33, log.len() - 1]);
    let torn = lengths.into_iter().map(|length| log[..length].to_vec());
    let flipped = (1..10).map(|part| {
        let mut flipped = log.clone();
        flipped[log.len() * part / 10] ^= 1;
        flipped
    });
    let (mut all, mut some) = (0, 0);
    for log in torn.chain(flipped).chain([[&log[..], &[0xa5; 5000]].concat()]) {
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("menjin.db"), &file).unwrap();
        std::fs::write(copy.path().join("menjin.db-wal"), log).unwrap();
        let store = open_in(copy.path());
        let mut there = Vec::new();
        for session in &sessions {
            there.push(exists(&store, *session).await);
        }
        assert!(there.is_sorted_by(|a, b| a >= b), "a later one without an earlier one: {there:?}");
        all += usize::from(there.iter().all(|there| *there));
        some += usize::from(there.contains(&true) && there.contains(&false));
        open(&store, opening("a new one", at(100))).await;
        drop(store);
        assert_whole(copy.path());
    }
    assert!(all >= 2 && some >= 10, "{all} whole and {some} in part");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_on_the_machine_reads_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, store) = fresh();
    sign_in(&store, "alice", at(0)).await;
    let modes = |folder: &Path| -> Vec<(String, u32)> {
        let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let mode = |file: &std::fs::DirEntry| file.metadata().unwrap().permissions().mode() & 0o777;
        let mut modes: Vec<_> = files.map(|file| (file.file_name().into_string().unwrap(), mode(&file))).collect();
        modes.sort_unstable();
        modes
    };
    let private = |name: &str| (name.to_owned(), 0o600);
    let expected = [private("menjin.db"), private("menjin.db-shm"), private("menjin.db-wal")];
    assert_eq!(modes(folder.path()), expected);
    drop(store);
    std::fs::set_permissions(folder.path().join("menjin.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = open_in(folder.path());
    sign_in(&store, "bob", at(0)).await;
    assert_eq!(modes(folder.path()), expected, "also where the file was open to others before");
}

#[tokio::test]
async fn a_store_that_was_closed_is_one_file() {
    let (folder, store) = fresh();
    sign_in(&store, "alice", at(0)).await;
    drop(store);
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["menjin.db"]);
}
