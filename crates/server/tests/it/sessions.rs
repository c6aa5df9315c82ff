//! `POST /v1/logout`, `GET|DELETE /v1/me/sessions[/{id}]`, `GET|PUT /v1/me`.

use serde_json::{Value, json};

use crate::harness::{Actor, TestServer};

async fn on<'a>(t: &'a TestServer, person: &str, device: &str, class: &str) -> Actor<'a> {
    t.clock.advance(std::time::Duration::from_millis(1));
    let mut actor = t.phone_of(person);
    actor.login(json!({"device": {"id": device, "class": class}})).await.ok(200);
    actor
}

#[tokio::test]
async fn a_logout_ends_this_session_at_once() {
    let t = TestServer::start().await;
    let (mut phone, tablet) = (on(&t, "alice", "p", "phone").await, on(&t, "alice", "t", "tablet").await);
    assert_eq!(phone.send(reqwest::Method::POST, "/v1/logout", None, &[]).await.status, 204);
    phone.get("/v1/me").await.problem(401, "session_ended");
    phone.refresh().await.problem(401, "session_ended");
    tablet.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_logout_reaches_as_far_as_its_scope() {
    let t = TestServer::start().await;
    let (one, two) = (on(&t, "alice", "p1", "phone").await, on(&t, "alice", "p2", "phone").await);
    let (tablet, bob) = (on(&t, "alice", "t", "tablet").await, on(&t, "bob", "p1", "phone").await);
    one.post("/v1/logout", json!({"scope": "device"})).await.ok(204);
    one.get("/v1/me").await.problem(401, "session_ended");
    two.get("/v1/me").await.problem(401, "session_ended");
    tablet.get("/v1/me").await.ok(200);
    let other = on(&t, "alice", "p3", "phone").await;
    tablet.post("/v1/logout", json!({"scope": "all"})).await.ok(204);
    tablet.get("/v1/me").await.problem(401, "session_ended");
    other.get("/v1/me").await.problem(401, "session_ended");
    bob.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_logout_by_refresh_token_needs_no_access_token() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let token = phone.refresh_token();
    t.anon().post("/v1/logout", json!({"refresh_token": token})).await.ok(204);
    phone.get("/v1/me").await.problem(401, "session_ended");
    t.anon().post("/v1/logout", json!({"refresh_token": token})).await.ok(204);
    t.anon().post("/v1/logout", json!({"refresh_token": "mjr_nonsense"})).await.problem(401, "token_invalid");
    t.anon().post("/v1/logout", json!({"refresh_token": token, "scope": "all"})).await.problem(400, "field_invalid");
    t.anon().post("/v1/logout", json!({})).await.problem(401, "token_missing");
    t.anon().post("/v1/logout", json!({"scope": "world"})).await.problem(400, "field_invalid");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_alone() {
    let t = TestServer::start().await;
    let (phone, tablet, bob) =
        (on(&t, "alice", "p", "phone").await, on(&t, "alice", "t", "tablet").await, on(&t, "bob", "p", "phone").await);
    let list = phone.get("/v1/me/sessions").await.ok(200)["sessions"].clone();
    let seen: Vec<(&Value, &Value, &Value)> =
        list.as_array().unwrap().iter().map(|it| (&it["id"], &it["current"], &it["device"]["class"])).collect();
    assert_eq!(
        seen,
        [
            (&json!(tablet.session_id()), &json!(false), &json!("tablet")),
            (&json!(phone.session_id()), &json!(true), &json!("phone"))
        ]
    );
    bob.delete(&format!("/v1/me/sessions/{}", phone.session_id())).await.problem(404, "session_unknown");
    phone.delete(&format!("/v1/me/sessions/{}", tablet.session_id())).await.ok(204);
    tablet.get("/v1/me").await.problem(401, "session_kicked");
    phone.delete(&format!("/v1/me/sessions/{}", tablet.session_id())).await.problem(404, "session_unknown");
    for odd in ["x", "..", "ses_", "%00", "usr_01jd3v0000zzzzzzzzzzzzzzzz"] {
        let answer = phone.delete(&format!("/v1/me/sessions/{odd}")).await;
        assert!(answer.status.is_client_error() || odd == "..", "{odd}: {}", answer.status);
    }
    phone.get("/v1/me").await.ok(200);
    phone.delete(&format!("/v1/me/sessions/{}", phone.session_id())).await.ok(204);
    phone.get("/v1/me").await.problem(401, "session_ended");
}

#[tokio::test]
async fn all_other_sessions_end_with_one_request() {
    let t = TestServer::start().await;
    let (phone, tablet) = (on(&t, "alice", "p", "phone").await, on(&t, "alice", "t", "tablet").await);
    phone.delete("/v1/me/sessions").await.ok(204);
    tablet.get("/v1/me").await.problem(401, "session_kicked");
    phone.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn an_ended_session_stays_ended_after_a_restart() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    phone.post("/v1/logout", json!({})).await.ok(204);
    let (refresh, access) = (phone.refresh_token(), phone.access_token());
    phone.forget();
    let folder = t.stop().await;
    let t = TestServer::with(crate::harness::Setup { folder: Some(folder), ..Default::default() }).await;
    t.anon().refresh_with(&refresh).await.problem(401, "session_ended");
    // The address, and so the issuer, is another one now: what counts is that the token is refused.
    assert_eq!(t.phone_with_token(&access).get("/v1/me").await.status, 401);
}

#[tokio::test]
async fn people_change_what_they_are_called_and_nothing_else() {
    let t = TestServer::start().await;
    let (phone, bob) = (t.phone("alice").await, t.phone("bob").await);
    let avatar = "https://example.com/a.png";
    let body = json!({"nickname": " 小明 ", "avatar_url": avatar, "number": 99, "id": bob.user_id()});
    let user = phone.put("/v1/me", body).await.ok(200)["user"].clone();
    assert_eq!((&user["nickname"], &user["avatar_url"], &user["number"]), (&json!("小明"), &json!(avatar), &json!(1)));
    let user = phone.put("/v1/me", json!({"nickname": "明"})).await.ok(200)["user"].clone();
    assert_eq!((&user["nickname"], &user["avatar_url"]), (&json!("明"), &json!(avatar)), "what is left out stays");
    assert_eq!(bob.get("/v1/me").await.ok(200)["user"]["nickname"], Value::Null);
    for (wrong, field) in [
        (json!({"nickname": ""}), "nickname"),
        (json!({"nickname": "x".repeat(65)}), "nickname"),
        (json!({"nickname": 5}), "nickname"),
        (json!({"avatar_url": "javascript:alert(1)"}), "avatar_url"),
    ] {
        assert_eq!(phone.put("/v1/me", wrong).await.problem(400, "field_invalid")["field"], field);
    }
    assert_eq!(phone.get("/v1/me").await.ok(200)["user"]["nickname"], "明");
}
