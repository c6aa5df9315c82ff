//! How the page looks and reads: languages, colours, narrow screens, the keyboard, hostile names; and the pictures of the README.

use std::path::PathBuf;

use serde_json::json;

use super::browser::Browser;
use super::phones::{assert_quiet, choose, idle, on, open, shows, sign_in, step};

#[tokio::test]
async fn hostile_text_stays_text_in_both_languages() {
    let (t, browser) = open("en").await;
    let hostile = "<img src=x onerror=alert(1)>";
    choose(&browser, "select.person", "\n").await;
    browser.write(".newcomer input", hostile).await;
    browser.click(".newcomer button").await;
    sign_in(&browser, 1).await;
    browser.click(".me").await;
    browser.write(".new-nickname", hostile).await;
    browser.click(".save").await;
    browser.until(&format!("document.querySelector('.nickname').innerText === {hostile:?}")).await;
    browser.until(idle()).await;
    assert!(browser.text(".act:last-child h4").await.contains(hostile));
    browser.click(".me").await;
    browser.write(".new-nickname", "\u{202e}").await;
    browser.click(".save").await;
    browser.until("document.querySelector('.notice.alarm')?.checkVisibility()").await;
    browser.run("document.querySelector('.act:first-child details').open = true").await;
    assert!(browser.text(".act:first-child pre").await.contains(r"\u202e"));

    browser.click("#lang-zh").await;
    browser.until("document.querySelector('.logout').innerText === '退出登录'").await;
    browser.open(&t.url).await;
    browser.until("document.querySelector('.logout')?.innerText === '退出登录'").await;
    assert_eq!(browser.run("document.documentElement.lang").await, "zh-CN");
    assert_eq!(browser.text(".nickname").await, hostile);
    assert_eq!(browser.run("document.querySelector('select.person').value").await, hostile);
    browser.until(idle()).await;
    assert_eq!(browser.run("document.querySelectorAll('main img').length").await, 0);
    assert_quiet(&browser, &[400]).await;
}

#[tokio::test]
async fn another_language_changes_the_words_and_not_who_is_signed_in() {
    let (_t, browser) = open("zh-CN").await;
    sign_in(&browser, 1).await;
    let user = browser.text(".user-id").await;
    browser.click("#lang-en").await;
    browser.until("document.querySelector('.act h4').innerText.startsWith('Sign in: 小明')").await;
    browser.until(&shows(1, ".home")).await;
    assert_eq!(browser.text(".user-id").await, user);
    let chinese = "[...document.querySelectorAll('[data-t]')].filter((it) => /[\\u4e00-\\u9fff]/.test(it.textContent)).map((it) => it.dataset.t)";
    assert_eq!(browser.run(chinese).await, json!([]));
    browser.click(".kick").await;
    browser.until("document.querySelector('.modal')").await;
    assert!(browser.text(".modal").await.contains("sign in again"), "the SDK speaks it, too");
    assert_quiet(&browser, &[401]).await;
}

#[tokio::test]
async fn the_narrowest_phone_scrolls_down_only_and_the_keyboard_is_enough() {
    let (_t, browser) = open("zh-CN").await;
    let narrow = json!({"width": 375, "height": 740, "deviceScaleFactor": 2, "mobile": true});
    browser.devtools("Emulation.setDeviceMetricsOverride", narrow).await;
    choose(&browser, "select.person", "\n").await;
    assert_eq!(browser.run("document.activeElement === document.querySelector('.newcomer input')").await, true);
    browser.write(".newcomer input", "小周\u{e007}").await;
    browser.until("document.querySelector('select.person').value === '小周'").await;
    assert_eq!(browser.run("document.activeElement.className").await, "person");
    browser.write(".login", "\u{e00d}").await;
    browser.until(&shows(1, ".home")).await;
    browser.until(idle()).await;
    assert_eq!(browser.run("document.activeElement.className").await, "me");
    browser.write(".devices", "\u{e00d}").await;
    browser.until("document.querySelector('.sessions li')").await;
    assert_eq!(browser.run("document.activeElement.className").await, "back");
    browser.write(".back", "\u{e00d}").await;
    browser.write(".kick", "\u{e007}").await;
    browser.until("document.querySelector('.modal')").await;
    browser.write(".modal .first", "\u{e00d}").await;
    browser.until(&step("login", 200)).await;
    browser.until(idle()).await;
    assert_eq!(browser.run("document.activeElement.className").await, "me");
    browser.run("document.querySelectorAll('details').forEach((box) => { box.open = true; })").await;
    let widths = browser.run("[document.documentElement.scrollWidth, innerWidth]").await;
    assert_eq!(widths, json!([375, 375]));
    assert_quiet(&browser, &[401]).await;
}

/// A button that is disabled loses the focus to nothing, before or after the question comes.
#[tokio::test]
async fn the_focus_that_a_disabled_button_lost_goes_to_the_question_and_on() {
    let (_t, browser) = open("en").await;
    sign_in(&browser, 1).await;
    browser.run("((kick) => { kick.focus(); kick.click(); kick.blur(); })(document.querySelector('.kick'))").await;
    browser.until("document.querySelector('.modal')").await;
    assert_eq!(browser.run("document.activeElement === document.querySelector('.modal .first')").await, true);
    browser.write(".modal .first", "\u{e00d}").await;
    browser.until(&step("login", 200)).await;
    browser.until(idle()).await;
    assert_eq!(browser.run("document.activeElement.className").await, "me");
}

#[tokio::test]
async fn every_control_has_a_name_for_a_screen_reader() {
    let (_t, browser) = open("en").await;
    sign_in(&browser, 1).await;
    browser.click(".me").await;
    let nameless = "[...document.querySelectorAll('button, select, input, a')].filter((it) => it.checkVisibility() && !(it.innerText.trim() || it.getAttribute('aria-label') || it.labels?.[0]?.innerText.trim())).map((it) => it.outerHTML)";
    assert_eq!(browser.run(nameless).await, json!([]));
    let spoken = browser.text("#spoken").await;
    assert!(spoken.starts_with("GET /v1/me: 200."), "{spoken}");
}

/// Where there is text on some ground.
const PLACES: &str = "[...document.querySelectorAll('.cell em, .cell small, .big.login, .big.logout, .me small, .why, .chip, .tiles small, .tiles b, .claims small, .weather b')]
  .filter((it) => it.checkVisibility() && it.textContent && !it.closest(':disabled'))";

#[tokio::test]
async fn in_the_dark_all_is_dark_and_can_be_read_as_in_the_light() {
    let (_t, browser) = open("zh-CN").await;
    colours(&browser, "light").await;
    sign_in(&browser, 1).await;
    let ground = "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.querySelector('.glass')).backgroundColor";
    let light = browser.run(ground).await;
    assert_eq!(browser.faint(PLACES).await, json!([]));
    colours(&browser, "dark").await;
    assert_ne!(browser.run(ground).await, light);
    assert_eq!(browser.faint(PLACES).await, json!([]));
    assert_quiet(&browser, &[]).await;
}

/// Nothing moves, so that what is measured is what stays.
async fn colours(browser: &Browser, scheme: &str) {
    let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]});
    browser.devtools("Emulation.setEmulatedMedia", features).await;
}

/// Three phones of two people, each in another state, as the README shows them. The pictures are written where
/// `MENJIN_TEST_IMAGES` names a folder.
#[tokio::test]
async fn phones_stand_side_by_side() {
    for (language, scheme, suffix) in [("zh-CN", "light", ""), ("en", "dark", "-dark")] {
        let (_t, browser) = open(language).await;
        let wide = json!({"width": 1440, "height": 1000, "deviceScaleFactor": 1, "mobile": false});
        browser.devtools("Emulation.setDeviceMetricsOverride", wide).await;
        browser.devtools("Emulation.setScrollbarsHidden", json!({"hidden": true})).await;
        colours(&browser, scheme).await;
        sign_in(&browser, 1).await;
        browser.click(".expire").await;
        browser.until(&step("expire", 200)).await;
        browser.click(".cell.many").await;
        browser.until("document.querySelector('.many em').innerText === '20 / 20'").await;
        browser.until("!document.querySelector('.toast').checkVisibility()").await;
        browser.until("document.querySelector('.token-verified.good')").await;
        picture(&browser, &format!("dev-page{suffix}")).await;

        browser.click(".beside").await;
        browser.click("#add").await;
        browser.until("document.querySelectorAll('.station').length === 3").await;
        sign_in(&browser, 2).await;
        browser.click(&on(2, ".bind")).await;
        browser.until("document.querySelector('[data-phone=\"2\"] .sheet')").await;
        browser.click(&on(3, ".weather .airplane")).await;
        browser.click(&on(3, ".login")).await;
        browser.until("document.querySelector('[data-phone=\"3\"] .notice.alarm')?.checkVisibility()").await;
        browser.click(&on(1, ".kick")).await;
        browser.until("document.querySelector('[data-phone=\"1\"] .modal')").await;
        browser.until("!document.querySelector('[data-phone=\"2\"] .toast').checkVisibility()").await;
        let tops =
            "[...document.querySelectorAll('.phone')].map((phone) => Math.round(phone.getBoundingClientRect().top))";
        let tops = browser.run(tops).await;
        assert!(tops[0] == tops[1] && tops[1] == tops[2], "{tops}");
        let root = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.run(root).await, 0);
        picture(&browser, &format!("dev-phones{suffix}")).await;
    }
}

/// What a visitor sees first, as PNG.
async fn picture(browser: &Browser, name: &str) {
    browser.run("document.activeElement.blur() ?? scrollTo(0, 0)").await;
    let png = browser.screenshot().await;
    assert!(png.starts_with(b"\x89PNG"));
    if let Some(folder) = images() {
        std::fs::write(folder.join(name).with_extension("png"), png).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the test says where pictures go")]
fn images() -> Option<PathBuf> {
    std::env::var_os("MENJIN_TEST_IMAGES").map(PathBuf::from)
}
