//! Douyin: logins, client tokens, phone numbers that only our key opens.

use std::time::Duration;

use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menjin_platform::douyin::{Douyin, DouyinConfig};
use menjin_platform::{AppId, AppSecret, Error, Identity, Kind, PhoneCode, PhoneNumber, Platform as _, RsaPrivateKey};
use serde_json::{Value, json};

use crate::stub::{APP_PRIVATE_KEY, APP_PUBLIC_KEY, SECRET, SESSION_KEY, Stub, code, openid, token};

const APPID: &str = "tt0123456789abcdef";
const OPENID: &str = "_000abcdefghijklmnopqrstuvwxyz012345";

fn douyin(stub: &Stub, private_key: Option<&str>) -> Douyin {
    Douyin::new(DouyinConfig {
        appid: AppId::parse(APPID).unwrap(),
        secret: AppSecret::new(SECRET),
        private_key: private_key.map(|key| RsaPrivateKey::parse(key).unwrap()),
        base_url: stub.url.clone(),
        open_url: stub.url.clone(),
        deadline: Duration::from_secs(5),
    })
    .unwrap()
}

async fn login(body: &str) -> Result<Identity, Error> {
    douyin(&Stub::answering(body).await, None).login(&code()).await
}

fn success() -> Value {
    json!({"err_no": 0, "err_tips": "success", "data": {
        "session_key": SESSION_KEY, "openid": OPENID, "anonymous_openid": "", "unionid": "0d5e8f0a-0000-4000-8000-000000000000", "dopenid": "",
    }})
}

#[tokio::test]
async fn a_code_becomes_an_identity() {
    let stub = Stub::answering(&success().to_string()).await;
    let identity = douyin(&stub, None).login(&code()).await.unwrap();
    assert_eq!(identity.openid.as_str(), OPENID);
    assert_eq!(identity.unionid.unwrap().as_str(), "0d5e8f0a-0000-4000-8000-000000000000");
    let asked = &stub.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/apps/v2/jscode2session"));
    assert_eq!(asked.content_type, "application/json");
    let sent: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(sent, json!({"appid": APPID, "secret": SECRET, "code": code().expose()}));
    assert!(asked.query.is_empty());
}

#[tokio::test]
async fn what_does_not_apply_is_an_empty_text() {
    let mut body = success();
    body["data"]["unionid"] = json!("");
    assert!(login(&body.to_string()).await.unwrap().unionid.is_none());
    body["data"]["openid"] = json!("");
    body["data"]["anonymous_openid"] = json!("a device");
    assert_eq!(login(&body.to_string()).await.unwrap_err().kind(), Kind::Malformed, "a device is nobody");
}

#[tokio::test]
async fn every_error_has_its_kind_whatever_data_is() {
    for (err_no, kind) in [
        (-1, Kind::Unexpected),
        (40014, Kind::BadInput),
        (40015, Kind::Misconfigured),
        (40017, Kind::Misconfigured),
        (40018, Kind::BadCode),
        (31337, Kind::Unexpected),
    ] {
        for data in [json!(null), json!(""), json!({}), json!([1])] {
            let body = json!({"err_no": err_no, "err_tips": format!("bad {SECRET}"), "data": data}).to_string();
            let error = login(&body).await.unwrap_err();
            assert_eq!((error.kind(), error.errcode(), error.code_unspent()), (kind, Some(err_no), false), "{body}");
            assert_eq!(error.errmsg(), Some("bad [hidden]"));
        }
    }
}

#[tokio::test]
async fn broken_answers_are_malformed() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"err_no":0}"#,
        r#"{"err_no":0,"data":{}}"#,
        r#"{"err_no":"x"}"#,
        r#"{"err_no":0,"data":[]}"#,
    ] {
        assert_eq!(login(body).await.unwrap_err().kind(), Kind::Malformed, "{body}");
    }
}

#[tokio::test]
async fn a_client_token_is_fetched() {
    for expires_in in [json!(7200), json!("7200")] {
        let body = json!({"data": {"access_token": "clt.1", "expires_in": expires_in, "error_code": 0, "description": ""}, "message": "success"});
        let stub = Stub::answering(&body.to_string()).await;
        let token = douyin(&stub, None).access_token().unwrap().access_token(false).await.unwrap();
        assert_eq!((token.expose(), token.expires_in().as_secs()), ("clt.1", 7200));
        assert_eq!(stub.asked()[0].path, "/oauth/client_token/");
        let sent: Value = serde_json::from_str(&stub.asked()[0].body).unwrap();
        assert_eq!((&sent["client_key"], &sent["grant_type"]), (&json!(APPID), &json!("client_credential")));
    }
    let refused = json!({"data": {"error_code": 28_001_007, "description": "no"}, "message": "error"}).to_string();
    let error = douyin(&Stub::answering(&refused).await, None).access_token().unwrap().access_token(false).await;
    assert_eq!(error.unwrap_err().errcode(), Some(28_001_007));
}

fn encrypted(plain: &str) -> String {
    let key = PublicEncryptingKey::from_der(&STANDARD.decode(APP_PUBLIC_KEY).unwrap()).unwrap();
    let key = Pkcs1PublicEncryptingKey::new(key).unwrap();
    let mut out = vec![0; key.ciphertext_size()];
    STANDARD.encode(key.encrypt(plain.as_bytes(), &mut out).unwrap())
}

async fn phone(data: &Value) -> Result<PhoneNumber, Error> {
    let body = json!({"err_no": 0, "err_msg": "", "log_id": "2026", "data": data}).to_string();
    ask(&Stub::answering(&body).await).await
}

async fn ask(stub: &Stub) -> Result<PhoneNumber, Error> {
    let code = PhoneCode::parse("e31968a7f94cc5ee25fafc2aef2773f0").unwrap();
    let douyin = douyin(stub, Some(APP_PRIVATE_KEY));
    douyin.phone().expect("there is a key").phone(&token(), &code, &openid()).await
}

fn info(appid: &str) -> String {
    json!({"phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": "86", "watermark": {"appid": appid, "timestamp": 1}}).to_string()
}

#[tokio::test]
async fn a_phone_number_is_opened_with_our_key() {
    let body = json!({"err_no": 0, "err_tips": "", "data": encrypted(&info(APPID))}).to_string();
    let stub = Stub::answering(&body).await;
    assert_eq!(ask(&stub).await.unwrap().e164.as_str(), "+8613580006666");
    let asked = &stub.asked()[0];
    assert_eq!(asked.path, "/api/apps/v1/get_phonenumber_info/");
    assert_eq!(asked.access_token.as_deref(), Some(token().expose()));
    assert_eq!(asked.body, r#"{"code":"e31968a7f94cc5ee25fafc2aef2773f0"}"#);
}

#[tokio::test]
async fn all_that_does_not_open_looks_alike() {
    let mut turned = STANDARD.decode(encrypted(&info(APPID))).unwrap();
    turned[100] ^= 1;
    let mut said = Vec::new();
    for data in [
        json!(STANDARD.encode(turned)),
        json!(STANDARD.encode([1; 255])),
        json!(STANDARD.encode([0; 256])),
        json!(""),
        json!("not base64!"),
        json!(encrypted("not json")),
        json!(encrypted(&info("tt0000000000000000"))),
        json!(encrypted("{}")),
    ] {
        said.push(phone(&data).await.unwrap_err().to_string());
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
}

#[tokio::test]
async fn phone_errors_have_their_kinds_and_keep_the_log_id() {
    for (err_no, kind) in [
        (28_001_005, Kind::Busy),
        (28_001_007, Kind::BadInput),
        (28_001_008, Kind::TokenStale),
        (28_003_017, Kind::Quota),
        (28_005_187, Kind::BadCode),
    ] {
        let body = json!({"err_no": err_no, "err_msg": "no", "log_id": "20261122", "data": ""}).to_string();
        let error = ask(&Stub::answering(&body).await).await.unwrap_err();
        assert_eq!((error.kind(), error.errmsg()), (kind, Some("no, log_id: 20261122")));
    }
}

#[tokio::test]
async fn without_a_key_there_are_no_phone_numbers() {
    assert!(douyin(&Stub::answering("{}").await, None).phone().is_none());
}
