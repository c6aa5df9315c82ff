//! The nickname that a person types, judged by the platform.

use std::time::Duration;

use menjin_sim::{Fault, FaultKind, Verdict};
use serde_json::{Value, json};

use super::calls;
use crate::harness::{APPID, Setup, TestServer};

const JUDGE: &str = "/wxa/msg_sec_check";

fn nickname(body: &Value) -> &Value {
    &body["user"]["nickname"]
}

#[tokio::test]
async fn a_nickname_is_judged_before_it_is_kept() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let kept = phone.put("/v1/me", json!({"nickname": "小明"})).await.ok(200);
    assert_eq!((nickname(&kept), calls(&t, JUDGE)), (&json!("小明"), 1));
    let refused = phone.put("/v1/me", json!({"nickname": "违规内容", "avatar_url": "https://example.com/a.png"})).await;
    assert!(!refused.text.contains("违规内容"));
    assert_eq!(refused.problem(422, "nickname_refused")["action"], "none");
    phone.language = "zh-CN";
    let words = phone.put("/v1/me", json!({"nickname": "违规"})).await.problem(422, "nickname_refused");
    assert!(words["detail"].as_str().unwrap().contains("换一个昵称"), "{words}");
    let me = phone.get("/v1/me").await.ok(200);
    assert_eq!((nickname(&me), &me["user"]["avatar_url"]), (&json!("小明"), &Value::Null), "nothing of it was kept");
    let doubtful = phone.put("/v1/me", json!({"nickname": "疑似"})).await.ok(200);
    assert_eq!(nickname(&doubtful), "疑似", "nobody sits there to look at it");
}

#[tokio::test]
async fn what_does_not_change_is_not_judged_again() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for body in
        [json!({"nickname": "小明"}), json!({"nickname": " 小明 "}), json!({"avatar_url": "https://example.com/a"})]
    {
        phone.put("/v1/me", body).await.ok(200);
    }
    phone.put("/v1/me", json!({"nickname": "微信用户"})).await.ok(200);
    assert_eq!(calls(&t, JUDGE), 1);
}

#[tokio::test]
async fn without_a_judge_anything_goes() {
    let t = TestServer::with(Setup { shop: "nickname_check = \"none\"".into(), ..Setup::default() }).await;
    let mut phone = t.phone("alice").await;
    phone.put("/v1/me", json!({"nickname": "违规"})).await.ok(200);
    let body = phone.login(json!({"profile": {"nickname": "违规二"}})).await.ok(200);
    assert_eq!((nickname(&body), calls(&t, JUDGE)), (&json!("违规二"), 0));
}

#[tokio::test]
async fn an_app_that_keeps_no_profile_asks_nobody() {
    let t = TestServer::with(Setup { shop: "profile = \"none\"".into(), ..Setup::default() }).await;
    let mut phone = t.phone("alice").await;
    let address = "https://shop.example.com/alice.png";
    for profile in [json!({"nickname": "违规"}), json!({"avatar_url": address})] {
        phone.put("/v1/me", profile).await.problem(422, "profile_not_kept");
    }
    phone.put("/v1/me", json!({})).await.ok(200);
    let body = phone.login(json!({"profile": {"nickname": "违规"}})).await.ok(200);
    assert_eq!((nickname(&body), calls(&t, JUDGE)), (&Value::Null, 0));
}

#[tokio::test]
async fn at_a_sign_in_a_nickname_that_does_not_pass_is_left_out_and_needed() {
    let t = TestServer::start().await;
    let profile = json!({"profile": {"nickname": "违规", "avatar_url": "https://example.com/a.png"}});
    let mut phone = t.phone_of("alice");
    let body = phone.login(profile.clone()).await.ok(200);
    assert_eq!((nickname(&body), &body["need"]), (&Value::Null, &json!(["profile"])));
    assert_eq!(body["user"]["avatar_url"], "https://example.com/a.png", "the rest stays");
    let body = phone.login(json!({"profile": {"nickname": "小明"}})).await.ok(200);
    assert_eq!((nickname(&body), &body["need"]), (&json!("小明"), &json!([])));
    let body = phone.login(profile).await.ok(200);
    assert_eq!((nickname(&body), &body["need"]), (&json!("小明"), &json!(["profile"])), "it was asked for in vain");
}

#[tokio::test]
async fn a_repeated_sign_in_answers_the_same() {
    let t = TestServer::start().await;
    let body = json!({"code": t.code("alice"), "profile": {"nickname": "违规"}}).to_string();
    let mut needs = Vec::new();
    for _ in 0..2 {
        let key = [("idempotency-key", "one-and-the-same")];
        let answer = t.anon().send(reqwest::Method::POST, "/v1/login/shop", Some(body.clone()), &key).await.ok(200);
        needs.push(answer["need"].clone());
    }
    assert_eq!(needs, [json!(["profile"]), json!(["profile"])]);
    assert_eq!(calls(&t, JUDGE), 1);
}

#[tokio::test]
async fn a_judge_that_fails_leaves_a_sign_in_whole_and_a_change_undone() {
    let t = TestServer::with(Setup { deadline: "1s", ..Setup::default() }).await;
    let faults = [
        FaultKind::Busy,
        FaultKind::Dropped,
        FaultKind::Malformed,
        FaultKind::Html,
        FaultKind::Slow(Duration::from_mins(1)),
        FaultKind::Errcode { errcode: 44991, errmsg: None },
        FaultKind::Errcode { errcode: 45009, errmsg: None },
        FaultKind::Errcode { errcode: 48001, errmsg: None },
    ];
    for kind in faults {
        for _ in 0..2 {
            t.sim.add_fault(Fault::once(kind.clone()).on(JUDGE));
        }
        let mut phone = t.phone_of("alice");
        let body = phone.login(json!({"profile": {"nickname": "小明"}})).await.ok(200);
        assert_eq!((nickname(&body), &body["need"]), (&Value::Null, &json!(["profile"])), "{kind:?}");
        let refused = phone.put("/v1/me", json!({"nickname": "小明"})).await;
        assert_eq!(refused.status, 503, "{kind:?}: {}", refused.text);
        assert_eq!(nickname(&phone.get("/v1/me").await.ok(200)), &Value::Null, "{kind:?}");
        t.sim.clear_faults();
    }
}

#[tokio::test]
async fn somebody_who_was_not_there_lately_signs_in_first() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    t.advance(Duration::from_secs(2 * 3600 + 1));
    phone.refresh().await.ok(200);
    let refused = phone.put("/v1/me", json!({"nickname": "小明"})).await.problem(409, "nickname_unchecked");
    assert_eq!(refused["action"], "relogin");
    phone.login(json!({})).await.ok(200);
    phone.put("/v1/me", json!({"nickname": "小明"})).await.ok(200);
}

#[tokio::test]
async fn the_answer_of_the_older_version_is_understood() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    t.sim.add_fault(Fault::once(FaultKind::Errcode { errcode: 87014, errmsg: None }).on(JUDGE));
    phone.put("/v1/me", json!({"nickname": "小明"})).await.problem(422, "nickname_refused");
    t.sim.change_person("alice", |it| it.verdict = Some(Verdict::Risky));
    phone.put("/v1/me", json!({"nickname": "小明"})).await.problem(422, "nickname_refused");
}

#[tokio::test]
async fn what_the_person_chose_is_never_overwritten_by_the_anonymous_profile() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let chosen = json!({"nickname": "小明", "avatar_url": "https://example.com/a.png"});
    phone.put("/v1/me", chosen.clone()).await.ok(200);
    let given = t.control("wx/getUserProfile", json!({"person": "alice", "appid": APPID})).await;
    let anonymous = json!({"encrypted_data": given["encryptedData"], "iv": given["iv"]});
    let signed = json!({"raw_data": given["rawData"], "signature": given["signature"]});
    let typed =
        json!({"profile": {"nickname": given["userInfo"]["nickName"], "avatar_url": given["userInfo"]["avatarUrl"]}});
    for body in [anonymous, signed, typed] {
        let user = phone.login(body.clone()).await.ok(200)["user"].clone();
        assert_eq!((&user["nickname"], &user["avatar_url"]), (&chosen["nickname"], &chosen["avatar_url"]), "{body}");
    }
}
