//! `menjin move`: the same rows in another store, whatever happens on the way.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use super::{Line, assert_sound, command, count, read_only};
use crate::harness::{Ran, Server, menjin, run_in};

fn across(folder: &Path, from: &str, to: &str) -> Ran {
    run_in(folder, &["move", "--from", from, "--to", to])
}

/// A data folder that has something in most tables, of a server that has stopped; and who is signed in.
async fn lived_in() -> (TempDir, Value) {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let alice = line.refreshed(&line.sign_in("爱丽丝 🐼").await).await;
    for nth in 0..3 {
        line.sign_in("爱丽丝 🐼").await;
        line.sign_in(&format!("person {nth}")).await;
    }
    let out = line.sign_in("out").await;
    line.post("/v1/logout", serde_json::json!({ "refresh_token": out["refresh_token"] })).await;
    // More than are read and written at once.
    for nth in 0..18 {
        let keeper = line.sign_in(&format!("keeper {nth}")).await;
        line.keep(&keeper, "client.a", serde_json::json!({"名": "🐼", "n": nth})).await;
        line.keep(&keeper, "client.b?scope=user", serde_json::json!([nth])).await;
    }
    command(data.path(), &["key", "rotate"]).ok();
    let csv =
        "number,external_id,nickname,openid,created_at\n900,u-900,'名' \"🐼\",openid-900,2019-01-01\n1000,,,秘密,\n";
    std::fs::write(data.path().join("users.csv"), csv).unwrap();
    command(data.path(), &["import", "users.csv", "--app", "demo", "--allow-rejects"]);
    assert_eq!(server.stop(), Some(0));
    (data, alice)
}

/// All rows of all tables, and what was given.
fn contents(path: &Path) -> Vec<String> {
    let connection = read_only(path);
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> '_migrations' ORDER BY name";
    let mut names = connection.prepare(sql).unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = Vec::new();
    for name in names {
        let mut rows = connection.prepare(&format!("SELECT * FROM {name} ORDER BY 1")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<_> = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at).unwrap()).collect();
            all.push(format!("{name} {cells:?}"));
        }
    }
    all
}

/// There and back again: through these stores into another file, which then serves.
async fn there_and_back(through: &[String]) {
    let (data, alice) = lived_in().await;
    let file = data.path().join("menjin.db");
    let before = contents(&file);
    for table in [
        "users",
        "identities",
        "sessions",
        "grants",
        "session_data",
        "signing_keys",
        "master_keys",
        "data_keys",
        "events",
        "audit",
    ] {
        assert!(before.iter().any(|row| row.starts_with(&format!("{table} "))), "{table} is tried");
    }
    let mut from = "sqlite://menjin.db".to_owned();
    for to in through.iter().map(String::as_str).chain(["sqlite://back.db"]) {
        let said = across(data.path(), &from, to).ok();
        for part in ["agree", "核对一致", "[store]", "url = \"", "migrate = \""] {
            assert!(said.contains(part), "{part} is not in: {said}");
        }
        if let Some(file) = to.strip_prefix("sqlite://") {
            let whole = data.path().join(file);
            assert!(said.contains(&format!("url = \"sqlite://{}\"", whole.display())), "{said}");
        }
        assert!(!said.contains(password(to)), "{said}");
        to.clone_into(&mut from);
    }
    assert_eq!(contents(&file), before, "the source stays as it is");
    let back = data.path().join("back.db");
    assert_eq!(contents(&back), before);
    assert_sound_but_imported(&back);
    for url in through {
        assert_eq!(
            keys(data.path(), url).ok(),
            keys(data.path(), "sqlite://back.db").ok(),
            "what is sealed opens in {}",
            kind(url)
        );
    }
    for old in super::files(data.path(), "menjin.db") {
        std::fs::remove_file(old).unwrap();
    }
    std::fs::rename(&back, &file).unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    line.refreshed(&alice).await;
    assert_eq!(line.sign_in("爱丽丝 🐼").await["is_new_user"], false);
    assert_eq!(
        line.sign_in("somebody new").await["user"]["number"],
        1001,
        "numbers go on after the highest that was given"
    );
    assert_eq!(server.stop(), Some(0));
}

/// The signing keys that a program with the same master key has from there.
fn keys(data: &Path, url: &str) -> Ran {
    let text = std::fs::read_to_string(data.join("menjin.toml")).unwrap();
    let moved = data.join("moved.toml");
    std::fs::write(&moved, text.replace("sqlite://menjin.db", url)).unwrap();
    run_in(data, &["key", "list", "--config", moved.to_str().unwrap()])
}

fn kind(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

fn password(url: &str) -> &str {
    let secret = url.split_once('@').and_then(|(before, _)| before.rsplit_once(':')).map(|(_, password)| password);
    secret.unwrap_or("no password in a file's name")
}

fn assert_sound_but_imported(path: &Path) {
    assert_sound(path);
    assert_eq!(count(path, "SELECT count(*) FROM sqlite_schema WHERE name = '_move'"), 0);
}

/// Kills a move that has begun to write, changes nothing, and lets another one finish it.
fn killed_and_finished(to: &str, written: impl Fn() -> i64) {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    let lines = (1..=40_000).map(|n| format!("{n},openid-{n:06}\n")).collect::<Vec<_>>().concat();
    std::fs::write(data.path().join("users.csv"), format!("number,openid\n{lines}")).unwrap();
    command(data.path(), &["import", "users.csv", "--app", "demo"]).ok();
    let mut child = menjin(&["move", "--from", "sqlite://menjin.db", "--to", to])
        .current_dir(data.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = tokio::time::Instant::now();
    while written() == 0 {
        assert!(began.elapsed().as_secs() < 60, "it writes nothing");
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    keys(data.path(), to).refused(&["store.url", "menjin move", "run it again"]);
    let half = written();
    assert!(half > 0 && half < 40_000 && half % 500 == 0, "whole pages: {half}");

    let other = tempdir().unwrap();
    assert_eq!(Server::dev(other.path()).stop(), Some(0));
    across(other.path(), "sqlite://menjin.db", to).refused(&["half of another move", "empty database"]);
    let said = across(data.path(), "sqlite://menjin.db", to).ok();
    assert!(said.contains("an earlier run"), "{said}");
    assert_eq!(written(), 40_000);
    across(data.path(), "sqlite://menjin.db", to).refused(&["it is not empty (users)"]);
}

/// What was written to the source after the kill is noticed.
fn a_source_that_went_on_is_noticed(to: &str, written: impl Fn() -> i64) {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    let lines = (1..=20_000).map(|n| format!("{n},openid-{n:06}\n")).collect::<Vec<_>>().concat();
    std::fs::write(data.path().join("users.csv"), format!("number,openid\n{lines}")).unwrap();
    command(data.path(), &["import", "users.csv", "--app", "demo"]).ok();
    let mut child = menjin(&["move", "--from", "sqlite://menjin.db", "--to", to])
        .current_dir(data.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = tokio::time::Instant::now();
    while written() == 0 {
        assert!(began.elapsed().as_secs() < 60, "it writes nothing");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(written() < 20_000);
    let source = rusqlite::Connection::open(data.path().join("menjin.db")).unwrap();
    source.execute("UPDATE users SET nickname = 'changed' WHERE number = 1", []).unwrap();
    drop(source);
    across(data.path(), "sqlite://menjin.db", to).refused(&["users differs", "begin again"]);
}

#[tokio::test]
async fn from_file_to_file() {
    there_and_back(&["sqlite://other.db".to_owned()]).await;
}

#[tokio::test]
async fn what_a_server_has_open_is_not_moved() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let alice = Line::to(&server).sign_in("alice").await;
    across(data.path(), "sqlite://menjin.db", "sqlite://other.db").refused(&["--from menjin.db: it is in use"]);
    Line::to(&server).refreshed(&alice).await;
    assert_eq!(server.stop(), Some(0));
    across(data.path(), "sqlite://menjin.db", "sqlite://other.db").ok();
    let server = Server::dev(data.path());
    across(data.path(), "sqlite://other.db", "sqlite://menjin.db").refused(&["menjin.db", "in use"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_can_not_be_moved_is_refused() {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    let full = tempdir().unwrap();
    assert_eq!(Server::dev(full.path()).stop(), Some(0));
    let full = format!("sqlite://{}", full.path().join("menjin.db").display());
    std::fs::write(data.path().join("notes.db"), "These are my notes. ".repeat(100)).unwrap();
    for (from, to, words) in [
        ("sqlite://menjin.db", "sqlite://menjin.db", &["the same"][..]),
        ("sqlite://nothing.db", "sqlite://other.db", &["--from nothing.db", "does not exist"]),
        ("sqlite://notes.db", "sqlite://other.db", &["--from notes.db"]),
        ("sqlite://menjin.db", full.as_str(), &["--to", "not empty"]),
        ("sqlite://menjin.db", "redis://localhost", &["--to", "must begin with"]),
        ("sqlite://menjin.db", "postgres://u:hunter2@127.0.0.1:1/menjin", &["--to postgres://127.0.0.1"]),
    ] {
        let ran = across(data.path(), from, to);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
        ran.refused(words);
    }
    assert!(!data.path().join("nothing.db").exists());
}

mod on_postgres {
    use menjin_testbed::Postgres;

    fn database() -> (String, String) {
        let url = Postgres::shared().database();
        let name = url.rsplit_once('/').unwrap().1.to_owned();
        (url, name)
    }

    /// Users that are written; none before there is a table.
    fn written(name: &str) -> i64 {
        let count = Postgres::shared().query(name, "SELECT count(*) FROM users");
        count.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn to_postgresql_and_back() {
        let (url, _) = tokio::task::spawn_blocking(database).await.unwrap();
        super::there_and_back(&[url]).await;
    }

    #[test]
    fn a_killed_move_is_finished_by_the_next() {
        let (url, name) = database();
        super::killed_and_finished(&url, || written(&name));
    }

    #[test]
    fn a_source_that_went_on_is_noticed() {
        let (url, name) = database();
        super::a_source_that_went_on_is_noticed(&url, || written(&name));
    }

    mod on_mariadb {
        #[tokio::test(flavor = "multi_thread")]
        async fn from_file_to_postgresql_to_mariadb_to_postgresql() {
            let urls = tokio::task::spawn_blocking(|| {
                [super::database().0, menjin_testbed::MariaDb::shared().database(), super::database().0]
            });
            super::super::there_and_back(&urls.await.unwrap()).await;
        }
    }
}

mod on_mariadb {
    use menjin_testbed::MariaDb;

    fn database() -> (String, String) {
        let url = MariaDb::shared().database();
        let name = url.rsplit_once('/').unwrap().1.to_owned();
        (url, name)
    }

    /// Users that are written; none before there is a table.
    fn written(name: &str) -> i64 {
        let count = MariaDb::shared().query(name, "SELECT count(*) FROM users");
        count.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn to_mariadb_and_back() {
        let (url, _) = tokio::task::spawn_blocking(database).await.unwrap();
        super::there_and_back(&[url]).await;
    }

    #[test]
    fn a_killed_move_is_finished_by_the_next() {
        let (url, name) = database();
        super::killed_and_finished(&url, || written(&name));
    }
}
