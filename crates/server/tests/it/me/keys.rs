//! `check-session`, `reset-session-key`, `encrypt-key`, and what all of them do with the app's access token.

use std::time::Duration;

use futures_util::future::join_all;
use menjin_sim::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{calls, encrypt, wx};
use crate::harness::{APP_SECRET, APPID, Setup, TestServer};

const CHECK: &str = "/v1/me/check-session";
const RESET: &str = "/v1/me/reset-session-key";
const KEYS: &str = "/v1/me/encrypt-key";
const STABLE_TOKEN: &str = "/cgi-bin/stable_token";

fn person() -> Value {
    json!({"person": "alice", "appid": APPID})
}

#[tokio::test]
async fn a_session_key_is_valid_until_the_platform_has_another() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    assert_eq!(phone.post(CHECK, json!({})).await.ok(200), json!({"valid": true}));
    t.control("wx/rotateSessionKey", person()).await;
    assert_eq!(phone.post(CHECK, json!({})).await.ok(200), json!({"valid": false}));
    phone.get("/v1/me").await.ok(200);
    phone.login(json!({})).await.ok(200);
    assert_eq!(phone.post(CHECK, json!({})).await.ok(200), json!({"valid": true}));
    t.control("wx/expireSessionKey", person()).await;
    assert_eq!(phone.post(CHECK, json!({})).await.ok(200), json!({"valid": false}));
}

#[tokio::test]
async fn a_reset_replaces_the_key_and_forgets_all_before() {
    let t = TestServer::start().await;
    t.freeze();
    let phone = t.phone("alice").await;
    let leaked = t.sim.session_key(APPID, "alice").unwrap();
    let mark = json!({"appid": APPID, "timestamp": t.sim.now()});
    let forged =
        json!({"person": "alice", "appid": APPID, "data": {"openGId": "g", "watermark": mark}, "session_key": leaked});
    let forged = t.control("wx/encrypt", forged).await;
    let forged = super::sealed(&forged);
    phone.post("/v1/me/decrypt", forged.clone()).await.ok(200);
    let answer = phone.post(RESET, json!({})).await;
    assert_eq!(answer.text, "");
    answer.ok(204);
    assert_ne!(t.sim.session_key(APPID, "alice").unwrap(), leaked);
    assert_eq!(phone.post(CHECK, json!({})).await.ok(200), json!({"valid": true}), "menjin has the new one");
    phone.post("/v1/me/decrypt", forged).await.problem(409, "session_key_stale");
    let fresh = encrypt(&t, "alice", json!({"openGId": "g", "watermark": mark})).await;
    phone.post("/v1/me/decrypt", fresh).await.ok(200);
}

#[tokio::test]
async fn a_key_that_is_dead_already_asks_for_a_sign_in() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    t.control("wx/rotateSessionKey", person()).await;
    assert_eq!(phone.post(RESET, json!({})).await.problem(409, "session_key_stale")["action"], "relogin");
    assert_eq!(phone.get(KEYS).await.problem(409, "session_key_stale")["action"], "relogin");
}

#[tokio::test]
async fn a_reset_whose_answer_was_lost_leaves_no_key_that_might_be_dead() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    t.sim.add_fault(Fault::once(FaultKind::Dropped).on("/wxa/resetusersessionkey"));
    assert_eq!(phone.post(RESET, json!({})).await.problem(503, "platform_unavailable")["action"], "relogin");
    t.sim.clear_calls();
    assert_eq!(phone.post(CHECK, json!({})).await.ok(200), json!({"valid": false}));
    assert_eq!(calls(&t, "/wxa/checksession"), 0, "there is none to ask about");
    phone.post(RESET, json!({})).await.problem(409, "session_key_stale");
    phone.login(json!({})).await.ok(200);
    assert_eq!(phone.post(CHECK, json!({})).await.ok(200), json!({"valid": true}));
    t.sim.add_fault(Fault::once(FaultKind::Busy).on("/wxa/resetusersessionkey"));
    assert_eq!(phone.post(RESET, json!({})).await.problem(503, "platform_unavailable")["action"], "retry");
    assert_eq!(phone.post(CHECK, json!({})).await.ok(200), json!({"valid": true}), "nothing happened");
}

#[tokio::test]
async fn the_keys_are_those_of_the_persons_own_client() {
    let t = TestServer::start().await;
    t.freeze();
    let phone = t.phone("alice").await;
    let first = wx(&t, "getLatestUserKey", "alice").await;
    t.advance(Duration::from_secs(100));
    let answer = phone.get(KEYS).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = answer.ok(200);
    let key =
        json!({"encrypt_key": first["encryptKey"], "iv": first["iv"], "version": first["version"], "expires_in": 3500});
    assert_eq!(told, json!({"keys": [key]}));
    t.advance(Duration::from_hours(1));
    let second = wx(&t, "getLatestUserKey", "alice").await;
    let mut phone = t.phone_of("alice");
    phone.login(json!({})).await.ok(200);
    let keys = phone.get(KEYS).await.ok(200);
    let versions: Vec<_> =
        keys["keys"].as_array().unwrap().iter().map(|it| (&it["version"], &it["expires_in"])).collect();
    assert_eq!(versions, [(&second["version"], &json!(3600)), (&first["version"], &json!(0))]);
    t.anon().get(KEYS).await.problem(401, "token_missing");
}

#[tokio::test]
async fn a_token_that_somebody_else_replaced_is_fetched_once_by_all_who_meet_it() {
    let setup = || Setup { server: r#"request_timeout = "60s""#.into(), deadline: "20s", ..Setup::default() };
    let t = TestServer::with(setup()).await;
    let beside = t.beside(setup()).await;
    let phone = t.phone("alice").await;
    let elsewhere = beside.phone_with_token(&phone.access_token());
    phone.post(CHECK, json!({})).await.ok(200);
    let force = json!({"grant_type": "client_credential", "appid": APPID, "secret": APP_SECRET, "force_refresh": true});
    t.as_another_program(STABLE_TOKEN, force).await;
    t.sim.clear_calls();
    let posts = (0..40).map(|nth| if nth % 2 == 0 { &phone } else { &elsewhere }.post(CHECK, json!({})));
    for answer in join_all(posts).await {
        assert_eq!(answer.ok(200), json!({"valid": true}));
    }
    assert_eq!(calls(&t, STABLE_TOKEN), 1);
}

#[tokio::test]
async fn a_platform_that_goes_on_refusing_the_token_is_asked_twice_and_no_more() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for (path, route) in [("/wxa/checksession", CHECK), ("/wxa/business/getuserencryptkey", KEYS)] {
        for _ in 0..2 {
            t.sim.add_fault(Fault::once(FaultKind::Errcode { errcode: 42001, errmsg: None }).on(path));
        }
        t.sim.clear_calls();
        let refused = if route == KEYS { phone.get(route).await } else { phone.post(route, json!({})).await };
        refused.problem(503, "platform_misconfigured");
        assert_eq!(calls(&t, path), 2);
        t.sim.clear_faults();
        t.advance(Duration::from_secs(61));
    }
}

#[tokio::test]
async fn what_the_platform_fails_at_may_be_asked_again() {
    let t = TestServer::with(Setup { deadline: "1s", ..Setup::default() }).await;
    let phone = t.phone("alice").await;
    let faults = [
        FaultKind::Busy,
        FaultKind::Dropped,
        FaultKind::Malformed,
        FaultKind::Html,
        FaultKind::Slow(Duration::from_mins(1)),
        FaultKind::Errcode { errcode: 31337, errmsg: None },
    ];
    for kind in faults {
        t.sim.add_fault(Fault::once(kind.clone()).on("/wxa/checksession"));
        let refused = phone.post(CHECK, json!({})).await;
        assert_ne!(refused.header("retry-after"), "");
        assert_eq!(refused.problem(503, "platform_unavailable")["action"], "retry", "{kind:?}");
        assert_eq!(phone.post(CHECK, json!({})).await.ok(200), json!({"valid": true}), "{kind:?}");
    }
}
