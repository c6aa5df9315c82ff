//! Browsers inside apps load an address twice, people go back, and strangers try again.

use menjin_sim::{CallFilter, Decision};
use serde_json::json;
use tokio::task::JoinSet;

use super::browser::{Browser, VERIFIER};
use super::start;

#[tokio::test]
async fn a_return_that_is_loaded_again_leads_to_the_same_place_and_asks_nobody() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let back = browser.return_as("h5", "alice").await;
    let first = browser.visit(&back).await.code();
    server.sim.clear_calls();
    assert_eq!(browser.visit(&back).await.code(), first);
    browser.exchange("h5", &first).await.ok(200);
    // Back in the history after the exchange: the same place once more, and the code is told to be used.
    assert_eq!(browser.visit(&back).await.code(), first);
    browser.exchange("h5", &first).await.problem(401, "code_used");
    assert_eq!(server.sim.calls(&CallFilter::default()).len(), 0);
}

#[tokio::test]
async fn racing_loads_of_one_return_redeem_once_and_agree() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let back = browser.return_as("h5", "alice").await;
    server.sim.clear_calls();
    let (cookies, url) = (browser.cookies.clone(), back.clone());
    let mut loads = JoinSet::new();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for _ in 0..8 {
        let cookies: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = http.get(&url).header("cookie", cookies.join("; "));
        loads.spawn(async move {
            let answer = request.send().await.unwrap();
            answer.headers()["location"].to_str().unwrap().to_owned()
        });
    }
    let led = loads.join_all().await;
    assert!(led.iter().all(|to| *to == led[0] && to.contains("code=")), "{led:?}");
    let redeemed = CallFilter { path: Some("/sns/oauth2/access_token".into()), ..CallFilter::default() };
    assert_eq!(server.sim.calls(&redeemed).len(), 1);
}

#[tokio::test]
async fn one_of_many_exchanges_of_one_code_wins() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let code = browser.arrive("h5", "alice").await;
    let body = json!({"code": code, "code_verifier": VERIFIER});
    let attempts = (0..20).map(|_| browser.exchange_with("h5", body.clone()));
    let answers = futures_util::future::join_all(attempts).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.as_u16() == 200).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status.as_u16() != 200) {
        answer.problem(401, "code_used");
    }
}

#[tokio::test]
async fn an_exchange_with_an_idempotency_key_may_be_repeated() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let code = browser.arrive("h5", "alice").await;
    let body = json!({"code": code, "code_verifier": VERIFIER}).to_string();
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let key = [("idempotency-key", "k-1")];
        let anon = server.anon();
        let answer = anon.send(reqwest::Method::POST, "/v1/login/h5", Some(body.clone()), &key).await;
        sessions.push(answer.ok(200)["session_id"].clone());
    }
    assert_eq!(sessions[0], sessions[1]);
    let other = json!({"code": code, "code_verifier": "b".repeat(43)}).to_string();
    let anon = server.anon();
    let answer = anon.send(reqwest::Method::POST, "/v1/login/h5", Some(other), &[("idempotency-key", "k-1")]).await;
    answer.problem(422, "idempotency_mismatch");
}

#[tokio::test]
async fn a_state_serves_for_one_code_of_the_platform() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let at_platform = browser.start("h5").await;
    let [own, other] = ["alice", "mallory"].map(|person| browser.decide(&at_platform, person, Decision::Allow));
    browser.visit(&own).await.code();
    browser.visit(&other).await.page(400, "sign_in_not_under_way");
}

#[tokio::test]
async fn a_code_of_the_platform_serves_for_one_state() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let first = browser.return_as("h5", "alice").await;
    browser.visit(&first).await.code();
    let second = browser.start("h5").await;
    let state = second.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let (address, _) = first.split_once("&state=").unwrap();
    browser.visit(&format!("{address}&state={state}")).await.error("invalid_request", "code_used");
}
