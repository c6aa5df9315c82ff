//! Operators: users disabled, enabled and signed out, as `menjin user` does it beside running nodes (SE-05).

use std::time::Duration;

use menjin_server::store::Actor;
use serde_json::json;

use super::with_gate;
use crate::broker::until;
use crate::harness::{Setup, TestServer};

/// By the guard and the feed alone.
const GUARDED: &str = "/v1/me/sessions";

#[tokio::test]
async fn se_05_a_ban_ends_everything_on_every_node_and_refuses_sign_ins() {
    let one = TestServer::start().await;
    let other = one.beside(Setup::default()).await;
    let mut phone = one.phone("alice").await;
    let mut tablet = one.phone_of("alice");
    tablet.login(json!({"device": {"id": "t", "class": "tablet"}})).await.ok(200);
    let bob = one.phone("bob").await;
    let there = other.phone_with_token(&phone.access_token());
    there.get(GUARDED).await.ok(200);
    let user = phone.user_id().parse().unwrap();
    assert_eq!(one.menjin.disable_user(&Actor::command(), user).await.unwrap(), 2);
    for actor in [&phone, &tablet, &there] {
        actor.get("/v1/me").await.problem(401, "user_disabled");
    }
    for actor in [&phone, &tablet, &there] {
        until(async || actor.get(GUARDED).await.status == 401).await;
        let problem = actor.get(GUARDED).await.problem(401, "user_disabled");
        assert_eq!(problem["action"], "none");
    }
    phone.refresh().await.problem(401, "user_disabled");
    other.anon().refresh_with(&tablet.refresh_token()).await.problem(401, "user_disabled");
    for node in [&one, &other] {
        node.phone_of("alice").login(json!({})).await.problem(401, "user_disabled");
        let mut elsewhere = node.phone_of("alice");
        elsewhere.login_to("club", crate::harness::OTHER_APPID, json!({})).await.problem(401, "user_disabled");
    }
    bob.get(GUARDED).await.ok(200);
}

#[tokio::test]
async fn who_is_enabled_again_signs_in_and_old_sessions_stay_over() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let user = phone.user_id().parse().unwrap();
    t.menjin.disable_user(&Actor::command(), user).await.unwrap();
    until(async || phone.get(GUARDED).await.status == 401).await;
    t.advance(Duration::from_secs(1));
    assert!(t.menjin.enable_user(&Actor::command(), user).await.unwrap());
    assert!(!t.menjin.enable_user(&Actor::command(), user).await.unwrap());
    let problem = phone.refresh().await.problem(401, "session_kicked");
    assert_eq!(problem["action"], "relogin", "a sign-in helps again");
    until(async || phone.get(GUARDED).await.json["code"] == "session_kicked").await;
    for path in [GUARDED, "/v1/me"] {
        assert_eq!(phone.get(path).await.problem(401, "session_kicked")["action"], "relogin", "{path}");
    }
    phone.login(json!({})).await.ok(200);
    assert_eq!(phone.user_id(), user.to_string());
    phone.get(GUARDED).await.ok(200);
    phone.get("/v1/me").await.ok(200);
    phone.refresh().await.ok(200);
}

#[tokio::test]
async fn a_kick_ends_all_sessions_and_lets_sign_in_again() {
    let one = TestServer::start().await;
    let other = one.beside(Setup::default()).await;
    let mut phone = one.phone("alice").await;
    let there = other.phone_with_token(&phone.access_token());
    there.get(GUARDED).await.ok(200);
    let user = phone.user_id().parse().unwrap();
    assert_eq!(one.menjin.kick_user(&Actor::command(), user).await.unwrap(), 1);
    for actor in [&phone, &there] {
        until(async || actor.get(GUARDED).await.status == 401).await;
        actor.get(GUARDED).await.problem(401, "session_kicked");
    }
    phone.refresh().await.problem(401, "session_kicked");
    phone.login(json!({})).await.ok(200);
    phone.get(GUARDED).await.ok(200);
    assert_eq!(one.menjin.kick_user(&Actor::command(), user).await.unwrap(), 1);
    assert_eq!(one.menjin.kick_user(&Actor::command(), user).await.unwrap(), 0);
}

#[tokio::test]
async fn one_session_is_ended_by_its_id_and_says_so() {
    let t = TestServer::with(with_gate()).await;
    let (phone, other) = (t.phone("alice").await, t.phone("alice").await);
    let id = phone.session_id().parse().unwrap();
    assert!(t.menjin.end_session(&Actor::command(), id).await.unwrap());
    assert!(!t.menjin.end_session(&Actor::command(), id).await.unwrap());
    phone.get("/v1/me").await.problem(401, "session_kicked");
    other.get("/v1/me").await.ok(200);
    let shown = t.menjin.session(id).await.unwrap();
    assert_eq!(shown.end_reason, Some("session_kicked"));
    let nobody = "ses_01jd3v0000zzzzzzzzzzzzzzzz".parse().unwrap();
    let error = t.menjin.session(nobody).await.unwrap_err().to_string();
    assert!(error.contains("ended_sessions"), "{error}");
}
