//! A new password by a one-use code of an operator: good once, for a while, and for whom it was made.

use std::time::Duration;

use menjin_server::NoReset;
use menjin_server::store::Actor;
use menjin_token::UserId;
use serde_json::json;

use super::{PASSWORD, access, audited, login, open, register};
use crate::harness::{Answer, TestServer};

const NEW: &str = "another good password";

async fn code(t: &TestServer, user: UserId) -> String {
    t.menjin.reset_password(&Actor::command(), user, None).await.unwrap().code
}

async fn redeem(t: &TestServer, code: &str, password: &str) -> Answer {
    t.anon().post("/v1/password/reset", json!({"code": code, "new_password": password})).await
}

async fn alice(t: &TestServer) -> (UserId, String) {
    let made = register(t, "alice", PASSWORD).await.ok(201);
    (made["user"]["id"].as_str().unwrap().parse().unwrap(), access(&made).to_owned())
}

#[tokio::test]
async fn a_code_sets_a_password_once_and_signs_everybody_out() {
    let t = TestServer::with(open()).await;
    let (user, token) = alice(&t).await;
    let code = code(&t, user).await;
    assert!(code.starts_with("mjp_") && code.len() > 40);
    let refused = redeem(&t, &code, "12345678").await.problem(400, "field_invalid");
    assert_eq!(refused["field"], "new_password", "a bad choice spends nothing");
    let tries = (0..4).map(async |nth| redeem(&t, &code, &format!("{NEW} {nth}")).await.status.as_u16());
    let statuses = futures_util::future::join_all(tries).await;
    let set: Vec<usize> = (0..4).filter(|nth| statuses[*nth] == 204).collect();
    assert_eq!(set.len(), 1, "{statuses:?}");
    login(&t, "alice", &format!("{NEW} {}", set[0])).await.ok(200);
    t.phone_with_token(&token).get("/v1/me").await.problem(401, "password_changed");
    redeem(&t, &code, NEW).await.problem(403, "reset_code_invalid");
    let audit = audited(&t).await;
    for line in ["password.reset by operator", "password.changed by user"] {
        assert_eq!(audit.iter().filter(|told| *told == line).count(), 1, "{audit:?}");
    }
}

#[tokio::test]
async fn a_code_is_void_after_its_time_after_a_newer_one_and_after_any_change() {
    let t = TestServer::with(open()).await;
    let (user, token) = alice(&t).await;
    let (first, second) = (code(&t, user).await, code(&t, user).await);
    redeem(&t, &first, NEW).await.problem(403, "reset_code_invalid");
    let phone = t.phone_with_token(&token);
    phone.put("/v1/me/password", json!({"old_password": PASSWORD, "new_password": NEW})).await.ok(204);
    redeem(&t, &second, PASSWORD).await.problem(403, "reset_code_invalid");
    let third = code(&t, user).await;
    t.advance(Duration::from_hours(24));
    redeem(&t, &third, PASSWORD).await.problem(403, "reset_code_invalid");
    t.menjin.upkeep().await.unwrap();
    for odd in ["", "mjp_", "nonsense", &third.to_lowercase()] {
        redeem(&t, odd, PASSWORD).await.problem(403, "reset_code_invalid");
    }
    login(&t, "alice", NEW).await.ok(200);
}

#[tokio::test]
async fn whoever_has_no_name_gets_one_with_the_code() {
    let t = TestServer::with(open()).await;
    let phone = t.phone("bob").await;
    let (user, other) = (phone.user_id().parse().unwrap(), alice(&t).await.0);
    let by = Actor::command();
    let reset = async |user, name| t.menjin.reset_password(&by, user, name).await;
    assert!(matches!(reset(user, None).await, Err(NoReset::NoName)));
    assert!(matches!(reset(user, Some("Alice")).await, Err(NoReset::NameTaken)));
    assert!(matches!(reset(user, Some("b b")).await, Err(NoReset::OddName)));
    assert!(matches!(reset(other, Some("alice2")).await, Err(NoReset::HasName)));
    assert!(matches!(reset(UserId::from_bytes([1; 16]), None).await, Err(NoReset::UserUnknown)));
    let code = reset(user, Some("bob")).await.unwrap().code;
    login(&t, "bob", PASSWORD).await.problem(401, "password_wrong");
    login(&t, "bob", "!").await.problem(401, "password_wrong");
    redeem(&t, &code, PASSWORD).await.ok(204);
    assert_eq!(login(&t, "bob", PASSWORD).await.ok(200)["user"]["id"], phone.user_id());
}
