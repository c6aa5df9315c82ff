//! `menjin restore`: the database as it was, without what must not come back.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use tempfile::{TempDir, tempdir};

use super::{Line, assert_sound, command, count, files};
use crate::harness::{Server, run_in};

/// What stands in the database's feed about a session, newest last.
fn told(data: &Path, session: &serde_json::Value) -> Vec<String> {
    let id: menjin_token::SessionId = session.as_str().unwrap().parse().unwrap();
    let connection = super::read_only(&data.join("menjin.db"));
    let mut found = connection.prepare("SELECT reason FROM events WHERE subject = ?1 ORDER BY seq").unwrap();
    let reasons = found.query_map([id.to_bytes()], |row| row.get(0)).unwrap();
    reasons.collect::<Result<_, _>>().unwrap()
}

/// Nobody has refreshed this session for years.
fn fell_asleep(data: &Path, session: &serde_json::Value) {
    let id: menjin_token::SessionId = session.as_str().unwrap().parse().unwrap();
    let connection = rusqlite::Connection::open(data.join("menjin.db")).unwrap();
    assert_eq!(connection.execute("UPDATE grants SET rotated_at = 0 WHERE session = ?1", [id.to_bytes()]).unwrap(), 1);
}

fn restore(data: &Path, arguments: &[&str]) -> String {
    command(data, &[&["restore", "b.db", "--force"], arguments].concat()).ok()
}

#[tokio::test]
async fn people_are_there_again_and_sign_in_again() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let alice = line.sign_in("alice").await;
    let asleep = line.sign_in("alice").await;
    command(data.path(), &["backup", "b.db"]).ok();
    let bob = line.sign_in("bob").await;
    assert_eq!(bob["user"]["number"], 2);
    assert_eq!(server.stop(), Some(0));
    fell_asleep(data.path(), &asleep["session_id"]);

    let said = restore(data.path(), &[]);
    for part in [": 1 user.", "2 sessions are ended", "number 10002", "1 个用户", "编号是 10002"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert_sound(&data.path().join("menjin.db"));
    for pair in [&alice, &bob] {
        assert_eq!(told(data.path(), &pair["session_id"]), ["restored"], "who verifies offline refuses it too");
    }
    assert!(told(data.path(), &asleep["session_id"]).is_empty(), "its last token died long ago");
    let audited = "SELECT count(*) FROM audit WHERE action = 'store.restored' AND actor = 'operator'";
    assert_eq!(count(&data.path().join("menjin.db"), audited), 1);

    let server = Server::dev(data.path());
    let line = Line::to(&server);
    for pair in [&alice, &alice, &asleep] {
        let (status, answer) = line.refresh(pair).await;
        assert_eq!((status, answer["code"].as_str()), (401, Some("restored")), "{answer}");
    }
    let (status, answer) = line.refresh(&bob).await;
    assert_eq!((status, answer["action"].as_str()), (401, Some("relogin")), "{answer}");
    let again = line.sign_in("alice").await;
    assert_eq!((&again["user"]["id"], &again["is_new_user"]), (&alice["user"]["id"], &false.into()));
    let bob_again = line.sign_in("bob").await;
    assert_eq!(bob_again["is_new_user"], true, "they came after the backup");
    assert_eq!(bob_again["user"]["number"], 10_002, "a number that was given is not given again");
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn with_sessions_kept_only_those_who_went_on_sign_in_again() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let (idle, busy, out) = (line.sign_in("idle").await, line.sign_in("busy").await, line.sign_in("out").await);
    command(data.path(), &["backup", "b.db"]).ok();
    let later = line.refreshed(&line.refreshed(&busy).await).await;
    let (status, _) = line.post("/v1/logout", serde_json::json!({ "refresh_token": out["refresh_token"] })).await;
    assert!(status < 300);
    let after = line.sign_in("after").await;
    assert_eq!(server.stop(), Some(0));

    let said = restore(data.path(), &["--keep-sessions", "--number-gap", "5"]);
    assert!(said.contains("1 ends, revoked keys") && said.contains("number 9"), "{said}");
    assert_eq!(told(data.path(), &after["session_id"]), ["restored"], "it has no row any more");
    assert_eq!(told(data.path(), &idle["session_id"]), Vec::<String>::new());
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    line.refreshed(&idle).await;
    let (status, answer) = line.refresh(&later).await;
    assert_eq!((status, answer["code"].as_str()), (401, Some("restored")), "{answer}");
    let (status, answer) = line.refresh(&out).await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (401, Some("session_ended")),
        "who had signed out stays out: {answer}"
    );
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn a_key_that_was_revoked_after_the_backup_stays_revoked() {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    command(data.path(), &["backup", "b.db"]).ok();
    let list = command(data.path(), &["key", "list"]).ok();
    let kid = list.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    command(data.path(), &["key", "revoke", &kid]).ok();
    restore(data.path(), &[]);
    let list = command(data.path(), &["key", "list"]).ok();
    let line = list.lines().find(|line| line.starts_with(&kid)).unwrap();
    assert!(line.contains("revoked"), "{list}");
}

#[tokio::test]
async fn under_a_running_server_it_is_refused() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let alice = line.sign_in("alice").await;
    command(data.path(), &["backup", "b.db"]).ok();
    for force in [&["restore", "b.db"][..], &["restore", "b.db", "--force"]] {
        command(data.path(), force).refused(&["in use", "stop"]);
    }
    assert!(files(data.path(), ".part").is_empty() && files(data.path(), "before-restore").is_empty());
    line.refreshed(&alice).await;
    assert_eq!(server.stop(), Some(0));
    restore(data.path(), &[]);
}

#[tokio::test]
async fn the_database_before_is_kept_aside() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    line.sign_in("alice").await;
    command(data.path(), &["backup", "b.db"]).ok();
    line.sign_in("bob").await;
    assert_eq!(server.stop(), Some(0));
    let file = data.path().join("menjin.db");
    command(data.path(), &["restore", "b.db"]).refused(&["menjin.db exists", "--force"]);
    assert_eq!(count(&file, "SELECT count(*) FROM users"), 2);
    let said = restore(data.path(), &[]);
    let [aside] = &files(data.path(), "before-restore")[..] else { panic!("one file aside") };
    assert!(said.contains(aside.to_str().unwrap()), "{said}");
    assert_sound(aside);
    assert_eq!(count(aside, "SELECT count(*) FROM users"), 2);
    assert_eq!(count(&file, "SELECT count(*) FROM users"), 1);
    assert_eq!(
        count(&data.path().join("b.db"), "SELECT count(*) FROM sessions WHERE ended_at IS NULL"),
        1,
        "the backup stays as it was"
    );
}

#[tokio::test]
async fn a_database_that_was_damaged_is_replaced_too() {
    let data = backed_up().await;
    let file = data.path().join("menjin.db");
    std::fs::write(&file, "no database any more ".repeat(1000)).unwrap();
    std::fs::write(data.path().join("menjin.db-wal"), "a log of that").unwrap();
    let said = restore(data.path(), &[]);
    assert!(said.contains("is forgotten"), "{said}");
    assert_sound(&file);
    assert_eq!(files(data.path(), "before-restore").len(), 2, "with its log");
    let server = Server::dev(data.path());
    assert_eq!(Line::to(&server).sign_in("alice").await["is_new_user"], false);
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn where_there_is_no_database_one_is_made() {
    let data = backed_up().await;
    std::fs::remove_file(data.path().join("menjin.db")).unwrap();
    command(data.path(), &["restore", "b.db"]).ok();
    assert_sound(&data.path().join("menjin.db"));
    assert!(files(data.path(), "before-restore").is_empty());
    assert!(files(data.path(), ".part").is_empty());
}

/// Only root can give files away, so only root can try it; another one is refused by the system's `chown`.
#[tokio::test]
async fn the_database_belongs_to_whom_it_did_whoever_restores_it() {
    const OTHER: u32 = 4242;
    let data = backed_up().await;
    let (file, me) = (data.path().join("menjin.db"), std::fs::metadata(data.path()).unwrap().uid());
    let owner = || {
        let metadata = std::fs::metadata(&file).unwrap();
        (metadata.uid(), metadata.permissions().mode() & 0o777)
    };
    restore(data.path(), &[]);
    assert_eq!(owner(), (me, 0o600));
    let Ok(()) = chown(&file, Some(OTHER), Some(OTHER)) else {
        assert_ne!(me, 0, "root can give files away");
        return;
    };
    for aside in files(data.path(), "before-restore") {
        std::fs::remove_file(aside).unwrap();
    }
    restore(data.path(), &[]);
    assert_eq!(owner(), (OTHER, 0o600), "as the one before");
    std::fs::remove_file(&file).unwrap();
    chown(data.path(), Some(OTHER + 1), None).unwrap();
    restore(data.path(), &[]);
    assert_eq!(owner(), (OTHER + 1, 0o600), "as the folder");
}

#[tokio::test]
async fn a_backup_under_another_master_key_is_refused_with_the_keys_name() {
    let data = backed_up().await;
    let other = tempdir().unwrap();
    run_in(other.path(), &["init"]).ok();
    let backup = data.path().join("b.db");
    let backup = backup.to_str().unwrap();
    command(other.path(), &["restore", backup]).refused(&["master key", "`secret_key`", "`old_secret_keys`"]);
    assert!(files(other.path(), "menjin.db").is_empty());
    let former = std::fs::read_to_string(data.path().join("secret.key")).unwrap();
    let config = other.path().join("menjin.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("old_secret_keys = [\"{}\"]\n{text}", former.trim())).unwrap();
    command(other.path(), &["restore", backup]).ok();
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_changes_nothing() {
    let data = backed_up().await;
    let at = |name: &str| data.path().join(name);
    let whole = std::fs::read(at("b.db")).unwrap();
    std::fs::write(at("notes.db"), "These are my notes. ".repeat(100)).unwrap();
    std::fs::write(at("empty.db"), "").unwrap();
    std::fs::write(at("half.db"), &whole[..whole.len() / 2]).unwrap();
    let other = rusqlite::Connection::open(at("other.db")).unwrap();
    other.execute_batch("CREATE TABLE users (name TEXT)").unwrap();
    drop(other);
    std::fs::write(at("newer.db"), &whole).unwrap();
    let newer = rusqlite::Connection::open(at("newer.db")).unwrap();
    newer.execute_batch("INSERT INTO _migrations VALUES (99, x'00', '99.0.0', 0)").unwrap();
    drop(newer);
    let before = std::fs::read(at("menjin.db")).unwrap();
    for (name, word) in [
        ("notes.db", "notes.db is no database of menjin: name a file that `menjin backup` wrote"),
        ("empty.db", "no database of menjin"),
        ("half.db", "half.db"),
        ("other.db", "no database of menjin"),
        ("newer.db", "99.0.0"),
        ("nothing.db", "is no file"),
        (".", "is no file"),
    ] {
        command(data.path(), &["restore", name, "--force"]).refused(&[word]);
        assert_eq!(std::fs::read(at("menjin.db")).unwrap(), before, "{name}");
    }
    assert!(files(data.path(), ".part").is_empty() && files(data.path(), "before-restore").is_empty());
}

/// A data folder whose server has stopped, with alice in it and in `b.db`.
async fn backed_up() -> TempDir {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    Line::to(&server).sign_in("alice").await;
    command(data.path(), &["backup", "b.db"]).ok();
    assert_eq!(server.stop(), Some(0));
    data
}
