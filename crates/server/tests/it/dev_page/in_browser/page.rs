//! The page as somebody uses it who has just typed `cargo run -- dev`: a person on a phone.

use menjin_sim::{Fault, FaultKind};

use super::phones::{assert_quiet, choose, idle, on, open, open_at, open_with, shows, sign_in, step};
use crate::harness::Setup;
use crate::platforms;

#[tokio::test]
async fn a_person_signs_in_sees_who_they_are_and_what_the_token_says_and_signs_out() {
    let (t, browser) = open("zh-CN").await;
    choose(&browser, "select.person", "小红").await;
    sign_in(&browser, 1).await;
    for name in ["wx.login", "login", "me"] {
        browser.until(&step(name, 200)).await;
    }
    let user = browser.text(".user-id").await;
    assert!(user.starts_with("usr_"), "{user}");
    assert!(browser.text(".number").await.starts_with("第 1 号"));
    assert_eq!(browser.text("[data-claim=client_id] dd").await, "shop");
    assert_eq!(browser.text("[data-claim=sub] dd code").await, user);
    assert_eq!(browser.text("[data-claim=iss] dd").await, t.url);
    assert_eq!(browser.text("[data-claim=alg] dd").await, "ES256");
    assert!(browser.text("[data-claim=exp] .left").await.starts_with("还剩 1"));
    browser.until("document.querySelector('.token-verified.good')").await;

    browser.click(".devices").await;
    browser.until("document.querySelector('.sessions li .chip')?.innerText === '本机'").await;
    assert_eq!(browser.run("document.querySelectorAll('.sessions li').length").await, 1);
    assert_eq!(browser.text(".app-name").await, "登录设备");
    browser.click(".back").await;

    browser.open(&t.url).await;
    browser.until(&shows(1, ".home")).await;
    browser.until(&step("me", 200)).await;
    assert_eq!(browser.text(".user-id").await, user);
    browser.until(idle()).await;

    browser.click(".logout").await;
    browser.until("document.querySelector('.notice.calm')?.checkVisibility()").await;
    assert_eq!(browser.run("document.activeElement.className").await, "big login");
    assert_eq!(browser.run("sessionStorage.getItem('menjin.dev.phones').includes('eyJ')").await, false);
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn a_nickname_is_filled_in_and_survives_a_restart_of_the_program() {
    let (_t, browser) = open("zh-CN").await;
    sign_in(&browser, 1).await;
    browser.click(".me").await;
    browser.write(".new-nickname", "小明 🌸").await;
    browser.click(".save").await;
    browser.until("document.querySelector('.nickname').innerText === '小明 🌸'").await;
    browser.until(idle()).await;
    browser.click(".restart").await;
    browser.until(&step("me", 200)).await;
    assert_eq!(browser.text(".nickname").await, "小明 🌸");
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn the_picture_that_the_platform_gives_is_uploaded_and_shown() {
    let (_t, browser) = open("en").await;
    sign_in(&browser, 1).await;
    browser.click(".me").await;
    browser.click(".choose").await;
    browser.click(".sheet .deny").await;
    browser.until(idle()).await;
    browser.click(".choose").await;
    browser.click(".sheet .list .allow").await;
    browser.until(&step("avatar", 200)).await;
    // The clock on the phone changes the page each second, so that a picture is seen to have come.
    browser.until("document.querySelector('.me .avatar img')?.naturalWidth > 0").await;
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn a_phone_number_is_given_or_refused_by_the_person() {
    let (_t, browser) = open("en").await;
    sign_in(&browser, 1).await;
    browser.click(".bind").await;
    browser.until("document.querySelector('.sheet')").await;
    assert_eq!(browser.run("document.activeElement.innerText").await, "Allow");
    browser.write(".sheet .first", "\u{e00c}").await;
    browser.until("document.querySelector('.toast')?.checkVisibility()").await;
    browser.until(idle()).await;
    assert_eq!(browser.run("document.activeElement.className").await, "cell bind");
    assert_eq!(browser.text(".phone-number").await, "Add");
    assert_eq!(browser.run("document.querySelectorAll('[data-step=phone]').length").await, 0);

    browser.click(".bind").await;
    browser.click(".sheet .allow").await;
    browser.until(&step("phone", 200)).await;
    browser.until("/^\\d{3}\\*{4}\\d{4}$/.test(document.querySelector('.phone-number').innerText)").await;
    let number = browser.text(".phone-number").await;
    browser.until(idle()).await;

    browser.click(".logout").await;
    browser.until("document.querySelector('.notice.calm')?.checkVisibility()").await;
    browser.click(".login-phone").await;
    browser.click(".sheet .allow").await;
    browser.until(&shows(1, ".home")).await;
    browser.until(idle()).await;
    assert_eq!(browser.text(".phone-number").await, number);
    assert!(browser.text(".act:first-child [data-step=login] pre").await.contains("phone_code"));
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn a_kicked_phone_says_why_and_offers_the_sign_in() {
    let (_t, browser) = open("en").await;
    sign_in(&browser, 1).await;
    browser.click(".replay").await;
    browser.until(&step("replay", 401)).await;
    assert_eq!(browser.run(&shows(1, ".home")).await, true);

    browser.click(".kick").await;
    browser.until("document.querySelector('.modal')").await;
    let modal = browser.text(".modal").await;
    assert!(modal.contains("session_kicked") && modal.contains("Sign in again"), "{modal}");
    assert_eq!(browser.run("document.querySelector('.modal').dataset.reason").await, "session_kicked");
    assert_eq!(browser.run("document.querySelector('.kick').disabled").await, true);
    assert_eq!(browser.run("sessionStorage.getItem('menjin.dev.phones').includes('eyJ')").await, false);
    browser.click(".modal .allow").await;
    browser.until(&shows(1, ".home")).await;
    browser.until(idle()).await;
    assert_quiet(&browser, &[401, 401]).await;
}

#[tokio::test]
async fn the_second_phone_of_a_person_takes_the_place_of_the_first() {
    let shop = "sessions_per_device_class = 1".to_owned();
    let (_t, browser) = open_with(Setup { shop, ..Setup::default() }, "en").await;
    sign_in(&browser, 1).await;
    browser.click(".beside").await;
    browser.until(&shows(2, ".out")).await;
    sign_in(&browser, 2).await;
    assert_eq!(browser.text(&on(2, ".user-id")).await, browser.text(&on(1, ".user-id")).await);
    assert_eq!(browser.run(&shows(1, ".home")).await, true, "it does not know yet");

    browser.click(&on(1, ".ask")).await;
    browser.until("document.querySelector('[data-phone=\"1\"] .modal')").await;
    let modal = browser.text(".modal").await;
    assert!(modal.contains("session_replaced") && modal.contains("Phone 2"), "{modal}");
    browser.click(".modal .deny").await;
    browser.until(&shows(1, ".login")).await;
    browser.click(&on(2, ".ask")).await;
    browser
        .until("document.querySelector('[data-phone=\"2\"] .act:first-child [data-step=me][data-status=\"200\"]')")
        .await;
    assert_eq!(browser.run(&shows(2, ".home")).await, true);

    browser.click(&on(1, ".remove")).await;
    browser.until("document.querySelectorAll('.station').length === 1").await;
    assert_quiet(&browser, &[401]).await;
}

#[tokio::test]
async fn one_phone_signs_another_out_from_its_list_of_devices() {
    let (_t, browser) = open("en").await;
    sign_in(&browser, 1).await;
    browser.click(".beside").await;
    browser.until(&shows(2, ".out")).await;
    sign_in(&browser, 2).await;
    browser.click(&on(1, ".devices")).await;
    browser.until("document.querySelectorAll('[data-phone=\"1\"] .sessions li').length === 2").await;
    browser.click(&on(1, ".end")).await;
    browser.until("document.querySelectorAll('[data-phone=\"1\"] .sessions li').length === 1").await;
    browser.click(&on(2, ".ask")).await;
    browser.until("document.querySelector('[data-phone=\"2\"] .modal')").await;
    assert!(browser.text(".modal").await.contains("session_kicked"));
    assert_quiet(&browser, &[401]).await;
}

#[tokio::test]
async fn a_busy_platform_is_asked_again_with_the_same_code_by_the_sdk() {
    let (t, browser) = open("en").await;
    t.sim.add_fault(Fault::once(FaultKind::Busy));
    sign_in(&browser, 1).await;
    browser.until(&step("login", 503)).await;
    browser.until(&step("login", 200)).await;
    assert_eq!(browser.run("document.querySelectorAll('.step[data-step=\"wx.login\"]').length").await, 1);
    assert_eq!(browser.run("document.querySelector('.notice').checkVisibility()").await, false);
    assert_quiet(&browser, &[503]).await;
}

#[tokio::test]
async fn a_double_click_signs_in_once() {
    let (_t, browser) = open("en").await;
    browser.run("[1, 2, 3].forEach(() => document.querySelector('.login').click())").await;
    browser.until(&shows(1, ".home")).await;
    browser.until(idle()).await;
    assert_eq!(browser.run("document.querySelectorAll('.step[data-step=login]').length").await, 1);
    assert_eq!(browser.run("document.querySelector('.step[data-step=login]').dataset.count").await, "1");
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn the_same_person_signs_in_through_every_platform() {
    let t = platforms::start_with(Setup { dev: true, ..Setup::default() }).await;
    let browser = open_at(&t, "zh-CN").await;
    let mut expected = vec!["shop".to_owned()];
    for (app, call) in
        [("qq", "qq.login()"), ("douyin", "tt.login()"), ("alipay", "my.getAuthCode()"), ("club", "wx.login()")]
    {
        choose(&browser, "select.app", app).await;
        browser.until("document.querySelector('.out').checkVisibility()").await;
        sign_in(&browser, 1).await;
        assert_eq!(browser.text(".act:first-child .call").await, call);
        assert_eq!(browser.text("[data-claim=client_id] dd").await, app);
        expected.push(app.to_owned());
    }
    choose(&browser, "select.app", "alipay").await;
    browser.until(&shows(1, ".home")).await;
    browser.click(".bind").await;
    browser.click(".sheet .allow").await;
    browser.until("/^\\d{3}\\*{4}\\d{4}$/.test(document.querySelector('.phone-number').innerText)").await;
    choose(&browser, "select.app", "qq").await;
    browser.until("document.querySelector('[data-platform=qq] .home')?.checkVisibility()").await;
    assert_eq!(browser.run("document.querySelector('.bind').checkVisibility()").await, false, "QQ gives no number");
    let apps = browser.run("[...document.querySelectorAll('select.app option')].map((option) => option.value)").await;
    for app in expected {
        assert!(apps.as_array().unwrap().contains(&app.clone().into()), "{app} in {apps}");
    }
    assert_quiet(&browser, &[]).await;
}
