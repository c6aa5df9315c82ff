//! How the console looks and reads: charts that move, both languages, dark and light, narrow screens; and its pictures for the docs.

use std::path::PathBuf;
use std::time::Duration;

use menjin_server::NewRole;
use menjin_server::store::{Actor, OperatorRole, RoleName};
use menjin_sim::Phone;
use serde_json::json;

use super::super::PAGES;
use super::desk::Desk;
use crate::dev_page::in_browser::browser::Browser;
use crate::harness::{APPID, Setup, TestServer};

/// Every page, and that of somebody.
fn pages() -> impl Iterator<Item = &'static str> {
    PAGES.into_iter().chain(["/console/people/1"])
}

async fn colours(browser: &Browser, scheme: &str) {
    let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
    browser.devtools("Emulation.setEmulatedMedia", features).await;
}

#[tokio::test]
async fn the_charts_move_while_the_page_is_open() {
    let t = TestServer::start().await;
    let desk = Desk::of(&t, OperatorRole::Viewer, "en").await;
    let browser = &desk.browser;
    desk.open("/console").await;
    let figure = |chart: &str| format!("document.querySelector('[data-chart={chart}] .figure').innerText");
    assert_eq!(browser.run(&figure("signed_in")).await, "0");
    let flat = browser.run("document.querySelector('[data-chart=signed_in] .line').getAttribute('d')").await;
    browser.until("document.querySelector('#live').innerText === 'live'").await;
    let mut phone = t.phone("alice").await;
    phone.refresh().await.ok(200);
    t.anon().get("/v1/me").await.problem(401, "token_missing");
    browser.until(&format!("{} === '1' && {} === '1'", figure("signed_in"), figure("refreshed"))).await;
    browser.until(&format!("{} === '1' && {} === '1'", figure("active"), figure("refused"))).await;
    browser.until("document.querySelector('#often').innerText.includes('token_missing')").await;
    let line = browser.run("document.querySelector('[data-chart=signed_in] .line').getAttribute('d')").await;
    assert_ne!(line, flat);
    assert!(browser.text("[data-chart=latency] .figure").await.contains("ms"));
    desk.is_quiet(&[]).await;
}

#[tokio::test]
async fn what_a_platform_answers_is_counted_by_errcode() {
    let t = TestServer::start().await;
    let refused = t.anon().post("/v1/login/shop", json!({"code": "never-was-a-code"})).await;
    refused.problem(401, "code_invalid");
    let desk = Desk::of(&t, OperatorRole::Viewer, "en").await;
    desk.open("/console").await;
    let often = desk.browser.text("#often").await;
    assert!(often.contains("wechat 40029") && often.contains("code_invalid"), "{often}");
}

#[tokio::test]
async fn the_language_is_switched_on_the_page_and_stays() {
    let t = TestServer::start().await;
    t.phone("alice").await;
    let desk = Desk::of(&t, OperatorRole::Admin, "zh-CN").await;
    let browser = &desk.browser;
    desk.open("/console/people/1").await;
    assert_eq!(browser.text("#sessions h2").await, "登录 1");
    browser.click("footer a").await;
    browser.until("document.documentElement.lang === 'en'").await;
    assert_eq!(browser.run("location.pathname").await, "/console/people/1");
    assert_eq!(browser.text("#sessions h2").await, "Sessions 1");
    for page in pages() {
        desk.open(page).await;
        let chinese = "/[\\u4e00-\\u9fff]/.test(document.querySelector('main').innerText)";
        assert_eq!(browser.run(chinese).await, false, "{page}");
    }
    desk.open("/console/people/nobody").await;
    assert!(browser.text("[role=alert]").await.contains("must be an id"));
    desk.is_quiet(&[400]).await;
}

/// Everything with text of its own.
const PLACES: &str = "[...document.querySelectorAll('main *, nav a, .who *, footer *')]
  .filter((it) => it.checkVisibility() && it.childElementCount === 0 && it.textContent.trim() && !it.closest('svg, option'))";

#[tokio::test]
async fn every_page_can_be_read_in_light_and_dark_and_on_a_phone() {
    let t = TestServer::start().await;
    fill(&t).await;
    let desk = Desk::of(&t, OperatorRole::Admin, "zh-CN").await;
    let browser = &desk.browser;
    for page in pages() {
        desk.open(page).await;
        browser.run("document.querySelectorAll('details').forEach((box) => { box.open = true; })").await;
        let mut grounds = Vec::new();
        for scheme in ["light", "dark"] {
            colours(browser, scheme).await;
            grounds.push(browser.run("getComputedStyle(document.body).backgroundColor").await);
            assert_eq!(browser.faint(PLACES).await, json!([]), "{page} in the {scheme}");
        }
        assert_ne!(grounds[0], grounds[1], "{page}");
        for width in [375, 1280] {
            let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 1000});
            browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
            browser.until(&format!("matchMedia('(width: {width}px)').matches")).await;
            let wide = browser.run("document.documentElement.scrollWidth").await;
            assert!(wide.as_i64().unwrap() <= width, "{page} at {width}: {wide}");
        }
        let nameless = "[...document.querySelectorAll('button, select, input:not([type=hidden]), a')].filter((it) => !(it.innerText.trim() || it.getAttribute('aria-label') || it.labels?.[0]?.innerText.trim())).map((it) => it.outerHTML)";
        assert_eq!(browser.run(nameless).await, json!([]), "{page}");
    }
    desk.is_quiet(&[]).await;
}

#[tokio::test]
async fn a_phone_shows_every_part_of_the_console_and_what_can_be_done_about_a_row() {
    for language in ["zh-CN", "en"] {
        let t = TestServer::start().await;
        let desk = Desk::of(&t, OperatorRole::Admin, language).await;
        let browser = &desk.browser;
        let narrow = json!({"width": 375, "height": 800, "deviceScaleFactor": 1, "mobile": true});
        browser.devtools("Emulation.setDeviceMetricsOverride", narrow).await;
        let out_of_sight = |places: &str| {
            format!(
                "[...document.querySelectorAll({places:?})].filter((it) => {{ it.scrollIntoView({{block: 'center', inline: 'nearest'}});
                  const box = it.getBoundingClientRect();
                  const seen = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
                  return box.left < 0 || box.right > innerWidth || !(it.contains(seen) || seen?.contains(it)); }}).map((it) => it.outerHTML)"
            )
        };
        for page in PAGES {
            desk.open(page).await;
            let active =
                browser.run("document.querySelector('nav [aria-current]').getBoundingClientRect().right").await;
            assert!(active.as_f64().unwrap() <= 375.0, "{page}: {active}");
            assert_eq!(browser.run(&out_of_sight("nav a")).await, json!([]), "{page}");
        }
        desk.open("/console/operators").await;
        let moved = "document.querySelector('#operators').scrollLeft";
        assert_eq!(browser.run(&out_of_sight("#operators summary")).await, json!([]));
        assert_eq!(browser.run(moved).await, 0, "it need not be looked for");
        browser.click("#operators summary").await;
        assert_eq!(browser.run(&out_of_sight("#operators [data-act]")).await, json!([]));
    }
}

#[tokio::test]
async fn menjin_dev_shows_its_simulator() {
    let t = TestServer::with(Setup { dev: true, ..Setup::default() }).await;
    t.phone("alice").await;
    let browser = Browser::start("en").await;
    browser.open(&format!("{}/console", t.url)).await;
    browser.click("#dev").await;
    browser.until("document.querySelector('#simulator')").await;
    let shown = browser.text("#simulator").await;
    assert!(shown.contains(&t.sim_url) && shown.contains("alice"), "{shown}");
    assert_eq!(browser.text(".brand .chip").await, "dev");
}

/// How much there is to do in a minute: it comes and goes.
fn busy(minute: usize) -> usize {
    [3, 4, 5, 7, 8, 7, 6, 6, 5, 4, 2, 1, 1, 2, 4, 6][minute / 3 % 16]
}

/// A shop that has been open for an hour.
async fn fill(t: &TestServer) {
    let by = Actor::command();
    let role = RoleName::everywhere("clerk");
    let new = NewRole {
        description: "Answers customers".into(),
        permissions: vec!["orders:read".into(), "customers:*".into()],
        includes: Vec::new(),
    };
    t.menjin.put_role(&by, &role, new).await.unwrap();
    let names = ["小红", "Alice", "大明", "阿杰", "Grace", "小周", "雨欣", "Chen", "思远", "小美", "Tom", "佳怡"];
    let mut phones = Vec::new();
    for minute in 0..48_usize {
        let name = names[minute % names.len()];
        let mut phone = t.phone_of(name);
        let device = json!({"device": {"class": "phone", "name": "iPhone 17", "system": "iOS 26"}});
        for _ in 0..=busy(minute) / 3 {
            phone.login(device.clone()).await.ok(200);
        }
        if minute < names.len() {
            let number = format!("138001380{minute:02}");
            t.sim.change_person(name, |it| it.phone = Phone { number, country_code: "86".into() });
            phone.put("/v1/me", json!({"nickname": name})).await.ok(200);
            phone.post("/v1/me/phone", json!({"phone_code": t.sim.phone_code(APPID, name)})).await.ok(200);
        }
        phones.push(phone);
        let newest = phones.len() - 1;
        for turn in 0..busy(minute) {
            let nth = newest - turn.min(newest);
            phones[nth].refresh().await;
            if (minute * 7 + turn * 5) % 13 == 0 {
                t.anon().post("/v1/login/shop", json!({"code": format!("made-up-{minute}-{turn}")})).await;
            }
        }
        if minute % 9 == 4 {
            t.anon().get("/v1/me").await;
        }
        t.advance(Duration::from_mins(1));
    }
    let mut first = t.phone_of(names[0]);
    first.login(json!({"device": {"class": "pc", "name": "Windows", "system": "Windows 11"}})).await.ok(200);
    let user = first.user_id().parse().unwrap();
    t.menjin.grant_role(&by, user, "clerk", None).await.unwrap();
    let last = t.phone(names[3]).await.user_id().parse().unwrap();
    t.menjin.disable_user(&by, last).await.unwrap();
}

/// The console as the docs show it. The pictures are written where `MENJIN_TEST_IMAGES` names a folder.
#[tokio::test]
async fn the_console_stands_for_its_picture() {
    for (language, scheme, suffix) in [("zh-CN", "light", ""), ("en", "dark", "-dark")] {
        let t = TestServer::start().await;
        fill(&t).await;
        let desk = Desk::of(&t, OperatorRole::Admin, language).await;
        let browser = &desk.browser;
        let wide = json!({"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        browser.devtools("Emulation.setDeviceMetricsOverride", wide).await;
        browser.devtools("Emulation.setScrollbarsHidden", json!({"hidden": true})).await;
        colours(browser, scheme).await;
        for (name, path) in
            [("console", "/console"), ("console-people", "/console/people"), ("console-person", "/console/people/1")]
        {
            desk.open(path).await;
            browser.until("document.readyState === 'complete' && document.querySelector('#zone')").await;
            let png = browser.screenshot().await;
            assert!(png.starts_with(b"\x89PNG"));
            if let Some(folder) = images() {
                std::fs::write(folder.join(format!("{name}{suffix}")).with_extension("png"), png).unwrap();
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the test says where pictures go")]
fn images() -> Option<PathBuf> {
    std::env::var_os("MENJIN_TEST_IMAGES").map(PathBuf::from)
}
