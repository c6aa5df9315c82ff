//! `rid/get`, `clear_quota`, and limits that are set for a path.

use serde_json::{Value, json};

use crate::harness::{Answer, OTHER, Platforms, SHOP};

async fn ask(platforms: &Platforms, path: &str, body: Value) -> Answer {
    let token = platforms.access_token(SHOP).await;
    platforms.post(&format!("{path}?access_token={token}"), body).await
}

fn rid(answer: &Answer) -> String {
    let json = answer.json();
    let errmsg = json["errmsg"].as_str().expect("a refusal has a text");
    errmsg.rsplit("rid: ").next().expect("a refusal has a rid").to_owned()
}

#[tokio::test]
async fn a_refused_call_is_looked_up_by_its_rid_for_seven_days_by_its_own_app() {
    let platforms = Platforms::start_with_two_apps().await;
    let refused = ask(&platforms, "/wxa/business/getuserphonenumber", json!({ "code": "no" })).await;
    let id = rid(&refused);
    let found = ask(&platforms, "/cgi-bin/openapi/rid/get", json!({ "rid": id })).await.json()["request"].clone();
    assert_eq!((&found["request_body"], &found["response_body"]), (&json!(r#"{"code":"no"}"#), &json!(refused.body)));
    assert!(!found.to_string().contains("access_token="), "{found}");
    let stranger = platforms.access_token(OTHER).await;
    let path = format!("/cgi-bin/openapi/rid/get?access_token={stranger}");
    let answer = platforms.post(&path, json!({ "rid": id })).await;
    answer.refused(76003, "could not query this rid for no permission");
    ask(&platforms, "/cgi-bin/openapi/rid/get", json!({ "rid": "0-0-0" })).await.refused(76001, "rid not found");
    ask(&platforms, "/cgi-bin/openapi/rid/get", json!({})).await.refused(76002, "rid is error");
    platforms.sim.advance(7 * 86_400);
    ask(&platforms, "/cgi-bin/openapi/rid/get", json!({ "rid": id })).await.refused(76004, "rid time is error");
}

#[tokio::test]
async fn calls_of_sns_cannot_be_looked_up() {
    let platforms = Platforms::start().await;
    let id = rid(&platforms.exchange("no such code").await);
    ask(&platforms, "/cgi-bin/openapi/rid/get", json!({ "rid": id })).await.refused(76022, "could not use this rid");
}

#[tokio::test]
async fn a_limit_holds_for_one_path_and_each_app() {
    let platforms = Platforms::start_with_two_apps().await;
    platforms.control("/_sim/policy", json!({ "limits": { "/cgi-bin/token": { "minute": 1, "day": 2 } } })).await;
    let token = async |appid: &str| {
        let secret = crate::harness::SECRET;
        let path = format!("/cgi-bin/token?grant_type=client_credential&appid={appid}&secret={secret}");
        platforms.get(&path).await
    };
    assert!(token(SHOP).await.json().get("access_token").is_some());
    token(SHOP).await.refused(45011, "api minute-quota reach limit  mustslower  retry next minute");
    assert!(token(OTHER).await.json().get("access_token").is_some());
    platforms.sim.advance(60);
    assert!(token(SHOP).await.json().get("access_token").is_some());
    platforms.sim.advance(60);
    token(SHOP).await.refused(45009, "reach max api daily quota limit");
}

#[tokio::test]
async fn clearing_the_quota_begins_the_day_anew_ten_times_a_month() {
    let platforms = Platforms::start().await;
    let token = platforms.access_token(SHOP).await;
    platforms.control("/_sim/policy", json!({ "quotas": { "token_day": 1, "clear_quota_month": 1 } })).await;
    let secret = crate::harness::SECRET;
    let another = format!("/cgi-bin/token?grant_type=client_credential&appid={SHOP}&secret={secret}");
    platforms.get(&another).await.refused(45009, "reach max api daily quota limit");
    let clear = async |appid: &str| {
        platforms.post(&format!("/cgi-bin/clear_quota?access_token={token}"), json!({ "appid": appid })).await
    };
    clear(OTHER).await.refused(40013, "invalid appid");
    assert_eq!(clear(SHOP).await.json(), json!({ "errcode": 0, "errmsg": "ok" }));
    assert!(platforms.get(&another).await.json().get("access_token").is_some());
    clear(SHOP).await.refused(48006, "forbid to clear quota because of reaching the limit");
}

#[tokio::test]
async fn wechat_calls_from_this_machine() {
    let platforms = Platforms::start().await;
    let token = platforms.access_token(SHOP).await;
    for path in ["/cgi-bin/getcallbackip", "/cgi-bin/get_api_domain_ip"] {
        let answer = platforms.get(&format!("{path}?access_token={token}")).await.json();
        assert_eq!(answer, json!({ "ip_list": ["127.0.0.1"] }));
    }
}
