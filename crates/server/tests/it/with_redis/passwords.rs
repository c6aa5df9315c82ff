//! Guessing is slow over all nodes together; while Redis is away, and where there is none, on each node by itself.

use std::sync::Arc;

use menjin_testbed::Redis;
use reqwest::Method;
use serde_json::json;

use super::{at, dump, sharing};
use crate::harness::{Answer, Setup, TestServer};
use crate::store::Folder;

const PASSWORD: &str = "correct horse battery";
const WRONG: &str = "wrong password";

fn limited(redis: &str, limits: &str) -> Setup {
    let server = r#"trusted_proxies = ["127.0.0.1"]"#.to_owned();
    let shop = "passwords = true\nregister = true".to_owned();
    sharing(redis, Setup { limits: limits.to_owned(), server, shop, ..Setup::default() })
}

async fn two(redis: &str, limits: &str) -> [TestServer; 2] {
    let first = TestServer::with(limited(redis, limits)).await;
    let second = first.beside(limited(redis, limits)).await;
    [first, second]
}

async fn from(t: &TestServer, hop: &str, path: &str, (name, password): (&str, &str)) -> Answer {
    let body = json!({"username": name, "password": password}).to_string();
    t.anon().send(Method::POST, path, Some(body), &[("x-forwarded-for", hop)]).await
}

async fn register(t: &TestServer, hop: &str, name: &str) -> Answer {
    from(t, hop, "/v1/register/shop", (name, PASSWORD)).await
}

async fn login(t: &TestServer, hop: &str, name: &str, password: &str) -> Answer {
    from(t, hop, "/v1/login/shop/password", (name, password)).await
}

/// Alice on her phone.
async fn on_device(t: &TestServer, password: &str) -> Answer {
    let body = json!({"username": "alice", "password": password, "device": {"id": "device-of-alice"}});
    t.anon().post("/v1/login/shop/password", body).await
}

/// Wrong ones, each from another address, on these nodes in turn.
async fn guess(nodes: &[&TestServer], name: &str) {
    for (nth, node) in nodes.iter().enumerate() {
        login(node, &format!("198.51.100.{nth}"), name, WRONG).await.problem(401, "password_wrong");
    }
}

#[track_caller]
fn is_barred(answer: Answer, seconds: std::ops::RangeInclusive<u64>) {
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!(seconds.contains(&wait), "{wait}");
    answer.problem(429, "too_many_requests");
}

/// A third of an hour: the pace of three an hour.
const A_THIRD: std::ops::RangeInclusive<u64> = 1..=1200;

#[tokio::test]
async fn ht_10_wrong_passwords_of_an_account_count_on_both_nodes_together() {
    let [first, second] = two(&at(&Redis::shared().url()), "failures_per_account = 3").await;
    register(&first, "203.0.113.7", "alice").await.ok(201);
    register(&first, "203.0.113.8", "bob").await.ok(201);
    for name in ["alice", "nobody"] {
        guess(&[&first, &second, &first], name).await;
        for node in [&second, &first] {
            is_barred(login(node, "198.51.100.9", name, WRONG).await, A_THIRD);
            is_barred(login(node, "198.51.100.10", &name.to_uppercase(), PASSWORD).await, A_THIRD);
        }
    }
    login(&second, "198.51.100.9", "bob", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn ht_10_a_device_that_the_account_is_signed_in_on_has_a_count_that_is_one_for_both_nodes_too() {
    let [first, second] = two(&at(&Redis::shared().url()), "failures_per_account = 3").await;
    register(&first, "203.0.113.7", "alice").await.ok(201);
    on_device(&first, PASSWORD).await.ok(200);
    guess(&[&second, &second, &first], "alice").await;
    for node in [&first, &second] {
        on_device(node, PASSWORD).await.ok(200);
    }
    for node in [&second, &first, &second] {
        on_device(node, WRONG).await.problem(401, "password_wrong");
    }
    for node in [&first, &second] {
        is_barred(on_device(node, PASSWORD).await, A_THIRD);
    }
}

#[tokio::test]
async fn a_right_password_costs_none_of_the_wrong_ones_on_either_node() {
    let [first, second] = two(&at(&Redis::shared().url()), "failures_per_account = 3").await;
    register(&first, "203.0.113.7", "alice").await.ok(201);
    for _ in 0..3 {
        for node in [&first, &second] {
            login(node, "198.51.100.9", "alice", PASSWORD).await.ok(200);
        }
    }
    guess(&[&second, &first, &second], "alice").await;
    is_barred(login(&first, "198.51.100.10", "alice", WRONG).await, A_THIRD);
}

#[tokio::test]
async fn ht_10_an_address_that_guessed_on_one_node_is_barred_on_the_other_whatever_the_name() {
    let [first, second] = two(&at(&Redis::shared().url()), "failures_per_app = 3").await;
    register(&first, "203.0.113.7", "alice").await.ok(201);
    for (name, node) in [("a", &first), ("b", &second), ("c", &first), ("d", &second)] {
        login(node, "198.51.100.1", name, WRONG).await.problem(401, "password_wrong");
    }
    for node in [&first, &second] {
        is_barred(login(node, "198.51.100.1", "alice", PASSWORD).await, 1..=60);
        login(node, "198.51.100.2", "alice", PASSWORD).await.ok(200);
    }
}

#[tokio::test]
async fn an_address_makes_a_few_accounts_on_both_nodes_together() {
    let [first, second] = two(&at(&Redis::shared().url()), "registrations_per_address = 2").await;
    register(&first, "198.51.100.1", "alice").await.ok(201);
    register(&second, "198.51.100.1", "bob").await.ok(201);
    for node in [&first, &second] {
        is_barred(register(node, "198.51.100.1", "carol").await, 1..=1800);
    }
    register(&second, "198.51.100.2", "carol").await.ok(201);
}

#[tokio::test]
async fn what_redis_refuses_is_no_try_of_the_node_that_asked() {
    let redis = Redis::start().unwrap();
    let [first, second] = two(&at(&redis.url()), "failures_per_account = 3").await;
    guess(&[&second, &second, &second], "alice").await;
    for _ in 0..3 {
        is_barred(login(&first, "198.51.100.9", "alice", WRONG).await, A_THIRD);
    }
    redis.flush().unwrap();
    guess(&[&first, &first, &first], "alice").await;
    is_barred(login(&first, "198.51.100.9", "alice", WRONG).await, A_THIRD);
}

#[tokio::test]
async fn while_redis_is_away_each_node_counts_wrong_passwords_by_itself() {
    let redis = Arc::new(Redis::start().unwrap());
    let [first, second] = two(&at(&redis.url()), "failures_per_account = 3").await;
    guess(&[&first, &second], "alice").await;
    tokio::task::spawn_blocking(move || redis.kill()).await.unwrap().unwrap();
    for node in [&first, &second] {
        guess(&[node, node], "alice").await;
        is_barred(login(node, "198.51.100.9", "alice", WRONG).await, A_THIRD);
    }
}

#[tokio::test]
async fn without_redis_two_nodes_let_through_what_two_may() {
    let limits = "failures_per_account = 3";
    let folder = Some(Arc::new(Folder::with_sqlite()));
    let first = TestServer::with(Setup { folder, ..limited("", limits) }).await;
    let second = first.beside(limited("", limits)).await;
    for node in [&first, &second] {
        guess(&[node, node, node], "alice").await;
        is_barred(login(node, "198.51.100.9", "alice", WRONG).await, A_THIRD);
    }
}

#[tokio::test]
async fn redis_holds_no_name_no_password_and_no_try_for_ever() {
    let redis = Redis::start().unwrap();
    let t = TestServer::with(limited(&at(&redis.url()), "failures_per_account = 3")).await;
    register(&t, "203.0.113.7", "alice").await.ok(201);
    on_device(&t, PASSWORD).await.ok(200);
    guess(&[&t, &t, &t], "alice").await;
    on_device(&t, WRONG).await.problem(401, "password_wrong");
    let held = dump(&redis);
    let tries = held.lines().filter(|line| line.contains("tries:")).count();
    assert_eq!(tries, 3, "the account, the account on that device, and accounts made there: {held}");
    for absent in ["alice", "203.0.113", "198.51", "password", "horse", "FOREVER"] {
        assert!(!held.contains(absent), "{absent}: {held}");
    }
}
