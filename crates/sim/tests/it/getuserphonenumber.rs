//! `POST /wxa/business/getuserphonenumber`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, OTHER, Platforms, SHOP, START};

async fn ask(platforms: &Platforms, body: Value) -> Answer {
    let token = platforms.access_token(SHOP).await;
    platforms.post(&format!("/wxa/business/getuserphonenumber?access_token={token}"), body).await
}

async fn tap(platforms: &Platforms, body: Value) -> String {
    let tapped = platforms.control("/_sim/wx/getPhoneNumber", body).await;
    tapped["code"].as_str().expect("a tap gives a code").to_owned()
}

#[tokio::test]
async fn a_phone_code_becomes_the_number_without_any_login() {
    let platforms = Platforms::start().await;
    let code = tap(&platforms, json!({ "person": "alice", "phone": "13580006666" })).await;
    assert!(code.len() == 64 && code.bytes().all(|byte| byte.is_ascii_hexdigit()), "{code}");
    let answer = ask(&platforms, json!({ "code": code, "openid": platforms.sim.openid(SHOP, "alice") })).await;
    assert_eq!(answer.content_type, "application/json; encoding=utf-8");
    let expected = json!({
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": "13580006666",
            "purePhoneNumber": "13580006666",
            "countryCode": "86",
            "watermark": { "timestamp": START, "appid": SHOP },
        },
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_number_from_abroad_carries_its_country_code_in_front() {
    let platforms = Platforms::start().await;
    platforms.control("/_sim/policy", json!({ "country_code": "number" })).await;
    let code = tap(&platforms, json!({ "person": "alice", "phone": "61234567", "country_code": "852" })).await;
    let info = ask(&platforms, json!({ "code": code })).await.json()["phone_info"].clone();
    assert_eq!(info["phoneNumber"], "85261234567");
    assert_eq!((&info["purePhoneNumber"], &info["countryCode"]), (&json!("61234567"), &json!(852)));
}

#[tokio::test]
async fn a_phone_code_is_good_once_for_five_minutes_and_is_no_login_code() {
    let platforms = Platforms::start().await;
    let code = tap(&platforms, json!({ "person": "alice" })).await;
    assert_eq!(ask(&platforms, json!({ "code": code })).await.json()["errcode"], 0);
    ask(&platforms, json!({ "code": code })).await.refused(40029, "invalid code");
    let code = tap(&platforms, json!({ "person": "alice" })).await;
    platforms.sim.advance(300);
    ask(&platforms, json!({ "code": code })).await.refused(40029, "invalid code");
    let login_code = platforms.code("alice").await;
    ask(&platforms, json!({ "code": login_code })).await.refused(40029, "invalid code");
    assert!(platforms.exchange(&login_code).await.json().get("openid").is_some());
}

#[tokio::test]
async fn anothers_openid_is_refused_and_leaves_the_code_unspent() {
    let platforms = Platforms::start().await;
    let code = tap(&platforms, json!({ "person": "alice" })).await;
    let as_bob = json!({ "code": code, "openid": platforms.sim.openid(SHOP, "bob") });
    ask(&platforms, as_bob.clone()).await.refused(40029, "invalid code");
    platforms.control("/_sim/policy", json!({ "phone_openid_mismatch": 40003 })).await;
    ask(&platforms, as_bob).await.refused(40003, "invalid openid");
    assert_eq!(ask(&platforms, json!({ "code": code })).await.json()["errcode"], 0);
}

#[tokio::test]
async fn a_token_of_another_app_is_an_invalid_appid() {
    let platforms = Platforms::start_with_two_apps().await;
    let code = platforms.sim.phone_code(OTHER, "alice");
    ask(&platforms, json!({ "code": code })).await.refused(40013, "invalid appid");
}

#[tokio::test]
async fn it_takes_a_post_with_a_json_object_and_a_code() {
    let platforms = Platforms::start().await;
    let token = platforms.access_token(SHOP).await;
    let path = format!("/wxa/business/getuserphonenumber?access_token={token}");
    platforms.get(&path).await.refused(43002, "require POST method");
    let form = platforms.request(Method::POST, &path).form(&[("code", "x")]);
    Answer::of(form).await.refused(47001, "data format error");
    ask(&platforms, json!({})).await.refused(41008, "missing code");
}
