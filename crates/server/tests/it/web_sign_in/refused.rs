//! What must not sign anybody in: snapshots, refusals, foreign and forged returns, wrong proofs, a platform that is down.

use std::time::Duration;

use menjin_sim::{Decision, Fault, FaultKind};
use reqwest::Method;
use serde_json::json;

use super::browser::{Browser, VERIFIER, challenge};
use super::{start, start_with};
use crate::broker::until;
use crate::harness::Setup;
use crate::rows::Rows;

const ACCESS_TOKEN: &str = "/sns/oauth2/access_token";

#[tokio::test]
async fn a_virtual_user_of_a_snapshot_becomes_nobody() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let at_platform = browser.start("h5").await;
    let back = browser.decide(&at_platform, "alice", Decision::Snapshot);
    browser.visit(&back).await.error("access_denied", "snapshot_user");
    assert!(browser.sign_in("h5", "alice").await["is_new_user"].as_bool().unwrap(), "nobody was made before");
}

#[tokio::test]
async fn somebody_who_declines_comes_back_without_a_code() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let at_platform = browser.start("h5").await;
    let back = browser.decide(&at_platform, "alice", Decision::Deny);
    browser.visit(&back).await.error("access_denied", "sign_in_denied");
    assert!(browser.cookies.is_empty());
    browser.visit(&back).await.page(400, "sign_in_not_under_way");
    let at_platform = browser.start("site").await;
    assert_eq!(server.sim.authorize(at_platform.as_str(), "alice", Decision::Deny).unwrap(), None);
}

#[tokio::test]
async fn nobody_comes_back_in_a_browser_that_did_not_begin() {
    let server = start().await;
    let mut attacker = Browser::at(&server);
    let back = attacker.return_as("h5", "mallory").await;
    let mut victim = Browser::at(&server);
    victim.visit(&back).await.page(400, "sign_in_not_under_way");
    // Not with a sign-in of the victim's own under way, either.
    let at_platform = victim.start("h5").await;
    victim.visit(&back).await.page(400, "sign_in_not_under_way");
    let state = at_platform.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let (cookie, sealed) = attacker.cookies.pop_first().unwrap();
    victim.cookies.insert(format!("menjin-start-{state}"), sealed.clone());
    victim.visit(&format!("/v1/login/h5/callback?code=0&state={state}")).await.page(400, "sign_in_not_under_way");
    victim.cookies.insert(cookie, sealed.replace(&sealed[40..44], "AAAA"));
    victim.visit(&back).await.page(400, "sign_in_not_under_way");
    assert_eq!(server.sim.calls(&menjin_sim::CallFilter::default()).len(), 0, "the platform was not asked");
}

#[tokio::test]
async fn a_return_belongs_to_one_app() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let back = browser.return_as("h5", "alice").await;
    browser.visit(&back.replace("/h5/", "/site/")).await.page(400, "sign_in_not_under_way");
    browser.visit(&back.replace("/h5/", "/shop/")).await.page(404, "app_unknown");
    let code = browser.visit(&back).await.code();
    browser.exchange("site", &code).await.problem(401, "code_invalid");
    browser.exchange("h5", &code).await.ok(200);
}

#[tokio::test]
async fn a_sign_in_is_under_way_for_ten_minutes() {
    let server = start().await;
    server.freeze();
    let mut browser = Browser::at(&server);
    let at_platform = browser.start("site").await;
    server.advance(Duration::from_secs(599));
    let back = browser.decide(&at_platform, "alice", Decision::Allow);
    let mut early = Browser::at(&server);
    early.cookies = browser.cookies.clone();
    early.visit(&back).await.code();
    server.advance(Duration::from_secs(1));
    browser.visit(&back).await.page(400, "sign_in_not_under_way");
}

#[tokio::test]
async fn a_page_that_is_not_registered_is_never_gone_to() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let cases = [
        "https://evil.example/",
        "https://shop.example.com/signed-in",
        "https://shop.example.com/signed-in?from=menjin&x=1",
        "https://shop.example.com/signed-in?from=menjin#x",
        "https://SHOP.example.com/signed-in?from=menjin",
        "https://shop.example.com/signed-in?from=menjin/",
        "https://shop.example.com:443/signed-in?from=menjin",
        "//shop.example.com/signed-in?from=menjin",
        "javascript:alert(1)",
        "",
    ];
    for redirect_uri in cases {
        let mut address = Browser::begin("h5");
        let rest: Vec<_> = address.query_pairs().into_owned().filter(|(name, _)| name != "redirect_uri").collect();
        address.query_pairs_mut().clear().append_pair("redirect_uri", redirect_uri).extend_pairs(rest);
        let visit = browser.visit(address.as_str()).await;
        visit.page(400, "field_invalid");
        assert!(!visit.text.contains("evil"), "{}", visit.text);
        assert!(browser.cookies.is_empty());
    }
    let twice = format!("{}&redirect_uri=https://evil.example/", Browser::begin("h5"));
    browser.visit(&twice).await.page(400, "field_invalid");
}

#[tokio::test]
async fn a_beginning_that_is_not_whole_is_told_on_a_page() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    for (name, value, field) in [
        ("state", "", "state"),
        ("state", &"s".repeat(513), "state"),
        ("state", "a\nb", "state"),
        ("code_challenge", "", "code_challenge"),
        ("code_challenge", &challenge("x")[..42], "code_challenge"),
        ("code_challenge", &format!("{}=", challenge("x")), "code_challenge"),
        ("code_challenge_method", "", "code_challenge_method"),
        ("code_challenge_method", "plain", "code_challenge_method"),
        ("silent", "yes", "silent"),
    ] {
        let mut address = Browser::begin("h5");
        let rest: Vec<_> = address.query_pairs().into_owned().filter(|(found, _)| found != name).collect();
        address.query_pairs_mut().clear().extend_pairs(rest).append_pair(name, value);
        let visit = browser.visit(address.as_str()).await;
        visit.page(400, "field_invalid");
        assert!(visit.text.contains(&format!("`{field}`")), "{name}={value}: {}", visit.text);
    }
    for app in ["shop", "office", "nowhere", "phone-app"] {
        browser.visit(Browser::begin(app).as_str()).await.page(404, "app_unknown");
    }
}

#[tokio::test]
async fn a_wrong_verifier_ends_the_code() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let code = browser.arrive("h5", "alice").await;
    let other = "a".repeat(43);
    let wrong = browser.exchange_with("h5", json!({"code": code, "code_verifier": other})).await;
    wrong.problem(401, "code_invalid");
    browser.exchange("h5", &code).await.problem(401, "code_used");
    // Somebody else has got hold of the code: that stands in the audit.
    let mut rows = Rows::of(&server).await;
    let sql = "SELECT app FROM audit WHERE action = 'login.refused' AND detail = 'another code_verifier'";
    until(async || !rows.all(sql).await.is_empty()).await;
    let apps: Vec<_> = rows.all(sql).await.iter().map(|row| row[0].text().unwrap()).collect();
    assert_eq!(apps, ["h5"]);
    assert!(browser.sign_in("h5", "alice").await["is_new_user"].as_bool().unwrap());
}

#[tokio::test]
async fn a_verifier_that_is_none_leaves_the_code_good() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let code = browser.arrive("h5", "alice").await;
    let challenge = challenge(VERIFIER);
    for body in [
        json!({"code": code}),
        json!({"code": code, "code_verifier": null}),
        json!({"code": code, "code_verifier": "short"}),
        json!({"code": code, "code_verifier": format!("{VERIFIER}/")}),
        json!({"code": code, "code_verifier": "a".repeat(129)}),
    ] {
        let problem = browser.exchange_with("h5", body).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], "code_verifier");
    }
    let shown = browser.exchange_with("h5", json!({"code": code, "code_verifier": challenge})).await;
    shown.problem(401, "code_invalid");
}

#[tokio::test]
async fn a_code_of_ours_is_good_for_a_minute() {
    let server = start().await;
    server.freeze();
    let mut browser = Browser::at(&server);
    let code = browser.arrive("h5", "alice").await;
    server.advance(Duration::from_mins(1));
    browser.exchange("h5", &code).await.problem(401, "code_invalid");
    let code = browser.arrive("h5", "alice").await;
    server.advance(Duration::from_secs(59));
    browser.exchange("h5", &code).await.ok(200);
}

#[tokio::test]
async fn the_platforms_own_code_is_worth_nothing_at_the_exchange() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let back = browser.return_as("h5", "alice").await;
    let theirs = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
    browser.exchange("h5", theirs).await.problem(401, "code_invalid");
    browser.visit(&back).await.code();
}

#[tokio::test]
async fn a_platform_that_is_down_is_told_to_the_page_and_nothing_is_asked_twice() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    for (kind, code) in [
        (FaultKind::Busy, "platform_unavailable"),
        (FaultKind::Html, "platform_unavailable"),
        (FaultKind::Malformed, "platform_unavailable"),
        (FaultKind::Dropped, "platform_unavailable"),
        (FaultKind::Errcode { errcode: 40125, errmsg: None }, "platform_misconfigured"),
    ] {
        let back = browser.return_as("h5", "alice").await;
        server.sim.clear_calls();
        server.sim.add_fault(Fault::once(kind).on(ACCESS_TOKEN));
        browser.visit(&back).await.error("temporarily_unavailable", code);
        assert_eq!(server.sim.calls(&menjin_sim::CallFilter::default()).len(), 1);
        browser.visit(&back).await.page(400, "sign_in_not_under_way");
    }
    let back = browser.return_as("h5", "alice").await;
    server.sim.add_fault(Fault::once(FaultKind::Errcode { errcode: 40029, errmsg: None }).on(ACCESS_TOKEN));
    browser.visit(&back).await.error("invalid_request", "code_invalid");
}

#[tokio::test]
async fn a_profile_that_does_not_come_keeps_nobody_out() {
    let server = start().await;
    server.sim.change_person("alice", |alice| alice.nickname = Some("爱丽丝".into()));
    let mut browser = Browser::at(&server);
    for kind in [FaultKind::Html, FaultKind::Errcode { errcode: 48001, errmsg: None }] {
        server.sim.add_fault(Fault::once(kind).on("/sns/userinfo"));
        let signed_in = browser.sign_in("h5", "alice").await;
        assert_eq!(signed_in["user"]["nickname"], json!(null));
    }
}

#[tokio::test]
async fn a_return_with_an_odd_code_or_two_is_refused_without_asking_the_platform() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    for (odd, error, code) in [
        ("code=a%20b&code=", "invalid_request", "field_invalid"),
        ("code=a%20b", "invalid_request", "code_invalid"),
        ("code=", "access_denied", "sign_in_denied"),
        ("", "access_denied", "sign_in_denied"),
    ] {
        let state = browser.start("h5").await.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        browser.visit(&format!("/v1/login/h5/callback?{odd}&state={state}")).await.error(error, code);
    }
    for state in ["", "&state=x", "&state=0123456789abcdef0123456789abcdef", "&state=a&state=a"] {
        let address = format!("/v1/login/h5/callback?code=0{state}");
        browser.visit(&address).await.page(400, "sign_in_not_under_way");
    }
    assert_eq!(server.sim.calls(&menjin_sim::CallFilter::default()).len(), 0);
}

#[tokio::test]
async fn what_only_looks_spends_no_code() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let back = browser.return_as("h5", "alice").await;
    let looked = browser.visit_with(&server, &back, (Method::HEAD, "en")).await;
    assert_eq!((looked.status, looked.location), (405, None));
    let posted = browser.visit_with(&server, &back, (Method::POST, "en")).await;
    assert_eq!(posted.status, 405);
    browser.visit(&back).await.code();
}

#[tokio::test]
async fn whoever_keeps_failing_is_held_up() {
    let limits = "enabled = true\nper_address = 6000\nfailures_per_app = 3\nfailures_per_address = 100".to_owned();
    let server = start_with(Setup { limits, ..Setup::default() }).await;
    let browser = Browser::at(&server);
    let mut refused = 0;
    for nth in 0..20 {
        let answer = browser.exchange("h5", &format!("guess{nth}")).await;
        if answer.status.as_u16() == 429 {
            answer.problem(429, "too_many_requests");
            refused += 1;
        } else {
            answer.problem(401, "code_invalid");
        }
    }
    assert!(refused > 0);
    let mut browser = browser;
    let back = browser.return_as("h5", "alice").await;
    browser.visit(&back).await.page(429, "too_many_requests");
}
