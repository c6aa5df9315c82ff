//! `POST /v1/me/phone`.

use std::time::Duration;

use futures_util::future::join_all;
use menjin_sim::{CallFilter, Fault, FaultKind, Phone, SessionKeyPolicy};
use serde_json::{Value, json};

use super::{calls, encrypt, sealed, wx};
use crate::harness::{APPID, OTHER_APPID, Setup, TestServer};

const PHONE: &str = "/v1/me/phone";
const BY_CODE: &str = "/wxa/business/getuserphonenumber";

fn number(t: &TestServer, person: &str, number: &str) {
    let phone = Phone { number: number.to_owned(), country_code: "86".to_owned() };
    t.sim.change_person(person, |it| it.phone = phone);
}

fn masked(body: &Value) -> &Value {
    &body["user"]["phone_masked"]
}

#[tokio::test]
async fn a_phone_code_binds_the_number_of_its_own_person() {
    let t = TestServer::start().await;
    number(&t, "alice", "13800001234");
    let phone = t.phone("alice").await;
    let answer = phone.post(PHONE, json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await;
    assert!(!answer.text.contains("13800001234"));
    let body = answer.ok(200);
    assert_eq!(masked(&body), "138****1234");
    assert_eq!(body["session"]["id"], phone.session_id());
    assert_eq!(phone.get("/v1/me").await.ok(200), body);
    let asked = t.sim.calls(&CallFilter { path: Some(BY_CODE.into()), ..CallFilter::default() });
    assert_eq!(asked[0].openid, Some(t.sim.openid(APPID, "alice")), "WeChat compares whose code it is");
    let again = phone.post(PHONE, json!({"code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
    assert_eq!(masked(&again), "138****1234", "also as the SDK calls it");
}

#[tokio::test]
async fn wx_09_a_code_that_is_not_this_persons_own_fresh_one_binds_nothing() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let spent = t.sim.phone_code(APPID, "alice");
    phone.post(PHONE, json!({"phone_code": spent})).await.ok(200);
    let carol = t.phone("carol").await;
    let codes =
        [t.sim.phone_code(APPID, "bob"), t.sim.phone_code(OTHER_APPID, "carol"), t.code("carol"), "x".into(), spent];
    for code in codes {
        let refused = carol.post(PHONE, json!({"phone_code": code})).await.problem(422, "phone_code_invalid");
        assert_eq!(refused["action"], "none", "{code}: another tap, and not another sign-in");
        assert_eq!(masked(&carol.get("/v1/me").await.ok(200)), &Value::Null, "{code}");
    }
    t.anon().post(PHONE, json!({"phone_code": "x"})).await.problem(401, "token_missing");
}

#[tokio::test]
async fn a_code_goes_to_the_platform_once_however_many_bring_it() {
    let t = TestServer::start().await;
    let beside = t.beside(Setup::default()).await;
    let phone = t.phone("alice").await;
    let elsewhere = beside.phone_with_token(&phone.access_token());
    let code = json!({"phone_code": t.sim.phone_code(APPID, "alice")});
    let posts = (0..10).map(|nth| if nth % 2 == 0 { &phone } else { &elsewhere }.post(PHONE, code.clone()));
    let answers = join_all(posts).await;
    let bound = answers.iter().filter(|it| it.status == 200).count();
    assert_eq!((bound, calls(&t, BY_CODE)), (1, 1));
    for refused in answers.into_iter().filter(|it| it.status != 200) {
        refused.problem(422, "phone_code_invalid");
    }
}

#[tokio::test]
async fn what_the_platform_did_not_take_may_come_again() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let code = json!({"phone_code": t.sim.phone_code(APPID, "alice")});
    t.sim.add_fault(Fault::once(FaultKind::Busy).on(BY_CODE));
    assert_eq!(phone.post(PHONE, code.clone()).await.problem(503, "platform_unavailable")["action"], "retry");
    phone.post(PHONE, code).await.ok(200);
    let lost = json!({"phone_code": t.sim.phone_code(APPID, "alice")});
    t.sim.add_fault(Fault::once(FaultKind::Dropped).on(BY_CODE));
    assert_eq!(phone.post(PHONE, lost.clone()).await.problem(503, "platform_unavailable")["action"], "relogin");
    phone.post(PHONE, lost).await.problem(422, "phone_code_invalid");
}

#[tokio::test]
async fn a_number_moves_to_whoever_proves_it_last() {
    let t = TestServer::start().await;
    for person in ["alice", "bob"] {
        number(&t, person, "13800001234");
    }
    let alice = t.phone("alice").await;
    let bob = t.phone("bob").await;
    alice.post(PHONE, json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
    let body = bob.post(PHONE, json!({"phone_code": t.sim.phone_code(APPID, "bob")})).await.ok(200);
    assert_eq!(masked(&body), "138****1234");
    assert_ne!(body["user"]["id"], alice.user_id(), "a number merges nobody");
    let former = alice.get("/v1/me").await.ok(200);
    assert_eq!((masked(&former), &former["user"]["id"]), (&Value::Null, &json!(alice.user_id())));
}

#[tokio::test]
async fn an_encrypted_number_binds_under_the_newest_key_alone_and_a_fresh_sign_in_mends_it() {
    let t = TestServer::start().await;
    t.freeze();
    t.sim.change_policy(|policy| policy.session_key = SessionKeyPolicy::Always);
    number(&t, "alice", "13900005678");
    let mut phone = t.phone("alice").await;
    let under_first = sealed(&wx(&t, "getPhoneNumber", "alice").await);
    t.advance(Duration::from_secs(5));
    phone.login(json!({})).await.ok(200);
    let refused = phone.post(PHONE, under_first).await.problem(409, "session_key_stale");
    assert_eq!(refused["action"], "relogin", "superseded: no proof any more");
    // The client calls wx.login and the button is tapped under a key that menjin has not seen yet.
    let code = t.code("alice");
    let unseen = sealed(&wx(&t, "getPhoneNumber", "alice").await);
    phone.post(PHONE, unseen.clone()).await.problem(409, "session_key_stale");
    let mut body = json!({"code": code});
    body["device"] = json!({"id": "one"});
    let pair = t.anon().post("/v1/login/shop", body).await.ok(200);
    let phone = t.phone_with_token(pair["access_token"].as_str().unwrap());
    assert_eq!(masked(&phone.post(PHONE, unseen).await.ok(200)), "139****5678", "the same data after the sign-in");
}

#[tokio::test]
async fn wx_03_data_that_is_not_this_persons_number_binds_nothing() {
    let t = TestServer::start().await;
    t.freeze();
    let phone = t.phone("alice").await;
    t.phone("bob").await;
    let theirs = sealed(&wx(&t, "getPhoneNumber", "bob").await);
    let good = sealed(&wx(&t, "getPhoneNumber", "alice").await);
    let (data, iv) = (good["encrypted_data"].as_str().unwrap(), good["iv"].as_str().unwrap());
    let mut flipped = data.to_owned();
    let last = if flipped.starts_with('A') { 'B' } else { 'A' };
    flipped.replace_range(0..1, &last.to_string());
    let foreign = json!({"purePhoneNumber": "13800000000", "countryCode": "86",
        "watermark": {"appid": OTHER_APPID, "timestamp": t.sim.now()}});
    let mut alike = Vec::new();
    for odd in [
        theirs,
        json!({"encrypted_data": flipped, "iv": iv}),
        json!({"encrypted_data": &data[..data.len() - 4], "iv": iv}),
        json!({"encrypted_data": "!", "iv": iv}),
        json!({"encrypted_data": data, "iv": "c2hvcnQ="}),
        json!({"encrypted_data": "", "iv": ""}),
        encrypt(&t, "alice", foreign).await,
    ] {
        let mut refused = phone.post(PHONE, odd).await.problem(409, "session_key_stale");
        refused["request_id"] = Value::Null;
        alike.push(refused);
    }
    alike.dedup();
    assert_eq!(alike.len(), 1, "whatever is wrong: {alike:?}");
    let profile = sealed(&wx(&t, "getUserProfile", "alice").await);
    assert_eq!(phone.post(PHONE, profile).await.problem(400, "field_invalid")["field"], "encrypted_data");
    t.advance(Duration::from_mins(11));
    phone_after(&t, "alice", good).await;
}

/// Ten minutes later the same data is a replay.
async fn phone_after(t: &TestServer, person: &str, data: Value) {
    let mut phone = t.phone_of(person);
    phone.login(json!({})).await.ok(200);
    phone.post(PHONE, data).await.problem(409, "session_key_stale");
    assert_eq!(masked(&phone.get("/v1/me").await.ok(200)), &Value::Null);
}

#[tokio::test]
async fn a_request_that_can_not_be_meant_is_refused_with_the_member() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for (body, field) in [
        (json!({}), "phone_code"),
        (json!({"phone_code": ""}), "phone_code"),
        (json!({"phone_code": "a", "encrypted_data": "b", "iv": "c"}), "phone_code"),
        (json!({"encrypted_data": "b", "iv": "c", "signed_phone": "d"}), "encrypted_data"),
        (json!({"encrypted_data": "b"}), "iv"),
        (json!({"encrypted_data": "a b", "iv": "c"}), "encrypted_data"),
        (json!({"signed_phone": "x".repeat(8193)}), "signed_phone"),
    ] {
        assert_eq!(phone.post(PHONE, body.clone()).await.problem(400, "field_invalid")["field"], field, "{body}");
    }
    phone.post(PHONE, json!({"signed_phone": "{}"})).await.problem(422, "unsupported_by_platform");
    assert_eq!(calls(&t, BY_CODE), 0);
}

#[tokio::test]
async fn one_person_may_ask_the_platform_so_often_in_a_minute() {
    let limits = "enabled = true\nper_person = 3".to_owned();
    let t = TestServer::with(Setup { limits, ..Setup::default() }).await;
    let phone = t.phone("alice").await;
    for _ in 0..3 {
        phone.post(PHONE, json!({"phone_code": "x"})).await.problem(422, "phone_code_invalid");
    }
    for path in [PHONE, "/v1/me/check-session", "/v1/me/reset-session-key"] {
        let refused = phone.post(path, json!({"phone_code": "x"})).await;
        assert_ne!(refused.header("retry-after"), "", "{path}");
        refused.problem(429, "too_many_requests");
    }
    phone.get("/v1/me").await.ok(200);
    t.phone("bob").await.post("/v1/me/check-session", json!({})).await.ok(200);
}
