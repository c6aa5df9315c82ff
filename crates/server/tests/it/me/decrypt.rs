//! `POST /v1/me/decrypt`.

use std::time::Duration;

use menjin_sim::SessionKeyPolicy;
use serde_json::{Value, json};

use super::{encrypt, sealed, wx};
use crate::harness::{APPID, TestServer};

const DECRYPT: &str = "/v1/me/decrypt";

#[tokio::test]
async fn data_of_any_kind_is_opened_without_who_it_is_about() {
    let t = TestServer::start().await;
    t.freeze();
    let phone = t.phone("alice").await;
    let (openid, mark) = (t.sim.openid(APPID, "alice"), json!({"appid": APPID, "timestamp": t.sim.now()}));
    let group = encrypt(&t, "alice", json!({"openGId": "tGroup", "watermark": mark})).await;
    assert_eq!(phone.post(DECRYPT, group).await.ok(200), json!({"data": {"openGId": "tGroup"}}));
    let steps = json!([{"timestamp": 1_445_866_601, "step": 100}]);
    let run = encrypt(&t, "alice", json!({"stepInfoList": steps, "openid": openid, "watermark": mark})).await;
    assert_eq!(phone.post(DECRYPT, run).await.ok(200), json!({"data": {"stepInfoList": steps}}));
    t.sim.change_person("alice", |it| it.nickname = Some("小明".to_owned()));
    let profile = phone.post(DECRYPT, sealed(&wx(&t, "getUserInfo", "alice").await)).await;
    assert!(!profile.text.contains(&openid) && !profile.text.contains("atermark"), "{}", profile.text);
    assert_eq!(profile.ok(200)["data"]["nickName"], "小明");
    assert_eq!(phone.get("/v1/me").await.ok(200)["user"]["nickname"], Value::Null, "reading it changes nothing");
}

#[tokio::test]
async fn a_phone_number_is_not_told() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let answer = phone.post(DECRYPT, sealed(&wx(&t, "getPhoneNumber", "alice").await)).await;
    assert_eq!(answer.problem(400, "field_invalid")["field"], "encrypted_data");
}

#[tokio::test]
async fn wx_03_all_that_does_not_open_looks_alike() {
    let t = TestServer::start().await;
    t.freeze();
    let phone = t.phone("alice").await;
    t.phone("bob").await;
    let mark =
        |age: i64, appid: &str| json!({"openGId": "g", "watermark": {"appid": appid, "timestamp": t.sim.now() - age}});
    let somebody_else = json!({"openId": t.sim.openid(APPID, "bob"), "nickName": "Eve", "avatarUrl": "",
        "watermark": {"appid": APPID, "timestamp": t.sim.now()}});
    let mut alike = Vec::new();
    for odd in [
        encrypt(&t, "bob", mark(0, APPID)).await,
        encrypt(&t, "alice", mark(0, "wx0000000000000000")).await,
        encrypt(&t, "alice", mark(601, APPID)).await,
        encrypt(&t, "alice", json!({"openGId": "g", "watermark": {}})).await,
        encrypt(&t, "alice", json!("no json")).await,
        encrypt(&t, "alice", somebody_else).await,
        json!({"encrypted_data": "AAAA", "iv": "AAAA"}),
        json!({"encrypted_data": "", "iv": ""}),
        json!({"encrypted_data": "A".repeat(20_000), "iv": "AAAAAAAAAAAAAAAAAAAAAA=="}),
    ] {
        let mut refused = phone.post(DECRYPT, odd).await.problem(409, "session_key_stale");
        refused["request_id"] = Value::Null;
        alike.push(refused);
    }
    alike.dedup();
    assert_eq!(alike.len(), 1, "{alike:?}");
}

#[tokio::test]
async fn a_superseded_key_opens_what_was_made_under_it_for_ten_minutes() {
    let t = TestServer::start().await;
    t.freeze();
    t.sim.change_policy(|policy| policy.session_key = SessionKeyPolicy::Always);
    let mut phone = t.phone("alice").await;
    let mark = json!({"appid": APPID, "timestamp": t.sim.now()});
    let early = encrypt(&t, "alice", json!({"openGId": "g", "watermark": mark})).await;
    t.advance(Duration::from_secs(5));
    let old_key = t.sim.session_key(APPID, "alice").unwrap();
    phone.login(json!({})).await.ok(200);
    phone.post(DECRYPT, early.clone()).await.ok(200);
    t.advance(Duration::from_secs(1));
    let forged = json!({"openGId": "g", "watermark": {"appid": APPID, "timestamp": t.sim.now()}});
    let late =
        t.control("wx/encrypt", json!({"person": "alice", "appid": APPID, "data": forged, "session_key": old_key}));
    phone.post(DECRYPT, sealed(&late.await)).await.problem(409, "session_key_stale");
    phone.post("/v1/me/reset-session-key", json!({})).await.ok(204);
    phone.post(DECRYPT, early).await.problem(409, "session_key_stale");
}

#[tokio::test]
async fn a_key_that_menjin_has_not_seen_asks_for_a_sign_in_and_then_opens() {
    let t = TestServer::start().await;
    t.freeze();
    t.sim.change_policy(|policy| policy.session_key = SessionKeyPolicy::Always);
    let phone = t.phone("alice").await;
    let code = t.code("alice");
    let mark = json!({"appid": APPID, "timestamp": t.sim.now()});
    let data = encrypt(&t, "alice", json!({"openGId": "g", "watermark": mark})).await;
    assert_eq!(phone.post(DECRYPT, data.clone()).await.problem(409, "session_key_stale")["action"], "relogin");
    let pair = t.anon().post("/v1/login/shop", json!({"code": code})).await.ok(200);
    let phone = t.phone_with_token(pair["access_token"].as_str().unwrap());
    assert_eq!(phone.post(DECRYPT, data).await.ok(200)["data"]["openGId"], "g");
}

#[tokio::test]
async fn the_mistakes_of_a_client_are_told() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for (body, field) in [
        (json!({"iv": "a"}), "encrypted_data"),
        (json!({"encrypted_data": "a"}), "iv"),
        (json!({"encrypted_data": "a b", "iv": "a"}), "encrypted_data"),
        (json!({"encrypted_data": "a", "iv": "a b"}), "iv"),
        (json!({"encrypted_data": 1, "iv": "a"}), "encrypted_data"),
    ] {
        assert_eq!(phone.post(DECRYPT, body.clone()).await.problem(400, "field_invalid")["field"], field, "{body}");
    }
    t.anon().post(DECRYPT, json!({"encrypted_data": "a", "iv": "a"})).await.problem(401, "token_missing");
}
