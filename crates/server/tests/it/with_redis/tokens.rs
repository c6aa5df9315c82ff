//! The platform's token with a Redis beside the store: the store decides, whatever Redis says or does not.

use std::sync::Arc;
use std::time::Duration;

use menjin_testbed::Redis;

use super::{at, dump, sharing};
use crate::broker::{fetches, report, storm, token, with_mailer};
use crate::harness::TestServer;

async fn two_nodes(redis: &Redis) -> (TestServer, TestServer) {
    let redis = at(&redis.url());
    let first = TestServer::with(sharing(&redis, with_mailer())).await;
    let second = first.beside(sharing(&redis, with_mailer())).await;
    first.freeze();
    (first, second)
}

#[tokio::test]
async fn wx_08_five_hundred_callers_ask_the_platform_once_with_redis_and_when_it_dies_among_them() {
    let redis = Arc::new(Redis::start().unwrap());
    let (first, second) = two_nodes(&redis).await;
    assert_eq!(storm([&first, &second], "early", 125).await.len(), 1);
    assert_eq!(fetches(&first), 1);
    first.advance(Duration::from_hours(3));
    let dying = Arc::clone(&redis);
    let killed = async {
        crate::broker::until(async || fetches(&first) == 2).await;
        tokio::task::spawn_blocking(move || dying.kill()).await.unwrap().unwrap();
    };
    let (tokens, ()) = tokio::join!(storm([&second, &first], "dying", 125), killed);
    assert_eq!(tokens.len(), 1);
    assert_eq!(fetches(&first), 2);
    first.advance(Duration::from_hours(3));
    assert_eq!(storm([&first, &second], "without", 25).await.len(), 1);
    assert_eq!(fetches(&first), 3);
}

#[tokio::test]
async fn a_token_that_was_replaced_is_read_on_no_node_any_more() {
    let (first, second) = two_nodes(Redis::shared()).await;
    let old = token(&first).await;
    assert_eq!(token(&second).await, old);
    report(&first, &old).await.ok(204);
    let new = token(&second).await;
    assert_ne!(new, old);
    assert_eq!(token(&first).await, new);
}

#[tokio::test]
async fn redis_that_forgets_or_lies_changes_nothing() {
    let redis = Redis::start().unwrap();
    let (first, second) = two_nodes(&redis).await;
    let held = token(&first).await;
    redis.flush().unwrap();
    assert_eq!(token(&second).await, held);
    let keys = redis.command_line(&["KEYS", "*token:shop"]).unwrap();
    for nonsense in ["", "short", "a text that is long enough to be a version, a time and something sealed"] {
        redis.command_line(&["SET", keys.trim(), nonsense]).unwrap();
        assert_eq!(token(&second).await, held);
    }
    assert_eq!(fetches(&first), 1);
}

#[tokio::test]
async fn the_token_is_as_sealed_in_redis_as_in_the_store_and_soon_gone() {
    let redis = Redis::start().unwrap();
    let (first, _second) = two_nodes(&redis).await;
    let held = token(&first).await;
    let all = dump(&redis);
    assert!(all.contains("token:shop"), "{all}");
    assert!(!all.contains(&held) && !all.contains("FOREVER"), "{all}");
}
