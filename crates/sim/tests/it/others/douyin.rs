//! `developer.toutiao.com` and `open.douyin.com`.

use menjin_sim::Platform;
use serde_json::{Value, json};

use super::{DOUYIN, start};
use crate::harness::SECRET;

const EXCHANGE: &str = "/douyin/api/apps/v2/jscode2session";

fn with_code(code: &Value) -> Value {
    json!({"appid": DOUYIN, "secret": SECRET, "code": code})
}

#[tokio::test]
async fn a_code_is_good_once() {
    let platforms = start().await;
    let given = platforms.control("/_sim/tt/login", json!({"person": "alice"})).await;
    let good = platforms.post(EXCHANGE, with_code(&given["code"])).await.json();
    assert_eq!((&good["err_no"], &good["data"]["unionid"]), (&json!(0), &json!("")));
    assert_eq!(good["data"]["openid"], platforms.sim.openid(DOUYIN, "alice"));
    assert_eq!(platforms.post(EXCHANGE, with_code(&given["code"])).await.json()["err_no"], 40018);
    let anonymous = json!({"appid": DOUYIN, "secret": SECRET, "anonymous_code": given["anonymousCode"]});
    let device = platforms.post(EXCHANGE, anonymous.clone()).await.json();
    assert_eq!(device["data"]["openid"], "");
    assert_ne!(device["data"]["anonymous_openid"], good["data"]["openid"]);
    assert_eq!(platforms.post(EXCHANGE, anonymous).await.json()["err_no"], 40019);
}

#[tokio::test]
async fn what_is_wrong_is_said_by_number() {
    let platforms = start().await;
    let code = platforms.sim.code_of(Platform::Douyin, DOUYIN, "alice");
    for (body, err_no) in [
        (json!({"appid": "tt0", "secret": SECRET, "code": code}), 40015),
        (json!({"appid": DOUYIN, "secret": "wrong", "code": code}), 40017),
        (json!({"appid": DOUYIN, "secret": SECRET}), 40014),
        (json!({"appid": DOUYIN, "code": code}), 40014),
    ] {
        assert_eq!(platforms.post(EXCHANGE, body).await.json()["err_no"], err_no);
    }
    assert_eq!(platforms.get(EXCHANGE).await.json()["err_no"], 40014, "it is no GET");
}

#[tokio::test]
async fn a_phone_number_is_encrypted_for_the_apps_key() {
    let platforms = start().await;
    let code = platforms.control("/_sim/tt/getPhoneNumber", json!({"person": "alice"})).await["code"].clone();
    let path = "/douyin/api/apps/v1/get_phonenumber_info/";
    assert_eq!(platforms.post(path, json!({"code": code})).await.json()["err_no"], 28_001_008);
    let asking = json!({"client_key": DOUYIN, "client_secret": SECRET, "grant_type": "client_credential"});
    let token = platforms.post("/douyin/oauth/client_token/", asking).await.json()["data"]["access_token"].clone();
    let ask = async || {
        let request = platforms.request(reqwest::Method::POST, path).header("access-token", token.as_str().unwrap());
        let answer = request.json(&json!({"code": code})).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let given = ask().await;
    assert_eq!((&given["err_no"], given["data"].as_str().unwrap().len()), (&json!(0), 344));
    assert_eq!(ask().await["err_no"], 28_005_187);
}
