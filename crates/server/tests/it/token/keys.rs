//! The ring of several nodes on one store: who rotates, and which keys it publishes.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use menjin_server::Clock as _;
use menjin_server::store::Actor;
use serde_json::json;

use crate::harness::{MASTER_KEY, Setup, TestServer, header};

/// Another node on the store of `t`, called by the same name.
async fn beside(t: &TestServer) -> TestServer {
    let (folder, public_url) = (Some(t.folder.clone()), Some(t.url.clone()));
    TestServer::with(Setup { folder, public_url, ..Setup::default() }).await
}

async fn kids(t: &TestServer) -> BTreeSet<String> {
    let keys = t.anon().get("/.well-known/jwks.json").await.ok(200)["keys"].clone();
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Until what one node wrote has been read by the other; its feed is read three times a second.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(tokio::time::Instant::now() < patience, "it never came");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn ke_05_two_nodes_that_rotate_at_the_same_moment_make_one_new_key() {
    let t = TestServer::start().await;
    let other = beside(&t).await;
    let before = kids(&t).await;
    assert_eq!(before, kids(&other).await, "the second node found the first one's key");
    let by = Actor::command();
    let (one, two) = tokio::join!(t.menjin.rotate_key(&by), other.menjin.rotate_key(&by));
    assert_eq!(one.unwrap(), two.unwrap());
    for node in [&t, &other] {
        assert_eq!(kids(node).await.len(), 2);
    }
}

#[tokio::test]
async fn ke_03_a_key_that_is_revoked_on_one_node_verifies_nothing_on_the_other() {
    let t = TestServer::start().await;
    let other = beside(&t).await;
    let token = t.phone("alice").await.access_token();
    other.phone_with_token(&token).get("/v1/me").await.ok(200);
    t.menjin.revoke_key(&Actor::command(), header(&token)["kid"].as_str().unwrap()).await.unwrap();
    let refused = until(async || {
        let answer = other.phone_with_token(&token).get("/v1/me").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    refused.problem(401, "token_invalid");
    assert_eq!(kids(&t).await, kids(&other).await);
}

#[tokio::test]
async fn ke_03_a_key_revoked_while_its_successor_waits_takes_nobody_with_it() {
    let t = TestServer::start().await;
    let leaked = header(&t.phone("alice").await.access_token())["kid"].as_str().unwrap().to_owned();
    let waiting = t.menjin.rotate_key(&Actor::command()).await.unwrap();
    t.menjin.revoke_key(&Actor::command(), &leaked).await.unwrap();
    for _ in 0..12 {
        let phone = t.phone("alice").await;
        let kid = header(&phone.access_token())["kid"].as_str().unwrap().to_owned();
        assert!(kid != leaked && kid != waiting, "{kid}");
        t.menjin.upkeep().await.unwrap();
        phone.get("/v1/me").await.ok(200);
        t.advance(Duration::from_mins(3));
    }
    let states: Vec<_> = t.menjin.signing_keys().into_iter().map(|key| key.state).collect();
    assert_eq!(states.iter().filter(|state| **state == "active").count(), 1, "{states:?}");
    assert!(!states.contains(&"next"), "{states:?}");
}

#[tokio::test]
async fn ke_06_no_name_of_a_key_comes_twice() {
    let t = TestServer::start().await;
    let mut seen = kids(&t).await;
    for rotations in 1..=50 {
        t.advance(Duration::from_mins(30));
        assert!(seen.insert(t.menjin.rotate_key(&Actor::command()).await.unwrap()), "after {rotations} rotations");
        t.phone("alice").await.get("/v1/me").await.ok(200);
    }
    assert!(kids(&t).await.len() <= 3, "those whose last token has expired are gone");
}

#[tokio::test]
async fn rt_03_refreshes_on_two_nodes_at_once_all_get_the_same_successor() {
    let t = TestServer::start().await;
    let other = beside(&t).await;
    let phone = t.phone("alice").await;
    let token = phone.refresh_token();
    let asked = (0..10).map(|at| if at % 2 == 0 { t.anon() } else { other.anon() }).map(async |anon| {
        let answer = anon.refresh_with(&token).await.ok(200);
        answer["refresh_token"].as_str().unwrap().to_owned()
    });
    let successors: BTreeSet<String> = join_all(asked).await.into_iter().collect();
    assert_eq!(successors.len(), 1, "{successors:?}");
}

#[tokio::test]
async fn se_01_and_se_02_an_end_on_one_node_is_heard_on_the_other() {
    let t = TestServer::start().await;
    let other = beside(&t).await;
    let (one, two) = (t.phone("alice").await, t.phone("alice").await);
    let elsewhere = |token: String| other.phone_with_token(&token);
    elsewhere(two.access_token()).get("/v1/me/sessions").await.ok(200);
    one.post("/v1/logout", json!({"scope": "all"})).await.ok(204);
    for ended in [&one, &two] {
        let phone = elsewhere(ended.access_token());
        phone.get("/v1/me").await.problem(401, "session_ended");
        let refused = until(async || {
            let answer = phone.get("/v1/me/sessions").await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        refused.problem(401, "session_ended");
        other.anon().refresh_with(&ended.refresh_token()).await.problem(401, "session_ended");
    }
}

#[tokio::test]
async fn ke_03_a_revoked_key_that_had_not_begun_to_sign_stops_nobody() {
    let t = TestServer::start().await;
    let waiting = t.menjin.rotate_key(&Actor::command()).await.unwrap();
    t.menjin.revoke_key(&Actor::command(), &waiting).await.unwrap();
    for minute in 0..30 {
        t.advance(Duration::from_mins(1));
        t.menjin.upkeep().await.unwrap();
        let phone = t.phone("bob").await;
        assert_eq!(phone.get("/v1/me/sessions").await.status, 200, "minute {minute}");
    }
}

#[tokio::test]
async fn the_key_of_an_algorithm_that_is_no_longer_configured_is_retired_and_forgotten() {
    let t = TestServer::start().await;
    let kid = header(&t.phone("alice").await.access_token())["kid"].as_str().unwrap().to_owned();
    let folder = t.stop().await;
    let tokens = "[tokens]\nalg = \"EdDSA\"".to_owned();
    let t = TestServer::with(Setup { folder: Some(folder), toml: tokens, ..Setup::default() }).await;
    t.advance(Duration::from_hours(1));
    t.menjin.upkeep().await.unwrap();
    assert!(kids(&t).await.contains(&kid), "its last tokens still live");
    let listed = t.menjin.signing_keys().into_iter().find(|key| key.kid == kid).unwrap();
    assert_eq!((listed.alg.as_str(), listed.retired_at.is_some()), ("ES256", true));
    t.advance(Duration::from_mins(30));
    t.menjin.upkeep().await.unwrap();
    assert!(!kids(&t).await.contains(&kid));
    t.advance(Duration::from_hours(48));
    t.menjin.upkeep().await.unwrap();
    assert!(t.menjin.signing_keys().iter().all(|key| key.kid != kid));
}

#[tokio::test]
async fn nodes_that_are_told_different_algorithms_do_not_make_keys_without_end() {
    let one = TestServer::start().await;
    let other = one.beside(Setup { toml: "[tokens]\nalg = \"EdDSA\"".to_owned(), ..Setup::default() }).await;
    for _ in 0..60 {
        one.advance(Duration::from_mins(1));
        for node in [&one, &other] {
            node.menjin.upkeep().await.unwrap();
        }
    }
    let keys = other.menjin.signing_keys();
    assert!(keys.len() <= 4, "two of each in an hour: {}", keys.len());
    for node in [&one, &other] {
        let phone = node.phone("alice").await;
        for node in [&one, &other] {
            node.phone_with_token(&phone.access_token()).get("/v1/me").await.ok(200);
        }
    }
}

#[tokio::test]
async fn du_09_a_clock_set_back_to_before_the_first_key_stops_nobody() {
    let t = TestServer::start().await;
    t.clock.set(t.clock.now().minus(Duration::from_secs(2)));
    t.menjin.upkeep().await.unwrap();
    t.phone("bob").await.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_key_of_another_master_key_does_not_close_the_feed() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let other = MASTER_KEY.replacen("00", "ff", 1);
    let toml = format!(
        "secret_key = \"{other}\"\nold_secret_keys = [\"{MASTER_KEY}\"]\n[server]\npublic_url = \"{}\"\n{}",
        t.url,
        t.folder.store_toml().await
    );
    let config = menjin_server::config::Config::parse(&toml, t.folder.path()).unwrap();
    let around = menjin_server::Around { clock: t.clock.clone() as _, ..menjin_server::Around::default() };
    menjin_server::Menjin::new(config, around).await.unwrap().rotate_key(&Actor::command()).await.unwrap();
    t.clock.advance(Duration::from_secs(31));
    phone.get("/v1/me/sessions").await.ok(200);
}
