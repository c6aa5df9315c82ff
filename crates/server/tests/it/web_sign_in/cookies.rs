//! What a browser carries: several sign-ins side by side, bounded, sealed, and for menjin alone.

use menjin_sim::Decision;

use super::browser::Browser;
use super::{H5_APPID, start, start_with};
use crate::harness::{APP_SECRET, Setup};

#[tokio::test]
async fn tabs_do_not_disturb_each_other() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let one = browser.start("h5").await;
    let other = browser.start("site").await;
    assert_eq!(browser.cookies.len(), 2);
    for (at_platform, app, person) in [(other, "site", "bob"), (one, "h5", "alice")] {
        let back = browser.decide(&at_platform, person, Decision::Allow);
        let code = browser.visit(&back).await.code();
        browser.exchange(app, &code).await.ok(200);
    }
}

#[tokio::test]
async fn no_more_than_four_are_carried_and_the_oldest_goes() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let mut begun = Vec::new();
    for _ in 0..7 {
        begun.push(browser.start("h5").await);
        server.advance(std::time::Duration::from_secs(1));
        assert!(browser.cookies.len() <= 4);
    }
    let back = browser.decide(&begun[2], "alice", Decision::Allow);
    browser.visit(&back).await.page(400, "sign_in_not_under_way");
    let back = browser.decide(&begun[3], "alice", Decision::Allow);
    browser.visit(&back).await.code();
    browser.cookies.insert(format!("menjin-start-{}", "0".repeat(32)), "rubbish".to_owned());
    browser.cookies.insert("other".to_owned(), "kept".to_owned());
    browser.start("h5").await;
    assert_eq!(browser.cookies.len(), 5, "four, and what is not menjin's");
    assert!(browser.cookies.values().all(|value| value != "rubbish") && browser.cookies.contains_key("other"));
}

#[tokio::test]
async fn behind_https_the_cookie_is_for_this_host_alone_and_hidden_from_scripts() {
    let name = Some("https://login.example.com/auth".to_owned());
    let server = start_with(Setup { public_url: name, ..Setup::default() }).await;
    let mut app = menjin_sim::App::official_account(H5_APPID, APP_SECRET);
    app.redirect_domain = Some("login.example.com".into());
    server.sim.add_app(app);
    let mut browser = Browser::at(&server);
    let visit = browser.visit(Browser::begin("h5").as_str()).await;
    let cookie = visit.headers["set-cookie"].to_str().unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
    assert!(pair.starts_with("__Host-menjin-start-"), "{pair}");
    assert!(pair.len() < 1500, "{}", pair.len());
    let back = browser.decide(&visit.location.unwrap(), "alice", Decision::Allow);
    assert!(back.starts_with("https://login.example.com/auth/v1/login/h5/callback?code="), "{back}");
    let code = browser.visit(&back).await.code();
    browser.exchange("h5", &code).await.ok(200);
    let mut plain = Browser::at(&server);
    let cookies = browser.cookies.iter();
    plain.cookies = cookies.map(|(name, value)| (name.replace("__Host-", ""), value.clone())).collect();
    plain.visit(&back).await.page(400, "sign_in_not_under_way");
}

#[tokio::test]
async fn a_cookie_shows_nothing_of_what_it_holds() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    browser.start("h5").await;
    let sealed = browser.cookies.values().next().unwrap();
    assert!(sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{sealed}");
    for kept in ["h5", "r4nd0m", "shop.example.com"] {
        assert!(!sealed.contains(kept));
    }
}
