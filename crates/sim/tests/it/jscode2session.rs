//! `GET /sns/jscode2session`.

use menjin_sim::{App, SessionKeyPolicy};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Answer, OTHER, Platforms, SECRET, SHOP, START, code2session};

#[tokio::test]
async fn a_code_becomes_an_openid_and_a_session_key_and_nothing_else() {
    let platforms = Platforms::start().await;
    let answer = platforms.exchange(&platforms.code("alice").await).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (StatusCode::OK, "text/plain"));
    let openid = platforms.sim.openid(SHOP, "alice");
    let session_key = platforms.sim.session_key(SHOP, "alice").expect("alice has signed in");
    assert_eq!(answer.json(), json!({ "session_key": session_key, "openid": openid }));
    assert!(answer.body.starts_with(r#"{"session_key":"#), "{}", answer.body);
    assert_eq!((session_key.len(), openid.len()), (24, 28));
}

#[tokio::test]
async fn a_unionid_comes_only_to_an_app_with_an_open_platform_account() {
    let platforms = Platforms::start_with_two_apps().await;
    let unionid = platforms.exchange(&platforms.code("alice").await).await.json()["unionid"].clone();
    assert_eq!(unionid, platforms.sim.unionid("acme", "alice"));
    let code = platforms.sim.js_code(OTHER, "alice");
    let answer = platforms.exchange_as(OTHER, SECRET, &code).await.json();
    assert!(answer.get("unionid").is_none() && answer.get("openid").is_some(), "{answer}");
}

#[tokio::test]
async fn apps_of_one_open_platform_account_see_one_unionid_and_two_openids() {
    let apps = [SHOP, OTHER].map(|appid| App::mini_program(appid, SECRET).bound_to("acme"));
    let platforms = Platforms::with(apps.into()).await;
    let (one, other) = (platforms.sim.js_code(SHOP, "alice"), platforms.sim.js_code(OTHER, "alice"));
    let one = platforms.exchange(&one).await.json();
    let other = platforms.exchange_as(OTHER, SECRET, &other).await.json();
    assert_eq!(one["unionid"], other["unionid"]);
    assert_ne!(one["openid"], other["openid"]);
}

#[tokio::test]
async fn a_code_is_good_once() {
    let platforms = Platforms::start().await;
    let code = platforms.code("alice").await;
    platforms.exchange(&code).await;
    platforms.exchange(&code).await.refused(40163, "code been used");
}

#[tokio::test]
async fn of_many_racing_exchanges_of_one_code_exactly_one_succeeds() {
    let platforms = Platforms::start().await;
    let path = code2session(SHOP, SECRET, &platforms.code("alice").await);
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..20 {
        racing.spawn(Answer::of(platforms.request(Method::GET, &path)));
    }
    let answers = racing.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.json().get("openid").is_some()).count(), 1);
}

#[tokio::test]
async fn a_code_lives_five_minutes() {
    let platforms = Platforms::start().await;
    let (early, late) = (platforms.code("alice").await, platforms.code("bob").await);
    platforms.sim.advance(299);
    assert!(platforms.exchange(&early).await.json().get("openid").is_some());
    platforms.sim.advance(1);
    platforms.exchange(&late).await.refused(40029, "invalid code");
    platforms.exchange(&early).await.refused(40029, "invalid code");
}

#[tokio::test]
async fn unknown_foreign_and_phone_codes_are_invalid_and_stay_unspent() {
    let platforms = Platforms::start_with_two_apps().await;
    platforms.exchange("0nobodyevergotthiscode0000000000").await.refused(40029, "invalid code");
    platforms.exchange(&platforms.sim.phone_code(SHOP, "alice")).await.refused(40029, "invalid code");
    let foreign = platforms.sim.js_code(OTHER, "alice");
    platforms.exchange(&foreign).await.refused(40029, "invalid code");
    assert!(platforms.exchange_as(OTHER, SECRET, &foreign).await.json().get("openid").is_some());
}

#[tokio::test]
async fn what_is_missing_is_named_before_what_is_wrong() {
    let platforms = Platforms::start().await;
    let ask = async |query: &str| platforms.get(&format!("/sns/jscode2session{query}")).await;
    ask("").await.refused(41002, "appid missing");
    ask("?appid=").await.refused(41002, "appid missing");
    ask("?appid=wxnobody").await.refused(41004, "appsecret missing");
    ask("?appid=wxnobody&secret=x").await.refused(41008, "missing code");
    ask("?appid=wxnobody&secret=x&js_code=0").await.refused(40013, "invalid appid");
    ask(&format!("?appid={SHOP}&secret=x&js_code=0")).await.refused(40125, "invalid appsecret");
    ask(&format!("?appid={SHOP}&secret={SECRET}&js_code=0")).await.refused(40002, "invalid grant_type");
}

#[tokio::test]
async fn checks_can_be_made_in_turn_instead() {
    let platforms = Platforms::start().await;
    platforms.control("/_sim/policy", json!({ "validation": "in_turn" })).await;
    let ask = async |query: &str| platforms.get(&format!("/sns/jscode2session{query}")).await;
    ask("?appid=wxnobody").await.refused(40013, "invalid appid");
    ask(&format!("?appid={SHOP}&secret=x")).await.refused(40125, "invalid appsecret");
    ask(&format!("?appid={SHOP}&secret={SECRET}")).await.refused(41008, "missing code");
}

#[tokio::test]
async fn parameters_in_a_posted_form_are_not_seen() {
    let platforms = Platforms::start().await;
    let code = platforms.code("alice").await;
    let form = [("appid", SHOP), ("secret", SECRET), ("js_code", &code), ("grant_type", "authorization_code")];
    let answer = Answer::of(platforms.request(Method::POST, "/sns/jscode2session").form(&form)).await;
    answer.refused(41002, "appid missing");
    assert!(platforms.exchange(&code).await.json().get("openid").is_some());
}

#[tokio::test]
async fn a_refusal_ends_in_a_comma_and_a_request_id_that_begins_with_the_time() {
    let platforms = Platforms::start().await;
    let answer = platforms.exchange("0x").await;
    assert_eq!(answer.content_type, "text/plain");
    let errmsg = answer.json()["errmsg"].as_str().unwrap().to_owned();
    let rid = errmsg.strip_prefix("invalid code, rid: ").expect("sns puts a comma");
    let groups: Vec<&str> = rid.split('-').collect();
    assert_eq!(groups[0], format!("{START:08x}"));
    assert!(groups.len() == 3 && groups.iter().all(|group| group.len() == 8), "{rid}");
}

#[tokio::test]
async fn a_blocked_person_is_refused_until_unblocked() {
    let platforms = Platforms::start().await;
    platforms.control("/_sim/people", json!({ "person": "mallory", "blocked": true })).await;
    let code = platforms.code("mallory").await;
    platforms.exchange(&code).await.refused(40226, "code blocked");
    platforms.control("/_sim/people", json!({ "person": "mallory", "blocked": false })).await;
    assert!(platforms.exchange(&code).await.json().get("openid").is_some());
}

#[tokio::test]
async fn a_person_may_sign_in_a_hundred_times_a_minute() {
    let platforms = Platforms::start().await;
    for _ in 0..100 {
        platforms.session("alice").await;
    }
    let code = platforms.code("alice").await;
    platforms.exchange(&code).await.refused(45011, "api minute-quota reach limit  mustslower  retry next minute");
    platforms.session("bob").await;
    platforms.sim.advance(60);
    assert!(platforms.exchange(&code).await.json().get("openid").is_some(), "the refused code is not spent");
}

#[tokio::test]
async fn the_key_of_an_older_code_may_be_dead_by_the_time_of_its_exchange() {
    let platforms = Platforms::start().await;
    platforms.sim.change_policy(|policy| policy.session_key = SessionKeyPolicy::Always);
    let (older, newer) = (platforms.code("alice").await, platforms.code("alice").await);
    let newer = platforms.exchange(&newer).await.json()["session_key"].clone();
    let older = platforms.exchange(&older).await.json()["session_key"].clone();
    assert_ne!(older, newer);
    assert_eq!(newer, platforms.sim.session_key(SHOP, "alice").unwrap());
}

#[tokio::test]
async fn quick_logins_share_a_key_and_an_app_may_have_its_own_rule() {
    let platforms = Platforms::start().await;
    let (_, first) = platforms.session("alice").await;
    platforms.sim.advance(59);
    assert_eq!(platforms.session("alice").await.1, first);
    platforms.sim.advance(1);
    let (_, second) = platforms.session("alice").await;
    assert_ne!(second, first);
    platforms.control("/_sim/apps", json!({ "appid": SHOP, "session_key": "always" })).await;
    assert_ne!(platforms.session("alice").await.1, second);
}

#[tokio::test]
async fn sample_style_adds_errcode_zero() {
    let platforms = Platforms::start().await;
    platforms.control("/_sim/policy", json!({ "sample_style": true })).await;
    let answer = platforms.exchange(&platforms.code("alice").await).await.json();
    assert_eq!((&answer["errcode"], &answer["errmsg"]), (&json!(0), &json!("ok")));
}

#[tokio::test]
async fn the_same_person_has_the_same_openid_in_another_simulator_with_another_seed() {
    let platforms = Platforms::start().await;
    let other = menjin_sim::Sim::new(menjin_sim::Options { seed: Some(2), ..Default::default() });
    assert_eq!(platforms.session("alice").await.0, other.openid(SHOP, "alice"));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_codes_and_keys() {
    let (one, other) = (Platforms::start().await, Platforms::start().await);
    assert_eq!(one.code("alice").await, other.code("alice").await);
    assert_eq!(one.session("bob").await, other.session("bob").await);
}
