//! QQ mini programs: logins, tokens, encrypted data.

use aes::Aes128;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use menjin_platform::qq::{Qq, QqConfig};
use menjin_platform::{AppId, AppSecret, Error, Identity, Kind, Payload, Platform as _, SessionKey};
use serde_json::json;
use std::time::Duration;

use crate::stub::{SECRET, SESSION_KEY, Stub, code, session_key};

const APPID: &str = "1110000001";
const OPENID: &str = "0123456789ABCDEF0123456789ABCDEF";

fn qq(stub: &Stub) -> Qq {
    let (appid, secret) = (AppId::parse(APPID).unwrap(), AppSecret::new(SECRET));
    Qq::new(QqConfig { appid, secret, base_url: stub.url.clone(), deadline: Duration::from_secs(5) }).unwrap()
}

async fn login(body: &str) -> Result<Identity, Error> {
    qq(&Stub::answering(body).await).login(&code()).await
}

fn success(rest: &str) -> String {
    format!(r#"{{"openid":"{OPENID}","session_key":"{SESSION_KEY}"{rest}}}"#)
}

#[tokio::test]
async fn a_code_becomes_an_identity() {
    let stub =
        Stub::answering(&success(r#","unionid":"UID_0123456789ABCDEF0123456789ABCDEF","errcode":0,"errmsg":"""#)).await;
    let identity = qq(&stub).login(&code()).await.unwrap();
    assert_eq!(identity.openid.as_str(), OPENID);
    assert_eq!(identity.unionid.unwrap().as_str(), "UID_0123456789ABCDEF0123456789ABCDEF");
    assert_eq!(identity.session_key.unwrap().expose(), SESSION_KEY);
    let asked = &stub.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/sns/jscode2session"));
    for (name, value) in
        [("appid", APPID), ("secret", SECRET), ("js_code", code().expose()), ("grant_type", "authorization_code")]
    {
        assert_eq!(asked.query(name), Some(value));
    }
}

#[tokio::test]
async fn an_openid_of_any_form_and_success_with_or_without_errcode_will_do() {
    for body in [success(""), success(r#","errcode":"0""#), success("").replace(OPENID, "o-of-another_form")] {
        assert!(login(&body).await.is_ok(), "{body}");
    }
}

#[tokio::test]
async fn every_errcode_has_its_kind_whatever_the_status() {
    for (errcode, kind, unspent) in [
        (-1, Kind::Busy, true),
        (40029, Kind::BadCode, false),
        (45011, Kind::Quota, true),
        (40001, Kind::Misconfigured, false),
        (40013, Kind::Misconfigured, false),
        (40002, Kind::BadInput, false),
        (31337, Kind::Unexpected, false),
    ] {
        for status in [200, 400] {
            let body = format!(r#"{{"errcode":{errcode},"errmsg":"no {SECRET} here"}}"#);
            let qq = qq(&Stub::answering_with(status, "application/json", &body).await);
            let error = qq.login(&code()).await.unwrap_err();
            assert_eq!((error.kind(), error.code_unspent()), (kind, unspent), "{errcode}");
            assert_eq!(error.errmsg(), Some("no [hidden] here"));
            assert_eq!(qq.explain(&error).is_some(), kind != Kind::Unexpected);
        }
    }
}

#[tokio::test]
async fn broken_answers_are_malformed() {
    for body in
        ["", "{}", "[]", "<html>", r#"{"openid":"A"}"#, r#"{"openid":"","session_key":"x"}"#, r#"{"errcode":"x"}"#]
    {
        assert_eq!(login(body).await.unwrap_err().kind(), Kind::Malformed, "{body}");
    }
    let broken = qq(&Stub::answering_with(502, "text/html", "<html>").await);
    assert!(matches!(broken.login(&code()).await, Err(Error::Malformed { status: 502, .. })));
}

#[tokio::test]
async fn the_apps_token_is_fetched() {
    let stub = Stub::answering(r#"{"access_token":"t0ken","expires_in":7200,"errcode":0,"errmsg":""}"#).await;
    let token = qq(&stub).access_token().unwrap().access_token(true).await.unwrap();
    assert_eq!((token.expose(), token.expires_in().as_secs()), ("t0ken", 7200));
    assert_eq!(stub.asked()[0].path, "/api/getToken");
    assert_eq!(stub.asked()[0].query("grant_type"), Some("client_credential"));
    let refused = qq(&Stub::answering(r#"{"errcode":40001,"errmsg":"x"}"#).await);
    assert_eq!(refused.access_token().unwrap().access_token(false).await.unwrap_err().kind(), Kind::Misconfigured);
}

#[tokio::test]
async fn data_opens_for_this_app_alone() {
    let qq = qq(&Stub::answering("{}").await);
    let sealed = |appid: &str| {
        let plain =
            json!({"nickName": "小爱", "openId": OPENID, "watermark": {"appid": appid, "timestamp": 1}}).to_string();
        let key = STANDARD.decode(SESSION_KEY).unwrap();
        let cipher = cbc::Encryptor::<Aes128>::new_from_slices(&key, &[7; 16]).unwrap();
        STANDARD.encode(cipher.encrypt_padded_vec::<Pkcs7>(plain.as_bytes()))
    };
    let iv = STANDARD.encode([7; 16]);
    let open_data = qq.open_data().unwrap();
    let opened = open_data.decrypt(&session_key(), &sealed(APPID), &iv).unwrap();
    let Payload::Profile(profile) = opened.payload else { panic!("no profile") };
    assert_eq!(profile.nickname, "小爱");
    assert!(open_data.decrypt(&session_key(), &sealed("1110000002"), &iv).is_err());
}

/// The value that fits the data of QQ's page; the one that stands there is WeChat's.
#[tokio::test]
async fn the_sample_of_the_signature_page_is_signed_as_the_algorithm_has_it() {
    let qq = qq(&Stub::answering("{}").await);
    let key = SessionKey::parse("HyVFkGl5F5OQWJZZaNzBBg==").unwrap();
    let raw = r#"{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://qq.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}"#;
    let open_data = qq.open_data().unwrap();
    assert!(!open_data.verify_signature(&key, raw, "75e81ceda165f4ffa64f4068af58c64b8f54b88c"));
    assert!(open_data.verify_signature(&key, raw, "6e0d100e6fded232d8b7b83817b38cd7358daf09"));
}
