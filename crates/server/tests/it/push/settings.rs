//! What WeChat's console is told, and asks; and settings that can't stand.

use menjin_sim::{PushFormat, PushMode, PushSettings};

use super::{TOKEN, alice, hearing, me, revoke, settings, told};
use crate::harness::{APPID, Setup, TestServer};
use crate::log::Log;

#[tokio::test]
async fn the_consoles_question_is_answered_to_whoever_knows_the_token() {
    let log = Log::start();
    let t = TestServer::with(hearing()).await;
    t.freeze();
    let right = settings(&t, PushFormat::Json, PushMode::Secure);
    t.sim.save_push(APPID, right.clone()).await.unwrap();
    let wrong = PushSettings { token: "another".to_owned(), ..right.clone() };
    assert!(t.sim.save_push(APPID, wrong).await.unwrap_err().contains("403"));
    let complaints: Vec<_> = log.lines().into_iter().filter(|it| it["level"] == "WARN").collect();
    let why = complaints[0]["fields"]["why"].as_str().unwrap();
    assert!(complaints.len() == 1 && why.contains("push_token"), "{complaints:?}");
    assert_eq!(complaints[0]["fields"]["app.id"], "shop");
    let elsewhere = PushSettings { url: format!("{}/v1/push/club", t.url), ..right.clone() };
    assert!(t.sim.save_push(APPID, elsewhere).await.unwrap_err().contains("404"));
    assert!(log.text().contains("`app.club.push_token` is missing"));
    t.clock.advance(std::time::Duration::from_secs(301));
    assert!(t.sim.save_push(APPID, right).await.unwrap_err().contains("403"));
    assert!(log.text().contains("clock"), "the operator reads what is wrong");
    assert!(!log.text().contains(TOKEN));
}

#[tokio::test]
async fn apps_that_hear_nothing_and_apps_that_are_not_there_are_unknown() {
    let t = TestServer::with(hearing()).await;
    for (app, status) in [("club", 404), ("office", 404), ("nobody", 404)] {
        let path = format!("/v1/push/{app}?signature=0&timestamp=0&nonce=0");
        t.anon().get(&path).await.problem(status, "app_unknown");
        t.anon().post(&path, serde_json::json!({})).await.problem(status, "app_unknown");
    }
    t.anon().delete("/v1/push/shop").await.problem(405, "method_unknown");
}

/// Pushes in clear prove nothing.
#[tokio::test]
async fn without_a_key_pushes_come_in_clear_and_to_menjin_dev_alone() {
    let shop = format!("push_token = \"{TOKEN}\"\n");
    let t = TestServer::with(Setup { shop: shop.clone(), dev: true, ..Setup::default() }).await;
    t.freeze();
    let plain = PushSettings { aes_key: None, ..settings(&t, PushFormat::Xml, PushMode::Plain) };
    t.sim.save_push(APPID, plain).await.unwrap();
    let phone = alice(&t).await;
    told(&t, &revoke(&t, "8")).await;
    assert!(me(&phone).await["phone_masked"].is_null());
    let toml = format!(
        "secret_key = \"{}\"\n[server]\npublic_url = \"http://127.0.0.1\"\n[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"{APPID}\"\nsecret = \"s3cret\"\n{shop}",
        crate::harness::MASTER_KEY
    );
    let folder = tempfile::tempdir().unwrap();
    let config = menjin_server::config::Config::parse(&toml, folder.path()).unwrap();
    let error = menjin_server::Menjin::new(config, menjin_server::Around::default()).await.unwrap_err().to_string();
    assert!(error.contains("app.shop.push_aes_key") && error.contains("menjin dev"), "{error}");
}
