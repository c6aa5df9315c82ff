//! `menjin role …`, on the store of a stopped server and beside a running one.

use std::path::Path;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::harness::run_in;

/// A folder with a configuration, an app `shop`, and a user with the number 1.
fn installed() -> TempDir {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    run_in(folder.path(), &["migrate"]).ok();
    let file = folder.path().join("menjin.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let app = "[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\n\
               secret = \"0123456789abcdef0123456789abcdef\"\n";
    std::fs::write(file, format!("{before}\n{app}")).unwrap();
    std::fs::write(
        folder.path().join("people.csv"),
        "number,external_id,openid,nickname\n1,alice,openid-a,Alice\n2,bob,openid-b,Bob\n",
    )
    .unwrap();
    run_in(folder.path(), &["import", "people.csv", "--app", "shop"]).ok();
    folder
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let all: Vec<_> = ["role", "--json"].iter().chain(arguments).copied().collect();
    serde_json::from_str(&run_in(folder, &all).ok()).unwrap()
}

#[test]
fn a_role_is_defined_given_shown_taken_and_removed() {
    let folder = installed();
    let role = |arguments: &[&str]| {
        let all: Vec<_> = ["role"].iter().chain(arguments).copied().collect();
        run_in(folder.path(), &all)
    };
    role(&["set", "reader", "--permission", "orders:read"]).ok();
    let clerk = [
        "set",
        "clerk",
        "--audience",
        "shop",
        "--permission",
        "orders:write",
        "--include",
        "reader",
        "--description",
        "店员",
    ];
    let said = role(&clerk).ok();
    assert!(said.contains("clerk for shop allows orders:read orders:write"), "{said}");
    let list = json(folder.path(), &["list"]);
    let names: Vec<_> = list.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["clerk", "reader"]);
    assert!(role(&["list"]).ok().contains("店员"));
    assert!(role(&["grant", "clerk", "1", "--audience", "shop"]).ok().contains("has the role clerk for shop"));
    let again = json(folder.path(), &["grant", "clerk", "1", "--audience", "shop"]);
    assert_eq!((&again["has"], &again["changed"]), (&true.into(), &false.into()));
    json(folder.path(), &["grant", "clerk", "2", "--audience", "shop"]);
    let of = json(folder.path(), &["of", "--external-id", "alice"]);
    assert_eq!((&of[0]["role"], &of[0]["audience"]), (&"clerk".into(), &"shop".into()));
    assert!(role(&["of", "1"]).ok().contains("clerk"));
    let first = json(folder.path(), &["show", "clerk", "--audience", "shop", "--limit", "1"]);
    let next = first["holders"]["next"].as_str().unwrap();
    let second = json(folder.path(), &["show", "clerk", "--audience", "shop", "--limit", "1", "--after", next]);
    assert_eq!(
        (&first["holders"]["items"][0]["number"], &second["holders"]["items"][0]["number"]),
        (&1.into(), &2.into())
    );
    assert_eq!(second["holders"]["next"], Value::Null);
    let shown = role(&["show", "clerk", "--audience", "shop"]).ok();
    assert!(shown.contains("店员") && shown.contains("orders:read orders:write") && shown.contains("Alice"), "{shown}");
    assert!(role(&["revoke", "clerk", "1", "--audience", "shop"]).ok().contains("no longer"));
    assert!(role(&["revoke", "clerk", "1", "--audience", "shop"]).ok().contains("did not have"));
    assert_eq!(json(folder.path(), &["remove", "clerk", "--audience", "shop"])["removed"], true);
    assert_eq!(json(folder.path(), &["of", "2"]), Value::Array(vec![]));
}

#[test]
fn what_can_t_be_is_refused_and_says_what_to_do() {
    let folder = installed();
    let refused = |arguments: &[&str], words: &[&str]| {
        let all: Vec<_> = ["role"].iter().chain(arguments).copied().collect();
        run_in(folder.path(), &all).refused(words);
    };
    json(folder.path(), &["set", "a"]);
    json(folder.path(), &["set", "b", "--include", "a"]);
    refused(&["set", "a", "--include", "b"], &["itself"]);
    refused(&["set", "Clerk"], &["a-z"]);
    refused(&["set", "c", "--permission", "Orders:read"], &["permission", "a-z"]);
    refused(&["set", "c", "--audience", "nowhere"], &["audience"]);
    refused(&["grant", "c", "1"], &["menjin role list"]);
    refused(&["grant", "a", "99"], &["99"]);
    refused(&["show", "c"], &["menjin role list"]);
    refused(&["remove", "c"], &["menjin role list"]);
    refused(&["show", "a", "--after", "x"], &["after"]);
}
