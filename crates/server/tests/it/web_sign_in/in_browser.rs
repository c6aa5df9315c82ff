//! The whole of it in a real browser: the example page, menjin, the platform's own page, and back.

use super::{H5_APPID, SITE_APPID};
use crate::dev_page::in_browser::browser::Browser;
use crate::harness::{APP_SECRET, Setup, TestServer};

const PAGE: &str = "/dev/sign-in";

/// The apps of `menjin dev`, whose people come back to the example page.
async fn start() -> TestServer {
    let app = |id: &str, sign_in: &str, appid: &str| {
        format!(
            "[[app]]\nid = \"{id}\"\nkind = \"web\"\nsign_in = \"{sign_in}\"\nplatform = \"wechat\"\nappid = \"{appid}\"\nsecret = \"{APP_SECRET}\"\nredirect_uris = [\"PUBLIC_URL{PAGE}\", \"LOCALHOST{PAGE}\"]\n"
        )
    };
    let toml = app("demo-h5", "official_account", H5_APPID) + &app("demo-site", "website", SITE_APPID);
    let server = TestServer::with(Setup { dev: true, toml, ..Setup::default() }).await;
    super::register(&server);
    server
}

#[tokio::test]
async fn a_person_goes_to_the_platform_and_comes_back_signed_in() {
    let server = start().await;
    server.sim.change_person("alice", |alice| alice.nickname = Some("爱丽丝 <b>".into()));
    let browser = Browser::start("zh-CN").await;
    for (app, asks) in [("demo-h5", "/connect/oauth2/authorize"), ("demo-site", "/connect/qrconnect")] {
        browser.open(&format!("{}{PAGE}", server.url)).await;
        browser.click(&format!("button[value={app}]")).await;
        browser.until(&format!("location.pathname === {asks:?}")).await;
        browser.click("#allow").await;
        browser.until("document.body.dataset.user").await;
        assert!(browser.text("#shown").await.contains("爱丽丝 <b>"));
        assert_eq!(browser.run("location.href").await, format!("{}{PAGE}", server.url), "no code stays in the address");
        assert_eq!(browser.run("sessionStorage.length").await, 0);
    }
    assert_eq!(browser.console().await, [""; 0]);
}

#[tokio::test]
async fn the_page_signs_in_under_the_name_localhost_too() {
    let server = start().await;
    let page = format!("{}{PAGE}", server.url.replace("127.0.0.1", "localhost"));
    let browser = Browser::start("en").await;
    browser.open(&page).await;
    browser.click("button[value=demo-site]").await;
    browser.until("location.pathname === '/connect/qrconnect'").await;
    browser.click("#allow").await;
    browser.until("document.body.dataset.user").await;
    assert_eq!(browser.run("location.href").await, page);
}

#[tokio::test]
async fn going_back_and_reloading_after_a_sign_in_breaks_nothing() {
    let server = start().await;
    let browser = Browser::start("en").await;
    browser.open(&format!("{}{PAGE}", server.url)).await;
    browser.click("button[value=demo-h5]").await;
    browser.until("location.pathname === '/connect/oauth2/authorize'").await;
    browser.click("#allow").await;
    browser.until("document.body.dataset.user").await;
    browser.run("void location.reload()").await;
    browser.until("!document.body.dataset.user && document.readyState === 'complete'").await;
    assert_eq!(browser.text("#shown").await, "");
    browser.run("void history.back()").await;
    browser.until("document.querySelector('#allow')").await;
    browser.click("#allow").await;
    // A state serves once.
    browser.until("document.body?.innerText.includes('sign_in_not_under_way')").await;
}

#[tokio::test]
async fn somebody_who_declines_reads_so_on_the_page() {
    let server = start().await;
    let browser = Browser::start("en").await;
    browser.open(&format!("{}{PAGE}", server.url)).await;
    browser.click("button[value=demo-h5]").await;
    browser.until("location.pathname === '/connect/oauth2/authorize'").await;
    browser.click("#deny").await;
    browser.until("document.body.dataset.error").await;
    assert_eq!(browser.text("#shown").await, "sign_in_denied");
}
