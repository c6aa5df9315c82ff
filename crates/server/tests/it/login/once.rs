//! Exactly one jscode2session a code, and sign-ins that may safely be repeated.

use std::time::Duration;

use futures_util::future::join_all;
use menjin_sim::{CallFilter, Fault, FaultKind};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{APPID, Answer, Setup, TestServer};
use crate::wire::Wire;

/// A sign-in under an `Idempotency-Key`.
async fn keyed(t: &TestServer, key: &str, body: &Value) -> Answer {
    t.anon().send(Method::POST, "/v1/login/shop", Some(body.to_string()), &[("idempotency-key", key)]).await
}

#[tokio::test]
async fn of_eight_posts_of_one_code_one_signs_in_and_the_platform_is_asked_once() {
    let t = TestServer::start().await;
    let code = t.code("alice");
    let answers =
        join_all((0..8).map(|_| async { t.anon().post("/v1/login/shop", json!({"code": code})).await })).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((good.len(), bad.len()), (1, 7));
    for refused in bad {
        assert_eq!(refused.problem(401, "code_used")["action"], "relogin");
    }
    assert_eq!(t.sim.calls_with_code(&code), 1);
}

#[tokio::test]
async fn of_eight_posts_under_one_key_all_get_the_same_session_and_the_platform_is_asked_once() {
    let t = TestServer::start().await;
    let body = json!({"code": t.code("alice"), "device": {"id": "d1"}});
    let answers = join_all((0..8).map(|_| keyed(&t, "k-0001", &body))).await;
    let bodies: Vec<Value> = answers.into_iter().map(|answer| answer.ok(200)).collect();
    for answer in &bodies {
        for member in ["session_id", "user", "is_new_user", "need", "refresh_token"] {
            assert_eq!(answer[member], bodies[0][member], "{member}");
        }
        t.phone_with_token(answer["access_token"].as_str().unwrap()).get("/v1/me").await.ok(200);
    }
    assert_eq!(bodies[0]["is_new_user"], true);
    assert_eq!(t.sim.calls_with_code(body["code"].as_str().unwrap()), 1);
}

#[tokio::test]
async fn a_repeat_while_the_platform_is_slow_waits_for_the_first() {
    let t = TestServer::start().await;
    t.sim.add_fault(Fault::once(FaultKind::Slow(Duration::from_millis(300))));
    let body = json!({"code": t.code("alice")});
    let answers = join_all((0..4).map(|_| keyed(&t, "k-0001", &body))).await;
    let sessions: Vec<Value> = answers.into_iter().map(|answer| answer.ok(200)["session_id"].clone()).collect();
    assert!(sessions.iter().all(|it| it == &sessions[0]));
    assert_eq!(t.sim.calls_with_code(body["code"].as_str().unwrap()), 1);
}

#[tokio::test]
async fn a_sign_in_whose_connection_broke_is_carried_through_and_found_by_its_repeat() {
    let t = TestServer::start().await;
    t.sim.add_fault(Fault::once(FaultKind::Slow(Duration::from_millis(300))));
    let body = json!({"code": t.code("alice")});
    let code = body["code"].as_str().unwrap();
    let mut wire = Wire::to(&t).await;
    wire.say_post("/v1/login/shop", "idempotency-key: k-0001\r\n", &body.to_string()).await;
    while t.sim.calls_with_code(code) == 0 {
        tokio::task::yield_now().await;
    }
    drop(wire);
    keyed(&t, "k-0001", &body).await.ok(200);
    assert_eq!(t.sim.calls_with_code(code), 1);
}

#[tokio::test]
async fn without_a_key_too_a_sign_in_whose_connection_broke_has_its_session() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    t.sim.add_fault(Fault::once(FaultKind::Slow(Duration::from_millis(300))));
    let body = json!({"code": t.code("alice"), "device": {"id": "the one that hung up"}});
    let code = body["code"].as_str().unwrap();
    let mut wire = Wire::to(&t).await;
    wire.say_post("/v1/login/shop", "", &body.to_string()).await;
    while t.sim.calls_with_code(code) == 0 {
        tokio::task::yield_now().await;
    }
    drop(wire);
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let listed = phone.get("/v1/me/sessions").await.ok(200);
        let devices: Vec<&Value> =
            listed["sessions"].as_array().unwrap().iter().map(|it| &it["device"]["id"]).collect();
        if devices.len() == 2 {
            assert!(devices.contains(&&body["device"]["id"]), "{devices:?}");
            break;
        }
        assert!(tokio::time::Instant::now() < patience, "no session came of it: {listed}");
    }
    t.anon().post("/v1/login/shop", body.clone()).await.problem(401, "code_used");
    assert_eq!(t.sim.calls_with_code(code), 1);
}

#[tokio::test]
async fn a_sign_in_that_takes_longer_than_requests_may_is_found_by_its_repeat() {
    let server = "request_timeout = \"2s\"".to_owned();
    let t = TestServer::with(Setup { server, deadline: "1950ms", ..Setup::default() }).await;
    // The code is exchanged long before the deadline, however busy the machine is; a number has a second from then on.
    let slow = |path: &str, millis| Fault::once(FaultKind::Slow(Duration::from_millis(millis))).on(path);
    t.sim.add_fault(slow("/sns/jscode2session", 1100));
    t.sim.add_fault(slow("/cgi-bin/stable_token", 600));
    t.sim.add_fault(slow("/wxa/business/getuserphonenumber", 600));
    let body = json!({"code": t.code("alice"), "phone_code": t.sim.phone_code(APPID, "alice")});
    let late = keyed(&t, "k-0001", &body).await;
    assert_eq!(late.header("retry-after"), "1");
    assert_eq!(late.problem(503, "timed_out")["action"], "retry");
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    let found = loop {
        let answer = keyed(&t, "k-0001", &body).await;
        if answer.status == 200 {
            break answer;
        }
        answer.problem(503, "timed_out");
        assert!(tokio::time::Instant::now() < patience);
    };
    t.phone_with_token(found.json["access_token"].as_str().unwrap()).get("/v1/me").await.ok(200);
    assert_eq!(t.sim.calls_with_code(body["code"].as_str().unwrap()), 1);
}

#[tokio::test]
async fn a_key_serves_one_body_and_one_app() {
    let t = TestServer::start().await;
    let body = json!({"code": t.code("alice")});
    let first = keyed(&t, "k-0001", &body).await.ok(200);
    let others = [json!({"code": t.code("alice")}), json!({"code": body["code"], "device": {"id": "d1"}})];
    for other in others {
        keyed(&t, "k-0001", &other).await.problem(422, "idempotency_mismatch");
    }
    let spaced = format!("{body} ");
    let answer = t.anon().send(Method::POST, "/v1/login/shop", Some(spaced), &[("idempotency-key", "k-0001")]).await;
    answer.problem(422, "idempotency_mismatch");
    assert_eq!(keyed(&t, "k-0001", &body).await.ok(200)["session_id"], first["session_id"]);
    keyed(&t, "k-0002", &body).await.problem(401, "code_used");
    t.anon().post("/v1/login/shop", body.clone()).await.problem(401, "code_used");
    let club = json!({"code": t.sim.js_code(crate::harness::OTHER_APPID, "alice")});
    let same_key = [("idempotency-key", "k-0001")];
    t.anon().send(Method::POST, "/v1/login/club", Some(club.to_string()), &same_key).await.ok(200);
}

#[tokio::test]
async fn a_repeat_is_good_for_a_minute_and_while_the_session_lives_unrefreshed() {
    let t = TestServer::start().await;
    let late = json!({"code": t.code("alice")});
    let first = keyed(&t, "late-1", &late).await.ok(200);
    t.advance(Duration::from_mins(1));
    let again = keyed(&t, "late-1", &late).await.ok(200);
    assert_eq!(again["session_id"], first["session_id"]);
    t.advance(Duration::from_secs(1));
    keyed(&t, "late-1", &late).await.problem(401, "code_used");

    let refreshed = json!({"code": t.code("bob")});
    let pair = keyed(&t, "refreshed-1", &refreshed).await.ok(200);
    t.anon().refresh_with(pair["refresh_token"].as_str().unwrap()).await.ok(200);
    keyed(&t, "refreshed-1", &refreshed).await.problem(401, "code_used");

    let ended = json!({"code": t.code("carol")});
    let pair = keyed(&t, "ended-1", &ended).await.ok(200);
    t.phone_with_token(pair["access_token"].as_str().unwrap()).post("/v1/logout", json!({})).await.ok(204);
    keyed(&t, "ended-1", &ended).await.problem(401, "code_used");

    let replaced = json!({"code": t.code("dave"), "device": {"id": "d1"}});
    keyed(&t, "replaced-1", &replaced).await.ok(200);
    t.phone_of("dave").login(json!({"device": {"id": "d1"}})).await.ok(200);
    keyed(&t, "replaced-1", &replaced).await.problem(401, "code_used");
    for body in [&late, &refreshed, &ended, &replaced] {
        assert_eq!(t.sim.calls_with_code(body["code"].as_str().unwrap()), 1);
    }
}

#[tokio::test]
async fn a_code_works_once_for_as_long_as_the_platform_could_take_it() {
    let t = TestServer::start().await;
    let code = t.code("alice");
    t.anon().post("/v1/login/shop", json!({"code": code})).await.ok(200);
    for minutes in [1, 4, 4] {
        t.advance(Duration::from_mins(minutes));
        t.anon().post("/v1/login/shop", json!({"code": code})).await.problem(401, "code_used");
    }
    assert_eq!(t.sim.calls_with_code(&code), 1);
}

#[tokio::test]
async fn a_repeat_hears_again_what_could_not_be_used() {
    let t = TestServer::start().await;
    let bodies = [
        json!({"code": t.code("alice"), "phone_code": "nonsense"}),
        json!({"code": t.code("bob"), "encrypted_data": "AAAA", "iv": "AAAA"}),
        json!({"code": t.code("carol"), "raw_data": "{}", "signature": "00"}),
        json!({"code": t.code("dave"), "phone_code": t.sim.phone_code(APPID, "dave")}),
    ];
    for (at, body) in bodies.iter().enumerate() {
        let key = format!("key-{at}");
        let first = keyed(&t, &key, body).await.ok(200);
        assert_eq!(keyed(&t, &key, body).await.ok(200)["need"], first["need"], "{body}");
    }
    assert_eq!(t.sim.calls(&CallFilter { code: Some("nonsense".into()), ..CallFilter::default() }).len(), 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_by_name() {
    let t = TestServer::start().await;
    let code = t.code("alice");
    let body = json!({"code": code}).to_string();
    let long = "k".repeat(129);
    let odd: [&[(&str, &str)]; 4] = [
        &[("idempotency-key", "")],
        &[("idempotency-key", &long)],
        &[("idempotency-key", "two words")],
        &[("idempotency-key", "k-0001"), ("idempotency-key", "k-0001")],
    ];
    for headers in odd {
        let answer = t.anon().send(Method::POST, "/v1/login/shop", Some(body.clone()), headers).await;
        assert_eq!(answer.problem(400, "field_invalid")["field"], "Idempotency-Key", "{headers:?}");
    }
    let mut wire = Wire::to(&t).await;
    wire.say_post("/v1/login/shop", "idempotency-key: schl\u{fc}ssel\r\n", &body).await;
    assert_eq!(wire.answer().await.problem(400, "field_invalid")["field"], "Idempotency-Key");
    assert_eq!(t.sim.calls_with_code(&code), 0);
    keyed(&t, &long[..128], &json!({"code": code})).await.ok(200);
}
