//! A database that Django itself has made, read by `menjin import`.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::tempdir;

use super::import::openid;
use super::{Line, command, count};
use crate::harness::Server;

const SCRIPT: &str = include_str!("by_django.py");

#[expect(clippy::disallowed_methods, reason = "where the test's Python is")]
fn make(database: &Path, openid: &str) {
    let python = std::env::var("MENJIN_TEST_PYTHON").expect("MENJIN_TEST_PYTHON: `cargo xtask test` sets it");
    let ran = Command::new(python).args(["-c", SCRIPT]).arg(database).arg(openid).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test]
async fn users_of_auth_user_keep_their_id_and_who_is_no_active_user_stays_out() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    make(&data.path().join("db.sqlite3"), &openid(&server, data.path(), "alice").await);
    let from = [
        "import",
        "--from",
        "sqlite://db.sqlite3",
        "--layout",
        "django",
        "--openid-column",
        "username",
        "--app",
        "demo",
        "--allow-rejects",
    ];
    let ran = command(data.path(), &from);
    assert!(
        ran.out.contains("2  new") && ran.out.contains("1  left out") && ran.out.contains("number 41"),
        "{}",
        ran.out
    );
    let rejects = std::fs::read_to_string(data.path().join("import-rejects.csv")).unwrap();
    assert_eq!(rejects, "number,field,why\n40,openid,is no openid\n");
    let alice = line.sign_in("alice").await;
    assert_eq!((&alice["user"]["number"], &alice["is_new_user"]), (&json!(31), &json!(false)));
    assert_eq!(alice["user"]["created_at"], "2017-03-04T05:06:07Z");
    let disabled = "SELECT count(*) FROM users WHERE number = 32 AND disabled_at IS NOT NULL";
    assert_eq!(count(&data.path().join("menjin.db"), disabled), 1);
    assert_eq!(count(&data.path().join("menjin.db"), "SELECT count(*) FROM passwords"), 0, "an openid is no name");
    assert!(command(data.path(), &from).out.contains("2  already there"));
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn users_of_a_model_of_ones_own_are_read_by_the_names_of_its_columns() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    make(&data.path().join("db.sqlite3"), &openid(&server, data.path(), "alice").await);
    let from = ["import", "--from", "sqlite://db.sqlite3", "--layout", "django", "--table", "members_member"];
    let columns = [
        "--app",
        "demo",
        "--openid-column",
        "openid",
        "--unionid-column",
        "unionid",
        "--nickname-column",
        "nickname",
        "--avatar-column",
        "avatar",
        "--external-id-column",
        "username",
    ];
    let said = command(data.path(), &[&from[..], &columns].concat()).ok();
    assert!(said.contains("2  new") && said.contains("number 79"), "{said}");
    let alice = line.sign_in("alice").await;
    assert_eq!((&alice["user"]["number"], &alice["user"]["nickname"]), (&json!(77), &json!("小红")));
    let named = "SELECT count(*) FROM users WHERE number = 78 AND external_id = 'm78'";
    assert_eq!(count(&data.path().join("menjin.db"), named), 1);
    assert_eq!(server.stop(), Some(0));
}
