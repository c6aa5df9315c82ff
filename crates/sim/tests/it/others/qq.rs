//! `api.q.qq.com`.

use menjin_sim::Platform;
use serde_json::json;

use super::{QQ, start};
use crate::harness::SECRET;

fn exchange(appid: &str, secret: &str, code: &str) -> String {
    format!("/qq/sns/jscode2session?appid={appid}&secret={secret}&js_code={code}&grant_type=authorization_code")
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_app() {
    let platforms = start().await;
    let code = platforms.control("/_sim/qq/login", json!({"person": "alice"})).await["code"].clone();
    let code = code.as_str().unwrap();
    let good = platforms.get(&exchange(QQ, SECRET, code)).await.json();
    assert_eq!(good["openid"], platforms.sim.openid(QQ, "alice"));
    assert_eq!(good["unionid"], platforms.sim.unionid_of(Platform::Qq, "acme", "alice"));
    for (appid, secret, code, errcode) in [
        (QQ, SECRET, code, 40029),
        (QQ, SECRET, "none", 40029),
        (QQ, "wrong", code, 40001),
        ("1110000002", SECRET, code, 40013),
    ] {
        assert_eq!(platforms.get(&exchange(appid, secret, code)).await.json()["errcode"], errcode);
    }
    let expiring = platforms.sim.code_of(Platform::Qq, QQ, "alice");
    platforms.sim.advance(300);
    assert_eq!(platforms.get(&exchange(QQ, SECRET, &expiring)).await.json()["errcode"], 40029);
}

#[tokio::test]
async fn a_token_is_given_and_a_wrong_secret_is_not() {
    let platforms = start().await;
    let path = |secret: &str| format!("/qq/api/getToken?grant_type=client_credential&appid={QQ}&secret={secret}");
    assert_eq!(platforms.get(&path(SECRET)).await.json()["expires_in"], 7200);
    assert_eq!(platforms.get(&path("wrong")).await.json()["errcode"], 40001);
}

#[tokio::test]
async fn a_client_has_a_session_once_it_has_logged_in() {
    let platforms = start().await;
    let alice = json!({"person": "alice"});
    let check = async || platforms.control("/_sim/qq/checkSession", alice.clone()).await["errMsg"].clone();
    assert_eq!(check().await, "checkSession:fail session expired");
    platforms.control("/_sim/qq/login", alice.clone()).await;
    assert_eq!(check().await, "checkSession:ok");
    let info = platforms.control("/_sim/qq/getUserInfo", alice.clone()).await;
    assert_eq!(info["userInfo"]["nickName"], "alice");
    assert!(info["encryptedData"].as_str().unwrap().len() > 100 && info["signature"].as_str().unwrap().len() == 40);
}
