//! `menjin key …`, on the store of a stopped server and beside a running one.

use std::path::Path;

use base64::Engine as _;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::harness::run_in;

/// A folder with a configuration, a master key and a store.
fn installed() -> TempDir {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    run_in(folder.path(), &["migrate"]).ok();
    folder
}

fn list(folder: &Path) -> Vec<(String, String)> {
    let keys: Value = serde_json::from_str(&run_in(folder, &["key", "list", "--json"]).ok()).unwrap();
    let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    keys.as_array().unwrap().iter().map(|key| (text(key, "kid"), text(key, "state"))).collect()
}

#[test]
fn a_rotated_key_is_published_before_it_signs() {
    let folder = installed();
    let [(first, state)] = &list(folder.path())[..] else { panic!("one key at first") };
    assert_eq!(state, "active");
    let rotated: Value = serde_json::from_str(&run_in(folder.path(), &["key", "rotate", "--json"]).ok()).unwrap();
    let second = rotated["kids"][0].as_str().unwrap();
    let keys = list(folder.path());
    assert_eq!(keys, [(first.clone(), "active".to_owned()), (second.to_owned(), "next".to_owned())]);
    let table = run_in(folder.path(), &["key", "list"]).ok();
    assert!(table.starts_with("KID") && table.contains(second), "{table}");
}

#[test]
fn a_revoked_key_is_replaced_at_once() {
    let folder = installed();
    let (kid, _) = list(folder.path()).remove(0);
    run_in(folder.path(), &["key", "revoke", &kid]).ok();
    let keys = list(folder.path());
    assert_eq!(keys.iter().find(|(name, _)| *name == kid).map(|(_, state)| state.as_str()), Some("revoked"));
    assert_eq!(keys.iter().filter(|(_, state)| state == "active").count(), 1);
    run_in(folder.path(), &["key", "revoke", "nobody"]).refused(&["nobody", "menjin key list"]);
}

#[test]
fn a_key_may_have_a_name_that_looks_like_an_option() {
    let folder = installed();
    for kid in ["-hLlxLlYs6Ho0XPj", "--json-Ho0XPjNabc"] {
        run_in(folder.path(), &["key", "revoke", kid]).refused(&[kid, "menjin key list"]);
        run_in(folder.path(), &["key", "revoke", "--json", kid]).refused(&[kid, "menjin key list"]);
    }
}

#[test]
fn a_changed_master_key_takes_over_by_rewrap() {
    let folder = installed();
    list(folder.path());
    let file = folder.path().join("secret.key");
    let former = std::fs::read_to_string(&file).unwrap();
    let fresh = base64::engine::general_purpose::STANDARD.encode([0x5a, 1].repeat(16));
    std::fs::write(&file, fresh).unwrap();
    run_in(folder.path(), &["key", "status"]).refused(&["secret_key", "old_secret_keys"]);

    let config = folder.path().join("menjin.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let with_old = format!("old_secret_keys = [\"{}\"]\n{text}", former.trim());
    std::fs::write(&config, with_old).unwrap();
    assert!(run_in(folder.path(), &["key", "status"]).ok().contains("old"));
    run_in(folder.path(), &["key", "rewrap"]).ok();
    let status: Value = serde_json::from_str(&run_in(folder.path(), &["key", "status", "--json"]).ok()).unwrap();
    assert!(status.as_array().unwrap().iter().all(|row| row["present"] == true), "{status}");
    std::fs::write(&config, text).unwrap();
    assert_eq!(list(folder.path()).len(), 1);
}

#[test]
fn a_store_that_does_not_exist_is_not_made_by_looking_at_it() {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    run_in(folder.path(), &["key", "list"]).refused(&["`store.url`", "menjin.db"]);
    assert!(!folder.path().join("menjin.db").exists());
}

#[test]
fn without_a_configuration_it_says_that_the_file_is_missing() {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["key", "list"]).refused(&["menjin.toml is missing", "--config"]);
    assert!(!folder.path().join("menjin.db").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_running_server_learns_of_a_new_key() {
    let data = tempdir().unwrap();
    let server = crate::harness::Server::dev(data.path());
    let rotated: Value = serde_json::from_str(&run_in(data.path(), &["key", "rotate", "--json"]).ok()).unwrap();
    let kid = rotated["kids"][0].as_str().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let published = async {
        loop {
            let jwks = client.get(format!("{}/.well-known/jwks.json", server.url())).send().await.unwrap();
            if jwks.text().await.unwrap().contains(kid) {
                break;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), published).await.expect("the feed is read often");
}
