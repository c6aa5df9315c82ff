//! Forms and calls of other sites do nothing (AD-03).

use menjin_server::store::OperatorRole;
use reqwest::Method;
use serde_json::json;

use super::hand::{Hand, PASSWORD};
use crate::harness::{Setup, TestServer};

/// What a browser says of a form of another site, and what somebody says who is no browser.
const FOREIGN: [&[(&str, &str)]; 5] = [
    &[],
    &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
    &[("origin", "null")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "none")],
];

#[tokio::test]
async fn ad_03_a_form_of_another_site_does_nothing() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let (token, code) = (lin.form_token().await, lin.next_code());
    for headers in FOREIGN {
        for (path, fields) in [
            ("/admin/sign-in", vec![("name", "lin"), ("password", PASSWORD), ("code", code.as_str())]),
            ("/admin/welcome", vec![("link", "x")]),
            ("/admin/sign-out", vec![("form_token", token.as_str())]),
            ("/admin/confirm", vec![("form_token", token.as_str()), ("password", PASSWORD), ("code", &code)]),
        ] {
            let answer = lin.form(path, &fields, headers).await;
            assert_eq!(answer.status, 403, "{path} {headers:?}: {}", answer.text);
            assert!(answer.text.contains("origin_refused"), "{}", answer.text);
        }
    }
    assert_eq!(lin.get("/admin/account").await.status, 200, "they are signed in still");
}

/// Whoever is on the way of plain http must not press what only https shall.
#[tokio::test]
async fn ad_03_a_page_that_came_in_clear_is_another_site_where_operators_come_by_https() {
    let by_address = Setup { toml: "[admin]\npublic_url = \"https://ops.internal\"".to_owned(), ..Setup::default() };
    let by_proxy = Setup { server: "trusted_proxies = [\"127.0.0.1\"]".to_owned(), ..Setup::default() };
    for (setup, forwarded, is_told) in
        [(by_address, "http", true), (by_proxy, "https", true), (Setup::default(), "https", false)]
    {
        let t = TestServer::with(setup).await;
        let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
        let token = lin.form_token().await;
        let wrong = [("form_token", token.as_str()), ("name", "lin"), ("password", PASSWORD), ("code", "000000")];
        for (path, fields, status) in [
            ("/console/operators/nobody/remove", &wrong[..], 404),
            ("/admin/sign-in", &wrong, 422),
            ("/admin/welcome", &[("link", "x")], 404),
            ("/admin/scan", &[("next", "/console")], 404),
            ("/admin/confirm", &wrong, 422),
        ] {
            for (origin, is_own) in [("https://ops.internal", true), ("http://ops.internal", !is_told)] {
                let headers = [("host", "ops.internal"), ("x-forwarded-proto", forwarded), ("origin", origin)];
                let answer = lin.form(path, fields, &headers).await;
                let expected = if is_own { status } else { 403 };
                assert_eq!(answer.status, expected, "{path} {headers:?}: {}", answer.text);
                assert_eq!(answer.text.contains("origin_refused"), !is_own, "{path} {headers:?}");
                // A wrong code has whoever tries wait.
                t.advance(std::time::Duration::from_mins(1));
            }
        }
        for (origin, is_own) in [("https://ops.internal", true), ("http://ops.internal", !is_told)] {
            let headers = [("host", "ops.internal"), ("x-forwarded-proto", forwarded), ("origin", origin)];
            let headers = [&headers[..], &[("x-menjin-console", "1")]].concat();
            let answer = lin.send(Method::GET, "/admin/v1/operators", None, &headers).await;
            if is_own { drop(answer.ok(200)) } else { drop(answer.problem(403, "origin_refused")) }
        }
    }
}

#[tokio::test]
async fn a_refused_form_is_told_on_a_page_in_the_readers_language() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    for (language, lang) in [("zh-CN,zh;q=0.9", "zh-CN"), ("en", "en")] {
        lin.language = language;
        // Before the door, behind it, and in the console.
        for path in ["/admin/sign-in", "/admin/welcome", "/admin/sign-out", "/admin/confirm", "/console/keys/rotate"] {
            let answer = lin.form(path, &[("form_token", "x")], &[("origin", "https://evil.example")]).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("content-type")),
                (403, "text/html; charset=utf-8"),
                "{path}"
            );
            assert!(answer.text.contains(&format!("<html lang=\"{lang}\"")), "{path}: {}", answer.text);
            assert!(answer.text.contains("origin_refused"), "{path}: {}", answer.text);
            let words = if lang == "en" { "load the page again" } else { "请重新打开页面" };
            assert!(answer.text.contains(words) && !answer.text.contains("menjin dev"), "{path}: {}", answer.text);
        }
    }
    for path in ["/admin/sign-in", "/admin/confirm", "/admin/account"] {
        let page = lin.get(path).await;
        assert!(page.status == 303 || page.text.contains("href=\"/admin/icon.svg\""), "{path}: {}", page.text);
    }
    assert_eq!(lin.get("/admin/icon.svg").await.header("content-type"), "image/svg+xml");
}

#[tokio::test]
async fn ad_03_a_form_without_its_own_token_does_nothing() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let mut wei = Hand::of(&t, "wei", OperatorRole::Admin).await;
    let (own, others) = (lin.form_token().await, wei.form_token().await);
    let twice = [("form_token", own.as_str()), ("form_token", own.as_str())];
    for fields in [&[][..], &[("form_token", "")], &[("form_token", others.as_str())], &twice] {
        let answer = lin.post("/admin/sign-out", fields).await;
        assert_eq!(answer.status, 403, "{fields:?}: {}", answer.text);
    }
    let in_query = lin.post(&format!("/admin/sign-out?form_token={own}"), &[]).await;
    assert_eq!(in_query.status, 403, "nor in the address");
    assert_eq!(lin.get("/admin/account").await.status, 200);
}

#[tokio::test]
async fn ad_03_a_call_with_the_cookie_says_that_it_is_the_consoles() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let body = json!({"name": "wei", "role": "viewer"}).to_string();
    for headers in [
        &[("content-type", "application/json")][..],
        &[("content-type", "application/json"), ("x-menjin-console", "0")],
        &[("content-type", "application/json"), ("x-menjin-console", "1"), ("origin", "https://evil.example")],
        &[("content-type", "application/json"), ("x-menjin-console", "1"), ("sec-fetch-site", "cross-site")],
    ] {
        let answer = lin.send(Method::POST, "/admin/v1/operators", Some(body.clone()), headers).await;
        answer.problem(403, "origin_refused");
        lin.send(Method::GET, "/admin/v1/operators", None, headers).await.problem(403, "origin_refused");
    }
    assert_eq!(t.menjin.operators().await.unwrap().len(), 1);
    let answer = lin.call(Method::POST, "/admin/v1/operators", Some(json!({"name": "wei", "role": "viewer"}))).await;
    answer.ok(201);
}

#[tokio::test]
async fn a_link_of_another_site_opens_the_page_for_who_is_signed_in() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let cookie = lin.cookie.take();
    // A browser sends no such cookie along from elsewhere.
    let headers = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    let again = lin.send(Method::GET, "/admin/account", None, &headers).await;
    assert_eq!(again.status, 200);
    assert!(again.text.contains("http-equiv=\"refresh\"") && !again.text.contains(">lin<"), "{}", again.text);
    lin.cookie = cookie;
    assert_eq!(lin.send(Method::GET, "/admin/account", None, &[("sec-fetch-site", "same-origin")]).await.status, 200);
}
