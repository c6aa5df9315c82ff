//! `POST /cgi-bin/stable_token`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Platforms, SECRET, SHOP};
use crate::token::{DEAD, GOOD, state_of};

async fn ask(platforms: &Platforms, force: bool) -> Answer {
    let body = json!({ "grant_type": "client_credential", "appid": SHOP, "secret": SECRET, "force_refresh": force });
    platforms.post("/cgi-bin/stable_token", body).await
}

async fn token(platforms: &Platforms, force: bool) -> (String, i64) {
    let answer = ask(platforms, force).await.json();
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
    (token.to_owned(), answer["expires_in"].as_i64().expect("a number"))
}

#[tokio::test]
async fn the_token_stays_the_same_until_its_last_five_minutes() {
    let platforms = Platforms::start().await;
    let (first, life) = token(&platforms, false).await;
    assert_eq!(life, 7200);
    platforms.sim.advance(6899);
    assert_eq!(token(&platforms, false).await, (first.clone(), 301));
    platforms.sim.advance(1);
    let (second, life) = token(&platforms, false).await;
    assert_eq!(life, 7200);
    assert_ne!(second, first);
    assert_eq!((state_of(&platforms, &first).await, state_of(&platforms, &second).await), (GOOD, GOOD));
}

#[tokio::test]
async fn a_forced_renewal_kills_the_former_token_at_once() {
    let platforms = Platforms::start().await;
    let (first, _) = token(&platforms, false).await;
    let (second, _) = token(&platforms, true).await;
    assert_ne!(first, second);
    assert_eq!((state_of(&platforms, &first).await, state_of(&platforms, &second).await), (DEAD, GOOD));
}

#[tokio::test]
async fn a_renewal_forced_again_within_thirty_seconds_changes_nothing() {
    let platforms = Platforms::start().await;
    let (first, _) = token(&platforms, true).await;
    platforms.sim.advance(29);
    assert_eq!(token(&platforms, true).await, (first.clone(), 7171));
    platforms.sim.advance(1);
    assert_ne!(token(&platforms, true).await.0, first);
}

#[tokio::test]
async fn twenty_renewals_may_be_forced_a_day() {
    let platforms = Platforms::start().await;
    for _ in 0..20 {
        token(&platforms, true).await;
        platforms.sim.advance(30);
    }
    ask(&platforms, true).await.refused(45009, "reach max api daily quota limit");
    token(&platforms, false).await;
}

#[tokio::test]
async fn the_two_kinds_of_token_leave_each_other_alone() {
    let platforms = Platforms::start().await;
    let plain = platforms.access_token(SHOP).await;
    let (stable, _) = token(&platforms, true).await;
    platforms.access_token(SHOP).await;
    assert_eq!((state_of(&platforms, &plain).await, state_of(&platforms, &stable).await), (GOOD, GOOD));
}

#[tokio::test]
async fn it_takes_a_post_with_a_json_object() {
    let platforms = Platforms::start().await;
    let bare = |method, body: &'static str| platforms.request(method, "/cgi-bin/stable_token").body(body);
    Answer::of(bare(Method::GET, "")).await.refused(43002, "require POST method");
    Answer::of(bare(Method::POST, "")).await.refused(44002, "empty post data");
    Answer::of(bare(Method::POST, "appid=wx")).await.refused(47001, "data format error");
    Answer::of(bare(Method::POST, "[]")).await.refused(47001, "data format error");
    Answer::of(bare(Method::POST, "{}")).await.refused(41002, "appid missing");
}

#[tokio::test]
async fn wrong_members_are_refused_as_by_the_older_api() {
    let platforms = Platforms::start().await;
    let ask = async |body: Value| platforms.post("/cgi-bin/stable_token", body).await;
    ask(json!({ "appid": SHOP })).await.refused(41004, "appsecret missing");
    ask(json!({ "appid": "wxnobody", "secret": SECRET })).await.refused(40013, "invalid appid");
    ask(json!({ "appid": SHOP, "secret": "wrong" })).await.refused(40125, "invalid appsecret");
    ask(json!({ "appid": SHOP, "secret": SECRET })).await.refused(40002, "invalid grant_type");
}

#[tokio::test]
async fn too_many_in_a_minute_are_told_to_slow_down() {
    let platforms = Platforms::start().await;
    platforms.control("/_sim/policy", json!({ "quotas": { "stable_token_minute": 2 } })).await;
    token(&platforms, false).await;
    token(&platforms, false).await;
    ask(&platforms, false).await.refused(45011, "api minute-quota reach limit  mustslower  retry next minute");
}
