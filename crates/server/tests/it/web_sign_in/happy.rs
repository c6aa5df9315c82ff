//! Each kind of app signs people in, and one person is one user.

use menjin_sim::Decision;
use serde_json::json;

use super::browser::{Browser, STATE};
use super::{H5_APPID, NATIVE_APPID, SITE_APPID, start, start_with};
use crate::harness::{Setup, claims};
use crate::me::{address, fetch, sample, upload};

#[tokio::test]
async fn a_page_inside_wechat_signs_somebody_in_with_their_name_and_picture() {
    let server = start().await;
    server.sim.change_person("alice", |alice| {
        alice.nickname = Some("爱丽丝 <b>".into());
        alice.avatar_url = Some("https://thirdwx.qlogo.cn/alice/132".into());
    });
    let mut browser = Browser::at(&server);
    let at_platform = browser.start("h5").await;
    let expected = format!(
        "{}/connect/oauth2/authorize?appid={H5_APPID}&redirect_uri={}&response_type=code&scope=snsapi_userinfo&state=",
        server.sim_url,
        format!("{}/v1/login/h5/callback", server.url).replace(':', "%3A").replace('/', "%2F"),
    );
    let rest = at_platform.as_str().strip_prefix(&expected).unwrap_or_else(|| panic!("{at_platform}"));
    let state = rest.strip_suffix("#wechat_redirect").unwrap();
    assert!(state.len() == 32 && state.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{state}");
    let back = browser.decide(&at_platform, "alice", Decision::Allow);
    let visit = browser.visit(&back).await;
    assert_eq!(visit.told("state").as_deref(), Some(STATE));
    let answer = browser.exchange("h5", &visit.code()).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let signed_in = answer.ok(200);
    assert_eq!(signed_in["user"]["nickname"], "爱丽丝 <b>");
    assert_eq!(signed_in["user"]["avatar_url"], "https://thirdwx.qlogo.cn/alice/132");
    assert_eq!((&signed_in["is_new_user"], &signed_in["need"]), (&json!(true), &json!([])));
    let claims = claims(signed_in["access_token"].as_str().unwrap());
    assert_eq!((&claims["client_id"], &claims["amr"]), (&json!("h5"), &json!(["wechat"])));
    let me = server.phone_with_token(signed_in["access_token"].as_str().unwrap()).get("/v1/me").await.ok(200);
    assert_eq!(me["user"]["id"], signed_in["user"]["id"]);
}

#[tokio::test]
async fn a_site_sends_people_to_the_picture_that_they_scan() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let at_platform = browser.start("site").await;
    assert!(at_platform.path().ends_with("/connect/qrconnect"), "{at_platform}");
    assert!(at_platform.as_str().contains(&format!("?appid={SITE_APPID}&")), "{at_platform}");
    assert!(at_platform.as_str().contains("&scope=snsapi_login&"), "{at_platform}");
    let back = browser.decide(&at_platform, "alice", Decision::Allow);
    let code = browser.visit(&back).await.code();
    browser.exchange("site", &code).await.ok(200);
}

#[tokio::test]
async fn a_native_app_brings_the_code_that_wechats_sdk_gave_it() {
    let server = start().await;
    server.sim.change_person("alice", |alice| alice.nickname = Some("爱丽丝".into()));
    let code = server.sim.native_code(NATIVE_APPID, "alice");
    let signed_in = server.anon().post("/v1/login/phone-app", json!({"code": code})).await.ok(200);
    assert_eq!(signed_in["user"]["nickname"], "爱丽丝");
    server.anon().post("/v1/login/phone-app", json!({"code": code})).await.problem(401, "code_used");
    let foreign = server.code("alice");
    server.anon().post("/v1/login/phone-app", json!({"code": foreign})).await.problem(401, "code_invalid");
    let mut browser = Browser::at(&server);
    browser.visit(Browser::begin("phone-app").as_str()).await.page(404, "app_unknown");
}

#[tokio::test]
async fn one_person_is_one_user_in_the_mini_program_on_both_kinds_of_pages_and_in_the_native_app() {
    let server = start().await;
    let phone = server.phone("alice").await;
    let user = phone.user_id();
    let mut browser = Browser::at(&server);
    for app in ["h5", "site"] {
        let signed_in = browser.sign_in(app, "alice").await;
        assert_eq!((&signed_in["user"]["id"], &signed_in["is_new_user"]), (&json!(user), &json!(false)), "{app}");
    }
    let code = server.sim.native_code(NATIVE_APPID, "alice");
    let signed_in = server.anon().post("/v1/login/phone-app", json!({"code": code})).await.ok(200);
    assert_eq!(signed_in["user"]["id"], user);
    assert_ne!(browser.sign_in("site", "bob").await["user"]["id"], user);
}

#[tokio::test]
async fn somebody_who_was_not_asked_is_known_by_openid_and_joined_once_they_are_asked() {
    let server = start().await;
    server.sim.change_person("alice", |alice| alice.nickname = Some("爱丽丝".into()));
    let mut browser = Browser::at(&server);
    let mut address = Browser::begin("h5");
    address.query_pairs_mut().append_pair("silent", "true");
    let at_platform = browser.visit(address.as_str()).await.location.unwrap();
    assert!(at_platform.as_str().contains("&scope=snsapi_base&"), "{at_platform}");
    let back = browser.decide(&at_platform, "alice", Decision::Allow);
    let code = browser.visit(&back).await.code();
    let silent = browser.exchange("h5", &code).await.ok(200);
    assert_eq!((&silent["user"]["nickname"], &silent["need"]), (&json!(null), &json!(["profile"])));
    let asked = browser.sign_in("h5", "alice").await;
    assert_eq!(asked["user"]["id"], silent["user"]["id"]);
    assert_eq!(asked["user"]["nickname"], "爱丽丝");
    let phone = server.phone("alice").await;
    assert_eq!(phone.user_id(), asked["user"]["id"], "the unionid came with the second sign-in");
}

#[tokio::test]
async fn what_a_platform_calls_somebody_is_refreshed_by_it_and_never_replaces_what_they_chose() {
    let server = start().await;
    let called = |nickname: &str, picture: &str| {
        server.sim.change_person("alice", |alice| {
            alice.nickname = Some(nickname.to_owned());
            alice.avatar_url = Some(format!("https://thirdwx.qlogo.cn/alice/{picture}"));
        });
    };
    let shown = |signed_in: &serde_json::Value| {
        let user = &signed_in["user"];
        (user["nickname"].as_str().unwrap().to_owned(), user["avatar_url"].as_str().unwrap().to_owned())
    };
    let told =
        |nickname: &str, picture: &str| (nickname.to_owned(), format!("https://thirdwx.qlogo.cn/alice/{picture}"));
    let mut browser = Browser::at(&server);
    called("Alice L.", "1");
    assert_eq!(shown(&browser.sign_in("site", "alice").await), told("Alice L.", "1"));
    called("Alice M.", "2");
    assert_eq!(
        shown(&browser.sign_in("h5", "alice").await),
        told("Alice M.", "2"),
        "the former address is dead by now"
    );

    let phone = server.phone("alice").await;
    phone.put("/v1/me", json!({"nickname": "小明"})).await.ok(200);
    called("Alice N.", "3");
    assert_eq!(shown(&browser.sign_in("site", "alice").await), told("小明", "3"), "each by itself");
    let uploaded = address(&upload(&phone, &server, &sample("camera.jpg")).await.ok(200));
    called("Alice O.", "4");
    assert_eq!(shown(&browser.sign_in("site", "alice").await), ("小明".to_owned(), uploaded.clone()));
    let code = server.sim.native_code(NATIVE_APPID, "alice");
    let native = server.anon().post("/v1/login/phone-app", json!({"code": code})).await.ok(200);
    assert_eq!(shown(&native), ("小明".to_owned(), uploaded.clone()));
    assert_eq!(fetch(&uploaded).await.0, 200);
}

#[tokio::test]
async fn everybodys_stand_in_never_replaces_what_somebody_has_chosen() {
    let server = start().await;
    server.sim.change_person("alice", |alice| alice.nickname = Some("爱丽丝".into()));
    let mut browser = Browser::at(&server);
    browser.sign_in("h5", "alice").await;
    server.sim.change_person("alice", |alice| alice.nickname = None);
    assert_eq!(browser.sign_in("h5", "alice").await["user"]["nickname"], "爱丽丝");
}

#[tokio::test]
async fn an_app_that_keeps_no_profile_asks_for_none() {
    let more = format!(
        "[[app]]\nid = \"plain\"\nkind = \"web\"\nprofile = \"none\"\nplatform = \"wechat\"\nsign_in = \"official_account\"\nappid = \"wx0000000000000001\"\nsecret = \"x\"\nredirect_uris = [\"{}\"]\n",
        super::PAGE
    );
    let server = start_with(Setup { toml: more, ..Setup::default() }).await;
    let at_platform = Browser::at(&server).start("plain").await;
    assert!(at_platform.as_str().contains("&scope=snsapi_base&"), "{at_platform}");
}
