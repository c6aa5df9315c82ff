//! `menjin backup`: one sound file, beside a server that people use.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tempfile::tempdir;
use tokio::time::timeout;

use super::{Line, assert_sound, command, count, files};
use crate::harness::{Server, run_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_amid_sign_ins_and_refreshes_is_of_one_moment() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let mut before = Vec::new();
    for nth in 0..5 {
        before.push(line.sign_in(&format!("early {nth}")).await);
    }
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let busy = (0..4).map(|phone| {
        let (line, stop, done) = (line.clone(), Arc::clone(&stop), Arc::clone(&done));
        tokio::spawn(async move {
            let mut nth = 0;
            while !stop.load(Ordering::Relaxed) {
                let pair = line.sign_in(&format!("person {phone} {nth}")).await;
                line.refreshed(&line.refreshed(&pair).await).await;
                nth += 1;
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let busy: Vec<_> = busy.collect();
    let mut users = 5;
    for nth in 0..6 {
        let file = data.path().join(format!("backup-{nth}.db"));
        let (folder, name) = (data.path().to_owned(), file.clone());
        let (at_first, people) = (done.load(Ordering::Relaxed), users);
        let said = tokio::task::spawn_blocking(move || command(&folder, &["backup", name.to_str().unwrap()]).ok());
        let said = said.await.unwrap();
        assert_sound(&file);
        users = count(&file, "SELECT count(*) FROM users");
        assert!(users >= people, "{users} after {people}");
        assert!(said.contains(&format!("{users} users")), "{said}");
        let one_more = async {
            while done.load(Ordering::Relaxed) <= at_first {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), one_more).await.expect("people go on signing in");
    }
    assert!(users > 5, "people came while it was backed up");
    stop.store(true, Ordering::Relaxed);
    for phone in busy {
        phone.await.unwrap();
    }
    assert!(files(data.path(), ".part").is_empty(), "nothing half-made is left");
    assert_eq!(server.stop(), Some(0));

    command(data.path(), &["restore", "backup-5.db", "--force", "--keep-sessions"]).ok();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    for pair in &before {
        line.refreshed(pair).await;
    }
    assert_eq!(line.sign_in("person 0 0").await["is_new_user"], false);
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn it_says_in_both_languages_that_the_master_key_is_not_in_it() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    Line::to(&server).sign_in("alice").await;
    let said = command(data.path(), &["backup", "b.db"]).ok();
    let file = data.path().join("b.db");
    for part in ["1 users", "1 identities", "1 live sessions", "master key", "not in it", "主密钥", "1 个用户"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    let key = std::fs::read_to_string(data.path().join("secret.key")).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(key.trim().len()).any(|window| window == key.trim().as_bytes()));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(files(data.path(), "b.db-").is_empty(), "it is one file");
    for log in ["menjin.db-wal", "menjin.db-shm"] {
        command(data.path(), &["backup", log, "--force"]).refused(&["is a part of the database"]);
    }
    Line::to(&server).sign_in("bob").await;
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn it_overwrites_only_what_it_is_told_to() {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    let file = data.path().join("b.db");
    std::fs::write(&file, "my notes").unwrap();
    command(data.path(), &["backup", "b.db"]).refused(&["b.db exists", "--force"]);
    assert_eq!(std::fs::read(&file).unwrap(), b"my notes");
    command(data.path(), &["backup", "b.db", "--force"]).ok();
    assert_sound(&file);
    command(data.path(), &["backup", "menjin.db", "--force"]).refused(&["the database itself"]);
    command(data.path(), &["backup", "."]).refused(&["is a folder"]);
    command(data.path(), &["backup", "no/such/folder/b.db"]).refused(&["no/such/folder", "can't be written"]);
    assert_sound(&data.path().join("menjin.db"));
}

#[test]
fn what_a_killed_backup_left_is_taken_over_and_what_another_writes_is_not() {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    let part = data.path().join("b.db.part");
    let left = std::fs::File::create(&part).unwrap();
    left.set_len(1 << 20).unwrap();
    left.lock().unwrap();
    command(data.path(), &["backup", "b.db"]).refused(&["b.db.part", "another menjin"]);
    left.unlock().unwrap();
    command(data.path(), &["backup", "b.db"]).ok();
    assert_sound(&data.path().join("b.db"));
    assert!(!part.exists());
}

/// A backup that was made over what somebody put in its way.
fn made_anew(file: &Path) {
    let made = std::fs::symlink_metadata(file).unwrap();
    assert!(made.is_file());
    assert_eq!((made.permissions().mode() & 0o777, made.nlink()), (0o600, 1));
    assert_sound(file);
}

#[test]
fn a_link_in_the_place_of_the_part_is_not_followed() {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    let (victim, nowhere) = (data.path().join("victim"), data.path().join("nowhere"));
    std::fs::write(&victim, "theirs").unwrap();
    for planted in [&victim, &nowhere] {
        symlink(planted, data.path().join("b.db.part")).unwrap();
        symlink(planted, data.path().join("menjin.db.part")).unwrap();
        command(data.path(), &["backup", "b.db", "--force"]).ok();
        made_anew(&data.path().join("b.db"));
        command(data.path(), &["restore", "b.db", "--force"]).ok();
        made_anew_but_aside(data.path());
        assert!(files(data.path(), ".part").is_empty());
    }
    assert_eq!(std::fs::read(&victim).unwrap(), b"theirs");
    assert!(!nowhere.exists());
}

/// The same of a database; the one before goes out of the way.
fn made_anew_but_aside(data: &Path) {
    made_anew(&data.join("menjin.db"));
    for aside in files(data, "before-restore") {
        std::fs::remove_file(aside).unwrap();
    }
}

#[test]
fn a_part_that_somebody_put_there_never_becomes_the_backup() {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    let (part, held) = (data.path().join("b.db.part"), data.path().join("theirs"));
    std::fs::write(&held, "theirs").unwrap();
    std::fs::set_permissions(&held, std::fs::Permissions::from_mode(0o666)).unwrap();
    std::fs::hard_link(&held, &part).unwrap();
    command(data.path(), &["backup", "b.db"]).ok();
    made_anew(&data.path().join("b.db"));
    assert_eq!(std::fs::read(&held).unwrap(), b"theirs");
    assert_ne!(std::fs::metadata(&held).unwrap().ino(), std::fs::metadata(data.path().join("b.db")).unwrap().ino());

    std::fs::create_dir(&part).unwrap();
    command(data.path(), &["backup", "b.db", "--force"]).refused(&["b.db.part is in the way"]);
    assert_sound(&data.path().join("b.db"));
}

#[test]
fn what_is_no_database_of_menjin_is_refused_and_nothing_is_left() {
    let data = tempdir().unwrap();
    run_in(data.path(), &["init"]).ok();
    command(data.path(), &["backup", "b.db"]).refused(&["menjin.db does not exist", "`store.url`"]);
    let other = rusqlite::Connection::open(data.path().join("menjin.db")).unwrap();
    other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    drop(other);
    command(data.path(), &["backup", "b.db"]).refused(&["no database of menjin"]);
    std::fs::write(data.path().join("menjin.db"), "These are my notes. ".repeat(100)).unwrap();
    command(data.path(), &["backup", "b.db"]).refused(&["menjin.db is no database of menjin", "`store.url`"]);
    assert!(files(data.path(), "b.db").is_empty());
}

#[test]
fn a_damaged_database_is_named_and_makes_no_backup() {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    let file = data.path().join("menjin.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    let ran = command(data.path(), &["backup", "b.db"]);
    ran.refused(&["menjin.db"]);
    assert!(files(data.path(), "b.db").is_empty());
}

#[test]
fn where_the_store_is_a_server_its_own_tool_is_named() {
    let data = tempdir().unwrap();
    let key = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";
    for (url, tools) in [
        ("postgres://u:hunter2@127.0.0.1:1/menjin", ["pg_dump", "pg_restore"]),
        ("mysql://u:hunter2@127.0.0.1:1/menjin", ["mariadb-dump", "mariadb"]),
    ] {
        let toml = format!("secret_key = \"{key}\"\n[store]\nurl = \"{url}\"\n");
        std::fs::write(data.path().join("menjin.toml"), toml).unwrap();
        std::fs::write(data.path().join("b.db"), "").unwrap();
        for (arguments, tool) in [["backup", "c.db"], ["restore", "b.db"]].into_iter().zip(tools) {
            let ran = command(data.path(), &arguments);
            assert!(!ran.err.contains("hunter2"), "{}", ran.err);
            ran.refused(&["`store.url`", &format!("`{tool} ")]);
        }
    }
}
