//! What programs on phones fetch of menjin itself.

use serde_json::json;

use crate::harness::{Setup, TestServer};

const ABOUT: &str = "/.well-known/menjin";

#[tokio::test]
async fn a_server_says_which_menjin_it_is_and_that_nothing_is_simulated() {
    let t = TestServer::start().await;
    let about = t.anon().get(ABOUT).await.ok(200);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(about, json!({"issuer": t.url, "version": version, "dev": false, "simulated": []}));
}

#[tokio::test]
async fn a_menjin_dev_names_the_mini_programs_that_its_simulator_plays() {
    let t = TestServer::with(Setup { dev: true, ..Setup::default() }).await;
    let about = t.anon().get(ABOUT).await.ok(200);
    assert_eq!(about["dev"], true);
    let simulated = about["simulated"].as_array().unwrap();
    assert!(["shop", "club"].iter().all(|app| simulated.contains(&json!(app))), "{about}");
}

#[tokio::test]
async fn open_to_the_local_network_it_is_a_dev_where_its_codes_are_to_be_had() {
    let t = TestServer::with(Setup { dev: true, lan: true, ..Setup::default() }).await;
    let about = t.anon().get(ABOUT).await.ok(200);
    assert_eq!((&about["dev"], &about["simulated"]), (&json!(false), &json!([])));
    let about = t.admin_get(ABOUT).await.ok(200);
    assert_eq!(about["dev"], true);
}

#[tokio::test]
async fn the_mini_program_sdk_is_served_as_a_script_that_may_be_kept_for_minutes() {
    let t = TestServer::start().await;
    let script = t.anon().get("/sdk/miniprogram.js").await;
    assert_eq!(script.status, 200);
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(script.header("cache-control"), "public, max-age=300");
    assert!(script.text.starts_with("/*! @menjin/miniprogram ") && script.text.contains("createClient"));
}
