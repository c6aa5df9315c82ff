//! QQ Connect: addresses, and sign-ins through answers in all of its forms.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use menjin_platform::qq_connect::{QqConnect, QqConnectConfig};
use menjin_platform::{AppId, AppSecret, Error, Kind, Platform as _, RedirectCode, Redirected};
use tokio::net::TcpListener;
use url::Url;

use crate::stub::{SECRET, code};

const APPID: &str = "101000001";
const OPENID: &str = "0123456789ABCDEF0123456789ABCDEF";
const TO: &str = "https://login.example.com/v1/login/site/callback";
const TOKEN_JSON: &str = r#"{"access_token":"A1","expires_in":"7776000","refresh_token":"R1"}"#;

/// Where no answer ever comes.
const NEVER: &str = "never";
/// Nothing here waits for it to pass: whatever does has failed.
const DEADLINE: Duration = Duration::from_mins(5);

/// Answers each path in its own way, and notes what was asked.
struct Connect {
    connect: QqConnect,
    asked: Arc<Mutex<Vec<String>>>,
}

type Answers = (Arc<HashMap<&'static str, Vec<String>>>, Arc<Mutex<Vec<String>>>);

async fn answer(State((answers, asked)): State<Answers>, request: Request) -> String {
    let path = request.uri().path().to_owned();
    let before = {
        let mut asked = asked.lock().unwrap();
        asked.push(request.uri().to_string());
        asked.iter().filter(|uri| uri.split('?').next() == Some(&path)).count() - 1
    };
    let answers = &answers[path.as_str()];
    let text = answers[before.min(answers.len() - 1)].clone();
    if text == NEVER { std::future::pending().await } else { text }
}

async fn connect(token: &str, me: &[&str], info: &str) -> Connect {
    let answers = HashMap::from([
        ("/oauth2.0/token", vec![token.to_owned()]),
        ("/oauth2.0/me", me.iter().map(|&text| text.to_owned()).collect()),
        ("/user/get_user_info", vec![info.to_owned()]),
    ]);
    let asked = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let router = Router::new().fallback(answer).with_state((Arc::new(answers), Arc::clone(&asked)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (appid, secret) = (AppId::parse(APPID).unwrap(), AppSecret::new(SECRET));
    let connect = QqConnect::new(QqConnectConfig { appid, secret, base_url, deadline: DEADLINE }).unwrap();
    Connect { connect, asked }
}

impl Connect {
    async fn redeem(&self) -> Result<Redirected, Error> {
        let code = RedirectCode::parse("C0DE").unwrap();
        self.connect.redirect().unwrap().redeem(&code, &Url::parse(TO).unwrap()).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn me(rest: &str) -> String {
    format!(r#"{{"client_id":"{APPID}","openid":"{OPENID}"{rest}}}"#)
}

#[tokio::test]
async fn a_browser_is_sent_with_everything_in_the_address() {
    let connect = connect("", &[""], "").await;
    let url = connect.connect.redirect().unwrap().authorize_url(&Url::parse(TO).unwrap(), "abc123", false);
    assert_eq!(url.path(), "/oauth2.0/authorize");
    let pairs: HashMap<_, _> = url.query_pairs().into_owned().collect();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", APPID),
        ("redirect_uri", TO),
        ("state", "abc123"),
        ("scope", "get_user_info"),
    ] {
        assert_eq!(pairs[name], value, "{name}");
    }
    assert!(matches!(connect.connect.login(&code()).await, Err(Error::Unsupported)));
}

#[tokio::test]
async fn a_code_becomes_a_person_in_each_form_of_answer() {
    let unionid = r#","unionid":"UID_1""#;
    let callback = format!("callback( {} );\n", me(unionid));
    let info =
        r#"{"ret":0,"msg":"","nickname":"小明","gender":"女","figureurl_qq_1":"http://a/40","figureurl_qq_2":""}"#;
    for (token, me) in [
        (TOKEN_JSON, me(unionid)),
        ("access_token=A1&expires_in=7776000&refresh_token=R1", callback.clone()),
        ("callback( {\"access_token\":\"A1\",\"expires_in\":7776000} );", callback),
    ] {
        let connect = connect(token, &[&me], info).await;
        let Redirected { identity, profile } = connect.redeem().await.unwrap();
        assert_eq!((identity.openid.as_str(), identity.unionid.unwrap().as_str()), (OPENID, "UID_1"), "{token}");
        let profile = profile.unwrap();
        assert_eq!(
            (profile.nickname.as_str(), profile.avatar_url.as_str(), profile.gender),
            ("小明", "http://a/40", 2)
        );
        let asked = connect.asked();
        assert_eq!(asked.len(), 3);
        assert!(
            asked[0].contains("code=C0DE") && asked[0].contains("redirect_uri=https%3A%2F%2Flogin"),
            "{}",
            asked[0]
        );
        assert!(asked[1].contains("access_token=A1") && asked[1].contains("unionid=1"), "{}", asked[1]);
    }
}

#[tokio::test]
async fn a_used_code_is_told_from_a_wrong_one() {
    for (error, kind) in [
        (100_020, Kind::CodeUsed),
        (100_019, Kind::BadCode),
        (100_009, Kind::Misconfigured),
        (100_010, Kind::Misconfigured),
        (100_048, Kind::Unexpected),
        (31337, Kind::Unexpected),
    ] {
        for body in [
            format!("callback( {{\"error\":{error},\"error_description\":\"no {SECRET} C0DE\"}} );\n"),
            format!("{{\"error\":\"{error}\",\"error_description\":\"no {SECRET} C0DE\"}}"),
            format!("error={error}&error_description=no+{SECRET}+C0DE"),
        ] {
            let refused = connect(&body, &[""], "").await.redeem().await.unwrap_err();
            assert_eq!((refused.kind(), refused.errcode()), (kind, Some(error)), "{body}");
            assert_eq!(refused.errmsg(), Some("no [hidden] [hidden]"));
        }
    }
}

#[tokio::test]
async fn a_site_without_unionids_is_asked_once_more_without() {
    let refused = r#"callback( {"error":100048,"error_description":"companyid not set"} );"#;
    let connect = connect(TOKEN_JSON, &[refused, &me("")], "{}").await;
    assert!(connect.redeem().await.unwrap().identity.unionid.is_none());
    let asked = connect.asked();
    assert!(asked[1].contains("unionid=1") && !asked[2].contains("unionid"), "{asked:?}");
}

#[tokio::test]
async fn a_token_of_another_app_is_nobody() {
    let foreign = me("").replace(APPID, "101000002");
    for body in [foreign.as_str(), "{}", "callback( {} );", r#"{"client_id":"101000001"}"#, "<html>", "", "[]"] {
        let error = connect(TOKEN_JSON, &[body], "{}").await.redeem().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed, "{body}");
        assert!(!error.code_unspent());
    }
}

#[tokio::test]
async fn a_profile_that_cannot_be_had_fails_nothing() {
    for info in ["", "<html>", r#"{"ret":100030,"msg":"no right"}"#, r#"{"ret":-1}"#] {
        let redirected = connect(TOKEN_JSON, &[&me("")], info).await.redeem().await.unwrap();
        assert!(redirected.profile.is_none(), "{info}");
    }
}

#[tokio::test]
async fn a_sign_in_does_not_wait_the_whole_deadline_for_a_profile() {
    let connect = connect(TOKEN_JSON, &[&me("")], NEVER).await;
    let redeemed = tokio::time::timeout(DEADLINE / 2, connect.redeem()).await;
    assert!(redeemed.expect("the profile is given up before").unwrap().profile.is_none());
    assert_eq!(connect.asked().len(), 3);
}
