//! What the SDK makes of a bad network and of tokens whose time is over, as the page shows it.

use std::time::Duration;

use super::phones::{assert_quiet, count, idle, open, shows, sign_in, step};

const LOST: &str = "document.querySelector('.act:first-child .step[data-lost=yes]')";
/// What the card after a lost answer says that both have in common.
const SAME: &str =
    "document.querySelector('.act:first-child li:has([data-lost=yes]) + li .verdict.good')?.innerText ?? ''";

#[tokio::test]
async fn twenty_requests_with_an_expired_token_make_one_refresh() {
    let (_t, browser) = open("en").await;
    sign_in(&browser, 1).await;
    browser.click(".expire").await;
    browser.until("document.querySelector('.token-state').innerText === 'expired'").await;
    browser.click(".cell.many").await;
    browser.until("document.querySelector('.many em').innerText === '20 / 20'").await;
    browser.until(idle()).await;
    assert_eq!(count(&browser, "me", 401).await, 20);
    assert_eq!(count(&browser, "refresh", 200).await, 1);
    assert_eq!(count(&browser, "me", 200).await, 20);
    assert!(browser.text(".act:first-child li:first-child .why").await.contains("token_expired"));
    browser.until("/^1[45]:\\d\\d left$/.test(document.querySelector('.token-state').innerText)").await;
    assert_quiet(&browser, &[401; 20]).await;
}

#[tokio::test]
async fn a_token_that_time_has_ended_is_refreshed_and_the_request_repeated() {
    let (t, browser) = open("zh-CN").await;
    sign_in(&browser, 1).await;
    let sid = browser.text("[data-claim=sid] dd").await;
    t.advance(Duration::from_mins(16));
    browser.click(".ask").await;
    for (name, status) in [("me", 401), ("refresh", 200), ("me", 200)] {
        browser.until(&step(name, status)).await;
    }
    browser.until(idle()).await;
    assert_eq!(browser.text("[data-claim=sid] dd").await, sid);
    assert!(browser.text(".token-state").await.starts_with("还剩 1"));

    let jti = browser.text("[data-claim=jti] dd").await;
    browser.click(".outside .refresh").await;
    browser.until(&step("refresh", 200)).await;
    browser.until(&format!("document.querySelector('[data-claim=jti] dd').innerText !== {jti:?}")).await;
    browser.until(idle()).await;
    assert_eq!(count(&browser, "me", 401).await, 0, "the SDK knew by itself");
    assert_quiet(&browser, &[401]).await;
}

#[tokio::test]
async fn a_lost_answer_costs_nobody_their_session() {
    let (_t, browser) = open("en").await;
    browser.click(".weather .lose_one").await;
    sign_in(&browser, 1).await;
    browser.until(LOST).await;
    let session = browser.text("[data-claim=sid] dd code").await;
    assert_eq!(browser.run(SAME).await, format!("The same session: {session}"));
    assert_eq!(browser.run("document.querySelector('.weather .good input').checked").await, true);
    assert_eq!(browser.run("document.querySelectorAll('[data-step=\"wx.login\"]').length").await, 1);

    browser.click(".weather .lose_one").await;
    browser.click(".outside .refresh").await;
    browser.until(LOST).await;
    browser.until(&format!("({SAME}).startsWith('The same session')")).await;
    browser.until("document.querySelector('.act:first-child li:has([data-lost=yes]) + li .verdict:last-of-type')?.innerText === 'The refresh token equals the one that was lost'").await;
    browser.until(&step("me", 200)).await;
    browser.until(idle()).await;
    assert_eq!(browser.text("[data-claim=sid] dd code").await, session);
    assert_eq!(browser.run(&shows(1, ".home")).await, true);
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn a_refresh_of_which_no_answer_ever_came_signs_nobody_out() {
    let (_t, browser) = open("en").await;
    sign_in(&browser, 1).await;
    let session = browser.text("[data-claim=sid] dd code").await;
    browser.click(".weather .lose_all").await;
    browser.click(".expire").await;
    browser.until("document.querySelector('.token-state').innerText === 'expired'").await;
    browser.click(".outside .refresh").await;
    browser.until("document.querySelector('.notice.alarm')?.checkVisibility()").await;
    assert!(browser.text(".notice").await.contains("You are still signed in."));
    browser.until(idle()).await;

    browser.click(".weather .good").await;
    browser.click(".notice .again").await;
    browser.until(&step("refresh", 200)).await;
    browser.until(&step("me", 200)).await;
    browser.until(idle()).await;
    assert_eq!(browser.text("[data-claim=sid] dd code").await, session);
    assert_eq!(browser.run("document.querySelector('.notice').checkVisibility()").await, false);
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn in_airplane_mode_the_phone_says_so_and_keeps_its_tokens() {
    let (t, browser) = open("zh-CN").await;
    browser.click(".weather .airplane").await;
    browser.click(".login").await;
    browser.until("document.querySelector('.notice.alarm')?.checkVisibility()").await;
    assert!(browser.text(".notice").await.starts_with("网络不可用"));
    browser.until(idle()).await;
    browser.click(".weather .good").await;
    browser.click(".notice .again").await;
    browser.until(&shows(1, ".home")).await;
    browser.until(idle()).await;

    let jti = browser.text("[data-claim=jti] dd").await;
    browser.click(".weather .airplane").await;
    browser.click(".ask").await;
    browser.until("document.querySelector('.notice.alarm')?.checkVisibility()").await;
    assert!(browser.text(".notice").await.contains("登录状态还在"));
    assert_eq!(browser.text(".act:first-child .chip").await.trim(), "没有发出");
    browser.until(idle()).await;
    browser.open(&t.url).await;
    browser.until(&shows(1, ".home")).await;
    browser.until(&step("me", 200)).await;
    assert_eq!(browser.text("[data-claim=jti] dd").await, jti);
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn who_signs_out_in_airplane_mode_is_told_that_the_server_does_not_know() {
    let (_t, browser) = open("en").await;
    sign_in(&browser, 1).await;
    browser.click(".weather .airplane").await;
    browser.click(".logout").await;
    browser.until("document.querySelector('.notice.calm')?.checkVisibility()").await;
    assert!(browser.text(".notice").await.contains("could not be told"));
    assert_eq!(browser.run("sessionStorage.getItem('menjin.dev.phones').includes('eyJ')").await, false);
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn a_slow_network_only_takes_longer() {
    let (_t, browser) = open("en").await;
    browser.click(".weather .slow").await;
    sign_in(&browser, 1).await;
    assert_eq!(browser.run("document.querySelectorAll('.step[data-step=login]').length").await, 1);
    assert_quiet(&browser, &[]).await;
}

#[tokio::test]
async fn a_server_that_has_gone_is_told_with_what_to_do() {
    let (t, browser) = open("zh-CN").await;
    t.stop().await;
    browser.click(".login").await;
    browser.until("document.querySelector('.step.failed')").await;
    browser.until("document.querySelector('.notice.alarm')?.checkVisibility()").await;
    let notice = browser.text(".notice").await;
    assert!(notice.starts_with("没有收到应答") && notice.contains("menjin dev 没有在运行"), "{notice}");
    assert_eq!(browser.run(&shows(1, ".login")).await, true);
}
