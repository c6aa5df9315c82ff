//! Names and passwords over HTTP: signing in, registering, changing, a new one from an operator, and those of other systems.

mod by_django;
mod change;
mod django;
mod drf_jwt;
mod imported;
mod limits;
mod login;
mod register;
mod reset;

use menjin_server::moving::import::{Import, Imported, Origin};
use serde_json::{Value, json};

use crate::harness::{Answer, Setup, TestServer};
use crate::rows::{Cell, Rows};

/// A good password.
const PASSWORD: &str = "correct horse battery";

/// Passwords in app `shop`, where anybody may register.
fn open() -> Setup {
    Setup { shop: "passwords = true\nregister = true".to_owned(), ..Setup::default() }
}

async fn register(t: &TestServer, name: &str, password: &str) -> Answer {
    t.anon().post("/v1/register/shop", json!({"username": name, "password": password})).await
}

async fn login(t: &TestServer, name: &str, password: &str) -> Answer {
    t.anon().post("/v1/login/shop/password", json!({"username": name, "password": password})).await
}

/// The access token of a sign-in, or of a registration.
fn access(answer: &Value) -> &str {
    answer["access_token"].as_str().unwrap()
}

/// Moves people in from a CSV.
async fn import(t: &TestServer, head: &str, rows: &[String]) -> Imported {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.csv");
    std::fs::write(&file, format!("{head}\n{}\n", rows.join("\n"))).unwrap();
    let rejects = folder.path().join("rejects.csv");
    let import =
        Import { from: Origin::Csv(file), app: Some("shop".to_owned()), utc_offset: 0, dry_run: false, rejects };
    t.menjin.import(&import, &|_, _| {}).await.unwrap()
}

/// In which form somebody's password is kept, and since when it is theirs.
async fn kept(t: &TestServer, name: &str) -> (String, i64) {
    let sql = format!("SELECT form, changed_at FROM passwords WHERE username = '{name}'");
    let row = Rows::of(t).await.all(&sql).await.remove(0);
    (row[0].text().unwrap(), row[1].int())
}

/// The audit's actions about people and passwords, the oldest first, each with its actor.
async fn audited(t: &TestServer) -> Vec<String> {
    let sql = "SELECT action, actor, ip FROM audit WHERE action <> 'users.imported' ORDER BY seq";
    let told = |row: &Vec<Cell>| format!("{} by {}", row[0].text().unwrap(), row[1].text().unwrap());
    Rows::of(t).await.all(sql).await.iter().map(told).collect()
}
