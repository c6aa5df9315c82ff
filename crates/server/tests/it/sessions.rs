//! `POST /v1/logout`, `GET|DELETE /v1/me/sessions[/{id}]`, `GET|PUT /v1/me`.

use std::time::Duration;

use menjin_server::Clock as _;
use serde_json::{Value, json};

use crate::broker::until;
use crate::harness::{Actor, Setup, TestServer};
use crate::rows::Rows;

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

/// On a store that answers a logout only after its client was told that its time is up: refused here at once nevertheless,
/// long before the feed is read again.
#[tokio::test]
async fn a_logout_whose_time_is_up_is_carried_through_and_heard_at_once() {
    // The guard alone refuses here; others read the session's row.
    const GUARDED: &str = "/v1/me/sessions";
    let server = "request_timeout = \"1s\"".to_owned();
    let toml = "[lifetimes]\nfeed_read = \"10m\"\nrevocation_max_lag = \"20m\"\n".to_owned();
    let t = TestServer::with(Setup { server, toml, deadline: "900ms", ..Setup::default() }).await;
    let (phone, tablet) = (on(&t, "alice", "p", "phone").await, on(&t, "alice", "t", "tablet").await);
    let mut rows = Rows::of(&t).await;
    let locked =
        "BEGIN; UPDATE users SET number = number; UPDATE sessions SET app = app; UPDATE grants SET counter = counter";
    for (who, path, body) in
        [(&phone, "/v1/logout", json!({})), (&tablet, "/v1/logout", json!({"refresh_token": tablet.refresh_token()}))]
    {
        who.get(GUARDED).await.ok(200);
        rows.run_own("BEGIN IMMEDIATE", locked, locked).await;
        who.post(path, body).await.problem(503, "timed_out");
        rows.run("COMMIT").await;
        until(async || who.get(GUARDED).await.status == 401).await;
        who.get(GUARDED).await.problem(401, "session_ended");
    }
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
        assert!(answer.status.is_client_error(), "{odd}: {}", answer.status);
    }
    phone.get("/v1/me").await.ok(200);
    phone.delete(&format!("/v1/me/sessions/{}", phone.session_id())).await.ok(204);
    phone.get("/v1/me").await.problem(401, "session_ended");
}

#[tokio::test]
async fn se_06_no_spelling_of_a_session_reaches_another_persons() {
    let t = TestServer::start().await;
    let (alice, bob) = (t.phone("alice").await, t.phone("bob").await);
    let id = bob.session_id();
    let bare = id.strip_prefix("ses_").unwrap();
    for spelling in [
        id.clone(),
        id.to_uppercase(),
        format!("{id}%00"),
        format!("{id}%20"),
        format!("%20{id}"),
        format!("../sessions/{id}"),
        format!("..%2fsessions%2f{id}"),
        format!("{id}?user={}", bob.user_id()),
        format!("{id}?id={}", alice.session_id()),
        format!("usr_{bare}"),
        bare.to_owned(),
        bob.user_id(),
        format!("{},{id}", alice.session_id()),
    ] {
        let answer = alice.delete(&format!("/v1/me/sessions/{spelling}")).await;
        assert_eq!(answer.status, 404, "{spelling}: {}", answer.text);
    }
    let me = alice.send(reqwest::Method::GET, "/v1/me", Some(json!({"id": bob.user_id()}).to_string()), &[]).await;
    assert_eq!(me.ok(200)["user"]["id"], alice.user_id());
    for live in [&alice, &bob] {
        live.get("/v1/me").await.ok(200);
    }
}

#[tokio::test]
async fn se_05_who_is_disabled_is_refused_by_every_door_and_says_why() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let mut rows = Rows::of(&t).await;
    rows.run("UPDATE users SET disabled_at = 1 WHERE number = 1").await;
    let refused = phone.get("/v1/me").await.problem(401, "user_disabled");
    assert_eq!(refused["action"], "none", "a client that signs in again at each 401 would never end");
    phone.put("/v1/me", json!({"nickname": "Eve"})).await.problem(401, "user_disabled");
    phone.refresh().await.problem(401, "user_disabled");
    phone.login(json!({})).await.problem(401, "user_disabled");
    let mut club = t.phone_of("alice");
    club.login_to("club", crate::harness::OTHER_APPID, json!({})).await.problem(401, "user_disabled");
    let body = json!({"code": t.code("alice")}).to_string();
    for _ in 0..2 {
        let keyed = [("idempotency-key", "k-0001")];
        let answer = t.anon().send(reqwest::Method::POST, "/v1/login/shop", Some(body.clone()), &keyed).await;
        answer.problem(401, "user_disabled");
    }
    rows.run("UPDATE users SET disabled_at = NULL").await;
    assert_eq!(phone.login(json!({})).await.ok(200)["user"]["number"], 1);
}

#[tokio::test]
async fn se_04_nothing_that_was_issued_before_an_end_revives_the_session() {
    let t = TestServer::start().await;
    let mut phone = t.phone_of("alice");
    let body = json!({"code": t.code("alice")});
    let keyed = [("idempotency-key", "k-0001")];
    let login = async || t.anon().send(reqwest::Method::POST, "/v1/login/shop", Some(body.to_string()), &keyed).await;
    let first = login().await.ok(200);
    let second = t.anon().refresh_with(first["refresh_token"].as_str().unwrap()).await.ok(200);
    t.phone_with_token(second["access_token"].as_str().unwrap()).post("/v1/logout", json!({})).await.ok(204);
    for pair in [&first, &second] {
        t.phone_with_token(pair["access_token"].as_str().unwrap()).get("/v1/me").await.problem(401, "session_ended");
        let refresh_token = pair["refresh_token"].as_str().unwrap();
        t.anon().refresh_with(refresh_token).await.problem(401, "session_ended");
        t.anon().post("/v1/logout", json!({"refresh_token": refresh_token})).await.ok(204);
        t.anon().refresh_with(refresh_token).await.problem(401, "session_ended");
    }
    login().await.problem(401, "code_used");
    let anew = phone.login(json!({"session_id": first["session_id"]})).await.ok(200);
    assert_ne!(anew["session_id"], first["session_id"]);
    assert_eq!(phone.get("/v1/me/sessions").await.ok(200)["sessions"].as_array().map(Vec::len), Some(1));
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
    let t = TestServer::with(Setup { folder: Some(folder), ..Default::default() }).await;
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

#[tokio::test]
async fn du_09_a_clock_that_leaps_ahead_and_back_revives_nothing() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    phone.post("/v1/logout", json!({})).await.ok(204);
    let now = t.clock.now();
    t.clock.set(now.plus(Duration::from_hours(1)));
    t.menjin.upkeep().await.unwrap();
    t.clock.set(now.plus(Duration::from_mins(1)));
    phone.get("/v1/me/sessions").await.problem(401, "session_ended");
}
