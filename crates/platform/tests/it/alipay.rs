//! Alipay: what is signed, what is verified over the very bytes, and what a client brings.

use std::sync::Arc;
use std::time::Duration;

use aes::Aes128;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use axum::Router;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use menjin_platform::alipay::{AesKey, Alipay, AlipayConfig, AlipayKind};
use menjin_platform::{
    AppId, Error, Identity, Kind, NotOpened, Platform as _, RedirectCode, RsaPrivateKey, RsaPublicKey, UnionId,
};
use serde_json::json;
use tokio::net::TcpListener;
use url::{Url, form_urlencoded};

use crate::stub::{APP_PRIVATE_KEY, APP_PUBLIC_KEY, Stub, code};

const APPID: &str = "2021000000000001";
const AES_KEY: [u8; 16] = *b"aes key of apps!";

/// Nothing here waits for it to pass: whatever does has failed.
const DEADLINE: Duration = Duration::from_mins(5);

/// The tests are Alipay: one pair of keys serves both sides.
fn alipay(url: &Url, kind: AlipayKind) -> Alipay {
    Alipay::new(AlipayConfig {
        appid: AppId::parse(APPID).unwrap(),
        kind,
        private_key: RsaPrivateKey::parse(APP_PRIVATE_KEY).unwrap(),
        public_key: RsaPublicKey::parse(APP_PUBLIC_KEY).unwrap(),
        aes_key: Some(AesKey::parse(&STANDARD.encode(AES_KEY)).unwrap()),
        gateway_url: url.join("/gateway.do").unwrap(),
        authorize_url: url.join("/oauth2/publicAppAuthorize.htm").unwrap(),
        deadline: DEADLINE,
        now: Arc::new(|| 1_767_294_245),
    })
    .unwrap()
}

fn sign(text: &str) -> String {
    let pair = KeyPair::from_pkcs8(&STANDARD.decode(APP_PRIVATE_KEY).unwrap()).unwrap();
    let mut signature = vec![0; 256];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    STANDARD.encode(signature)
}

fn answer(node: &str) -> String {
    format!(r#"{{"alipay_system_oauth_token_response":{node},"sign":"{}"}}"#, sign(node))
}

async fn login(body: &str) -> Result<Identity, Error> {
    let stub = Stub::answering(body).await;
    alipay(&stub.url, AlipayKind::MiniProgram).login(&code()).await
}

#[tokio::test]
async fn a_request_is_signed_over_all_of_its_parameters() {
    let stub = Stub::answering(&answer(r#"{"open_id":"o1"}"#)).await;
    alipay(&stub.url, AlipayKind::MiniProgram).login(&code()).await.unwrap();
    let asked = &stub.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/gateway.do"));
    assert!(asked.content_type.starts_with("application/x-www-form-urlencoded"));
    assert_eq!(asked.query("timestamp"), Some("2026-01-02 03:04:05"));
    assert_eq!(asked.query("method"), Some("alipay.system.oauth.token"));
    let form = form_urlencoded::parse(asked.body.as_bytes()).into_owned();
    let mut all: Vec<_> = asked.query.iter().cloned().chain(form).filter(|(name, _)| name != "sign").collect();
    all.sort();
    assert!(all.contains(&("code".to_owned(), code().expose().to_owned())));
    let text: Vec<_> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let signature = STANDARD.decode(asked.query("sign").unwrap()).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, STANDARD.decode(APP_PUBLIC_KEY).unwrap());
    key.verify(text.join("&").as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn a_person_has_an_open_id_or_a_user_id_or_both() {
    for (node, openid, unionid) in [
        (r#"{"open_id":"o1","access_token":"t"}"#, "o1", None),
        (r#"{"user_id":"2088000000000001"}"#, "2088000000000001", Some("2088000000000001")),
        (r#"{"open_id":"o1","user_id":"2088000000000001"}"#, "o1", Some("2088000000000001")),
        (r#"{"open_id":"o1","user_id":"","union_id":"u1"}"#, "o1", Some("u1")),
        (r#"{"expires_in":"1296000","re_expires_in":2592000,"open_id":"o1"}"#, "o1", None),
    ] {
        let identity = login(&answer(node)).await.unwrap();
        assert_eq!(identity.openid.as_str(), openid, "{node}");
        assert_eq!(identity.unionid.as_ref().map(UnionId::as_str), unionid, "{node}");
        assert!(identity.session_key.is_none());
    }
}

#[tokio::test]
async fn the_signature_is_over_the_bytes_as_they_stand() {
    // White space, order, escapes: whatever a parser and a writer would change.
    let odd = "{ \"z\" : \"\\u4f60\\/\" ,\n \"open_id\":\"o1\" , \"a\":1.0 }";
    assert_eq!(login(&answer(odd)).await.unwrap().openid.as_str(), "o1");
    // Signed with its slashes escaped, and sent without.
    let plain = r#"{"open_id":"o/1"}"#;
    let escaped = sign(&plain.replace('/', "\\/"));
    let body = format!(r#"{{"sign":"{escaped}","alipay_system_oauth_token_response":{plain}}}"#);
    assert_eq!(login(&body).await.unwrap().openid.as_str(), "o/1");
}

#[tokio::test]
async fn what_alipay_did_not_sign_is_not_believed() {
    let node = r#"{"open_id":"o1"}"#;
    let other = sign(r#"{"open_id":"o2"}"#);
    for body in [
        format!(r#"{{"alipay_system_oauth_token_response":{node}}}"#),
        format!(r#"{{"alipay_system_oauth_token_response":{node},"sign":"{other}"}}"#),
        format!(r#"{{"alipay_system_oauth_token_response":{node},"sign":""}}"#),
        format!(r#"{{"alipay_system_oauth_token_response":{node},"sign":17}}"#),
        format!(r#"{{"alipay_user_info_share_response":{node},"sign":"{}"}}"#, sign(node)),
        format!(r#"{{"error_response":{{"code":"40002","sub_code":"isv.code-invalid"}},"sign":"{other}"}}"#),
        answer(r#"{"access_token":"t"}"#),
        answer("[]"),
        answer("null"),
        "{}".to_owned(),
        "[]".to_owned(),
        String::new(),
        "<html>".to_owned(),
    ] {
        let error = login(&body).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed, "{body}: {error}");
    }
}

#[tokio::test]
async fn an_error_is_told_by_its_words() {
    for (code, sub_code, kind) in [
        ("\"40002\"", "isv.code-invalid", Kind::BadCode),
        ("40002", "isv.code-invalid", Kind::BadCode),
        ("\"40002\"", "isv.grant-type-invalid", Kind::BadInput),
        ("\"40002\"", "isv.invalid-signature", Kind::Misconfigured),
        ("\"40002\"", "isv.unmatched-app-id", Kind::BadCode),
        ("\"40002\"", "isv.something-new", Kind::BadInput),
        ("\"20000\"", "isp.unknow-error", Kind::Unexpected),
        ("\"40006\"", "", Kind::Misconfigured),
        ("\"31337\"", "", Kind::Unexpected),
    ] {
        let node = format!(
            r#"{{"code":{code},"msg":"Invalid Arguments","sub_code":"{sub_code}","sub_msg":"授权码code无效"}}"#
        );
        for body in [
            format!(r#"{{"error_response":{node},"sign":"{}"}}"#, sign(&node)),
            format!(r#"{{"error_response":{node}}}"#),
            answer(&node),
        ] {
            let error = login(&body).await.unwrap_err();
            assert_eq!((error.kind(), error.code_unspent()), (kind, false), "{body}");
            assert_eq!(error.errmsg(), Some(format!("{sub_code} 授权码code无效").trim()));
        }
    }
}

#[tokio::test]
async fn a_site_sends_browsers_to_alipay_and_redeems_what_they_bring() {
    let stub = Stub::answering(&answer(r#"{"open_id":"o1","access_token":"t"}"#)).await;
    let site = alipay(&stub.url, AlipayKind::Website);
    let redirect = site.redirect().unwrap();
    assert_eq!(redirect.code_parameter(), "auth_code");
    let to = Url::parse("https://login.example.com/v1/login/site/callback").unwrap();
    let url = redirect.authorize_url(&to, "abc", false);
    assert!(url.as_str().contains("/oauth2/publicAppAuthorize.htm?app_id=2021000000000001&scope=auth_user"), "{url}");
    let redirected = redirect.redeem(&RedirectCode::parse("c1").unwrap(), &to).await.unwrap();
    assert_eq!(redirected.identity.openid.as_str(), "o1");
    assert!(redirected.profile.is_none(), "the stub's second answer is no profile");
    assert!(matches!(site.login(&code()).await, Err(Error::Unsupported)));
    assert!(alipay(&stub.url, AlipayKind::MiniProgram).redirect().is_none());
}

#[tokio::test]
async fn a_sign_in_does_not_wait_the_whole_deadline_for_a_profile() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let answer = answer(r#"{"open_id":"o1","access_token":"t"}"#);
    let router = Router::new().fallback(async move |request: Request| {
        let is_profile = request.uri().query().unwrap().contains("method=alipay.user.info.share");
        if is_profile { std::future::pending().await } else { answer }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let site = alipay(&url, AlipayKind::Website);
    let code = RedirectCode::parse("c1").unwrap();
    let redeemed = tokio::time::timeout(DEADLINE / 2, site.redirect().unwrap().redeem(&code, &url)).await;
    assert!(redeemed.expect("the profile is given up before").unwrap().profile.is_none());
}

fn sealed(plain: &str) -> String {
    let cipher = cbc::Encryptor::<Aes128>::new_from_slices(&AES_KEY, &[0; 16]).unwrap();
    STANDARD.encode(cipher.encrypt_padded_vec::<Pkcs7>(plain.as_bytes()))
}

fn brought(plain: &str) -> serde_json::Value {
    let response = sealed(plain);
    let sign = sign(&format!("\"{response}\""));
    json!({"response": response, "sign": sign, "sign_type": "RSA2", "encrypt_type": "AES", "charset": "UTF-8"})
}

fn open(text: &str) -> Result<String, NotOpened> {
    let alipay = alipay(&Url::parse("http://127.0.0.1:1").unwrap(), AlipayKind::MiniProgram);
    let opened = alipay.signed_phone().expect("there is a key").open(text);
    opened.map(|number| number.e164.as_str().to_owned())
}

#[test]
fn a_phone_number_opens_as_the_client_was_given_it() {
    let whole = brought(r#"{"code":"10000","msg":"Success","mobile":"13812345678"}"#);
    let short = json!({"response": whole["response"], "sign": whole["sign"]});
    let twice = json!(whole.to_string());
    for text in [whole.to_string(), short.to_string(), twice.to_string()] {
        assert_eq!(open(&text).as_deref(), Ok("+8613812345678"), "{text}");
    }
}

#[test]
fn everything_else_looks_alike() {
    let good = brought(r#"{"code":"10000","msg":"Success","mobile":"13812345678"}"#);
    let with = |member: &str, value: serde_json::Value| {
        let mut changed = good.clone();
        changed[member] = value;
        changed.to_string()
    };
    let unsigned = sign(good["response"].as_str().unwrap());
    for text in [
        brought(r#"{"code":"40003","msg":"no"}"#).to_string(),
        brought(r#"{"code":"10000","mobile":"call me"}"#).to_string(),
        brought("not json").to_string(),
        with("sign", json!(unsigned)),
        with("sign", json!("AAAA")),
        with("response", json!(sealed(r#"{"code":"10000","mobile":"13912345678"}"#))),
        with("response", json!({"code": "40003", "subCode": "isv.invalid-auth-relations"})),
        with("sign_type", json!("RSA")),
        with("encrypt_type", json!("DES")),
        "{}".to_owned(),
        "[]".to_owned(),
        String::new(),
        " ".repeat(9000),
    ] {
        assert_eq!(open(&text), Err(NotOpened), "{text:.80}");
    }
}

#[test]
fn keys_are_read_as_consoles_and_openssl_write_them() {
    let lines = |text: &str| {
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\n")
    };
    let pem = |label: &str, text: &str| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines(text));
    // PKCS #1 is what stands in PKCS #8 behind 26 bytes.
    let pkcs1 = STANDARD.encode(&STANDARD.decode(APP_PRIVATE_KEY).unwrap()[26..]);
    for key in [
        APP_PRIVATE_KEY.to_owned(),
        lines(APP_PRIVATE_KEY),
        pem("PRIVATE KEY", APP_PRIVATE_KEY),
        pkcs1.clone(),
        pem("RSA PRIVATE KEY", &pkcs1),
    ] {
        assert_eq!(RsaPrivateKey::parse(&key).unwrap().public_base64(), APP_PUBLIC_KEY, "{key:.60}");
    }
    for key in [APP_PUBLIC_KEY.to_owned(), pem("PUBLIC KEY", APP_PUBLIC_KEY)] {
        assert!(RsaPublicKey::parse(&key).is_ok(), "{key:.60}");
        assert!(RsaPrivateKey::parse(&key).is_err());
    }
    for bad in [
        "",
        "AAAA",
        "not base64",
        &pem("CERTIFICATE", APP_PUBLIC_KEY),
        &pem("EC PRIVATE KEY", APP_PRIVATE_KEY),
        &"A".repeat(1 << 20),
    ] {
        assert!(RsaPrivateKey::parse(bad).is_err() && RsaPublicKey::parse(bad).is_err(), "{bad:.60}");
    }
}
