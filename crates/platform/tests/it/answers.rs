//! What a login makes of every kind of answer.

use menjin_platform::{Error, JsCode, Kind, Platform as _};

use crate::stub::{APPID, OPENID, SECRET, SESSION_KEY, Stub};

fn success(rest: &str) -> String {
    format!(r#"{{"session_key":"{SESSION_KEY}","openid":"{OPENID}"{rest}}}"#)
}

#[tokio::test]
async fn a_code_becomes_an_identity() {
    let stub = Stub::answering(&success(r#","unionid":"ocMvos6NjeKLIBqg5Mr9QjxrP1FA""#)).await;
    let identity = stub.login().await.unwrap();
    assert_eq!(identity.openid.as_str(), OPENID);
    assert_eq!(identity.unionid.unwrap().as_str(), "ocMvos6NjeKLIBqg5Mr9QjxrP1FA");
    assert_eq!(identity.session_key.unwrap().expose(), SESSION_KEY);
    let asked = stub.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("GET", "/sns/jscode2session"));
    assert_eq!(asked[0].query("appid"), Some(APPID));
    assert_eq!(asked[0].query("secret"), Some(SECRET));
    assert_eq!(asked[0].query("js_code"), Some("0a3c0dec0dec0dec0dec0dec0dec0dec"));
    assert_eq!(asked[0].query("grant_type"), Some("authorization_code"));
    assert_eq!(asked[0].query.len(), 4);
}

#[tokio::test]
async fn a_unionid_may_be_absent_empty_or_null() {
    for rest in ["", r#","unionid":"""#, r#","unionid":null"#] {
        let identity = Stub::answering(&success(rest)).await.login().await.unwrap();
        assert_eq!(identity.unionid, None, "{rest}");
    }
}

#[tokio::test]
async fn success_may_carry_an_errcode_of_zero_as_number_or_text() {
    for rest in [
        r#","errcode":0,"errmsg":"ok""#,
        r#","errcode":"0","errmsg":"ok""#,
        r#","errcode":null"#,
        r#","expires_in":7200"#,
    ] {
        assert!(Stub::answering(&success(rest)).await.login().await.is_ok(), "{rest}");
    }
}

#[tokio::test]
async fn an_escaped_slash_in_the_session_key_is_read() {
    let stub = Stub::answering(&format!(r#"{{"session_key":"o0q0otL8aEzpcZL\/FT9WsQ==","openid":"{OPENID}"}}"#)).await;
    assert_eq!(stub.login().await.unwrap().session_key.unwrap().expose(), "o0q0otL8aEzpcZL/FT9WsQ==");
}

#[tokio::test]
async fn a_code_with_separators_arrives_whole_and_changes_nothing_else() {
    let stub = Stub::answering(&success("")).await;
    let odd = "0a&appid=wx_other#b+c%26d/e?f=";
    stub.wechat.login(&JsCode::parse(odd).unwrap()).await.unwrap();
    let asked = &stub.asked()[0];
    assert_eq!(asked.query("js_code"), Some(odd));
    assert_eq!(asked.query("appid"), Some(APPID));
    assert_eq!(asked.query.len(), 4);
}

#[tokio::test]
async fn every_errcode_has_its_kind() {
    let cases = [
        ("-1", Kind::Busy, true),
        ("45011", Kind::Quota, true),
        ("45009", Kind::Quota, false),
        ("40029", Kind::BadCode, false),
        ("40163", Kind::CodeUsed, false),
        ("40226", Kind::Blocked, false),
        ("40013", Kind::Misconfigured, false),
        ("40125", Kind::Misconfigured, false),
        ("40001", Kind::Misconfigured, false),
        ("41008", Kind::BadInput, false),
        ("31337", Kind::Unexpected, false),
        (r#""40029""#, Kind::BadCode, false),
        (r#""-1""#, Kind::Busy, true),
    ];
    for (errcode, kind, unspent) in cases {
        let body = format!(r#"{{"errcode":{errcode},"errmsg":"said so, rid: 66c69111-4157f271-729ca238"}}"#);
        let error = Stub::answering(&body).await.login().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{errcode}");
        assert_eq!(error.code_unspent(), unspent, "{errcode}");
        assert_eq!(error.errcode(), errcode.trim_matches('"').parse().ok());
        assert_eq!(error.errmsg(), Some("said so, rid: 66c69111-4157f271-729ca238"));
    }
}

#[tokio::test]
async fn busy_and_quota_say_when_to_come_back() {
    for (errcode, seconds) in [(-1, Some(2)), (45011, Some(60)), (40029, None)] {
        let stub = Stub::answering(&format!(r#"{{"errcode":{errcode}}}"#)).await;
        let error = stub.login().await.unwrap_err();
        assert_eq!(error.retry_after().map(|wait| wait.as_secs()), seconds);
        assert_eq!(error.errmsg(), None);
    }
}

#[tokio::test]
async fn an_answer_without_openid_or_session_key_is_malformed() {
    let bodies = [
        "{}".to_owned(),
        format!(r#"{{"openid":"{OPENID}"}}"#),
        format!(r#"{{"session_key":"{SESSION_KEY}"}}"#),
        format!(r#"{{"openid":"","session_key":"{SESSION_KEY}"}}"#),
        format!(r#"{{"openid":"{OPENID}","session_key":"short"}}"#),
        format!(r#"{{"openid":17,"session_key":"{SESSION_KEY}"}}"#),
        r#"{"errcode":"many"}"#.to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        String::new(),
        format!(r#"{{"openid":"{OPENID}","session_"#),
    ];
    for body in bodies {
        let error = Stub::answering(&body).await.login().await.unwrap_err();
        assert!(matches!(error, Error::Malformed { status: 200, .. }), "{body}: {error:?}");
        assert!(!error.code_unspent());
    }
}

#[tokio::test]
async fn a_gateways_page_is_malformed_whatever_its_status() {
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    for status in [200, 404, 412, 500, 502, 504] {
        let stub = Stub::answering_with(status, "text/html", page).await;
        let error = stub.login().await.unwrap_err();
        assert!(matches!(error, Error::Malformed { status: seen, .. } if seen == status), "{error:?}");
        assert_eq!(stub.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_status_other_than_success_is_malformed_though_the_body_is_good() {
    let error = Stub::answering_with(500, "application/json", &success("")).await.login().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed);
}

#[tokio::test]
async fn the_content_type_does_not_matter() {
    for content_type in ["text/plain", "application/json; encoding=utf-8", "text/html; charset=iso-8859-1"] {
        assert!(Stub::answering_with(200, content_type, &success("")).await.login().await.is_ok());
    }
}

#[tokio::test]
async fn an_answer_longer_than_a_mebibyte_is_malformed() {
    let padding = format!(r#","padding":"{}""#, "x".repeat(1 << 20));
    let error = Stub::answering(&success(&padding)).await.login().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed);
}
