//! `menjin admin …`, on the store of a stopped server. What the links and tokens open is tested with the server.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::harness::run_in;

/// A folder with a configuration, a master key and a store.
fn installed() -> TempDir {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    run_in(folder.path(), &["migrate"]).ok();
    folder
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let all: Vec<_> = ["admin", "--json"].iter().chain(arguments).copied().collect();
    serde_json::from_str(&run_in(folder, &all).ok()).unwrap()
}

#[test]
fn before_the_first_serve_the_remedy_is_named() {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    run_in(folder.path(), &["admin", "create", "lin"]).refused(&["menjin.db", "--config", "`menjin serve`"]);
}

#[test]
fn an_operator_is_created_with_a_link_listed_and_reset() {
    let folder = installed();
    let said = run_in(folder.path(), &["admin", "create", "lin"]).ok();
    let link = said.lines().last().unwrap();
    assert!(link.starts_with("http://127.0.0.1:7610/admin/welcome?link="), "{said}");
    let made = json(folder.path(), &["create", "wei", "--role", "viewer"]);
    assert_eq!(made["name"], "wei");
    assert!(made["link"].as_str().unwrap().contains("?link=") && made["expires_at"].is_string(), "{made}");
    let listed = json(folder.path(), &["list"]);
    let roles: Vec<_> = listed.as_array().unwrap().iter().map(|it| (it["name"].clone(), it["role"].clone())).collect();
    assert_eq!(roles, [(json!("lin"), json!("admin")), (json!("wei"), json!("viewer"))]);
    assert!(listed[0]["set_up_at"].is_null() && listed[0]["linked_at"].is_null());
    let table = run_in(folder.path(), &["admin", "list"]).ok();
    assert!(
        table.starts_with("NAME") && table.contains("WECHAT") && table.contains("viewer") && !table.contains("link"),
        "{table}"
    );
    let again = json(folder.path(), &["reset", "lin"]);
    assert_ne!(again["link"], link);
    assert_eq!(json(folder.path(), &["unlink", "lin"]), json!({"name": "lin", "unlinked": false}));
    run_in(folder.path(), &["admin", "unlink", "nobody"]).refused(&["nobody", "menjin admin list"]);
    run_in(folder.path(), &["admin", "create", "lin"]).refused(&["lin", "menjin admin reset lin"]);
    run_in(folder.path(), &["admin", "create", "Lin"]).refused(&["Lin", "small letter"]);
    run_in(folder.path(), &["admin", "reset", "nobody"]).refused(&["nobody", "menjin admin list"]);
}

#[test]
fn roles_change_and_the_last_admin_stays() {
    let folder = installed();
    json(folder.path(), &["create", "lin"]);
    json(folder.path(), &["create", "wei", "--role", "support"]);
    run_in(folder.path(), &["admin", "remove", "lin"]).refused(&["lin", "last admin"]);
    run_in(folder.path(), &["admin", "role", "lin", "viewer"]).refused(&["lin", "last admin"]);
    let changed = json(folder.path(), &["role", "wei", "admin"]);
    assert_eq!(changed, json!({"name": "wei", "role": "admin", "changed": true, "ended_tokens": []}));
    assert_eq!(json(folder.path(), &["role", "wei", "admin"])["changed"], false);
    assert_eq!(json(folder.path(), &["remove", "lin"]), json!({"removed": "lin", "ended_tokens": []}));
    assert_eq!(json(folder.path(), &["list"]).as_array().unwrap().len(), 1);
    run_in(folder.path(), &["admin", "role", "nobody", "viewer"]).refused(&["nobody", "menjin admin list"]);
}

#[test]
fn tokens_are_shown_once_and_revoked_by_name() {
    let folder = installed();
    let made = json(folder.path(), &["token", "create", "export", "--days", "90"]);
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("mjo_") && made["expires_at"].is_string(), "{made}");
    let said = run_in(folder.path(), &["admin", "token", "create", "ci", "--role", "admin"]).ok();
    assert!(said.lines().last().unwrap().starts_with("mjo_"), "{said}");
    let listed = json(folder.path(), &["token", "list"]);
    assert!(!listed.to_string().contains("mjo_"), "{listed}");
    assert_eq!((&listed[0]["name"], &listed[0]["role"]), (&json!("ci"), &json!("admin")));
    assert_eq!((&listed[1]["name"], &listed[1]["role"]), (&json!("export"), &json!("viewer")));
    run_in(folder.path(), &["admin", "token", "create", "ci"]).refused(&["ci", "menjin admin token revoke ci"]);
    assert_eq!(json(folder.path(), &["token", "revoke", "ci"]), json!({"revoked": "ci", "ended_tokens": []}));
    run_in(folder.path(), &["admin", "token", "revoke", "ci"]).refused(&["ci", "menjin admin token list"]);
}
