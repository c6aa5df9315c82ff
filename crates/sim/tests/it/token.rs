//! `GET /cgi-bin/token`.

use menjin_sim::Quotas;
use serde_json::json;

use crate::harness::{Platforms, SECRET, SHOP};

/// Whether an API takes the token: the phone API looks at it before anything else in the body.
pub(crate) async fn state_of(platforms: &Platforms, token: &str) -> i64 {
    let path = format!("/wxa/business/getuserphonenumber?access_token={token}");
    platforms.post(&path, json!({ "code": "none" })).await.json()["errcode"].as_i64().expect("it is refused")
}

pub(crate) const GOOD: i64 = 40029;
pub(crate) const DEAD: i64 = 40001;
pub(crate) const EXPIRED: i64 = 42001;

#[tokio::test]
async fn a_token_lives_two_hours() {
    let platforms = Platforms::start().await;
    let path = format!("/cgi-bin/token?grant_type=client_credential&appid={SHOP}&secret={SECRET}");
    let answer = platforms.get(&path).await;
    assert_eq!(answer.content_type, "application/json; encoding=utf-8");
    assert_eq!(answer.json()["expires_in"], 7200);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 136);
    platforms.sim.advance(7199);
    assert_eq!(state_of(&platforms, &token).await, GOOD);
    platforms.sim.advance(1);
    assert_eq!(state_of(&platforms, &token).await, EXPIRED);
}

#[tokio::test]
async fn a_new_token_replaces_the_former_one_after_five_minutes() {
    let platforms = Platforms::start().await;
    let former = platforms.access_token(SHOP).await;
    let latest = platforms.access_token(SHOP).await;
    assert_ne!(former, latest);
    platforms.sim.advance(299);
    assert_eq!((state_of(&platforms, &former).await, state_of(&platforms, &latest).await), (GOOD, GOOD));
    platforms.sim.advance(1);
    assert_eq!((state_of(&platforms, &former).await, state_of(&platforms, &latest).await), (DEAD, GOOD));
}

#[tokio::test]
async fn an_unknown_token_is_refused_at_length_and_a_missing_one_briefly() {
    let platforms = Platforms::start().await;
    let answer = platforms.post("/wxa/business/getuserphonenumber?access_token=stale", json!({ "code": "x" })).await;
    answer.refused(
        40001,
        "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more \
         details at https://mmbizurl.cn/s/JtxxFh33r",
    );
    assert!(answer.json()["errmsg"].as_str().unwrap().contains("JtxxFh33r rid: "), "cgi-bin and wxa put no comma");
    let answer = platforms.post("/wxa/business/getuserphonenumber", json!({ "code": "x" })).await;
    answer.refused(41001, "access_token missing");
}

#[tokio::test]
async fn a_bad_appid_is_reported_before_a_bad_grant_type() {
    let platforms = Platforms::start().await;
    let ask = async |query: String| platforms.get(&format!("/cgi-bin/token?{query}")).await;
    ask(String::new()).await.refused(41002, "appid missing");
    ask(format!("appid={SHOP}")).await.refused(41004, "appsecret missing");
    ask(format!("appid=wxnobody&secret={SECRET}")).await.refused(40013, "invalid appid");
    ask(format!("appid={SHOP}&secret=wrong")).await.refused(40125, "invalid appsecret");
    ask(format!("appid={SHOP}&secret={SECRET}")).await.refused(40002, "invalid grant_type");
}

#[tokio::test]
async fn the_daily_quota_ends_at_midnight_in_china() {
    let platforms = Platforms::start().await;
    platforms.sim.change_policy(|policy| policy.quotas = Quotas { token_day: Some(1), ..Quotas::default() });
    let path = format!("/cgi-bin/token?grant_type=client_credential&appid={SHOP}&secret={SECRET}");
    platforms.access_token(SHOP).await;
    platforms.get(&path).await.refused(45009, "reach max api daily quota limit");
    // The harness starts at noon in China.
    platforms.sim.advance(12 * 3600);
    platforms.access_token(SHOP).await;
}
