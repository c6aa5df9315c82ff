//! The way of a new operator, in a real browser: the link, the password, the second factor, in.

use menjin_server::store::{Actor, OperatorRole};

use super::hand::{Hand, PASSWORD};
use super::scan::scanning;
use crate::dev_page::in_browser::browser::Browser;
use crate::harness::{Setup, TestServer};

#[tokio::test]
async fn a_new_operator_opens_the_link_and_is_in() {
    let t = TestServer::start().await;
    let link = t.menjin.create_operator(&Actor::command(), "lin", OperatorRole::Admin).await.unwrap().link;
    let link = format!("{}{}", t.admin_url, super::hand::path_of(&link));
    let browser = Browser::start("zh-CN").await;
    browser.open(&link).await;
    assert_eq!(browser.text("#operator").await, "lin");
    assert_eq!(browser.text("h1").await, "设置登录方式");
    let drawn = browser.run("document.querySelector('svg.code .ink').getBBox().width").await;
    assert!(drawn.as_f64().unwrap() > 20.0, "the code is drawn: {drawn}");
    let colour = browser.run("getComputedStyle(document.querySelector('svg.code .ink')).fill").await;
    assert_eq!(colour, "rgb(0, 0, 0)", "the style is loaded");
    let secret = browser.text("#secret").await;
    let mut hand = Hand::new(&t);
    hand.learn(&secret);
    browser.write("#password", PASSWORD).await;
    browser.write("#again", PASSWORD).await;
    browser.write("#code", &hand.code()).await;
    browser.click("#set-up").await;
    browser.until("location.pathname.startsWith('/console')").await;
    browser.open(&format!("{}/admin/account", t.admin_url)).await;
    assert_eq!(browser.text("#role").await, "admin");

    browser.click("#sign-out").await;
    browser.until("location.pathname === '/admin/sign-in' && document.querySelector('#name')").await;
    browser.open(&format!("{}/admin/account", t.admin_url)).await;
    browser.until("location.pathname === '/admin/sign-in' && document.querySelector('#name')").await;
    browser.write("#name", "lin").await;
    browser.write("#password", "not the password").await;
    browser.write("#code", &hand.next_code()).await;
    browser.click("#sign-in").await;
    browser.until("document.querySelector('[role=alert]')").await;
    browser.write("#password", PASSWORD).await;
    browser.write("#code", &hand.code()).await;
    browser.click("#sign-in").await;
    browser.until("location.pathname === '/admin/account' && document.querySelector('#role')").await;
}

/// Presses what leads to the platform, says yes there, and comes back to a page where this holds.
async fn scans(browser: &Browser, button: &str, then: &str) {
    browser.click(button).await;
    browser.until("location.pathname === '/connect/qrconnect' && document.querySelector('#allow')").await;
    browser.click("#allow").await;
    browser.until(then).await;
}

#[tokio::test]
async fn an_operator_links_their_wechat_and_signs_in_by_a_scan() {
    let t = scanning(Setup::default()).await;
    let link = t.menjin.create_operator(&Actor::command(), "lin", OperatorRole::Admin).await.unwrap().link;
    let browser = Browser::start("en").await;
    browser.open(&format!("{}{}", t.admin_url, super::hand::path_of(&link))).await;
    let mut hand = Hand::new(&t);
    hand.learn(&browser.text("#secret").await);
    browser.write("#password", PASSWORD).await;
    browser.write("#again", PASSWORD).await;
    browser.write("#code", &hand.code()).await;
    browser.click("#set-up").await;
    browser.until("location.pathname.startsWith('/console')").await;
    browser.open(&format!("{}/admin/account", t.admin_url)).await;
    scans(&browser, "#link", "location.pathname === '/admin/account' && document.querySelector('#linked')").await;

    browser.click("#sign-out").await;
    browser.until("location.pathname === '/admin/sign-in' && document.querySelector('#scan')").await;
    assert_eq!(browser.text("#scan").await, "Sign in with WeChat · 微信扫码");
    scans(&browser, "#scan", "location.pathname === '/console' && document.querySelector('#who')").await;
    assert_eq!(browser.text("#who").await, "lin");
    assert_eq!(browser.console().await, [""; 0]);

    browser.open(&format!("{}/admin/account", t.admin_url)).await;
    browser.click("#unlink").await;
    browser.until("location.pathname === '/admin/sign-in' && document.querySelector('#scan')").await;
    scans(&browser, "#scan", "location.pathname === '/admin/sign-in' && document.querySelector('[role=alert]')").await;
}

#[tokio::test]
async fn menjin_dev_needs_one_click() {
    let t = TestServer::with(Setup { dev: true, ..Setup::default() }).await;
    let browser = Browser::start("en").await;
    browser.open(&format!("{}/admin/account", t.url)).await;
    browser.until("location.pathname === '/admin/sign-in' && document.querySelector('#dev')").await;
    browser.click("#dev").await;
    browser.until("location.pathname === '/admin/account' && document.querySelector('#role')").await;
    assert_eq!(browser.text("h1").await, "dev");
}
