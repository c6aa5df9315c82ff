//! `PUT /v1/me/password`: what proves that somebody may, and who is signed out by it.

use std::time::Duration;

use menjin_sim::{Fault, FaultKind};
use serde_json::json;

use super::{PASSWORD, access, audited, login, open, register};
use crate::broker::until;
use crate::harness::{Setup, TestServer};

const NEW: &str = "another good password";
const PATH: &str = "/v1/me/password";

#[tokio::test]
async fn a_change_ends_every_other_session_and_says_so() {
    let t = TestServer::with(open()).await;
    let here = register(&t, "alice", PASSWORD).await.ok(201);
    let elsewhere = login(&t, "alice", PASSWORD).await.ok(200);
    let (here, elsewhere) = (t.phone_with_token(access(&here)), (t.phone_with_token(access(&elsewhere)), elsewhere));
    t.advance(Duration::from_mins(6));
    here.put(PATH, json!({"old_password": PASSWORD, "new_password": NEW})).await.ok(204);
    here.get("/v1/me").await.ok(200);
    let problem = elsewhere.0.get("/v1/me").await.problem(401, "password_changed");
    assert_eq!(problem["action"], "relogin");
    let refresh = elsewhere.1["refresh_token"].as_str().unwrap();
    t.anon().refresh_with(refresh).await.problem(401, "password_changed");
    login(&t, "alice", PASSWORD).await.problem(401, "password_wrong");
    login(&t, "alice", NEW).await.ok(200);
    let audit = audited(&t).await;
    assert!(audit.contains(&"password.changed by user".to_owned()), "{audit:?}");
    assert!(audit.contains(&"session.ended by user".to_owned()), "{audit:?}");
}

#[tokio::test]
async fn the_present_password_or_a_fresh_sign_in_is_needed() {
    let t = TestServer::with(open()).await;
    let phone = register(&t, "alice", PASSWORD).await.ok(201);
    let phone = t.phone_with_token(access(&phone));
    phone
        .put(PATH, json!({"old_password": "wrong password", "new_password": NEW}))
        .await
        .problem(403, "old_password_wrong");
    phone.put(PATH, json!({"new_password": NEW})).await.ok(204);
    t.advance(Duration::from_mins(6));
    let stale = phone.put(PATH, json!({"new_password": PASSWORD})).await.problem(403, "reauth_required");
    assert_eq!(stale["action"], "reauth");
    phone
        .put(PATH, json!({"old_password": PASSWORD, "new_password": PASSWORD}))
        .await
        .problem(403, "old_password_wrong");
    phone.put(PATH, json!({"old_password": NEW, "new_password": PASSWORD})).await.ok(204);
    t.anon().put(PATH, json!({"new_password": NEW})).await.problem(401, "token_missing");
    for (body, field) in [
        (json!({"old_password": PASSWORD}), "new_password"),
        (json!({"old_password": PASSWORD, "new_password": "short"}), "new_password"),
        (json!({"old_password": PASSWORD, "new_password": "12345678"}), "new_password"),
        (json!({"old_password": "", "new_password": NEW}), "old_password"),
        (json!({"old_password": PASSWORD, "new_password": NEW, "username": "bob"}), "username"),
    ] {
        let problem = phone.put(PATH, body.clone()).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], field, "{body}");
    }
    login(&t, "alice", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn somebody_of_a_mini_program_gets_a_name_and_a_password() {
    let t = TestServer::with(open()).await;
    register(&t, "taken", PASSWORD).await.ok(201);
    let phone = t.phone("alice").await;
    let problem = phone.put(PATH, json!({"new_password": NEW})).await.problem(400, "field_invalid");
    assert_eq!(problem["field"], "username");
    phone.put(PATH, json!({"username": "Taken", "new_password": NEW})).await.problem(409, "username_taken");
    t.advance(Duration::from_mins(6));
    phone.put(PATH, json!({"username": "alice", "new_password": NEW})).await.problem(403, "reauth_required");
    let body = json!({"username": "alice", "new_password": NEW, "code": t.code("alice")});
    phone.put(PATH, body).await.ok(204);
    let signed_in = login(&t, "alice", NEW).await.ok(200);
    assert_eq!(signed_in["user"]["id"], phone.user_id());
}

/// The platform takes its time with the proof; meanwhile the person signs that device out on another one.
#[tokio::test]
async fn a_session_that_is_over_by_then_sets_no_password() {
    let t = TestServer::with(Setup { deadline: "9s", ..open() }).await;
    let (lost, phone) = (t.phone("alice").await, t.phone("alice").await);
    let slow = FaultKind::Slow(Duration::from_secs(3));
    t.sim.add_fault(Fault::once(slow).on("/sns/jscode2session"));
    let code = t.code("alice");
    let set = lost.put(PATH, json!({"username": "alice", "new_password": NEW, "code": code}));
    let kick = async {
        until(async || t.sim.calls_with_code(&code) == 1).await;
        phone.delete(&format!("/v1/me/sessions/{}", lost.session_id())).await.ok(204)
    };
    let (answer, _) = tokio::join!(set, kick);
    answer.problem(401, "session_kicked");
    login(&t, "alice", NEW).await.problem(401, "password_wrong");
    phone.put(PATH, json!({"username": "alice", "new_password": NEW})).await.ok(204);
}

#[tokio::test]
async fn of_racing_changes_in_the_place_of_one_password_one_is_made() {
    let t = TestServer::with(open()).await;
    let signed_in = register(&t, "alice", PASSWORD).await.ok(201);
    let phone = t.phone_with_token(access(&signed_in));
    let news = ["first good password", "second good password", "third good password"];
    let asked = news
        .iter()
        .map(async |new| phone.put(PATH, json!({"old_password": PASSWORD, "new_password": new})).await.status.as_u16());
    let statuses = futures_util::future::join_all(asked).await;
    let made: Vec<&str> =
        news.iter().zip(&statuses).filter(|(_, status)| **status == 204).map(|(new, _)| *new).collect();
    assert_eq!(made.len(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 403, 409].contains(status)), "{statuses:?}");
    login(&t, "alice", made[0]).await.ok(200);
}
