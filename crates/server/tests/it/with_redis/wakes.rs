//! What one node ends, the other refuses at once: here nobody reads the feed by the clock.

use std::sync::Arc;

use menjin_server::store::Actor;
use menjin_testbed::Redis;

use super::{at, sharing};
use crate::broker::until;
use crate::harness::{Setup, TestServer};
use crate::store::Folder;

fn never_by_itself(redis: &str) -> Setup {
    let toml = "\n[lifetimes]\nfeed_read = \"1d\"\nrevocation_max_lag = \"2d\"\n".to_owned();
    sharing(redis, Setup { toml, ..Setup::default() })
}

/// Signs in and out on one node, and looks until the other refuses the token.
async fn an_end_is_heard(on: &TestServer, by: &TestServer, person: &str) {
    let phone = on.phone(person).await;
    let there = by.phone_with_token(&phone.access_token());
    there.get("/v1/me/sessions").await.ok(200);
    phone.post("/v1/logout", serde_json::json!({})).await.ok(204);
    until(async || there.get("/v1/me/sessions").await.status == 401).await;
    there.get("/v1/me/sessions").await.problem(401, "session_ended");
}

/// With SQLite, which has no wake-ups of its own.
#[tokio::test]
async fn without_redis_the_other_node_has_not_heard() {
    let folder = Some(Arc::new(Folder::with_sqlite()));
    let first = TestServer::with(Setup { folder, ..never_by_itself("") }).await;
    let second = first.beside(never_by_itself("")).await;
    let phone = first.phone("alice").await;
    let there = second.phone_with_token(&phone.access_token());
    phone.post("/v1/logout", serde_json::json!({})).await.ok(204);
    there.get("/v1/me/sessions").await.ok(200);
    there.get("/v1/me").await.problem(401, "session_ended");
}

#[tokio::test]
async fn an_end_on_either_node_is_heard_by_the_other() {
    let redis = at(&Redis::shared().url());
    let first = TestServer::with(never_by_itself(&redis)).await;
    let second = first.beside(never_by_itself(&redis)).await;
    an_end_is_heard(&first, &second, "alice").await;
    an_end_is_heard(&second, &first, "bob").await;
}

#[tokio::test]
async fn a_new_signing_key_is_published_by_the_other_node() {
    let redis = at(&Redis::shared().url());
    let first = TestServer::with(never_by_itself(&redis)).await;
    let second = first.beside(never_by_itself(&redis)).await;
    let kid = first.menjin.rotate_key(&Actor::command()).await.unwrap();
    until(async || second.anon().get("/.well-known/jwks.json").await.text.contains(&kid)).await;
}

#[tokio::test]
async fn what_was_missed_while_redis_was_away_is_heard_once_it_is_back() {
    let own = Arc::new(Redis::start().unwrap());
    let redis = at(&own.url());
    let first = TestServer::with(never_by_itself(&redis)).await;
    let second = first.beside(never_by_itself(&redis)).await;
    an_end_is_heard(&first, &second, "alice").await;
    let restarted = Arc::clone(&own);
    tokio::task::spawn_blocking(move || restarted.kill()).await.unwrap().unwrap();
    let phone = first.phone("bob").await;
    let there = second.phone_with_token(&phone.access_token());
    phone.post("/v1/logout", serde_json::json!({})).await.ok(204);
    there.get("/v1/me/sessions").await.ok(200);
    let back = Arc::clone(&own);
    tokio::task::spawn_blocking(move || back.start_again()).await.unwrap().unwrap();
    until(async || there.get("/v1/me/sessions").await.status == 401).await;
    an_end_is_heard(&second, &first, "carol").await;
}
