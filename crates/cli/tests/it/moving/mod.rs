//! Moving in and out: backups and their return, people of other systems, and from one store to another.
//!
//! Here: what phones do meanwhile, and looking into files. A file a command.

mod across;
mod backup;
mod by_django;
mod import;
mod restore;
mod restored_by_itself;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::harness::{Ran, Server, run_in};

/// The AppID of the app that `menjin dev` brings.
const APPID: &str = "wxde30de30de30de30";

/// What a phone talks to.
#[derive(Clone)]
struct Line {
    http: reqwest::Client,
    url: String,
}

impl Line {
    fn to(server: &Server) -> Self {
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap(), url: server.url() }
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = self.http.post(format!("{}{path}", self.url)).json(&body).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn code(&self, person: &str) -> Value {
        let (status, answer) = self.post("/dev/wx/login", json!({ "person": person })).await;
        assert_eq!(status, 200, "{answer}");
        answer["code"].clone()
    }

    /// Signs in with a device of their own, so that any number of sessions live.
    async fn sign_in(&self, person: &str) -> Value {
        let code = self.code(person).await;
        let (status, answer) = self.post("/v1/login/demo", json!({ "code": code })).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Keeps a value of session data, as the person themselves.
    async fn keep(&self, pair: &Value, key: &str, value: Value) {
        let put = self.http.put(format!("{}/v1/session/data/{key}", self.url)).json(&json!({ "value": value }));
        let answer = put.bearer_auth(pair["access_token"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{key}");
    }

    async fn refresh(&self, pair: &Value) -> (u16, Value) {
        self.post("/v1/token/refresh", json!({ "refresh_token": pair["refresh_token"] })).await
    }

    async fn refreshed(&self, pair: &Value) -> Value {
        let (status, answer) = self.refresh(pair).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

/// Runs a subcommand with the configuration of a `menjin dev`'s data folder.
fn command(data: &Path, arguments: &[&str]) -> Ran {
    let config = data.join("menjin.toml");
    run_in(data, &[arguments, &["--config", config.to_str().unwrap()]].concat())
}

fn read_only(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// The number that a statement gives.
fn count(path: &Path, sql: &str) -> i64 {
    read_only(path).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Pages, references and what belongs together are whole.
fn assert_sound(path: &Path) {
    let connection = read_only(path);
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let broken = connection.prepare("PRAGMA foreign_key_check").unwrap().query([]).unwrap().next().unwrap().is_some();
    assert!(!broken, "a row belongs to nobody");
    for (what, sql) in [
        (
            "sessions without a grant",
            "SELECT count(*) FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM grants WHERE session = s.id)",
        ),
        (
            "users whom nobody can be",
            "SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM identities WHERE user_number = u.number)",
        ),
        ("grants that spent what they never had", "SELECT count(*) FROM grants WHERE spent >= counter"),
        (
            "sessions that nobody noted",
            "SELECT count(*) FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM audit WHERE session_id = s.id)",
        ),
    ] {
        assert_eq!(count(path, sql), 0, "{what}");
    }
}

/// Files of a folder whose names have this in them.
fn files(folder: &Path, part: &str) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.file_name().unwrap().to_string_lossy().contains(part)).collect()
}
