//! `menjin dev`: a button instead of a password, for whoever sits at the machine.

use reqwest::Method;
use serde_json::json;

use super::hand::{Hand, between};
use crate::harness::{Setup, TestServer};

#[tokio::test]
async fn a_button_signs_in_who_sits_at_the_machine() {
    let t = TestServer::with(Setup { dev: true, ..Setup::default() }).await;
    let mut hand = Hand::new(&t);
    let page = hand.get("/admin/sign-in?next=/admin/account").await;
    assert!(page.text.contains("Sign in as dev"), "{}", page.text);
    let next = between(&page.text, "name=\"next\" value=\"", "\"").to_owned();
    let signed_in = hand.post("/admin/sign-in/dev", &[("next", &next)]).await;
    assert_eq!(
        (signed_in.status.as_u16(), signed_in.header("location")),
        (303, "/admin/account"),
        "{}",
        signed_in.text
    );
    assert!(hand.get("/admin/account").await.text.contains(">admin<"));
    t.advance(std::time::Duration::from_mins(6));
    let create = json!({"name": "lin", "role": "viewer"});
    hand.call(Method::POST, "/admin/v1/operators", Some(create.clone())).await.problem(403, "reauth_required");
    let token = hand.form_token().await;
    assert_eq!(hand.post("/admin/confirm", &[("form_token", &token)]).await.status, 303);
    hand.call(Method::POST, "/admin/v1/operators", Some(create)).await.ok(201);
}

#[tokio::test]
async fn neither_another_site_nor_a_proxy_presses_it() {
    let t = TestServer::with(Setup { dev: true, ..Setup::default() }).await;
    let mut hand = Hand::new(&t);
    let own = t.admin_url.clone();
    for headers in [
        &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")][..],
        &[("origin", own.as_str()), ("x-forwarded-for", "203.0.113.9")],
        &[("origin", "http://rebound.example"), ("host", "rebound.example")],
        &[],
    ] {
        let answer = hand.form("/admin/sign-in/dev", &[("next", "/console")], headers).await;
        assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text);
    }
    assert_eq!(hand.cookie, None);
}

#[tokio::test]
async fn serve_has_no_such_button() {
    let t = TestServer::start().await;
    let mut hand = Hand::new(&t);
    assert!(!hand.get("/admin/sign-in").await.text.contains("Sign in as dev"));
    let answer = hand.post("/admin/sign-in/dev", &[("next", "/console")]).await;
    assert_eq!((answer.status.as_u16(), &hand.cookie), (404, &None), "{}", answer.text);
}
