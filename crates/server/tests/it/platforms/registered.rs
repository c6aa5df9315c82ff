//! Apps of other platforms that operators register, and people of theirs whom back ends name.

use menjin_server::config::{AppKind, PlatformName, Secret};
use menjin_server::store::Actor;
use menjin_server::{ByPassword, NewApp};
use menjin_sim::{App, Platform};
use reqwest::Method;
use serde_json::json;

use super::{QQ, sign_in_as, start, start_with};
use crate::harness::{APP_SECRET, CLIENT_SECRET, Setup};

fn mini_program(platform: PlatformName, appid: &str) -> NewApp {
    NewApp {
        id: "kiosk".to_owned(),
        kind: AppKind::MiniProgram,
        name: None,
        audience: None,
        scopes: Vec::new(),
        platform: Some((platform, appid.to_owned(), Secret::new(APP_SECRET))),
        open_account: None,
        by_password: ByPassword::default(),
    }
}

#[tokio::test]
async fn people_sign_in_to_a_registered_app_of_qq() {
    let t = start().await;
    t.sim.add_app(App::of(Platform::Qq, "1110000009", APP_SECRET));
    t.menjin.add_app(&Actor::command(), mini_program(PlatformName::Qq, "1110000009")).await.unwrap();
    sign_in_as(&t, ("kiosk", Platform::Qq, "1110000009"), "alice").await;
}

#[tokio::test]
async fn an_app_of_alipay_is_not_registered_by_command_and_an_odd_appid_is_refused() {
    let t = start().await;
    let keyed =
        t.menjin.add_app(&Actor::command(), mini_program(PlatformName::Alipay, "2021000000000009")).await.unwrap_err();
    assert!(keyed.to_string().contains("menjin.toml"), "{keyed}");
    for (platform, appid) in [(PlatformName::Qq, "wx0123456789abcdef"), (PlatformName::Douyin, "1110000009")] {
        let odd = t.menjin.add_app(&Actor::command(), mini_program(platform, appid)).await.unwrap_err();
        assert!(odd.to_string().contains("app.kiosk.appid"), "{odd}");
    }
}

#[tokio::test]
async fn a_back_end_opens_a_session_for_somebody_of_qq() {
    let toml = format!(
        "[[app]]\nid = \"opener\"\nkind = \"backend\"\naudience = \"shop-api\"\nclient_secret = \"{CLIENT_SECRET}\"\nscopes = [\"sessions:open\"]\n"
    );
    let t = start_with(Setup { toml, ..Setup::default() }).await;
    let alice = sign_in_as(&t, ("qq", Platform::Qq, QQ), "alice").await;
    let identity = json!({"platform": "qq", "appid": QQ, "openid": t.sim.openid(QQ, "alice")});
    let body = json!({"identity": identity, "app": "qq"}).to_string();
    let basic = crate::broker::basic("opener", CLIENT_SECRET);
    let send = async |body: String| {
        t.anon().send(Method::POST, "/v1/sessions", Some(body), &[("authorization", &basic)]).await
    };
    let opened = send(body.clone()).await.ok(201);
    assert_eq!(opened["user"]["id"], alice["user"]["id"]);
    let unknown = send(body.replace("\"platform\":\"qq\"", "\"platform\":\"msn\"")).await.problem(400, "field_invalid");
    assert!(unknown["detail"].as_str().unwrap().contains("douyin"), "{unknown}");
}
