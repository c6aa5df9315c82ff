//! The page as somebody uses it who has just typed `cargo run -- dev`.

use std::time::Duration;

use menjin_sim::{Fault, FaultKind};
use serde_json::json;

use super::browser::Browser;
use crate::harness::{Setup, TestServer};

const SIGNED_IN: &str = "document.querySelector('#signed-in').checkVisibility()";

/// A browser with the page open.
async fn open(language: &str) -> (TestServer, Browser) {
    let t = TestServer::with(Setup { dev: true, ..Setup::default() }).await;
    let browser = Browser::start(language).await;
    browser.open(&t.url).await;
    browser.until("document.querySelector('#signed-out').checkVisibility()").await;
    (t, browser)
}

/// The card of a request that was answered so.
fn step(name: &str, status: u16) -> String {
    format!("document.querySelector('.step[data-step={name:?}][data-status=\"{status}\"][data-lost=no]')")
}

fn idle() -> &'static str {
    "!document.body.hasAttribute('data-busy')"
}

/// Nothing went wrong but the answers that the test provoked.
async fn assert_quiet(browser: &Browser, provoked: &[u16]) {
    let console = browser.console().await;
    let expected = |line: &&String| provoked.iter().any(|status| line.contains(&format!("a status of {status}")));
    let (expected, others): (Vec<&String>, Vec<&String>) =
        console.iter().partition(|line| line.starts_with("network") && expected(line));
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(expected.len(), provoked.len(), "{expected:#?}");
}

#[tokio::test]
async fn a_person_signs_in_sees_who_they_are_and_what_the_token_says_and_signs_out() {
    let (t, browser) = open("zh-CN").await;
    browser.click(".people label:nth-child(2)").await;
    browser.click("#login").await;
    browser.until(SIGNED_IN).await;
    browser.until(&step("sessions", 200)).await;
    for name in ["wx.login", "login", "me"] {
        browser.until(&step(name, 200)).await;
    }
    let user = browser.text("#user-id").await;
    assert!(user.starts_with("usr_"), "{user}");
    assert_eq!(browser.text("#number").await, "1");
    assert_eq!(browser.text("[data-claim=client_id] dd").await, "shop");
    assert_eq!(browser.text("[data-claim=sub] dd code").await, user);
    assert_eq!(browser.text("[data-claim=iss] dd").await, t.url);
    assert_eq!(browser.text("[data-claim=alg] dd").await, "ES256");
    assert!(browser.text("[data-claim=exp] .left").await.starts_with("还剩 1"));
    browser.until("document.querySelector('#token-verified.good')").await;
    browser.until("document.querySelectorAll('#sessions li').length === 1").await;

    browser.write("#new-nickname", "小红 🌸").await;
    browser.click("#rename button").await;
    browser.until("document.querySelector('#nickname').innerText === '小红 🌸'").await;
    browser.open(&t.url).await;
    browser.until("document.querySelector('#nickname').innerText === '小红 🌸'").await;
    assert_eq!(browser.text("#user-id").await, user);
    browser.until(idle()).await;

    browser.click("#logout").await;
    browser.until("document.querySelector('#notice.calm')?.checkVisibility()").await;
    assert_eq!(browser.run("document.activeElement.id").await, "login");
    assert_eq!(browser.run("sessionStorage.getItem('menjin.dev.phone').includes('eyJ')").await, false);
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn a_lost_answer_costs_nobody_their_session() {
    let (_t, browser) = open("en").await;
    browser.click("#lose").await;
    browser.click("#login").await;
    browser.until("document.querySelector('.step[data-step=login][data-lost=yes]')").await;
    browser.until(SIGNED_IN).await;
    let same = "document.querySelector('.act li:has([data-lost=yes]) + li .verdict.good')?.innerText ?? ''";
    let session = browser.text("#session-id").await;
    assert_eq!(browser.run(same).await, format!("The same session: {session}"));
    browser.until(idle()).await;

    let token = |claim: &str| format!("[data-claim={claim}] dd");
    let (jti, sid) = (browser.text(&token("jti")).await, browser.text(&token("sid")).await);
    browser.click("#refresh").await;
    browser.until(&format!("document.querySelector('{}').innerText !== {jti:?}", token("jti"))).await;
    assert_eq!(browser.text(&token("sid")).await, sid);
    browser.until(idle()).await;

    browser.click("#lose").await;
    browser.click("#refresh").await;
    browser.until("document.querySelector('.step[data-step=refresh][data-lost=yes]')").await;
    browser.until(&format!("({same}).startsWith('The same session')")).await;
    browser.until("document.querySelector('.act li:has([data-lost=yes]) + li .verdict:last-of-type')?.innerText === 'The refresh token equals the one that was lost'").await;
    browser.until(idle()).await;
    browser.click("#me").await;
    browser.until("document.querySelector('.act:first-child .step[data-step=me][data-status=\"200\"]')").await;
    assert_eq!(browser.run(SIGNED_IN).await, true);
    assert_eq!(browser.text("#session-id").await, session);
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn a_kicked_phone_says_so_and_offers_the_sign_in() {
    let (_t, browser) = open("en").await;
    browser.click("#login-phone").await;
    browser.until(SIGNED_IN).await;
    browser.until("/^\\d{3}\\*{4}\\d{4}$/.test(document.querySelector('#phone-number').innerText)").await;
    browser.until(idle()).await;
    browser.click("#replay").await;
    browser.until(&step("replay", 401)).await;
    assert_eq!(browser.run(SIGNED_IN).await, true);
    browser.until(idle()).await;

    browser.click("#elsewhere").await;
    browser.until("document.querySelectorAll('#sessions li').length === 2").await;
    browser.click("#sessions button").await;
    browser.until(&step("end", 204)).await;
    browser.until("document.querySelectorAll('#sessions li').length === 1").await;
    browser.until(idle()).await;

    browser.click("#kick").await;
    browser.until(&step("me", 401)).await;
    browser.until("document.querySelector('#login').checkVisibility()").await;
    assert!(browser.text("#notice").await.contains("session_kicked"));
    assert_eq!(browser.run("document.activeElement.id").await, "login");
    assert_eq!(browser.run("document.querySelector('#refresh').disabled").await, true);
    browser.click("#login").await;
    browser.until(SIGNED_IN).await;
    browser.until(idle()).await;
    assert_quiet(&browser, &[401, 401]).await;
}

#[tokio::test]
async fn an_expired_token_is_refreshed_and_the_request_repeated() {
    let (t, browser) = open("zh-CN").await;
    browser.click("#login").await;
    browser.until(SIGNED_IN).await;
    browser.until(idle()).await;
    let session = browser.text("#session-id").await;
    t.advance(Duration::from_mins(16));
    browser.click("#me").await;
    for (name, status) in [("me", 401), ("refresh", 200), ("me", 200)] {
        browser.until(&step(name, status)).await;
    }
    assert!(browser.text(".act:first-child li:nth-child(2) .why").await.contains("token_expired"));
    browser.until(idle()).await;
    assert_eq!(browser.text("#session-id").await, session);
    assert!(browser.text("#token-state").await.starts_with("还剩 1"));
    assert_quiet(&browser, &[401]).await;
}

#[tokio::test]
async fn a_busy_platform_is_told_and_the_same_code_works_a_moment_later() {
    let (t, browser) = open("en").await;
    t.sim.add_fault(Fault::once(FaultKind::Busy));
    browser.click("#login").await;
    browser.until(&step("login", 503)).await;
    browser.until(idle()).await;
    let notice = browser.text("#notice").await;
    assert!(notice.starts_with("The sign-in failed") && notice.ends_with("Try again"), "{notice}");
    assert_eq!(browser.run("document.querySelector('#replay').disabled").await, true);
    browser.click("#again").await;
    browser.until(SIGNED_IN).await;
    browser.until(idle()).await;
    assert_eq!(browser.run("document.querySelector('#notice').checkVisibility()").await, false);
    assert_eq!(browser.run("document.querySelectorAll('.step[data-step=\"wx.login\"]').length").await, 1);
    assert_quiet(&browser, &[503]).await;
}

#[tokio::test]
async fn a_double_click_signs_in_once() {
    let (_t, browser) = open("en").await;
    browser.run("[1, 2, 3].forEach(() => document.querySelector('#login').click())").await;
    browser.until(SIGNED_IN).await;
    browser.until(idle()).await;
    assert_eq!(browser.run("document.querySelectorAll('.step[data-step=login]').length").await, 1);
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn a_server_that_has_gone_is_told_with_what_to_do() {
    let (t, browser) = open("zh-CN").await;
    t.stop().await;
    browser.click("#login").await;
    browser.until("document.querySelector('.step.failed')").await;
    assert_eq!(browser.text("#notice").await, "menjin 没有应答\n\nmenjin dev 还在运行吗？");
    browser.until(idle()).await;
    assert_eq!(browser.run("document.querySelector('#login').checkVisibility()").await, true);
}

#[tokio::test]
async fn hostile_text_stays_text_in_both_languages() {
    let (t, browser) = open("en").await;
    let hostile = "<img src=x onerror=alert(1)>";
    browser.write("#person", hostile).await;
    browser.click("#login").await;
    browser.until(SIGNED_IN).await;
    browser.until(idle()).await;
    browser.write("#new-nickname", hostile).await;
    browser.click("#rename button").await;
    browser.until(&format!("document.querySelector('#nickname').innerText === {hostile:?}")).await;
    browser.until(idle()).await;
    assert!(browser.text(".act:last-child h3").await.contains(hostile));
    browser.write("#new-nickname", "\u{202e}").await;
    browser.click("#rename button").await;
    browser.until("document.querySelector('#rename-error').checkVisibility()").await;
    browser.until(idle()).await;
    assert!(browser.text(".act:first-child pre").await.contains(r#""nickname": "\u202e""#));

    browser.click("#lang-zh").await;
    browser.until("document.querySelector('#logout').innerText === '退出登录'").await;
    browser.open(&t.url).await;
    browser.until("document.querySelector('#logout').innerText === '退出登录'").await;
    assert_eq!(browser.run("document.documentElement.lang").await, "zh-CN");
    assert_eq!(browser.text("#nickname").await, hostile);
    browser.until(idle()).await;
    assert_eq!(
        browser.run("document.querySelectorAll('main img:not([src=\"/dev/icon.svg\"])').length").await,
        json!(0)
    );
    assert_quiet(&browser, &[400]).await;
}

#[tokio::test]
async fn the_narrowest_phone_scrolls_down_only_and_the_keyboard_is_enough() {
    let (_t, browser) = open("zh-CN").await;
    let narrow = json!({"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true});
    browser.devtools("Emulation.setDeviceMetricsOverride", narrow).await;
    browser.write("#person", "小周\u{e007}").await;
    browser.until(SIGNED_IN).await;
    browser.until(&step("sessions", 200)).await;
    browser.until(idle()).await;
    assert_eq!(browser.run("document.activeElement.id").await, "nickname");
    browser.write("#elsewhere", "\u{e00d}").await;
    browser.until("document.querySelectorAll('#sessions li').length === 2").await;
    browser.until(idle()).await;
    browser.run("document.querySelectorAll('details').forEach((box) => { box.open = true; })").await;
    let widths = browser.run("[document.documentElement.scrollWidth, innerWidth]").await;
    assert_eq!(widths, json!([360, 360]));
    assert_quiet(&browser, &[]).await;
}
