//! `/_sim/calls`.

use serde_json::{Value, json};

use crate::harness::{OTHER, Platforms, SHOP, START};

#[tokio::test]
async fn every_call_to_a_platform_is_noted_with_who_and_how_it_ended() {
    let platforms = Platforms::start().await;
    let code = platforms.code("alice").await;
    platforms.exchange(&code).await;
    platforms.exchange(&code).await;
    let call = |errcode: i64| {
        json!({
            "at": START, "method": "GET", "path": "/sns/jscode2session", "appid": SHOP, "errcode": errcode,
            "openid": platforms.sim.openid(SHOP, "alice"), "code": code, "fault": null,
        })
    };
    let expected = json!({ "calls": [call(0), call(40163)], "count": 2 });
    assert_eq!(platforms.get("/_sim/calls").await.json(), expected);
    assert_eq!(platforms.get(&format!("/_sim/calls?code={code}")).await.json(), expected);
    assert_eq!(platforms.sim.calls_with_code(&code), 2);
}

#[tokio::test]
async fn calls_are_found_by_path_app_code_and_person() {
    let platforms = Platforms::start_with_two_apps().await;
    let (openid, _) = platforms.session("alice").await;
    platforms.session("bob").await;
    platforms.access_token(OTHER).await;
    let count = async |query: &str| platforms.get(&format!("/_sim/calls{query}")).await.json()["count"].clone();
    assert_eq!(count("").await, 3);
    assert_eq!(count("?path=/sns/jscode2session").await, 2);
    assert_eq!(count(&format!("?appid={OTHER}")).await, 1);
    assert_eq!(count(&format!("?openid={openid}&path=/sns/jscode2session")).await, 1);
    assert_eq!(count("?code=none").await, 0);
    platforms.get("/_sim/calls?secret=x").await.complaint(400, "unknown field `secret`");
}

#[tokio::test]
async fn a_call_by_token_is_noted_under_the_tokens_app() {
    let platforms = Platforms::start().await;
    let token = platforms.access_token(SHOP).await;
    let code = platforms.sim.phone_code(SHOP, "alice");
    platforms.post(&format!("/wxa/business/getuserphonenumber?access_token={token}"), json!({ "code": code })).await;
    let calls = platforms.get("/_sim/calls?path=/wxa/business/getuserphonenumber").await.json();
    let call = &calls["calls"][0];
    assert_eq!((&call["appid"], &call["code"]), (&json!(SHOP), &json!(code)));
    assert_eq!(call["openid"], platforms.sim.openid(SHOP, "alice"));
    assert!(!calls.to_string().contains(&token));
}

#[tokio::test]
async fn the_record_can_be_cleared_and_the_control_api_is_not_on_it() {
    let platforms = Platforms::start().await;
    platforms.session("alice").await;
    let empty = json!({ "calls": [], "count": 0 });
    assert_eq!(platforms.delete("/_sim/calls").await.json(), empty);
    platforms.code("alice").await;
    platforms.get("/nowhere").await;
    assert_eq!(platforms.get("/_sim/calls").await.json(), empty);
}

#[tokio::test]
async fn a_fault_is_noted_with_the_call_that_it_struck() {
    let platforms = Platforms::start().await;
    platforms.control("/_sim/faults", json!({ "kind": "busy" })).await;
    platforms.exchange(&platforms.code("alice").await).await;
    let call: Value = platforms.get("/_sim/calls").await.json()["calls"][0].clone();
    assert_eq!((&call["fault"], &call["errcode"]), (&json!("busy"), &json!(-1)));
}
