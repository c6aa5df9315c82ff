//! An operator at a desk: signed in, with the console open in a real browser.

use menjin_server::store::OperatorRole;
use serde_json::json;

use crate::dev_page::in_browser::browser::Browser;
use crate::harness::TestServer;
use crate::operators::hand::{Hand, PASSWORD};

pub(super) struct Desk<'t> {
    pub(super) hand: Hand<'t>,
    pub(super) browser: Browser,
}

impl<'t> Desk<'t> {
    pub(super) async fn of(t: &'t TestServer, role: OperatorRole, language: &str) -> Self {
        let hand = Hand::of(t, "lin", role).await;
        let browser = Browser::start(language).await;
        let held = hand.cookie.clone().unwrap();
        let (name, value) = held.split_once('=').unwrap();
        let cookie = json!({"name": name, "value": value, "url": t.admin_url, "httpOnly": true, "sameSite": "Strict"});
        browser.devtools("Network.setCookie", cookie).await;
        Self { hand, browser }
    }

    /// Opens a page of the console.
    pub(super) async fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.hand.t.admin_url)).await;
    }

    /// Opens an act and presses its last button.
    pub(super) async fn act(&self, css: &str) {
        self.browser.click(&format!("{css} > summary")).await;
        self.browser.click(&format!("{css}[open] button")).await;
    }

    /// Waits for the page to say what was done.
    pub(super) async fn is_told(&self, text: &str) {
        self.browser.until(&format!("document.querySelector('.notice')?.innerText.includes({text:?})")).await;
    }

    /// Proves who they are, on the page that asks for it.
    pub(super) async fn confirm(&self) {
        self.browser.until("location.pathname === '/admin/confirm' && document.querySelector('#password')").await;
        let code = self.hand.next_code();
        self.browser.write("#password", PASSWORD).await;
        self.browser.write("#code", &code).await;
        self.browser.click("#confirm").await;
    }

    /// Nothing of the pages went wrong: no script, no refused policy; refusals that the test provoked aside.
    pub(super) async fn is_quiet(&self, provoked: &[u16]) {
        let console = self.browser.console().await;
        let is_provoked = |line: &&String| {
            line.starts_with("recommendation")
                || line.starts_with("network")
                    && provoked.iter().any(|status| line.contains(&format!("a status of {status}")))
        };
        let others: Vec<_> = console.iter().filter(|line| !is_provoked(line)).collect();
        assert!(others.is_empty(), "{others:#?}");
    }
}
