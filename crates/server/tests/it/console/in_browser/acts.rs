//! What operators do in the console, and what comes of it outside.

use std::time::Duration;

use menjin_server::store::OperatorRole;
use reqwest::Method;
use serde_json::json;

use super::desk::Desk;
use crate::harness::TestServer;

#[tokio::test]
async fn somebody_is_found_and_kicked_and_their_next_request_is_refused() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    phone.put("/v1/me", json!({"nickname": "爱丽丝"})).await;
    phone.get("/v1/me").await.ok(200);
    let desk = Desk::of(&t, OperatorRole::Support, "en").await;
    let browser = &desk.browser;
    desk.open("/console/people").await;
    browser.write("#name", &phone.user_id()).await;
    browser.click("#find").await;
    browser.until("document.querySelector('#user')").await;
    assert_eq!(browser.text("#user").await, phone.user_id());
    assert_eq!(browser.text("#sessions .chip").await, "1");
    assert!(browser.text("#identities").await.contains("wechat"));

    desk.act("#kick").await;
    desk.is_told("All sign-ins have ended").await;
    assert_eq!(browser.text("#sessions .chip").await, "0");
    phone.get("/v1/me").await.problem(401, "session_kicked");
    let line = browser.text("#audit tr[data-action='session.kicked']").await;
    assert!(line.contains("operator lin"), "{line}");
    phone.login(json!({})).await.ok(200);
    desk.is_quiet(&[]).await;
}

#[tokio::test]
async fn one_of_several_sign_ins_is_ended() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    t.advance(Duration::from_mins(1));
    let mut pc = t.phone_of("alice");
    pc.login(json!({"device": {"class": "pc", "name": "ThinkPad"}})).await.ok(200);
    let desk = Desk::of(&t, OperatorRole::Support, "en").await;
    desk.open("/console/people/1").await;
    assert_eq!(desk.browser.text("#sessions .chip").await, "2");
    assert!(desk.browser.text("#sessions tbody tr:first-child").await.contains("ThinkPad"));
    desk.browser.click("#sessions tbody tr:first-child button").await;
    desk.is_told("has ended").await;
    assert_eq!(desk.browser.text("#sessions .chip").await, "1");
    pc.get("/v1/me").await.problem(401, "session_kicked");
    phone.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_ban_shuts_out_until_it_is_lifted() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let desk = Desk::of(&t, OperatorRole::Support, "zh-CN").await;
    desk.open("/console/people/1").await;
    desk.act("#ban").await;
    desk.is_told("已封禁").await;
    assert_eq!(desk.browser.text("#banned").await, "已封禁");
    phone.login(json!({})).await.problem(401, "user_disabled");
    desk.browser.click("#unban button").await;
    desk.is_told("已解封").await;
    assert_eq!(desk.browser.run("document.querySelector('#banned')").await, json!(null));
    phone.login(json!({})).await.ok(200);
    desk.is_quiet(&[]).await;
}

#[tokio::test]
async fn a_merge_is_shown_before_it_is_done_and_can_be_undone() {
    let t = TestServer::start().await;
    let (alice, bob) = (t.phone("alice").await, t.phone("bob").await);
    let desk = Desk::of(&t, OperatorRole::Support, "en").await;
    let browser = &desk.browser;
    desk.open("/console/people/1").await;
    browser.click("#merge > summary").await;
    browser.write("#from", "2").await;
    browser.click("#merge button").await;
    browser.until("document.querySelector('#do-merge')").await;
    let side = async |which: &str| browser.text(&format!("[data-side={which}]")).await;
    assert!(side("into").await.contains(&alice.user_id()) && side("from").await.contains(&bob.user_id()));
    let moves = browser.text("#moves").await;
    assert!(moves.contains("Identities\n1") && moves.contains("Sessions that end\n1"), "{moves}");
    bob.get("/v1/me").await.ok(200);

    browser.click("#do-merge").await;
    desk.is_told("are one").await;
    assert_eq!(browser.text("#user").await, alice.user_id());
    assert_eq!(browser.run("document.querySelectorAll('#identities li').length").await, 2);
    bob.get("/v1/me").await.problem(401, "user_merged");
    let mut again = t.phone_of("bob");
    again.login(json!({})).await.ok(200);
    assert_eq!(again.user_id(), alice.user_id());

    browser.click("details.act:has([data-act=unmerge]) > summary").await;
    browser.click("[data-act=unmerge]").await;
    desk.is_told("is undone").await;
    assert_eq!(browser.text("#user").await, bob.user_id());
    again.login(json!({})).await.ok(200);
    assert_eq!(again.user_id(), bob.user_id());
    desk.open("/console/people/1/merge?from=1").await;
    assert!(browser.text("[role=alert]").await.contains("merge_refused"));
    desk.is_quiet(&[409]).await;
}

#[tokio::test]
async fn a_registered_apps_secret_is_shown_once_and_works() {
    let t = TestServer::start().await;
    let desk = Desk::of(&t, OperatorRole::Admin, "en").await;
    let browser = &desk.browser;
    desk.open("/console/apps").await;
    browser.click("#add > summary").await;
    browser.write("#add [name=id]", "reports").await;
    browser.write("#add [name=scopes]", "revocations:read").await;
    browser.click("#register").await;
    browser.until("document.querySelector('#secret')").await;
    let secret = browser.text("#secret").await;
    assert!(secret.starts_with("mjs_"), "{secret}");
    let form = format!("grant_type=client_credentials&client_id=reports&client_secret={secret}");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let asked = async || t.anon().send(Method::POST, "/oauth2/token", Some(form.clone()), &kind).await;
    asked().await.ok(200);

    browser.click("#go-on").await;
    browser.until("document.querySelector('#secrets li')").await;
    let page = browser.text("body").await;
    assert!(!page.contains(&secret) && page.contains("revocations:read"), "{page}");
    browser.click("#secrets summary").await;
    browser.click("#secrets [data-act=revoke]").await;
    assert_eq!(browser.run("document.querySelector('#secrets [name=certain]').validity.valueMissing").await, true);
    asked().await.ok(200);
    browser.click("#secrets [name=certain]").await;
    browser.click("#secrets [data-act=revoke]").await;
    desk.is_told("is revoked").await;
    let refused = asked().await;
    assert_eq!((refused.status.as_u16(), &refused.json["error"]), (401, &json!("invalid_client")), "{}", refused.text);

    desk.act("#disable").await;
    desk.is_told("is disabled").await;
    assert_eq!(browser.text("#disabled").await, "disabled");
    desk.open("/console/apps/shop").await;
    assert_eq!(browser.run("document.querySelectorAll('form').length").await, 0, "the file's app is changed there");
    desk.is_quiet(&[]).await;
}

#[tokio::test]
async fn a_key_is_rotated_after_a_proof() {
    let t = TestServer::start().await;
    let desk = Desk::of(&t, OperatorRole::Admin, "en").await;
    let browser = &desk.browser;
    t.advance(Duration::from_mins(6));
    desk.open("/console/keys").await;
    let states = "[...document.querySelectorAll('#keys tbody tr')].map((row) => row.dataset.state)";
    assert_eq!(browser.run(states).await, json!(["active"]));
    desk.act("#rotate").await;
    desk.confirm().await;
    browser.until("location.pathname === '/console/keys' && document.querySelector('#keys')").await;
    assert_eq!(browser.run(states).await, json!(["active"]), "nothing is done by the proof itself");
    desk.act("#rotate").await;
    desk.is_told("is published").await;
    assert_eq!(browser.run(states).await, json!(["next", "active"]));
    desk.open("/console/audit?action=key.rotated").await;
    assert!(browser.text("tr[data-action='key.rotated']").await.contains("operator lin"));
    // The page that asks for the proof has no icon.
    desk.is_quiet(&[404]).await;
}

#[tokio::test]
async fn a_role_is_defined_given_and_taken() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let desk = Desk::of(&t, OperatorRole::Admin, "en").await;
    let browser = &desk.browser;
    desk.open("/console/roles").await;
    browser.click("#add > summary").await;
    browser.write("#add [name=role]", "clerk").await;
    browser.write("#add [name=permissions]", "orders:read customers:*").await;
    browser.click("#add button").await;
    desk.is_told("is saved").await;
    desk.open("/console/people/1").await;
    browser.click("#grant button").await;
    desk.is_told("is given").await;
    phone.get("/v1/me").await.problem(401, "token_expired");
    phone.refresh().await.ok(200);
    assert_eq!(crate::harness::claims(&phone.access_token())["permissions"], json!(["customers:*", "orders:read"]));
    desk.open("/console/roles/clerk").await;
    assert!(browser.text("#holders").await.contains('1'));
    desk.open("/console/people/1").await;
    browser.click("#roles [data-act=revoke]").await;
    desk.is_told("is taken").await;
    phone.refresh().await.ok(200);
    assert_eq!(crate::harness::claims(&phone.access_token())["permissions"], json!(null));
}

#[tokio::test]
async fn an_operator_is_added_by_a_link_that_is_shown_once() {
    let t = TestServer::start().await;
    let desk = Desk::of(&t, OperatorRole::Admin, "en").await;
    let browser = &desk.browser;
    desk.open("/console/operators").await;
    browser.click("#add > summary").await;
    browser.write("#add [name=name]", "wei").await;
    browser.click("#add button").await;
    browser.until("document.querySelector('#secret')").await;
    let link = browser.text("#secret").await;
    let mut wei = crate::operators::hand::Hand::new(&t);
    wei.welcome(&link).await;
    assert!(wei.get("/console").await.text.contains("viewer"));
    desk.open("/console/operators").await;
    browser.click("[data-operator=lin] summary").await;
    browser.click("[data-operator=lin] [data-act=remove]").await;
    browser.until("document.querySelector('[role=alert]')").await;
    assert!(browser.text("[role=alert]").await.contains("last_admin"));
    desk.is_quiet(&[409]).await;
}
