//! `/_sim/wx/…`: what a person's phone gives to a mini program, decrypted here as its server would.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::harness::{OTHER, Platforms, SHOP, START, hex};

const GREY: &str = "https://mmbiz.qpic.cn/mmbiz/icTdbqWNOwNRna42FI242Lcia07jQodd2FJGIYQfG0LAJGFxM4FbnQP6yfMxBgJ0F3YRqJCJ1aPAK2dQagdusBZg/0";

fn opened(answer: &Value, session_key: &str) -> Option<String> {
    let bytes = |text: &str| STANDARD.decode(text).expect("base64");
    let key: [u8; 16] = bytes(session_key).try_into().expect("sixteen bytes");
    let iv: [u8; 16] = bytes(answer["iv"].as_str()?).try_into().expect("sixteen bytes");
    let cipher = cbc::Decryptor::<aes::Aes128>::new(&key.into(), &iv.into());
    let plain = cipher.decrypt_padded_vec::<Pkcs7>(&bytes(answer["encryptedData"].as_str()?)).ok()?;
    String::from_utf8(plain).ok()
}

fn decrypted(answer: &Value, session_key: &str) -> Value {
    serde_json::from_str(&opened(answer, session_key).expect("the key fits")).expect("it is JSON")
}

#[tokio::test]
async fn a_login_code_has_the_looks_of_wechats() {
    let platforms = Platforms::start().await;
    let answer = platforms.control("/_sim/wx/login", json!({ "person": "alice" })).await;
    let code = answer["code"].as_str().unwrap();
    assert!(
        code.len() == 32 && code.starts_with('0') && code.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{code}"
    );
    assert_eq!(answer, json!({ "code": code, "errMsg": "login:ok" }));
}

#[tokio::test]
async fn a_profile_is_anonymous_and_says_not_whose_it_is() {
    let platforms = Platforms::start_with_two_apps().await;
    let (_, key) = platforms.session("alice").await;
    let answer = platforms.control("/_sim/wx/getUserProfile", json!({ "person": "alice", "appid": SHOP })).await;
    let anonymous = json!({
        "nickName": "微信用户", "gender": 0, "language": "zh_CN", "city": "", "province": "", "country": "", "avatarUrl": GREY,
    });
    assert_eq!(answer["userInfo"], anonymous);
    assert_eq!(answer["errMsg"], "getUserProfile:ok");
    let raw_data = answer["rawData"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(raw_data).unwrap(), anonymous);
    let expected = hex(&Sha1::digest(format!("{raw_data}{key}")));
    assert_eq!(answer["signature"], expected);
    let mut payload = decrypted(&answer, &key);
    assert_eq!(payload["watermark"], json!({ "timestamp": START, "appid": SHOP }));
    payload.as_object_mut().unwrap().remove("watermark");
    assert_eq!(payload, anonymous);
}

#[tokio::test]
async fn user_info_says_who_it_is() {
    let platforms = Platforms::start_with_two_apps().await;
    let (openid, key) = platforms.session("alice").await;
    let answer = platforms.control("/_sim/wx/getUserInfo", json!({ "openid": openid })).await;
    let payload = decrypted(&answer, &key);
    assert_eq!(
        (&payload["openId"], &payload["unionId"]),
        (&json!(openid), &json!(platforms.sim.unionid("acme", "alice")))
    );
    assert_eq!(answer["errMsg"], "getUserInfo:ok");
}

#[tokio::test]
async fn a_chosen_nickname_and_picture_are_remembered_until_cleared() {
    let platforms = Platforms::start().await;
    platforms.session("alice").await;
    let chosen = json!({ "person": "alice", "nickname": "爱丽丝", "avatar_url": "https://example.com/a.png" });
    platforms.control("/_sim/wx/getUserProfile", chosen).await;
    let profile = async |body| platforms.control("/_sim/wx/getUserProfile", body).await["userInfo"].clone();
    let kept = profile(json!({ "person": "alice" })).await;
    assert_eq!((&kept["nickName"], &kept["avatarUrl"]), (&json!("爱丽丝"), &json!("https://example.com/a.png")));
    let cleared = profile(json!({ "person": "alice", "nickname": "", "avatar_url": "" })).await;
    assert_eq!((&cleared["nickName"], &cleared["avatarUrl"]), (&json!("微信用户"), &json!(GREY)));
}

#[tokio::test]
async fn data_is_encrypted_under_the_key_of_the_last_login_even_before_its_exchange() {
    let platforms = Platforms::start().await;
    let code = platforms.code("alice").await;
    let answer = platforms.control("/_sim/wx/getUserProfile", json!({ "person": "alice" })).await;
    let session = platforms.exchange(&code).await.json();
    assert_eq!(decrypted(&answer, session["session_key"].as_str().unwrap())["nickName"], "微信用户");
}

#[tokio::test]
async fn a_replaced_key_no_longer_opens_new_data() {
    let platforms = Platforms::start().await;
    let (_, old) = platforms.session("alice").await;
    let fresh = platforms.control("/_sim/wx/rotateSessionKey", json!({ "person": "alice" })).await;
    let answer = platforms.control("/_sim/wx/getUserProfile", json!({ "person": "alice" })).await;
    assert!(opened(&answer, &old).is_none_or(|text| !text.contains("nickName")));
    assert_eq!(decrypted(&answer, fresh["session_key"].as_str().unwrap())["nickName"], "微信用户");
}

#[tokio::test]
async fn somebody_who_never_signed_in_has_no_encrypted_data() {
    let platforms = Platforms::start().await;
    for call in ["getUserProfile", "getUserInfo", "encrypt", "rotateSessionKey"] {
        let body = if call == "encrypt" { json!({ "person": "eve", "data": {} }) } else { json!({ "person": "eve" }) };
        platforms.post(&format!("/_sim/wx/{call}"), body).await.complaint(409, &format!("{call}:fail no session_key"));
    }
    let tapped = platforms.control("/_sim/wx/getPhoneNumber", json!({ "person": "eve" })).await;
    assert!(tapped.get("code").is_some() && tapped.get("encryptedData").is_none(), "{tapped}");
}

#[tokio::test]
async fn check_session_fails_once_the_key_has_expired_and_until_the_next_login() {
    let platforms = Platforms::start().await;
    let check =
        async || platforms.control("/_sim/wx/checkSession", json!({ "person": "alice" })).await["errMsg"].clone();
    let fail = json!("checkSession:fail session time out; need relogin");
    assert_eq!(check().await, fail);
    platforms.session("alice").await;
    assert_eq!(check().await, "checkSession:ok");
    let expired = platforms.control("/_sim/wx/expireSessionKey", json!({ "person": "alice" })).await;
    assert_eq!((expired, check().await), (json!({ "expired": true }), fail.clone()));
    platforms.session("alice").await;
    platforms.sim.advance(2 * 86_400);
    assert_eq!(check().await, "checkSession:ok");
    platforms.sim.advance(3 * 86_400 - 1);
    assert_eq!(check().await, "checkSession:ok", "asking two days in was activity");
    platforms.sim.advance(3 * 86_400);
    assert_eq!(check().await, fail);
}

#[tokio::test]
async fn a_tap_on_get_phone_number_also_gives_the_old_form() {
    let platforms = Platforms::start().await;
    let (_, key) = platforms.session("alice").await;
    platforms.control("/_sim/wx/getPhoneNumber", json!({ "person": "alice", "phone": "+8613800138000" })).await;
    let answer = platforms.control("/_sim/wx/getPhoneNumber", json!({ "person": "alice" })).await;
    assert_eq!(answer["errMsg"], "getPhoneNumber:ok");
    let expected = json!({
        "phoneNumber": "13800138000", "purePhoneNumber": "13800138000", "countryCode": "86",
        "watermark": { "timestamp": START, "appid": SHOP },
    });
    assert_eq!(decrypted(&answer, &key), expected);
}

#[tokio::test]
async fn any_payload_can_be_encrypted_well_or_badly() {
    let platforms = Platforms::start().await;
    let (_, key) = platforms.session("alice").await;
    let encrypt = async |mut body: Value| {
        body["person"] = json!("alice");
        platforms.control("/_sim/wx/encrypt", body).await
    };
    let stamped = encrypt(json!({ "data": { "openGId": "g1" } })).await;
    assert_eq!(
        decrypted(&stamped, &key),
        json!({ "openGId": "g1", "watermark": { "timestamp": START, "appid": SHOP } })
    );
    assert_eq!(stamped["rawData"], r#"{"openGId":"g1"}"#);
    let foreign = json!({ "watermark": { "timestamp": 1, "appid": OTHER } });
    assert_eq!(decrypted(&encrypt(json!({ "data": foreign })).await, &key), foreign);
    assert_eq!(opened(&encrypt(json!({ "data": "not json {" })).await, &key).unwrap(), "not json {");
    let other_key = STANDARD.encode([7; 16]);
    let answer = encrypt(json!({ "data": {}, "session_key": other_key })).await;
    assert_eq!(decrypted(&answer, &other_key)["watermark"]["appid"], SHOP);
    let bad = json!({ "person": "alice", "data": {}, "session_key": "short" });
    platforms.post("/_sim/wx/encrypt", bad).await.complaint(400, "bad session_key");
    platforms.post("/_sim/wx/encrypt", json!({ "person": "alice", "data": 5 })).await.complaint(400, "bad data");
}

#[tokio::test]
async fn it_must_be_said_whose_phone_and_which_app() {
    let platforms = Platforms::start_with_two_apps().await;
    let login = async |body| platforms.post("/_sim/wx/login", body).await;
    let [meant, first] = [json!({ "person": "alice" }), json!({ "person": "alice", "appid": SHOP.min(OTHER) })];
    assert_eq!(login(meant).await.json()["openid"], login(first).await.json()["openid"], "whose AppID sorts first");
    login(json!({ "person": "alice", "appid": "wxnobody" })).await.complaint(404, "no app wxnobody");
    login(json!({ "appid": SHOP })).await.complaint(400, "whose phone?");
    login(json!({ "appid": SHOP, "person": "alice", "openid": "o" })).await.complaint(400, "whose phone?");
    login(json!({ "appid": SHOP, "openid": "oNobody" })).await.complaint(404, "nobody has the openid");
    login(json!({ "appid": SHOP, "person": "" })).await.complaint(400, "bad person");
    login(json!({ "appid": SHOP, "person": "a".repeat(65) })).await.complaint(400, "bad person");
    login(json!({ "appid": SHOP, "person": "a\nb" })).await.complaint(400, "bad person");
    login(json!({ "appid": SHOP, "persona": "alice" })).await.complaint(400, "unknown field `persona`");
    let openid = platforms.session("alice").await.0;
    let foreign = json!({ "openid": openid, "appid": OTHER });
    login(foreign).await.complaint(404, "nobody has the openid");
}
