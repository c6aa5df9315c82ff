//! `POST /oauth2/token`: client credentials.

use std::time::Duration;

use menjin_server::Clock as _;
use reqwest::Method;
use serde_json::json;

use super::{ask_token, back_ends, oauth_error, post_form, proof, secret};
use crate::broker::basic;
use crate::harness::{CLIENT_SECRET, Setup, TestServer, claims, header};
use crate::log::Log;

const PATH: &str = "/oauth2/token";
/// `Authorization`, the form, and what comes of them.
type Case<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)], u16, &'a str);
const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn an_app_trades_its_secret_for_a_token_that_names_the_app_and_nobody_else() {
    let t = TestServer::with(back_ends()).await;
    let now = t.clock.now().secs();
    let posted = [GRANT, ("client_id", "shop-api"), ("client_secret", secret("shop-api"))];
    for answer in [ask_token(&t, &proof("shop-api"), None).await, post_form(&t, PATH, None, &posted).await] {
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        let body = answer.ok(200);
        let token = body["access_token"].as_str().unwrap().to_owned();
        let scope = "session-data sessions:open revocations:read events:read platform-token:shop";
        assert_eq!(body, json!({"access_token": token, "token_type": "Bearer", "expires_in": 900, "scope": scope}));
        assert_eq!(header(&token)["typ"], "at+jwt");
        let mut said = claims(&token);
        let members = said.as_object_mut().unwrap();
        assert!(members.remove("jti").unwrap().as_str().unwrap().len() > 20);
        assert!(members.remove("client_proof").unwrap().as_str().unwrap().len() == 16);
        let expected = json!({
            "iss": t.url, "aud": t.url, "sub": "shop-api", "client_id": "shop-api", "scope": scope,
            "iat": now, "exp": now + 900,
        });
        assert_eq!(said, expected);
    }
}

#[tokio::test]
async fn it_gets_the_scopes_that_it_asks_for_of_those_that_it_was_granted() {
    let t = TestServer::with(back_ends()).await;
    let asked = [
        ("session-data", "session-data"),
        ("revocations:read session-data", "revocations:read session-data"),
        ("session-data session-data", "session-data"),
        ("", "session-data sessions:open revocations:read events:read platform-token:shop"),
    ];
    for (asked, given) in asked {
        let body = ask_token(&t, &proof("shop-api"), Some(asked)).await.ok(200);
        assert_eq!(body["scope"], given, "{asked:?}");
        assert_eq!(claims(body["access_token"].as_str().unwrap())["scope"], given);
    }
    for beyond in
        ["platform-token:club", "session-data orders:read", "session-data  sessions:open", " ", "SESSION-DATA", "*"]
    {
        oauth_error(&ask_token(&t, &proof("shop-api"), Some(beyond)).await, 400, "invalid_scope");
    }
    oauth_error(&ask_token(&t, &proof("poor-api"), Some("session-data")).await, 400, "invalid_scope");
    let nothing = ask_token(&t, &proof("poor-api"), None).await.ok(200);
    assert!(nothing.get("scope").is_none() && claims(nothing["access_token"].as_str().unwrap()).get("scope").is_none());
}

#[tokio::test]
async fn what_the_rfc_refuses_is_refused_in_its_words() {
    let t = TestServer::with(back_ends()).await;
    let proof = proof("shop-api");
    let (id, own) = (("client_id", "shop-api"), ("client_secret", secret("shop-api")));
    let cases: [Case<'_>; 15] = [
        (Some(&proof), &[], 400, "invalid_request"),
        (Some(&proof), &[("grant_type", "")], 400, "invalid_request"),
        (Some(&proof), &[("grant_type", "password"), ("username", "a")], 400, "unsupported_grant_type"),
        (Some(&proof), &[("grant_type", "refresh_token")], 400, "unsupported_grant_type"),
        (Some(&proof), &[GRANT, GRANT], 400, "invalid_request"),
        (Some(&proof), &[GRANT, ("scope", "session-data"), ("scope", "session-data")], 400, "invalid_request"),
        (Some(&proof), &[GRANT, id, own], 400, "invalid_request"),
        (Some(&proof), &[GRANT, own], 400, "invalid_request"),
        (Some(&proof), &[GRANT, ("client_id", "club-api")], 400, "invalid_request"),
        (None, &[GRANT], 401, "invalid_client"),
        (None, &[GRANT, id], 401, "invalid_client"),
        (None, &[GRANT, id, ("client_secret", secret("club-api"))], 401, "invalid_client"),
        (None, &[GRANT, ("client_id", "club"), own], 401, "invalid_client"),
        (None, &[GRANT, ("client_id", "nobody"), own], 401, "invalid_client"),
        (Some("Basic %%%"), &[GRANT], 401, "invalid_client"),
    ];
    for (authorization, members, status, error) in cases {
        let answer = post_form(&t, PATH, authorization, members).await;
        oauth_error(&answer, status, error);
    }
    post_form(&t, PATH, Some(&proof), &[GRANT, id, ("unheard", "of")]).await.ok(200);
    let token = ask_token(&t, &proof, None).await.ok(200);
    let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
    oauth_error(&post_form(&t, PATH, Some(&token), &[GRANT]).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_body_that_is_no_form_of_a_decent_size_is_refused() {
    let t = TestServer::with(back_ends()).await;
    let proof = proof("shop-api");
    let send = async |path: &str, kind: &str, body: String| {
        let headers = [("authorization", proof.as_str()), ("content-type", kind)];
        t.anon().send(Method::POST, path, Some(body), &headers).await
    };
    let good = || "grant_type=client_credentials".to_owned();
    send(PATH, "Application/X-WWW-Form-Urlencoded; charset=utf-8", good()).await.ok(200);
    for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
        oauth_error(&send(PATH, kind, good()).await, 400, "invalid_request");
    }
    oauth_error(
        &send(PATH, "application/json", json!({"grant_type": "client_credentials"}).to_string()).await,
        400,
        "invalid_request",
    );
    oauth_error(&send(&format!("{PATH}?scope=session-data"), FORM, good()).await, 400, "invalid_request");
    oauth_error(&send(PATH, FORM, format!("{}&x={}", good(), "x".repeat(70_000))).await, 413, "invalid_request");
    oauth_error(&send(PATH, FORM, "%ff=%00&&&=&=".to_owned()).await, 400, "invalid_request");
    t.anon().get(PATH).await.problem(405, "method_unknown");
}

#[tokio::test]
async fn oa_08_a_secret_is_unescaped_in_basic_and_in_a_form() {
    let odd = "a+b%c&d=e f:g/0123456789abcdef0123456789";
    let setup = back_ends();
    let t = TestServer::with(Setup { toml: setup.toml.replace(secret("club-api"), odd), ..setup }).await;
    let escaped = "a%2Bb%25c%26d%3De+f%3Ag%2F0123456789abcdef0123456789";
    for secret in [odd, escaped] {
        ask_token(&t, &basic("club-api", secret), None).await.ok(200);
    }
    ask_token(&t, &basic("club%2Dapi", odd), None).await.ok(200);
    let posted = |secret| [GRANT, ("client_id", "club-api"), ("client_secret", secret)];
    post_form(&t, PATH, None, &posted(odd)).await.ok(200);
    oauth_error(&post_form(&t, PATH, None, &posted(escaped)).await, 401, "invalid_client");
}

#[tokio::test]
async fn ht_10_wrong_secrets_bar_their_app_and_address_however_they_come() {
    let setup = back_ends();
    let limits = "enabled = true\nfailures_per_app = 3".to_owned();
    let server = "trusted_proxies = [\"127.0.0.1\"]".to_owned();
    let t = TestServer::with(Setup { server, limits, ..setup }).await;
    let ask = async |path: &str, id: &str, secret: &str, hop: &str| {
        let body = format!("grant_type=client_credentials&token=x&client_id={id}&client_secret={secret}");
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-forwarded-for", hop)];
        t.anon().send(Method::POST, path, Some(body), &headers).await
    };
    let paths = [PATH, "/oauth2/introspect", "/oauth2/revoke", PATH];
    for path in paths {
        oauth_error(&ask(path, "shop-api", "guess", "198.51.100.1").await, 401, "invalid_client");
    }
    for path in paths {
        let barred = ask(path, "shop-api", secret("shop-api"), "198.51.100.1").await;
        assert!((1..=60).contains(&barred.header("retry-after").parse::<u64>().unwrap()));
        oauth_error(&barred, 429, "temporarily_unavailable");
    }
    ask(PATH, "shop-api", secret("shop-api"), "198.51.100.2").await.ok(200);
    ask(PATH, "club-api", secret("club-api"), "198.51.100.1").await.ok(200);
}

#[tokio::test]
async fn an_apps_token_dies_with_its_time_and_with_its_secret() {
    let t = TestServer::with(back_ends()).await;
    let token = super::bearer(&t, "shop-api").await;
    let read = async |t: &TestServer| {
        let path = "/v1/apps/shop/platform-token";
        t.anon().send(Method::GET, path, None, &[("authorization", &token)]).await
    };
    read(&t).await.ok(200);
    let setup = back_ends();
    let toml = setup.toml.replace(secret("shop-api"), "another-secret-0123456789abcdef0123456789");
    let changed = t.beside(Setup { toml, shop: setup.shop, ..Setup::default() }).await;
    read(&changed).await.problem(401, "token_invalid");
    t.advance(Duration::from_mins(15));
    read(&t).await.problem(401, "token_expired");
}

#[tokio::test]
async fn oa_18_no_secret_and_no_token_is_in_the_log() {
    let log = Log::start();
    let t = TestServer::with(back_ends()).await;
    let token = ask_token(&t, &proof("shop-api"), None).await.ok(200);
    let token = token["access_token"].as_str().unwrap();
    let posted = [GRANT, ("client_id", "office"), ("client_secret", CLIENT_SECRET)];
    post_form(&t, PATH, None, &posted).await.ok(200);
    post_form(&t, PATH, None, &[GRANT, ("client_id", "office"), ("client_secret", "a-wrong-guess")]).await;
    super::introspect(&t, &proof("shop-api"), token).await;
    super::revoke(&t, &proof("shop-api"), token).await;
    assert!(log.text().contains("/oauth2/token"), "the log was read");
    for secret in [token, secret("shop-api"), CLIENT_SECRET, "a-wrong-guess", &proof("shop-api")["Basic ".len()..]] {
        assert!(!log.text().contains(secret), "{secret}");
    }
}
