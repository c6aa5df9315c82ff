//! The phones of `/dev` as tests hold them: the page opened, and what they ask of it again and again.

use serde_json::{Value, json};

use super::browser::Browser;
use crate::harness::{Setup, TestServer};

/// A server with `/dev`, and a browser that has it open.
pub(super) async fn open(language: &str) -> (TestServer, Browser) {
    open_with(Setup::default(), language).await
}

/// The same with changes of the server.
pub(super) async fn open_with(setup: Setup, language: &str) -> (TestServer, Browser) {
    let t = TestServer::with(Setup { dev: true, ..setup }).await;
    let browser = open_at(&t, language).await;
    (t, browser)
}

/// A browser that has the page of this server open.
pub(super) async fn open_at(t: &TestServer, language: &str) -> Browser {
    let browser = Browser::start(language).await;
    browser.open(&t.url).await;
    browser.until("document.querySelector('.out')?.checkVisibility()").await;
    browser
}

/// The phone of that number, signed in.
pub(super) async fn sign_in(browser: &Browser, number: u8) {
    browser.click(&on(number, ".login")).await;
    browser.until(&shows(number, ".home")).await;
    browser.until(idle()).await;
}

/// An element of the phone of that number.
pub(super) fn on(number: u8, css: &str) -> String {
    format!("[data-phone='{number}'] {css}")
}

/// Whether the phone of that number shows an element.
pub(super) fn shows(number: u8, css: &str) -> String {
    format!("document.querySelector({:?})?.checkVisibility()", on(number, css))
}

/// The card of a request that was answered so, in the newest act.
pub(super) fn step(name: &str, status: u16) -> String {
    format!(
        "document.querySelector('.act:first-child .step[data-step={name:?}][data-status=\"{status}\"][data-lost=no]')"
    )
}

/// How many requests of the newest act had this outcome.
pub(super) async fn count(browser: &Browser, name: &str, status: u16) -> Value {
    let counts = format!(
        "[...document.querySelectorAll('.act:first-child .step[data-step={name:?}][data-status=\"{status}\"]')].map((card) => Number(card.dataset.count)).reduce((sum, count) => sum + count, 0)"
    );
    browser.run(&counts).await
}

pub(super) fn idle() -> &'static str {
    "!document.querySelector('.station[data-busy]')"
}

/// Chooses from a list as its menu would.
pub(super) async fn choose(browser: &Browser, css: &str, value: &str) {
    let (css, value) = (json!(css), json!(value));
    browser
        .run(&format!("((list) => {{ list.value = {value}; list.dispatchEvent(new Event('change')); return list.value; }})(document.querySelector({css}))"))
        .await;
}

/// Nothing went wrong but the answers that the test provoked.
pub(super) async fn assert_quiet(browser: &Browser, provoked: &[u16]) {
    let console = browser.console().await;
    let expected = |line: &&String| provoked.iter().any(|status| line.contains(&format!("a status of {status}")));
    let (expected, others): (Vec<&String>, Vec<&String>) =
        console.iter().partition(|line| line.starts_with("network") && expected(line));
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(expected.len(), provoked.len(), "{expected:#?}");
}
