//! `wxa/business/getuserencryptkey`.

use std::time::Duration;

use menjin_platform::{EncryptKey, Error, Kind, Platform as _};

use crate::stub::{OPENID, Stub, openid, session_key, token};

const KEY: &str = "VI6BpyrK9XH4i4AIGe86tg==";
const IV: &str = "6003f73ec441c386";

async fn ask(stub: &Stub) -> Result<Vec<EncryptKey>, Error> {
    stub.wechat.encrypt_keys().expect("WeChat has them").encrypt_keys(&token(), &openid(), &session_key()).await
}

fn listed(key: &str, iv: &str, expire_in: i64) -> String {
    format!(
        r#"{{"errcode":0,"errmsg":"ok","key_info_list":[{{"encrypt_key":"{key}","version":10,"expire_in":{expire_in},"iv":"{iv}","create_time":1616572301}},{{"encrypt_key":"{key}","version":9,"expire_in":0,"iv":"{iv}","create_time":1616572300}}]}}"#
    )
}

#[tokio::test]
async fn the_keys_come_newest_first_and_dead_ones_too() {
    let stub = Stub::answering(&listed(KEY, IV, 3597)).await;
    let keys = ask(&stub).await.unwrap();
    let seen: Vec<_> = keys.iter().map(|it| (it.expose_key(), it.expose_iv(), it.version, it.expires_in)).collect();
    assert_eq!(seen, [(KEY, IV, 10, Duration::from_secs(3597)), (KEY, IV, 9, Duration::ZERO)]);
    let asked = &stub.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/wxa/business/getuserencryptkey"));
    assert_eq!((asked.query("openid"), asked.query("sig_method")), (Some(OPENID), Some("hmac_sha256")));
    let signature = "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735";
    assert_eq!(asked.query("signature"), Some(signature));
}

#[tokio::test]
async fn what_is_no_key_is_not_taken_for_one() {
    for body in [
        listed("c2hvcnQ=", IV, 1),
        listed(KEY, "short", 1),
        listed(KEY, "６003f73ec441c386", 1),
        listed(KEY, IV, -1),
        r#"{"errcode":0,"errmsg":"ok"}"#.to_owned(),
        r#"{"errcode":0,"key_info_list":[{}]}"#.to_owned(),
    ] {
        assert_eq!(ask(&Stub::answering(&body).await).await.unwrap_err().kind(), Kind::Malformed, "{body}");
    }
    let stale = Stub::answering(r#"{"errcode":87009,"errmsg":"invalid signature"}"#).await;
    assert_eq!(ask(&stale).await.unwrap_err().kind(), Kind::SessionKeyStale);
}

#[tokio::test]
async fn a_key_does_not_show_itself() {
    let keys = ask(&Stub::answering(&listed(KEY, IV, 3597)).await).await.unwrap();
    let shown = format!("{keys:?}");
    assert!(!shown.contains(KEY) && !shown.contains(IV), "{shown}");
}
