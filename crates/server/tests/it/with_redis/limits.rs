//! A limit is one for all nodes, and one for each while Redis is away.

use std::sync::Arc;

use menjin_testbed::Redis;
use reqwest::Method;
use serde_json::json;

use super::{at, dump, sharing};
use crate::harness::{Answer, Setup, TestServer};

fn limited(redis: &str, limits: &str) -> Setup {
    let server = r#"trusted_proxies = ["127.0.0.1"]"#.to_owned();
    sharing(redis, Setup { limits: format!("enabled = true\n{limits}"), server, ..Setup::default() })
}

async fn from(t: &TestServer, path: &str, body: serde_json::Value, hop: &str) -> Answer {
    t.anon().send(Method::POST, path, Some(body.to_string()), &[("x-forwarded-for", hop)]).await
}

async fn refresh(t: &TestServer, hop: &str) -> Answer {
    from(t, "/v1/token/refresh", json!({"refresh_token": "x"}), hop).await
}

#[track_caller]
fn is_limited(answer: Answer) {
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    answer.problem(429, "too_many_requests");
}

#[tokio::test]
async fn what_an_address_asks_of_one_node_counts_on_the_other() {
    let redis = at(&Redis::shared().url());
    let first = TestServer::with(limited(&redis, "per_address = 3")).await;
    let second = first.beside(limited(&redis, "per_address = 3")).await;
    for node in [&first, &second, &first] {
        refresh(node, "198.51.100.1").await.problem(401, "token_invalid");
    }
    for node in [&second, &first] {
        is_limited(refresh(node, "198.51.100.1").await);
    }
    refresh(&second, "198.51.100.2").await.problem(401, "token_invalid");
}

#[tokio::test]
async fn an_address_that_failed_on_one_node_may_not_sign_in_on_the_other_and_spends_no_code() {
    for (limits, club_is_barred) in [("failures_per_address = 2", true), ("failures_per_app = 2", false)] {
        let redis = at(&Redis::shared().url());
        let first = TestServer::with(limited(&redis, limits)).await;
        let second = first.beside(limited(&redis, limits)).await;
        for number in 0..3 {
            let node = if number == 1 { &second } else { &first };
            let wrong = json!({"code": format!("0bad{number}")});
            from(node, "/v1/login/shop", wrong, "198.51.100.1").await.problem(401, "code_invalid");
        }
        let code = first.code("alice");
        let login = json!({"code": code});
        is_limited(from(&second, "/v1/login/shop", login.clone(), "198.51.100.1").await);
        assert_eq!(first.sim.calls_with_code(&code), 0);
        let club = json!({"code": first.sim.js_code(crate::harness::OTHER_APPID, "alice")});
        let club = from(&second, "/v1/login/club", club, "198.51.100.1").await;
        assert_eq!(club.status == 429, club_is_barred, "{limits}: {}", club.text);
        from(&second, "/v1/login/shop", login, "198.51.100.2").await.ok(200);
    }
}

#[tokio::test]
async fn while_redis_is_away_each_node_counts_by_itself() {
    let own = Arc::new(Redis::start().unwrap());
    let redis = at(&own.url());
    let first = TestServer::with(limited(&redis, "per_address = 3")).await;
    let second = first.beside(limited(&redis, "per_address = 3")).await;
    for node in [&first, &second] {
        refresh(node, "198.51.100.1").await.problem(401, "token_invalid");
    }
    let gone = Arc::clone(&own);
    tokio::task::spawn_blocking(move || gone.kill()).await.unwrap().unwrap();
    for node in [&first, &second] {
        for _ in 0..2 {
            refresh(node, "198.51.100.1").await.problem(401, "token_invalid");
        }
        is_limited(refresh(node, "198.51.100.1").await);
    }
}

#[tokio::test]
async fn redis_holds_no_address_no_code_and_nothing_for_ever() {
    let own = Redis::start().unwrap();
    let limits = "failures_per_address = 1\nfailures_per_app = 1";
    let t = TestServer::with(limited(&at(&own.url()), limits)).await;
    for code in ["0bad-code-1", "0bad-code-2", "0bad-code-3"] {
        from(&t, "/v1/login/shop", json!({"code": code}), "198.51.100.77").await;
    }
    let held = dump(&own);
    for kind in ["asked:", "failed:", "barred:"] {
        assert!(held.contains(kind), "{kind}: {held}");
    }
    for absent in ["198.51", "0bad", "FOREVER"] {
        assert!(!held.contains(absent), "{absent}: {held}");
    }
}
