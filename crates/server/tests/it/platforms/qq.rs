//! QQ: mini programs and, by QQ Connect, sites.

use menjin_sim::{Decision, Fault, FaultKind, Platform};
use serde_json::json;

use super::{QQ, QQ_SITE, sign_in, sign_in_as, start};
use crate::web_sign_in::browser::Browser;

#[tokio::test]
async fn a_code_of_qq_becomes_a_session_and_the_same_person_comes_back() {
    let t = start().await;
    let first = sign_in_as(&t, ("qq", Platform::Qq, QQ), "alice").await;
    assert_eq!(first["is_new_user"], true);
    let again = sign_in_as(&t, ("qq", Platform::Qq, QQ), "alice").await;
    assert_eq!((&again["is_new_user"], &again["user"]["id"]), (&json!(false), &first["user"]["id"]));
    let me = t.phone_with_token(again["access_token"].as_str().unwrap()).get("/v1/me").await.ok(200);
    assert_eq!(me["user"]["id"], first["user"]["id"], "{me}");
}

#[tokio::test]
async fn a_unionid_joins_the_mini_program_and_the_site_to_one_user_and_wechat_stays_apart() {
    let t = start().await;
    let mini = sign_in_as(&t, ("qq", Platform::Qq, QQ), "alice").await;
    let site = Browser::at(&t).sign_in("qq-site", "alice").await;
    assert_eq!(site["user"]["id"], mini["user"]["id"]);
    assert_eq!(site["is_new_user"], false);
    let other = Browser::at(&t).sign_in("qq-site", "bob").await;
    assert_ne!(other["user"]["id"], mini["user"]["id"]);
    let mut wechat = t.phone_of("alice");
    let wechat = wechat.login(json!({})).await.ok(200);
    assert_ne!(wechat["user"]["id"], mini["user"]["id"], "a unionid of QQ is none of WeChat");
}

#[tokio::test]
async fn a_site_that_may_have_no_unionid_signs_people_in_without_one() {
    let t = start().await;
    let mut alone = menjin_sim::App::website_of(Platform::Qq, QQ_SITE, crate::harness::APP_SECRET);
    alone.name = "site".to_owned();
    t.sim.add_app(alone);
    let first = Browser::at(&t).sign_in("qq-site", "alice").await;
    let again = Browser::at(&t).sign_in("qq-site", "alice").await;
    assert_eq!(again["user"]["id"], first["user"]["id"]);
    let asked =
        t.sim.calls(&menjin_sim::CallFilter { path: Some("/qq-connect/oauth2.0/me".into()), ..Default::default() });
    let said: Vec<i64> = asked.iter().map(|call| call.errcode).collect();
    assert_eq!(said, [100_048, 0, 100_048, 0]);
}

#[tokio::test]
async fn a_profile_comes_with_a_sign_in_to_a_site_and_its_loss_fails_nothing() {
    let t = start().await;
    t.sim.change_person("alice", |person| person.nickname = Some("爱丽丝".to_owned()));
    let alice = Browser::at(&t).sign_in("qq-site", "alice").await;
    assert_eq!(alice["user"]["nickname"], "爱丽丝");
    t.sim.add_fault(Fault::once(FaultKind::Html).on("/qq-connect/user/get_user_info"));
    let bob = Browser::at(&t).sign_in("qq-site", "bob").await;
    assert_eq!(bob["user"]["nickname"], json!(null));
}

#[tokio::test]
async fn somebody_who_declines_at_qq_comes_back_with_an_error() {
    let t = start().await;
    let mut browser = Browser::at(&t);
    let at_platform = browser.start("qq-site").await;
    let back = browser.decide(&at_platform, "alice", Decision::Deny);
    let visit = browser.visit(&back).await;
    let location = visit.location.expect("the page hears of it");
    assert!(location.query().unwrap().contains("error="), "{location}");
    assert!(t.sim.calls(&menjin_sim::CallFilter::default()).is_empty());
}

#[tokio::test]
async fn encrypted_data_of_qq_opens_and_a_profile_is_kept() {
    let t = start().await;
    t.control("qq/login", json!({"person": "alice"})).await;
    let code = t.control("qq/login", json!({"person": "alice"})).await["code"].clone();
    let info = t.control("qq/getUserInfo", json!({"person": "alice", "nickname": "小爱"})).await;
    let body = json!({"code": code, "encrypted_data": info["encryptedData"], "iv": info["iv"]});
    assert_eq!(sign_in(&t, "qq", body).await.ok(200)["user"]["nickname"], "小爱");
    let code = t.control("qq/login", json!({"person": "bob"})).await["code"].clone();
    let info = t.control("qq/getUserInfo", json!({"person": "bob", "nickname": "小波"})).await;
    let body = json!({"code": code, "raw_data": info["rawData"], "signature": info["signature"]});
    assert_eq!(sign_in(&t, "qq", body).await.ok(200)["user"]["nickname"], "小波");
}

#[tokio::test]
async fn qq_has_no_phone_numbers_and_a_code_is_not_spent_on_asking() {
    let t = start().await;
    let code = t.sim.code_of(Platform::Qq, QQ, "alice");
    let with_phone = sign_in(&t, "qq", json!({"code": code, "phone_code": "e31968a7f94cc5ee25fafc2aef2773f0"})).await;
    with_phone.problem(422, "unsupported_by_platform");
    sign_in(&t, "qq", json!({"code": code})).await.ok(200);
}
