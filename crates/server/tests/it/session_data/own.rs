//! A person's own token: the keys in `client_keys` of their app, one by one.

use reqwest::Method;
use serde_json::json;

use super::{BackEnd, DATA, server, with_back_ends};
use crate::harness::{OTHER_APPID, Setup, TestServer};

fn path(key: &str) -> String {
    format!("{DATA}/{key}")
}

#[tokio::test]
async fn a_person_reaches_client_keys_alone() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    api.put("", json!({"data": {"cart": 1, "client.seen": true, "clientx": 2}})).await.ok(200);
    assert_eq!(phone.get(&path("client.seen")).await.ok(200), json!({"value": true}));
    let put = phone.put(&path("client.theme"), json!({"value": "dark", "ttl": 60})).await;
    assert_eq!(put.header("etag"), "\"2\"");
    assert_eq!(put.ok(200)["value"], "dark");
    assert_eq!(api.get("client.theme").await.ok(200)["value"], "dark", "the back end reads what the person wrote");
    let whole = phone.get(DATA).await;
    assert_eq!(whole.header("etag"), "\"2\"");
    let whole = whole.ok(200);
    assert_eq!(whole["data"], json!({"client.seen": true, "client.theme": "dark"}));
    assert_eq!(whole["expires_at"].as_object().unwrap().len(), 1);
    phone.delete(&path("client.seen")).await.ok(204);
    phone.get(&path("client.seen")).await.problem(404, "key_unknown");

    for key in ["cart", "clientx", "client", "Client.x", "x.client.", "nothing"] {
        phone.get(&path(key)).await.problem(403, "backend_only");
        phone.put(&path(key), json!({"value": 1})).await.problem(403, "backend_only");
        phone.delete(&path(key)).await.problem(403, "backend_only");
    }
    phone.put(DATA, json!({"data": {"client.x": 1}})).await.problem(403, "backend_only");
    phone.delete(DATA).await.problem(403, "backend_only");
    assert_eq!(api.all().await, json!({"cart": 1, "clientx": 2, "client.theme": "dark"}));
}

#[tokio::test]
async fn se_06_a_persons_token_reaches_nobody_elses_data() {
    let t = server().await;
    let (alice, bob) = (t.phone("alice").await, t.phone("bob").await);
    let key = path("client.note");
    for query in ["", "?scope=user"] {
        let key = format!("{key}{query}");
        alice.put(&key, json!({"value": "of alice"})).await.ok(200);
        bob.get(&key).await.problem(404, "key_unknown");
        bob.put(&key, json!({"value": "of bob"})).await.ok(200);
        assert_eq!(alice.get(&key).await.ok(200), json!({"value": "of alice"}));
        bob.delete(&key).await.ok(204);
        assert_eq!(alice.get(&key).await.ok(200), json!({"value": "of alice"}));
        assert_eq!(bob.get(&format!("{DATA}{query}")).await.ok(200)["data"], json!({}));
    }
    let tablet = t.phone("alice").await;
    tablet.get(&key).await.problem(404, "key_unknown");
    assert_eq!(tablet.get(&format!("{key}?scope=user")).await.ok(200), json!({"value": "of alice"}));
}

#[tokio::test]
async fn each_app_says_which_keys_its_people_reach() {
    let shop = "client_keys = [\"theme\", \"ui:*\"]".to_owned();
    let t = TestServer::with(Setup { shop, ..with_back_ends() }).await;
    let phone = t.phone("alice").await;
    for (key, reached) in [("theme", true), ("ui:size", true), ("theme.x", false), ("client.x", false), ("ui", false)] {
        let answer = phone.put(&path(key), json!({"value": 1})).await;
        if reached { drop(answer.ok(200)) } else { drop(answer.problem(403, "backend_only")) }
    }
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    club.put(&path("client.x"), json!({"value": 1})).await.ok(200);
    club.put(&path("theme"), json!({"value": 1})).await.problem(403, "backend_only");

    let none = TestServer::with(Setup { shop: "client_keys = []".to_owned(), ..with_back_ends() }).await;
    let phone = none.phone("alice").await;
    phone.get(&path("client.x")).await.problem(403, "backend_only");
    assert_eq!(phone.get(DATA).await.ok(200)["data"], json!({}));
}

#[tokio::test]
async fn what_a_person_writes_leaves_half_of_the_room_to_back_ends() {
    let toml = format!("{}\n[session_data]\nvalue_bytes = 300\ntotal_bytes = 1000\n", with_back_ends().toml);
    let t = TestServer::with(Setup { toml, ..with_back_ends() }).await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    let text = "x".repeat(200);
    for key in ["client.a", "client.b"] {
        phone.put(&path(key), json!({"value": text})).await.ok(200);
    }
    phone.put(&path("client.c"), json!({"value": text})).await.problem(413, "session_data_full");
    for key in ["one", "two"] {
        api.put(key, json!({"value": text})).await.ok(200);
    }
    api.put("three", json!({"value": text})).await.problem(413, "session_data_full");
    phone.put(&path("client.a"), json!({"value": 1})).await.ok(200);
}

#[tokio::test]
async fn conditions_hold_for_a_persons_own_writes() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let put = async |header: (&str, &str)| {
        phone.send(Method::PUT, &path("client.n"), Some(json!({"value": 1}).to_string()), &[header]).await
    };
    put(("if-match", "\"1\"")).await.problem(412, "version_mismatch");
    put(("if-none-match", "*")).await.ok(200);
    put(("if-none-match", "*")).await.problem(412, "version_mismatch");
    put(("if-match", "\"1\"")).await.ok(200);
}
