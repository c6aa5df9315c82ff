//! Two nodes on one store: what happens once happens once on both, and what ends on one is over on the other.
//!
//! Not here: what Redis adds (`with_redis`), the platform's token (`broker`).

mod cable;
mod commits;
mod ends;
mod races;

use serde_json::json;

pub(crate) use cable::Cable;

use crate::harness::{Setup, TestServer};

/// Two nodes, of one name.
async fn two(setup: impl Fn() -> Setup) -> [TestServer; 2] {
    let first = TestServer::with(setup()).await;
    let second = first.beside(setup()).await;
    [first, second]
}

#[tokio::test]
async fn a_session_lives_its_life_over_both_nodes() {
    let [a, b] = two(Setup::default).await;
    let pair = a.phone("alice").await;
    let refreshed = b.anon().refresh_with(&pair.refresh_token()).await.ok(200);
    let (access, refresh) = (refreshed["access_token"].as_str().unwrap(), refreshed["refresh_token"].as_str().unwrap());
    let me = a.phone_with_token(access).get("/v1/me").await.ok(200);
    assert_eq!(me["user"]["id"], pair.user_id());
    let third = a.anon().refresh_with(refresh).await.ok(200);
    b.phone_with_token(third["access_token"].as_str().unwrap()).post("/v1/logout", json!({})).await.ok(204);
    for token in [pair.access_token().as_str(), access, third["access_token"].as_str().unwrap()] {
        for node in [&a, &b] {
            node.phone_with_token(token).get("/v1/me").await.problem(401, "session_ended");
        }
    }
    for node in [&a, &b] {
        let last = third["refresh_token"].as_str().unwrap();
        node.anon().refresh_with(last).await.problem(401, "session_ended");
    }
}

#[tokio::test]
async fn a_token_stolen_on_one_node_ends_the_session_on_both() {
    let [a, b] = two(Setup::default).await;
    let mut phone = a.phone("alice").await;
    let stolen = phone.refresh_token();
    phone.refresh().await.ok(200);
    phone.refresh().await.ok(200);
    b.anon().refresh_with(&stolen).await.problem(401, "refresh_reused");
    a.phone_with_token(&phone.access_token()).get("/v1/me").await.problem(401, "refresh_reused");
    phone.refresh().await.problem(401, "refresh_reused");
}
