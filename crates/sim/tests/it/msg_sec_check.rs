//! `wxa/msg_sec_check`: verdicts, and whom it judges.

use serde_json::{Value, json};

use crate::harness::{Answer, OTHER, Platforms, SHOP};

async fn ask(platforms: &Platforms, body: Value) -> Answer {
    let token = platforms.access_token(SHOP).await;
    platforms.post(&format!("/wxa/msg_sec_check?access_token={token}"), body).await
}

fn about(openid: &str, content: &str) -> Value {
    json!({ "version": 2, "scene": 1, "openid": openid, "content": content })
}

async fn suggested(platforms: &Platforms, openid: &str, content: &str) -> Value {
    ask(platforms, about(openid, content)).await.json()["result"]["suggest"].clone()
}

#[tokio::test]
async fn words_decide_and_the_worst_of_them_counts() {
    let platforms = Platforms::start().await;
    let (openid, _) = platforms.session("alice").await;
    let pass = ask(&platforms, about(&openid, "爱丽丝")).await.json();
    assert_eq!(pass["result"], json!({ "suggest": "pass", "label": 100 }));
    assert_eq!(
        (&pass["detail"][0]["strategy"], pass["detail"].as_array().map(Vec::len)),
        (&json!("content_model"), Some(1))
    );
    assert_eq!(suggested(&platforms, &openid, "这是疑似内容").await, "review");
    let risky = ask(&platforms, about(&openid, "疑似又违规")).await.json();
    assert_eq!((&risky["result"]["suggest"], &risky["detail"][1]["keyword"]), (&json!("risky"), &json!("违规")));
    assert!(risky["trace_id"].as_str().is_some_and(|id| !id.is_empty()), "{risky}");
    platforms.control("/_sim/policy", json!({ "risky_words": ["Spam"] })).await;
    assert_eq!(suggested(&platforms, &openid, "SPAM!").await, "risky");
    assert_eq!(suggested(&platforms, &openid, "违规").await, "pass");
}

#[tokio::test]
async fn a_person_can_have_a_verdict_of_their_own() {
    let platforms = Platforms::start().await;
    let (openid, _) = platforms.session("mallory").await;
    platforms.control("/_sim/people", json!({ "person": "mallory", "verdict": "risky" })).await;
    assert_eq!(suggested(&platforms, &openid, "hello").await, "risky");
    platforms.control("/_sim/people", json!({ "person": "mallory", "phone": "13800138000" })).await;
    assert_eq!(suggested(&platforms, &openid, "hello").await, "risky", "it stays");
    platforms.control("/_sim/people", json!({ "person": "mallory", "verdict": null })).await;
    assert_eq!(suggested(&platforms, &openid, "hello").await, "pass");
}

#[tokio::test]
async fn only_people_who_were_there_within_two_hours_are_judged() {
    let platforms = Platforms::start_with_two_apps().await;
    let (openid, _) = platforms.session("alice").await;
    platforms.sim.advance(7199);
    assert_eq!(suggested(&platforms, &openid, "hello").await, "pass");
    platforms.sim.advance(1);
    ask(&platforms, about(&openid, "hello")).await.refused(61010, "code is expired");
    platforms.code("alice").await;
    assert_eq!(suggested(&platforms, &openid, "hello").await, "pass", "they are back");
    ask(&platforms, about("nobody", "hello")).await.refused(40003, "invalid openid");
    platforms.sim.js_code(OTHER, "alice");
    let elsewhere = platforms.sim.openid(OTHER, "alice");
    ask(&platforms, about(&elsewhere, "hello")).await.refused(43104, "appid does not match with openid");
}

#[tokio::test]
async fn what_is_no_question_is_refused() {
    let platforms = Platforms::start().await;
    let (openid, _) = platforms.session("alice").await;
    let mut scene = about(&openid, "hello");
    scene["scene"] = json!(5);
    ask(&platforms, scene).await.refused(40129, "invalid scene");
    ask(&platforms, about(&openid, &"a".repeat(2501))).await.refused(47001, "data format error");
    ask(&platforms, about(&openid, "")).await.refused(47001, "data format error");
    let token = platforms.access_token(SHOP).await;
    platforms.get(&format!("/wxa/msg_sec_check?access_token={token}")).await.refused(43002, "require POST method");
    platforms.post("/wxa/msg_sec_check", about(&openid, "hello")).await.refused(41001, "access_token missing");
}

#[tokio::test]
async fn the_first_version_knows_the_text_alone() {
    let platforms = Platforms::start().await;
    assert_eq!(ask(&platforms, json!({ "content": "hello" })).await.json(), json!({ "errcode": 0, "errmsg": "ok" }));
    ask(&platforms, json!({ "content": "违规" })).await.refused(87014, "risky content");
}

#[tokio::test]
async fn a_full_minute_and_a_full_day_have_their_errcodes() {
    let platforms = Platforms::start().await;
    let (openid, _) = platforms.session("alice").await;
    let quotas = json!({ "msg_sec_check_minute": 1, "msg_sec_check_day": 2 });
    platforms.control("/_sim/policy", json!({ "quotas": quotas })).await;
    assert_eq!(suggested(&platforms, &openid, "1").await, "pass");
    ask(&platforms, about(&openid, "2")).await.refused(44991, "out of frequency limit");
    platforms.sim.advance(60);
    assert_eq!(suggested(&platforms, &openid, "3").await, "pass");
    platforms.sim.advance(60);
    ask(&platforms, about(&openid, "4")).await.refused(45009, "reach max api daily quota limit");
}
