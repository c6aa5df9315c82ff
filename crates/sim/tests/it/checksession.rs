//! `GET /wxa/checksession` and `GET /wxa/resetusersessionkey`.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::harness::{Answer, OTHER, Platforms, SHOP, hex};

/// As a server would sign, written anew here.
fn signature(session_key: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(session_key).expect("HMAC takes any key");
    hex(&mac.finalize().into_bytes())
}

async fn ask(platforms: &Platforms, api: &str, openid: &str, signature: &str) -> Answer {
    let token = platforms.access_token(SHOP).await;
    let query = format!("access_token={token}&openid={openid}&signature={signature}&sig_method=hmac_sha256");
    platforms.get(&format!("/wxa/{api}?{query}")).await
}

#[tokio::test]
async fn the_current_key_is_confirmed() {
    let platforms = Platforms::start().await;
    let (openid, key) = platforms.session("alice").await;
    let answer = ask(&platforms, "checksession", &openid, &signature(key.as_bytes())).await;
    assert_eq!(answer.json(), json!({ "errcode": 0, "errmsg": "ok" }));
}

#[tokio::test]
async fn the_decoded_key_signs_nothing() {
    use base64::Engine as _;
    let platforms = Platforms::start().await;
    let (openid, key) = platforms.session("alice").await;
    let decoded = base64::engine::general_purpose::STANDARD.decode(key).unwrap();
    ask(&platforms, "checksession", &openid, &signature(&decoded)).await.refused(87009, "invalid signature");
}

#[tokio::test]
async fn replaced_and_expired_keys_are_dead() {
    let platforms = Platforms::start().await;
    let (openid, key) = platforms.session("alice").await;
    platforms.control("/_sim/wx/rotateSessionKey", json!({ "person": "alice" })).await;
    let signature_of_old = signature(key.as_bytes());
    ask(&platforms, "checksession", &openid, &signature_of_old).await.refused(87009, "invalid signature");
    let key = platforms.sim.session_key(SHOP, "alice").unwrap();
    platforms.control("/_sim/wx/expireSessionKey", json!({ "openid": openid })).await;
    let gone = signature(key.as_bytes());
    ask(&platforms, "checksession", &openid, &gone).await.refused(87009, "invalid signature");
    ask(&platforms, "resetusersessionkey", &openid, &gone).await.refused(87007, "session_key is not existd or expired");
}

#[tokio::test]
async fn a_reset_gives_a_new_key_and_kills_the_old_one() {
    let platforms = Platforms::start().await;
    let (openid, key) = platforms.session("alice").await;
    let answer = ask(&platforms, "resetusersessionkey", &openid, &signature(key.as_bytes())).await.json();
    let fresh = platforms.sim.session_key(SHOP, "alice").unwrap();
    assert_eq!(answer, json!({ "errcode": 0, "errmsg": "ok", "openid": openid, "session_key": fresh }));
    assert_ne!(fresh, key);
    ask(&platforms, "resetusersessionkey", &openid, &signature(key.as_bytes()))
        .await
        .refused(87009, "invalid signature");
    assert_eq!(ask(&platforms, "checksession", &openid, &signature(fresh.as_bytes())).await.json()["errcode"], 0);
}

#[tokio::test]
async fn parameters_are_checked_one_by_one() {
    let platforms = Platforms::start_with_two_apps().await;
    let (openid, _) = platforms.session("alice").await;
    let token = platforms.access_token(SHOP).await;
    let ask = async |query: String| platforms.get(&format!("/wxa/checksession?{query}")).await;
    ask(String::new()).await.refused(41001, "access_token missing");
    ask(format!("access_token={token}")).await.refused(40097, "invalid args");
    ask(format!("access_token={token}&openid={openid}")).await.refused(40097, "invalid args");
    ask(format!("access_token={token}&openid=oNobody&signature=x")).await.refused(40003, "invalid openid");
    let wrong = format!("access_token={token}&openid={openid}&signature=x&sig_method=md5");
    ask(wrong).await.refused(87008, "invalid sig_method");
    let foreign = platforms.access_token(OTHER).await;
    ask(format!("access_token={foreign}&openid={openid}&signature=x")).await.refused(40003, "invalid openid");
}
