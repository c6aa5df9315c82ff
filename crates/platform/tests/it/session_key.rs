//! `wxa/checksession` and `wxa/resetusersessionkey`.

use menjin_platform::{Error, Kind, Platform as _, SessionKey, SessionKeys};

use crate::stub::{OPENID, Stub, openid, session_key, token};

/// HMAC-SHA-256 of nothing under the text `tiihtNczf5v6AKRyjwEUhQ==`.
const SIGNATURE: &str = "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735";

fn keys(stub: &Stub) -> &dyn SessionKeys {
    stub.wechat.session_key().expect("WeChat has session keys")
}

async fn check(stub: &Stub) -> Result<bool, Error> {
    keys(stub).check(&token(), &openid(), &session_key()).await
}

async fn reset(stub: &Stub) -> Result<SessionKey, Error> {
    keys(stub).reset(&token(), &openid(), &session_key()).await
}

#[tokio::test]
async fn a_key_is_checked_by_its_signature_over_nothing() {
    let stub = Stub::answering(r#"{"errcode":0,"errmsg":"ok"}"#).await;
    assert!(check(&stub).await.unwrap());
    let asked = &stub.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/wxa/checksession"));
    assert_eq!(asked.query("access_token"), Some(token().expose()));
    assert_eq!(asked.query("openid"), Some(OPENID));
    assert_eq!(asked.query("signature"), Some(SIGNATURE));
    assert_eq!(asked.query("sig_method"), Some("hmac_sha256"));
}

#[tokio::test]
async fn a_replaced_key_is_no_error_and_a_stale_token_is() {
    for errcode in [87007, 87009] {
        let stub = Stub::answering(&format!(r#"{{"errcode":{errcode},"errmsg":"invalid signature"}}"#)).await;
        assert!(!check(&stub).await.unwrap());
    }
    let stub = Stub::answering(r#"{"errcode":42001,"errmsg":"access_token expired"}"#).await;
    assert_eq!(check(&stub).await.unwrap_err().kind(), Kind::TokenStale);
}

#[tokio::test]
async fn a_reset_gives_the_successor() {
    let fresh = "o0q0otL8aEzpcZL/FT9WsQ==";
    let stub =
        Stub::answering(&format!(r#"{{"errcode":0,"errmsg":"ok","openid":"{OPENID}","session_key":"{fresh}"}}"#)).await;
    assert_eq!(reset(&stub).await.unwrap().expose(), fresh);
    assert_eq!(stub.asked()[0].path, "/wxa/resetusersessionkey");
    assert_eq!(stub.asked()[0].query("signature"), Some(SIGNATURE));
}

#[tokio::test]
async fn a_reset_of_a_stale_key_or_an_answer_about_somebody_else_fails() {
    let cases = [
        (r#"{"errcode":87007,"errmsg":"session_key is not existd or expired"}"#, Kind::SessionKeyStale),
        (r#"{"errcode":87009,"errmsg":"invalid signature"}"#, Kind::SessionKeyStale),
        (r#"{"errcode":0,"openid":"oSomebodyElse","session_key":"o0q0otL8aEzpcZL/FT9WsQ=="}"#, Kind::Malformed),
        (r#"{"errcode":0,"errmsg":"ok"}"#, Kind::Malformed),
    ];
    for (body, kind) in cases {
        assert_eq!(reset(&Stub::answering(body).await).await.unwrap_err().kind(), kind, "{body}");
    }
}
