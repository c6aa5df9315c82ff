//! `menjin restore --already-restored`: what is to be done after a database's own tool has brought it back.

use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use super::{Line, command};
use crate::harness::{Ran, Server, menjin, run_in};

const SETTLE: [&str; 2] = ["restore", "--already-restored"];

/// A server with databases.
#[derive(Clone, Copy)]
struct Databases {
    make: fn() -> String,
    query: fn(&str, &str) -> String,
}

impl Databases {
    async fn made(self) -> String {
        tokio::task::spawn_blocking(self.make).await.unwrap()
    }

    fn int(self, url: &str, sql: &str) -> i64 {
        let text = (self.query)(url, sql);
        text.trim().parse().unwrap_or_else(|_| panic!("{sql}: {text}"))
    }
}

/// The store as a dump and its return would bring it: with all rows and numbers of a backup. A `menjin dev` is on a file
/// alone, so it is from one, and back into one to serve.
fn bring(data: &Path, from: &str, to: &str) {
    run_in(data, &["move", "--from", from, "--to", to]).ok();
}

/// A command on that store.
fn on_it(data: &Path, url: &str, arguments: &[&str]) -> Ran {
    let text = std::fs::read_to_string(data.join("menjin.toml")).unwrap();
    let there = text.replace("sqlite://menjin.db", url);
    assert_ne!(there, text);
    std::fs::write(data.join("restored.toml"), there).unwrap();
    run_in(data, &[arguments, &["--config", "restored.toml"]].concat())
}

/// Lets a `menjin dev` be on what is there now.
fn served(data: &Path, url: &str) -> Server {
    for old in super::files(data, "menjin.db") {
        std::fs::remove_file(old).unwrap();
    }
    bring(data, url, "sqlite://menjin.db");
    Server::dev(data)
}

async fn refused(line: &Line, pair: &Value, code: &str) {
    let (status, answer) = line.refresh(pair).await;
    assert_eq!((status, answer["code"].as_str()), (401, Some(code)), "{answer}");
}

async fn people_sign_in_again(on: Databases) {
    let (data, url) = (tempdir().unwrap(), on.made().await);
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let alice = line.sign_in("alice").await;
    command(data.path(), &["backup", "b.db"]).ok();
    // After the backup: one signs out, one comes.
    let (status, _) = line.post("/v1/logout", serde_json::json!({ "refresh_token": alice["refresh_token"] })).await;
    assert!(status < 300);
    assert_eq!(line.sign_in("bob").await["user"]["number"], 2);
    assert_eq!(server.stop(), Some(0));
    bring(data.path(), "sqlite://b.db", &url);
    let int = |sql: &str| on.int(&url, sql);
    assert_eq!(int("SELECT count(*) FROM sessions WHERE ended_at IS NULL"), 1, "her session came back");
    let place = int("SELECT coalesce(max(seq), 0) FROM events");

    let said = on_it(data.path(), &url, &[&SETTLE[..], &["--number-gap", "50"]].concat()).ok();
    for part in ["may be served again", "1 session is ended", "number 52", "key revoke", "可以启动", "编号是 52"]
    {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert_eq!(int("SELECT count(*) FROM events WHERE kind = 'session_ended' AND reason = 'restored'"), 1);
    assert!(int("SELECT max(seq) FROM events") > place + 1_000_000);
    let audited = "SELECT count(*) FROM audit WHERE action = 'store.restored' AND actor = 'operator' AND seq > 1000000";
    assert_eq!(int(audited), 1);

    let server = served(data.path(), &url);
    let line = Line::to(&server);
    refused(&line, &alice, "restored").await;
    assert_eq!(line.sign_in("alice").await["user"]["id"], alice["user"]["id"]);
    assert_eq!(line.sign_in("bob").await["user"]["number"], 52, "a number that was given is not given again");
    assert_eq!(server.stop(), Some(0));
}

async fn sessions_may_be_kept(on: Databases) {
    let (data, url) = (tempdir().unwrap(), on.made().await);
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let (idle, busy) = (line.sign_in("idle").await, line.sign_in("busy").await);
    command(data.path(), &["backup", "b.db"]).ok();
    let later = line.refreshed(&line.refreshed(&busy).await).await;
    assert_eq!(server.stop(), Some(0));
    bring(data.path(), "sqlite://b.db", &url);
    let said = on_it(data.path(), &url, &[&SETTLE[..], &["--keep-sessions"]].concat()).ok();
    assert!(said.contains("Sessions live on") && said.contains("number 10003"), "{said}");
    let server = served(data.path(), &url);
    let line = Line::to(&server);
    line.refreshed(&idle).await;
    refused(&line, &later, "restored").await;
    assert_eq!(server.stop(), Some(0));
}

/// A node that goes on serving is noticed, and nothing is changed under it.
fn under_a_running_server_it_is_refused(on: Databases) {
    let (data, url) = (tempdir().unwrap(), (on.make)());
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    on_it(data.path(), &url, &SETTLE).refused(&["`store.url`", "menjin migrate"]);
    bring(data.path(), "sqlite://menjin.db", &url);
    let config = std::fs::read_to_string(data.path().join("restored.toml")).unwrap();
    let sides = config.replace("drain = ", "listen = \"127.0.0.1:0\"\ndrain = ");
    let sides = sides.replace("[admin]\n", "[admin]\nlisten = \"127.0.0.1:0\"\n");
    let sides = sides.replace("level = \"warn\"", "level = \"info\"");
    std::fs::write(data.path().join("node.toml"), sides).unwrap();
    let mut node = menjin(&["serve", "--insecure-for-trying", "--config", "node.toml"]);
    node.current_dir(data.path());
    let node = Server::start(node, "menjin serves");
    on_it(data.path(), &url, &SETTLE).refused(&["`store.url`", "in use", "stop every menjin"]);
    assert_eq!(on.int(&url, "SELECT count(*) FROM audit WHERE action = 'store.restored'"), 0);
    assert_eq!(node.stop(), Some(0));
    on_it(data.path(), &url, &SETTLE).ok();
}

/// More than a page of sessions; and once more after that is nothing to do.
fn all_pages_end(on: Databases) {
    let url = (on.make)();
    let int = |sql: &str| on.int(&url, sql);
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    on_it(data.path(), &url, &["migrate"]).ok();
    let people = (1..=1201).map(|n| format!("({n}, 'u{n:015}', {n}, {n})")).collect::<Vec<_>>().join(", ");
    (on.query)(&url, &format!("INSERT INTO users (number, id, created_at, updated_at) VALUES {people}"));
    let sessions =
        "INSERT INTO sessions (id, user_number, app, identity, amr, device_class, opened_at, expires_at, ended_at, end_reason)
        SELECT id, number, 'demo', id, 'wechat', 'phone', 1, 2, CASE WHEN number > 1200 THEN 5 END,
        CASE WHEN number > 1200 THEN 'session_ended' END FROM users";
    (on.query)(&url, sessions);
    assert!(on_it(data.path(), &url, &SETTLE).ok().contains("1200 sessions are ended"));
    let ended = "SELECT count(*) FROM sessions s JOIN events e ON e.subject = s.id WHERE s.end_reason = 'restored'
        AND e.reason = 'restored' AND e.at = s.ended_at AND e.until > e.at";
    assert_eq!(int(ended), 1200);
    assert_eq!(int("SELECT count(*) FROM sessions WHERE ended_at = 5"), 1, "who was out before stays as they are");
    assert!(on_it(data.path(), &url, &SETTLE).ok().contains("0 sessions are ended"));
    assert_eq!(int("SELECT count(*) FROM events WHERE kind = 'session_ended'"), 1200);
}

#[tokio::test]
async fn a_file_that_was_copied_back_too() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let alice = Line::to(&server).sign_in("alice").await;
    command(data.path(), &SETTLE).refused(&["in use", "stop every menjin"]);
    assert_eq!(server.stop(), Some(0));
    assert!(command(data.path(), &SETTLE).ok().contains("1 session is ended"));
    let server = Server::dev(data.path());
    refused(&Line::to(&server), &alice, "restored").await;
    assert_eq!(server.stop(), Some(0));
    std::fs::remove_file(data.path().join("menjin.db")).unwrap();
    command(data.path(), &SETTLE).refused(&["`store.url`", "menjin.db", "it does not exist"]);
    assert!(super::files(data.path(), "menjin.db").is_empty());
}

#[test]
fn it_takes_no_file() {
    let data = tempdir().unwrap();
    for wrong in [&["restore"][..], &["restore", "b.db", "--already-restored"]] {
        let ran = command(data.path(), wrong);
        assert!(ran.err.contains("--already-restored") || ran.err.contains("required"), "{}", ran.err);
        assert_eq!(ran.code, Some(2));
    }
}

mod on_postgres {
    use menjin_testbed::Postgres;

    use super::Databases;

    const ON: Databases = Databases {
        make: || Postgres::shared().database(),
        query: |url, sql| Postgres::shared().query(url, sql).unwrap(),
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn people_sign_in_again() {
        super::people_sign_in_again(ON).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn sessions_may_be_kept() {
        super::sessions_may_be_kept(ON).await;
    }

    #[test]
    fn under_a_running_server_it_is_refused() {
        super::under_a_running_server_it_is_refused(ON);
    }

    #[test]
    fn all_pages_end() {
        super::all_pages_end(ON);
    }
}

mod on_mariadb {
    use menjin_testbed::MariaDb;

    use super::Databases;

    const ON: Databases = Databases {
        make: || MariaDb::shared().database(),
        query: |url, sql| MariaDb::shared().query(url, sql).unwrap(),
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn people_sign_in_again() {
        super::people_sign_in_again(ON).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn sessions_may_be_kept() {
        super::sessions_may_be_kept(ON).await;
    }

    #[test]
    fn under_a_running_server_it_is_refused() {
        super::under_a_running_server_it_is_refused(ON);
    }

    #[test]
    fn all_pages_end() {
        super::all_pages_end(ON);
    }
}
