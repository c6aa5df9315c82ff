//! `cgi-bin/stable_token`.

use std::time::Duration;

use menjin_platform::{AccessToken, Error, Kind, Platform as _};

use crate::stub::{APPID, SECRET, Stub};

async fn ask(stub: &Stub, force: bool) -> Result<AccessToken, Error> {
    stub.wechat.access_token().expect("WeChat has access tokens").access_token(force).await
}

#[tokio::test]
async fn a_stable_token_is_fetched_with_its_remaining_life() {
    for expires_in in ["345", r#""345""#] {
        let stub = Stub::answering(&format!(r#"{{"access_token":"71_abc+/=","expires_in":{expires_in}}}"#)).await;
        let token = ask(&stub, false).await.unwrap();
        assert_eq!(token.expose(), "71_abc+/=");
        assert_eq!(token.expires_in(), Duration::from_secs(345));
        let asked = &stub.asked()[0];
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/cgi-bin/stable_token"));
        assert_eq!(asked.content_type, "application/json");
        assert!(asked.query.is_empty());
        assert_eq!(
            asked.body,
            format!(
                r#"{{"grant_type":"client_credential","appid":"{APPID}","secret":"{SECRET}","force_refresh":false}}"#
            )
        );
    }
}

#[tokio::test]
async fn force_is_passed_on() {
    let stub = Stub::answering(r#"{"access_token":"t","expires_in":7200}"#).await;
    ask(&stub, true).await.unwrap();
    assert!(stub.asked()[0].body.contains(r#""force_refresh":true"#));
}

#[tokio::test]
async fn a_wrong_secret_or_address_is_a_matter_of_configuration() {
    for errcode in [40001, 40013, 40125, 40164, 40243, 50004, 89503] {
        let stub = Stub::answering(&format!(r#"{{"errcode":{errcode},"errmsg":"no rid: 1-2-3"}}"#)).await;
        assert_eq!(ask(&stub, false).await.unwrap_err().kind(), Kind::Misconfigured, "{errcode}");
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_malformed() {
    let bodies = [
        "{}",
        r#"{"access_token":"","expires_in":7200}"#,
        r#"{"access_token":"with space","expires_in":7200}"#,
        r#"{"access_token":"t"}"#,
        r#"{"access_token":"t","expires_in":-1}"#,
        r#"{"access_token":"t","expires_in":"soon"}"#,
    ];
    for body in bodies {
        let stub = Stub::answering(body).await;
        assert_eq!(ask(&stub, false).await.unwrap_err().kind(), Kind::Malformed, "{body}");
    }
}
