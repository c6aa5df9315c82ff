//! `wxa/business/getuserencryptkey`, and the key on the phone that it belongs to.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, OTHER, Platforms, SHOP, START};

/// HMAC-SHA-256 of nothing, as a server signs with a `session_key`.
fn signature(session_key: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(session_key.as_bytes()).expect("HMAC takes any key");
    crate::harness::hex(&mac.finalize().into_bytes())
}

async fn path(platforms: &Platforms, openid: &str, session_key: &str) -> String {
    let (token, signature) = (platforms.access_token(SHOP).await, signature(session_key));
    format!(
        "/wxa/business/getuserencryptkey?access_token={token}&openid={openid}&signature={signature}&sig_method=hmac_sha256"
    )
}

async fn on_phone(platforms: &Platforms) -> Value {
    platforms.control("/_sim/wx/getLatestUserKey", json!({ "person": "alice" })).await
}

#[tokio::test]
async fn the_phones_key_is_the_first_that_the_server_is_told() {
    let platforms = Platforms::start().await;
    let (openid, key) = platforms.session("alice").await;
    let latest = on_phone(&platforms).await;
    assert_eq!((&latest["errMsg"], &latest["version"]), (&json!("getLatestUserKey:ok"), &json!(1)));
    platforms.sim.advance(10);
    let path = path(&platforms, &openid, &key).await;
    let told = platforms.get(&path).await.json();
    let expected = json!([{
        "encrypt_key": latest["encryptKey"], "iv": latest["iv"], "version": 1, "expire_in": 3590, "create_time": START,
    }]);
    assert_eq!((&told["errcode"], &told["key_info_list"]), (&json!(0), &expected));
    assert_eq!(Answer::of(platforms.request(Method::POST, &path)).await.json(), told, "older pages say POST");
}

#[tokio::test]
async fn three_keys_are_told_newest_first_and_dead_ones_have_nothing_left() {
    let platforms = Platforms::start().await;
    let (openid, key) = platforms.session("alice").await;
    for _ in 0..4 {
        on_phone(&platforms).await;
        platforms.sim.advance(3600);
    }
    platforms.sim.change_policy(|policy| policy.session_key_life = 30 * 86_400);
    let told = platforms.get(&path(&platforms, &openid, &key).await).await.json();
    let list = told["key_info_list"].as_array().expect("a list").clone();
    let versions: Vec<_> = list.iter().map(|key| (key["version"].clone(), key["expire_in"].clone())).collect();
    assert_eq!(versions, [(json!(4), json!(0)), (json!(3), json!(0)), (json!(2), json!(0))]);
}

#[tokio::test]
async fn who_cannot_sign_with_the_session_key_is_told_nothing() {
    let platforms = Platforms::start_with_two_apps().await;
    let (openid, key) = platforms.session("alice").await;
    let good = path(&platforms, &openid, &key).await;
    platforms
        .get(&path(&platforms, &openid, "AAAAAAAAAAAAAAAAAAAAAA==").await)
        .await
        .refused(87009, "invalid signature");
    platforms.get(&good.replace("hmac_sha256", "md5")).await.refused(87008, "invalid sig_method");
    let elsewhere = platforms.sim.openid(OTHER, "alice");
    platforms.get(&good.replace(&openid, &elsewhere)).await.refused(40003, "invalid openid");
    platforms.control("/_sim/wx/expireSessionKey", json!({ "openid": openid })).await;
    platforms.get(&good).await.refused(87007, "session_key is not existd or expired");
}
