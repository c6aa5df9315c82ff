//! `connect/oauth2/authorize`, `connect/qrconnect`, and what `sns/*` gives for their codes.

use menjin_sim::{App, Decision};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, Platforms, SECRET};

const H5: &str = "wx5555555555555555";
const SITE: &str = "wx5173517351735173";
const NATIVE: &str = "wxa9a9a9a9a9a9a9a9";
const BACK: &str = "http%3A%2F%2F127.0.0.1%3A8080%2Fback";

async fn platforms() -> Platforms {
    let apps = [App::official_account(H5, SECRET), App::website(SITE, SECRET), App::native(NATIVE, SECRET)];
    Platforms::with(apps.map(|app| app.bound_to("acme")).into()).await
}

fn in_wechat(scope: &str) -> String {
    format!("/connect/oauth2/authorize?appid={H5}&redirect_uri={BACK}&response_type=code&scope={scope}&state=abc")
}

fn by_picture() -> String {
    format!("/connect/qrconnect?appid={SITE}&redirect_uri={BACK}&response_type=code&scope=snsapi_login&state=abc")
}

/// Where the person is led, by the control API.
async fn decide(platforms: &Platforms, address: &str, decision: &str) -> Value {
    let url = format!("https://open.weixin.qq.com{address}#wechat_redirect");
    platforms.control("/_sim/wx/authorize", json!({"url": url, "person": "alice", "decision": decision})).await
}

async fn code(platforms: &Platforms, address: &str) -> String {
    let location = decide(platforms, address, "allow").await["location"].as_str().expect("it leads back").to_owned();
    let code = location.strip_prefix("http://127.0.0.1:8080/back?code=").expect("with a code");
    code.strip_suffix("&state=abc").expect("and the state").to_owned()
}

fn trade(appid: &str, secret: &str, code: &str) -> String {
    format!("/sns/oauth2/access_token?appid={appid}&secret={secret}&code={code}&grant_type=authorization_code")
}

async fn token(platforms: &Platforms, scope: &str) -> Value {
    platforms.get(&trade(H5, SECRET, &code(platforms, &in_wechat(scope)).await)).await.json()
}

#[tokio::test]
async fn a_code_becomes_a_token_for_one_person() {
    let platforms = platforms().await;
    let code = code(&platforms, &in_wechat("snsapi_userinfo")).await;
    let answer = platforms.get(&trade(H5, SECRET, &code)).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (StatusCode::OK, "text/plain"));
    let token = answer.json();
    assert_eq!(token["openid"], platforms.sim.openid(H5, "alice"));
    assert_eq!(token["unionid"], platforms.sim.unionid("acme", "alice"));
    assert_eq!((&token["scope"], &token["expires_in"]), (&json!("snsapi_userinfo"), &json!(7200)));
    assert!(token.get("is_snapshotuser").is_none());
    platforms.get(&trade(H5, SECRET, &code)).await.refused(40163, "code been used");
}

#[tokio::test]
async fn codes_live_five_minutes_in_wechat_and_ten_elsewhere() {
    let platforms = platforms().await;
    let (h5, site) = (code(&platforms, &in_wechat("snsapi_base")).await, code(&platforms, &by_picture()).await);
    let native = platforms.control("/_sim/wx/sendAuth", json!({"person": "alice", "appid": NATIVE})).await;
    platforms.sim.advance(300);
    platforms.get(&trade(H5, SECRET, &h5)).await.refused(40029, "invalid code");
    platforms.sim.advance(299);
    assert!(platforms.get(&trade(SITE, SECRET, &site)).await.json().get("openid").is_some());
    let native = native["code"].as_str().unwrap().to_owned();
    platforms.get(&trade(SITE, SECRET, &native)).await.refused(40029, "invalid code");
    assert_eq!(platforms.get(&trade(NATIVE, SECRET, &native)).await.json()["scope"], "snsapi_userinfo");
}

#[tokio::test]
async fn what_is_wrong_with_a_trade_is_named() {
    let platforms = platforms().await;
    let ask = async |query: &str| platforms.get(&format!("/sns/oauth2/access_token?{query}")).await;
    ask("").await.refused(41002, "appid missing");
    ask("appid=x").await.refused(41004, "appsecret missing");
    ask("appid=x&secret=x").await.refused(41008, "missing code");
    ask("appid=x&secret=x&code=x").await.refused(40013, "invalid appid");
    ask(&format!("appid={H5}&secret=x&code=x")).await.refused(40125, "invalid appsecret");
    platforms.get(&trade(H5, SECRET, "0x")).await.refused(40029, "invalid code");
}

#[tokio::test]
async fn a_profile_opens_to_its_token_and_person_alone() {
    let platforms = platforms().await;
    platforms.sim.change_person("alice", |alice| alice.nickname = Some("爱丽丝".into()));
    let token = token(&platforms, "snsapi_userinfo").await;
    let (access, openid) = (token["access_token"].as_str().unwrap(), token["openid"].as_str().unwrap());
    let ask = async |path: &str, access: &str, openid: &str| {
        platforms.get(&format!("/sns/{path}?access_token={access}&openid={openid}&lang=zh_CN")).await
    };
    let info = ask("userinfo", access, openid).await.json();
    assert_eq!((&info["nickname"], &info["sex"], &info["privilege"]), (&json!("爱丽丝"), &json!(0), &json!([])));
    assert_eq!(info["unionid"], token["unionid"]);
    assert_eq!(ask("auth", access, openid).await.json(), json!({"errcode": 0, "errmsg": "ok"}));
    ask("auth", access, "oSomebodyElse").await.refused(40003, "invalid openid");
    ask("userinfo", access, "oSomebodyElse").await.refused(40003, "invalid openid");
    assert_eq!(ask("userinfo", "x", openid).await.json()["errcode"], 40001);
    platforms.sim.advance(7200);
    ask("userinfo", access, openid).await.refused(42001, "access_token expired");
}

#[tokio::test]
async fn a_silent_token_opens_no_profile_and_tells_no_unionid() {
    let platforms = platforms().await;
    let token = token(&platforms, "snsapi_base").await;
    assert!(token.get("unionid").is_none(), "{token}");
    let (access, openid) = (token["access_token"].as_str().unwrap(), token["openid"].as_str().unwrap());
    let answer = platforms.get(&format!("/sns/userinfo?access_token={access}&openid={openid}")).await;
    answer.refused(48001, "api unauthorized");
}

#[tokio::test]
async fn a_refresh_keeps_the_token_while_it_is_good_and_ends_after_thirty_days() {
    let platforms = platforms().await;
    let token = token(&platforms, "snsapi_userinfo").await;
    let refresh = token["refresh_token"].as_str().unwrap();
    let path = format!("/sns/oauth2/refresh_token?appid={H5}&grant_type=refresh_token&refresh_token={refresh}");
    platforms.sim.advance(7199);
    assert_eq!(platforms.get(&path).await.json()["access_token"], token["access_token"]);
    platforms.sim.advance(7200);
    let next = platforms.get(&path).await.json();
    assert_ne!(next["access_token"], token["access_token"]);
    assert_eq!(next["openid"], token["openid"]);
    platforms.get(&path.replace(H5, SITE)).await.refused(40030, "invalid refresh_token");
    platforms.get(&path.replace(refresh, "x")).await.refused(40030, "invalid refresh_token");
    platforms.sim.advance(30 * 86_400);
    platforms.get(&path).await.refused(42002, "refresh_token expired");
}

#[tokio::test]
async fn a_snapshot_gives_a_virtual_user() {
    let platforms = platforms().await;
    let location = decide(&platforms, &in_wechat("snsapi_userinfo"), "snapshot").await;
    let code = location["location"].as_str().unwrap().split(['=', '&']).nth(1).unwrap().to_owned();
    let token = platforms.get(&trade(H5, SECRET, &code)).await.json();
    assert_eq!(token["is_snapshotuser"], 1);
    assert_ne!(token["openid"], platforms.sim.openid(H5, "alice"));
    assert!(token.get("unionid").is_none(), "{token}");
}

#[tokio::test]
async fn somebody_who_declines_is_led_back_without_a_code_or_not_at_all() {
    let platforms = platforms().await;
    let led = decide(&platforms, &in_wechat("snsapi_userinfo"), "deny").await;
    assert_eq!(led["location"], "http://127.0.0.1:8080/back?state=abc");
    assert_eq!(decide(&platforms, &by_picture(), "deny").await["location"], Value::Null);
}

#[tokio::test]
async fn the_page_asks_and_leads_on() {
    let platforms = platforms().await;
    platforms.sim.change_person("\"><script>alert(1)</script>", |_| {});
    let page = platforms.get(&in_wechat("snsapi_userinfo")).await;
    assert!(page.content_type.starts_with("text/html"), "{}", page.content_type);
    for part in ["value=\"allow\"", "value=\"deny\"", "value=\"snapshot\"", "action=\"../decide\""] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains("<script"), "{}", page.body);
    assert!(platforms.get(&by_picture()).await.body.contains("action=\"decide\""));
    let form = [("address", in_wechat("snsapi_userinfo")), ("person", "bob".into()), ("decision", "allow".into())];
    let request = platforms.request(Method::POST, "/connect/decide").form(&form);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("http://127.0.0.1:8080/back?code="), "{location}");
}

#[tokio::test]
async fn an_address_that_can_not_stand_is_told_on_the_page_and_leads_nowhere() {
    let platforms = platforms().await;
    for (from, to, says) in [
        (BACK, "https%3A%2F%2Fevil.example%2F", "10003"),
        (H5, "wxnobody", "10012"),
        (H5, SITE, "10005"),
        ("snsapi_userinfo", "snsapi_login", "10005"),
        ("state=abc", "state=a_b", "10013"),
    ] {
        let address = in_wechat("snsapi_userinfo").replace(from, to);
        let page = platforms.get(&address).await;
        assert_eq!(page.status, StatusCode::OK, "as all of WeChat's pages");
        assert!(page.body.contains(says) && !page.body.contains("<form"), "{address}: {}", page.body);
        let form = [("address", address.clone()), ("person", "bob".into()), ("decision", "allow".into())];
        let answer = Answer::of(platforms.request(Method::POST, "/connect/decide").form(&form)).await;
        assert!(answer.body.contains(says), "{}", answer.body);
        let refused = platforms.sim.authorize(&address, "bob", Decision::Allow).unwrap_err();
        assert!(refused.contains(says), "{refused}");
    }
}

#[tokio::test]
async fn a_registered_domain_is_the_only_one() {
    let platforms = platforms().await;
    platforms.control("/_sim/apps", json!({"appid": H5, "redirect_domain": "shop.example.com"})).await;
    let to = |domain: &str| in_wechat("snsapi_base").replace("127.0.0.1%3A8080", domain);
    assert!(platforms.sim.authorize(&to("shop.example.com"), "bob", Decision::Allow).is_ok());
    for other in ["127.0.0.1%3A8080", "www.shop.example.com", "example.com"] {
        assert!(platforms.sim.authorize(&to(other), "bob", Decision::Allow).is_err(), "{other}");
    }
}
