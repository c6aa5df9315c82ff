//! People under other names: a plugin's, a third-party platform's, by a payment, and whether a phone number was WeChat's own.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{Answer, OTHER, Platforms, SHOP, hex};

async fn post(platforms: &Platforms, path: &str, body: Value) -> Answer {
    let token = platforms.access_token(SHOP).await;
    platforms.post(&format!("{path}?access_token={token}"), body).await
}

#[tokio::test]
async fn a_plugins_code_gives_an_openpid_once() {
    let platforms = Platforms::start().await;
    let logged_in = platforms.control("/_sim/wx/pluginLogin", json!({ "person": "alice" })).await;
    let body = json!({ "code": logged_in["code"] });
    let answer = post(&platforms, "/wxa/getpluginopenpid", body.clone()).await.json();
    assert!(answer["openpid"].as_str().is_some_and(|id| id.len() == 28 && id.starts_with('G')), "{answer}");
    post(&platforms, "/wxa/getpluginopenpid", body).await.refused(1003, "error");
    let login = platforms.code("alice").await;
    post(&platforms, "/wxa/getpluginopenpid", json!({ "code": login })).await.refused(1003, "error");
}

#[tokio::test]
async fn a_payment_tells_the_unionid_for_five_minutes() {
    let platforms = Platforms::start_with_two_apps().await;
    let (token, openid) = (platforms.access_token(SHOP).await, platforms.sim.openid(SHOP, "alice"));
    let path = format!("/wxa/getpaidunionid?access_token={token}&openid={openid}");
    platforms.get(&path).await.refused(40003, "invalid openid");
    let paid = platforms.control("/_sim/wx/requestPayment", json!({ "person": "alice", "appid": SHOP })).await;
    let told = platforms.get(&path).await.json();
    assert_eq!(told["unionid"], platforms.sim.unionid("acme", "alice"));
    let transaction = paid["transaction_id"].as_str().expect("a payment has a number");
    assert_eq!(platforms.get(&format!("{path}&transaction_id={transaction}")).await.json(), told);
    platforms.get(&format!("{path}&transaction_id=1")).await.refused(89300, "invalid trade");
    platforms.sim.advance(300);
    platforms.get(&path).await.refused(89300, "invalid trade");
    platforms.control("/_sim/wx/requestPayment", json!({ "person": "alice", "appid": OTHER })).await;
    let (token, openid) = (platforms.access_token(OTHER).await, platforms.sim.openid(OTHER, "alice"));
    let elsewhere = format!("/wxa/getpaidunionid?access_token={token}&openid={openid}");
    platforms.get(&elsewhere).await.refused(89002, "open not exists");
}

#[tokio::test]
async fn a_third_party_platform_exchanges_codes_of_apps_that_authorised_it() {
    let platforms = Platforms::start_with_two_apps().await;
    let component = platforms.control("/_sim/components", json!({ "authorizers": [SHOP] })).await;
    let text = |name: &str| component[name].as_str().expect("it has one").to_owned();
    let (id, token) = (text("component_appid"), text("component_access_token"));
    let exchange = async |appid: &str, code: &str| {
        let path = format!(
            "/sns/component/jscode2session?appid={appid}&js_code={code}&grant_type=authorization_code\
             &component_appid={id}&component_access_token={token}"
        );
        platforms.get(&path).await
    };
    let code = platforms.code("alice").await;
    let foreign = platforms.sim.js_code(OTHER, "alice");
    exchange(OTHER, &foreign).await.refused(61003, "component is not authorized by this account");
    assert_eq!(exchange(SHOP, &code).await.json()["openid"], platforms.sim.openid(SHOP, "alice"));
    exchange(SHOP, &code).await.refused(40163, "code been used");
    platforms.control("/_sim/policy", json!({ "sample_style": true })).await;
    let code = platforms.code("alice").await;
    assert_eq!(exchange(SHOP, &code).await.json()["errcode"], "0", "a text, as in the sample");
    platforms.sim.advance(7200);
    exchange(SHOP, &code).await.refused(42001, "access_token expired");
}

#[tokio::test]
async fn an_encrypted_phone_number_is_known_for_three_days() {
    let platforms = Platforms::start().await;
    platforms.session("alice").await;
    let tapped = platforms.control("/_sim/wx/getPhoneNumber", json!({ "person": "alice" })).await;
    let encrypted = tapped["encryptedData"].as_str().expect("alice has signed in");
    let body = json!({ "encrypted_msg_hash": hex(&Sha256::digest(encrypted)) });
    let known = post(&platforms, "/wxa/business/checkencryptedmsg", body.clone()).await.json();
    assert_eq!((&known["vaild"], &known["create_time"]), (&json!(true), &json!(platforms.sim.now())));
    platforms.sim.advance(3 * 86_400);
    let unknown = post(&platforms, "/wxa/business/checkencryptedmsg", body).await.json();
    assert_eq!((&unknown["errcode"], &unknown["vaild"]), (&json!(0), &json!(false)));
}
