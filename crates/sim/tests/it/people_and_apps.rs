//! `/_sim/apps` and `/_sim/people`.

use menjin_sim::{App, Platform};
use serde_json::{Value, json};

use crate::harness::{Platforms, SECRET, SHOP};

#[tokio::test]
async fn what_an_app_is_not_given_is_drawn() {
    let platforms = Platforms::with(Vec::new()).await;
    let app = platforms.control("/_sim/apps", json!({ "name": "小店" })).await;
    let (appid, secret) = (app["appid"].as_str().unwrap(), app["secret"].as_str().unwrap());
    let hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    assert!(appid.len() == 18 && appid.strip_prefix("wx").is_some_and(hex), "{appid}");
    assert!(secret.len() == 32 && hex(secret), "{secret}");
    assert_eq!(
        (&app["kind"], &app["name"], &app["open_account"]),
        (&json!("mini_program"), &json!("小店"), &Value::Null)
    );
    assert_eq!(platforms.get("/_sim/apps").await.json(), json!({ "apps": [app] }));
    let code = platforms.control("/_sim/wx/login", json!({ "person": "alice" })).await["code"].clone();
    let session = platforms.exchange_as(appid, secret, code.as_str().unwrap()).await.json();
    assert_eq!(session["openid"], platforms.sim.openid(appid, "alice"));
}

#[tokio::test]
async fn an_app_that_exists_is_changed_only_where_told() {
    let platforms = Platforms::start().await;
    let reset = "ffffffffffffffffffffffffffffffff";
    let app = platforms.control("/_sim/apps", json!({ "appid": SHOP, "secret": reset, "open_account": "acme" })).await;
    assert_eq!((&app["secret"], &app["name"]), (&json!(reset), &json!(SHOP)));
    let code = platforms.code("alice").await;
    platforms.exchange_as(SHOP, SECRET, &code).await.refused(40125, "invalid appsecret");
    let session = platforms.exchange_as(SHOP, reset, &code).await.json();
    assert_eq!(session["unionid"], platforms.sim.unionid("acme", "alice"));
    let app = platforms.control("/_sim/apps", json!({ "appid": SHOP, "open_account": "" })).await;
    assert_eq!((&app["open_account"], &app["secret"]), (&Value::Null, &json!(reset)));
}

#[tokio::test]
async fn without_any_app_the_way_out_is_named() {
    let platforms = Platforms::with(Vec::new()).await;
    let answer = platforms.post("/_sim/wx/login", json!({ "person": "alice" })).await;
    answer.complaint(400, "which app?");
    assert!(answer.body.contains("POST /_sim/apps"), "{}", answer.body);
}

#[tokio::test]
async fn people_are_listed_with_all_their_names() {
    let platforms = Platforms::start_with_two_apps().await;
    platforms.session("alice").await;
    let bob = json!({ "person": "bob", "nickname": "鲍勃", "phone": "13900139000", "blocked": true });
    let bob = platforms.control("/_sim/people", bob).await;
    assert_eq!((&bob["nickname"], &bob["blocked"]), (&json!("鲍勃"), &json!(true)));
    assert_eq!(bob["phone"], json!({ "number": "13900139000", "country_code": "86" }));
    assert_eq!(bob["openids"][SHOP], platforms.sim.openid(SHOP, "bob"));
    assert_eq!(bob["unionids"], json!({ "acme": platforms.sim.unionid("acme", "bob") }));
    let people = platforms.get("/_sim/people").await.json();
    assert_eq!((&people["people"][0]["person"], &people["people"][1]), (&json!("alice"), &bob));
}

#[tokio::test]
async fn an_app_of_another_platform_is_none_of_wechats() {
    const QQ: &str = "1110000001";
    let shop = App::mini_program(SHOP, SECRET).bound_to("acme");
    let platforms = Platforms::with(vec![shop, App::of(Platform::Qq, QQ, SECRET).bound_to("acme")]).await;
    let alice = platforms.control("/_sim/people", json!({ "person": "alice" })).await;
    let unionids = json!({
        "acme": platforms.sim.unionid("acme", "alice"),
        "qq:acme": platforms.sim.unionid_of(Platform::Qq, "acme", "alice"),
    });
    assert_eq!(alice["unionids"], unionids);
    let token = format!("/cgi-bin/token?grant_type=client_credential&appid={QQ}&secret={SECRET}");
    platforms.get(&token).await.refused(40013, "invalid appid");
    platforms.exchange_as(QQ, SECRET, &platforms.code("alice").await).await.refused(40013, "invalid appid");
    let login = async |body| platforms.post("/_sim/wx/login", body).await;
    login(json!({ "person": "alice", "appid": QQ })).await.complaint(404, QQ);
    platforms.control("/_sim/qq/login", json!({ "person": "alice" })).await;
    login(json!({ "openid": alice["openids"][QQ] })).await.complaint(404, "nobody has the openid");
}

#[tokio::test]
async fn a_person_is_changed_only_where_told_and_only_to_something_sensible() {
    let platforms = Platforms::start().await;
    let change = async |body| platforms.post("/_sim/people", body).await;
    change(json!({ "person": "bob", "nickname": "鲍勃" })).await;
    let bob = change(json!({ "person": "bob", "phone": "13900139000" })).await.json();
    assert_eq!(bob["nickname"], "鲍勃");
    change(json!({ "nickname": "x" })).await.complaint(400, "missing field `person`");
    change(json!({ "person": "bob", "phone": "12ab" })).await.complaint(400, "bad phone");
    change(json!({ "person": "bob", "phone": "+85261234567" })).await.complaint(400, "bad phone");
    change(json!({ "person": "bob", "nickname": "a\u{7}" })).await.complaint(400, "bad nickname");
}
