//! `sns/oauth2/access_token` and `sns/userinfo`: what a browser or a native app brings becomes somebody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use menjin_platform::wechat::{WeChat, WeChatConfig, WeChatKind};
use menjin_platform::{AppId, AppSecret, Error, JsCode, Platform as _, RedirectCode, Redirected};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use crate::stub::{APPID, OPENID, SECRET, code};

const TO: &str = "https://login.example.com/v1/login/h5/callback";

type Asked = Arc<Mutex<Vec<Url>>>;

/// A WeChat that answers each path in its own way, and an app of this kind there.
async fn wechat(kind: WeChatKind, answers: &[(&'static str, Value)]) -> (WeChat, Asked) {
    let texts = answers.iter().map(|(path, answer)| (*path, answer.to_string())).collect();
    let state: Arc<(BTreeMap<&'static str, String>, Asked)> = Arc::new((texts, Asked::default()));
    let asked = Arc::clone(&state.1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let router = Router::new().fallback(answer).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = WeChatConfig::new(AppId::parse(APPID).unwrap(), AppSecret::new(SECRET));
    let wechat = WeChat::new(WeChatConfig { kind, base_url, deadline: Duration::from_secs(5), ..config });
    (wechat.unwrap(), asked)
}

async fn answer(State(state): State<Arc<(BTreeMap<&'static str, String>, Asked)>>, request: Request) -> Response {
    let whole = Url::parse(&format!("http://stub{}", request.uri())).unwrap();
    let body = state.0.get(whole.path()).cloned().unwrap_or_else(|| "<html>404</html>".to_owned());
    state.1.lock().unwrap().push(whole);
    ([(CONTENT_TYPE, "text/plain")], body).into_response()
}

fn granted(scope: &str) -> Value {
    json!({"access_token": "ACCESS-TOKEN", "expires_in": 7200, "refresh_token": "REFRESH-TOKEN", "openid": OPENID, "scope": scope})
}

fn userinfo() -> Value {
    json!({"openid": OPENID, "nickname": "Band", "sex": 0, "province": "", "city": "", "country": "", "headimgurl": "https://thirdwx.qlogo.cn/x/132", "privilege": [], "unionid": "oUnion"})
}

async fn redeem(wechat: &WeChat) -> Result<Redirected, Error> {
    let code = RedirectCode::parse(code().expose()).unwrap();
    wechat.redirect().unwrap().redeem(&code, &Url::parse(TO).unwrap()).await
}

#[tokio::test]
async fn the_address_that_asks_has_its_parameters_in_wechats_order() {
    for (kind, silent, expected) in [
        (
            WeChatKind::OfficialAccount,
            false,
            "connect/oauth2/authorize?appid=APPID&redirect_uri=TO&response_type=code&scope=snsapi_userinfo&state=abc123#wechat_redirect",
        ),
        (
            WeChatKind::OfficialAccount,
            true,
            "connect/oauth2/authorize?appid=APPID&redirect_uri=TO&response_type=code&scope=snsapi_base&state=abc123#wechat_redirect",
        ),
        (
            WeChatKind::Website,
            false,
            "connect/qrconnect?appid=APPID&redirect_uri=TO&response_type=code&scope=snsapi_login&state=abc123#wechat_redirect",
        ),
        (
            WeChatKind::Website,
            true,
            "connect/qrconnect?appid=APPID&redirect_uri=TO&response_type=code&scope=snsapi_login&state=abc123#wechat_redirect",
        ),
    ] {
        let (wechat, _) = wechat(kind, &[]).await;
        let url = wechat.redirect().unwrap().authorize_url(&Url::parse(TO).unwrap(), "abc123", silent);
        let to = TO.replace(':', "%3A").replace('/', "%2F");
        let expected = expected.replace("APPID", APPID).replace("TO", &to);
        assert_eq!(url.as_str(), format!("https://open.weixin.qq.com/{expected}"));
    }
}

#[tokio::test]
async fn a_code_becomes_somebody_with_their_profile_and_unionid() {
    for (kind, scope) in [(WeChatKind::OfficialAccount, "snsapi_userinfo"), (WeChatKind::Website, "snsapi_login")] {
        let answers = [("/sns/oauth2/access_token", granted(scope)), ("/sns/userinfo", userinfo())];
        let (wechat, asked) = wechat(kind, &answers).await;
        let Redirected { identity, profile } = redeem(&wechat).await.unwrap();
        assert_eq!((identity.openid.as_str(), identity.unionid.unwrap().as_str()), (OPENID, "oUnion"));
        let profile = profile.unwrap();
        assert_eq!(
            (profile.nickname.as_str(), profile.avatar_url.as_str()),
            ("Band", "https://thirdwx.qlogo.cn/x/132")
        );
        let asked = asked.lock().unwrap();
        let query: Vec<_> = asked[0].query_pairs().into_owned().collect();
        let pairs =
            [("appid", APPID), ("secret", SECRET), ("code", code().expose()), ("grant_type", "authorization_code")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(query, pairs);
        assert_eq!(asked[1].query(), Some(format!("access_token=ACCESS-TOKEN&openid={OPENID}&lang=zh_CN").as_str()));
    }
}

#[tokio::test]
async fn a_silent_code_names_somebody_and_asks_for_no_profile() {
    let (wechat, asked) =
        wechat(WeChatKind::OfficialAccount, &[("/sns/oauth2/access_token", granted("snsapi_base"))]).await;
    let Redirected { identity, profile } = redeem(&wechat).await.unwrap();
    assert!(profile.is_none() && identity.unionid.is_none());
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_virtual_user_is_refused_however_the_flag_is_written() {
    for flag in [json!(1), json!("1"), json!("yes"), json!(2)] {
        let mut answer = granted("snsapi_userinfo");
        answer["is_snapshotuser"] = flag.clone();
        let (wechat, asked) = wechat(WeChatKind::OfficialAccount, &[("/sns/oauth2/access_token", answer)]).await;
        let error = redeem(&wechat).await.unwrap_err();
        assert_eq!((&error, error.code_unspent()), (&Error::Snapshot, false), "{flag}");
        assert_eq!(asked.lock().unwrap().len(), 1);
    }
    for flag in [json!(true), json!({})] {
        let mut answer = granted("snsapi_base");
        answer["is_snapshotuser"] = flag;
        let (wechat, _) = wechat(WeChatKind::OfficialAccount, &[("/sns/oauth2/access_token", answer)]).await;
        assert!(matches!(redeem(&wechat).await, Err(Error::Malformed { .. })));
    }
    for flag in [json!(0), json!(null), json!("0")] {
        let mut answer = granted("snsapi_base");
        answer["is_snapshotuser"] = flag;
        let (wechat, _) = wechat(WeChatKind::OfficialAccount, &[("/sns/oauth2/access_token", answer)]).await;
        assert!(redeem(&wechat).await.is_ok());
    }
}

#[tokio::test]
async fn a_profile_that_does_not_come_or_is_somebody_elses_is_only_missing() {
    let mut foreign = userinfo();
    foreign["openid"] = "oSomebodyElse".into();
    for answer in [json!({"errcode": 48001, "errmsg": "api unauthorized"}), json!("nonsense"), foreign] {
        let answers = [("/sns/oauth2/access_token", granted("snsapi_userinfo")), ("/sns/userinfo", answer)];
        let (wechat, _) = wechat(WeChatKind::OfficialAccount, &answers).await;
        let Redirected { identity, profile } = redeem(&wechat).await.unwrap();
        assert!(profile.is_none());
        assert_eq!(identity.openid.as_str(), OPENID);
    }
}

#[tokio::test]
async fn wechats_refusals_are_told_apart() {
    type Is = fn(&Error) -> bool;
    let cases: [(i64, Is, bool); 6] = [
        (40029, |it| matches!(it, Error::BadCode { .. }), false),
        (40163, |it| matches!(it, Error::CodeUsed { .. }), false),
        (40125, |it| matches!(it, Error::Misconfigured { .. }), false),
        (40001, |it| matches!(it, Error::Misconfigured { .. }), false),
        (45011, |it| matches!(it, Error::Quota { .. }), true),
        (-1, |it| matches!(it, Error::Busy { .. }), true),
    ];
    for (errcode, is, unspent) in cases {
        let said = json!({"errcode": errcode, "errmsg": format!("no, {SECRET} {}, rid: 1", code().expose())});
        let (wechat, _) = wechat(WeChatKind::Website, &[("/sns/oauth2/access_token", said)]).await;
        let error = redeem(&wechat).await.unwrap_err();
        assert!(is(&error), "{error}");
        assert_eq!(error.code_unspent(), unspent, "{error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(SECRET) && !shown.contains(code().expose()), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_without_openid_or_token_is_nobody() {
    for member in ["openid", "access_token"] {
        let mut answer = granted("snsapi_base");
        answer.as_object_mut().unwrap().remove(member);
        let (wechat, _) = wechat(WeChatKind::Website, &[("/sns/oauth2/access_token", answer)]).await;
        assert!(matches!(redeem(&wechat).await, Err(Error::Malformed { .. })), "{member}");
    }
}

#[tokio::test]
async fn a_native_app_meets_somebody_by_the_sdks_code() {
    let answers = [("/sns/oauth2/access_token", granted("snsapi_userinfo")), ("/sns/userinfo", userinfo())];
    let (wechat, _) = wechat(WeChatKind::Native, &answers).await;
    assert!(wechat.redirect().is_none() && wechat.phone().is_none() && wechat.open_data().is_none());
    let met = wechat.meet(&JsCode::parse(code().expose()).unwrap()).await.unwrap();
    assert_eq!((met.identity.openid.as_str(), met.profile.unwrap().nickname.as_str()), (OPENID, "Band"));
    assert_eq!(wechat.login(&code()).await.unwrap().openid.as_str(), OPENID);
}

#[tokio::test]
async fn a_page_has_no_codes_of_mini_programs_and_a_mini_program_no_pages() {
    for kind in [WeChatKind::OfficialAccount, WeChatKind::Website] {
        let (wechat, asked) = wechat(kind, &[]).await;
        assert!(matches!(wechat.login(&code()).await, Err(Error::Unsupported)));
        assert!(asked.lock().unwrap().is_empty());
    }
    assert!(wechat(WeChatKind::MiniProgram, &[]).await.0.redirect().is_none());
}
