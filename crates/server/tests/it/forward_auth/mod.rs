//! `/auth/nginx`, `/auth/forward`, `/auth/envoy`: who may pass, and what a proxy hears of them.

mod behind_nginx;
mod behind_proxies;
mod gate;

use std::collections::BTreeSet;
use std::time::Duration;

use menjin_token::{Claims, Expect, KeySet, Typ};
use reqwest::Method;
use serde_json::json;

use crate::harness::{Actor, Answer, OTHER_APPID, TestServer};
use crate::rows::Rows;

const HEADERS: [&str; 6] = ["user", "number", "session", "client", "scope", "roles"];
const ASKING: [&str; 3] =
    ["/auth/nginx?audience=shop-api", "/auth/forward?audience=shop-api", "/auth/envoy/audience=shop-api/"];

/// Fails unless it may pass as `phone`.
fn passes(answer: &Answer, phone: &Actor<'_>) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text.is_empty());
    let expected = [phone.user_id(), "1".into(), phone.session_id(), "shop".into(), String::new(), String::new()];
    for (name, expected) in HEADERS.iter().zip(expected) {
        let values: Vec<_> = answer.headers.get_all(format!("x-menjin-{name}")).iter().collect();
        assert_eq!(values, [expected.as_str()], "{name}");
    }
    assert_eq!(answer.headers["x-menjin-assertion"], "");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_good_token_passes_with_every_header_and_no_body() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for path in ASKING {
        passes(&phone.get(path).await, &phone);
    }
    for rest in ["orders", "orders/7?audience=club&headers=remote", "/x", "a?require=role:x"] {
        passes(&phone.get(&format!("/auth/envoy/audience=shop-api/{rest}")).await, &phone);
    }
    let remote = phone.get("/auth/forward?audience=shop-api&headers=remote").await;
    assert_eq!((remote.header("remote-user"), remote.header("remote-groups")), (phone.user_id().as_str(), ""));
    assert!(remote.headers.get("x-menjin-user").is_none());
}

#[tokio::test]
async fn all_methods_are_answered_alike() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "ODD"];
    for method in methods.map(|method| Method::from_bytes(method.as_bytes()).unwrap()) {
        for path in ASKING {
            passes(&phone.send(method.clone(), path, None, &[]).await, &phone);
            let refused = t.anon().send(method.clone(), path, None, &[]).await;
            assert_eq!((refused.status.as_u16(), refused.header("www-authenticate")), (401, "Bearer realm=\"menjin\""));
        }
    }
}

#[tokio::test]
async fn who_has_no_good_token_for_the_audience_is_refused_with_a_challenge() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    t.anon().get(ASKING[0]).await.problem(401, "token_missing");
    t.phone_with_token("a.b.c").get(ASKING[0]).await.problem(401, "token_invalid");
    club.get(ASKING[0]).await.problem(401, "token_invalid");
    assert_eq!(club.get("/auth/nginx?audience=club").await.status, 200);
    let good = phone.access_token();
    for odd in ["Bearer", "Bearer ", &good, &format!("Bearer {good} x"), &format!("Bearer {good}, Bearer {good}")] {
        let refused = t.anon().send(Method::GET, ASKING[0], None, &[("authorization", odd)]).await;
        assert_eq!(refused.status, 401, "{odd}");
    }
    phone.post("/v1/logout", json!({})).await;
    let refused = phone.get(ASKING[0]).await;
    assert!(refused.header("www-authenticate").contains("session_ended"));
    refused.problem(401, "session_ended");
}

#[tokio::test]
async fn a_session_that_only_its_row_knows_to_be_over_is_refused() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    Rows::of(&t).await.run("UPDATE users SET disabled_at = 1").await;
    phone.get(ASKING[0]).await.problem(401, "user_disabled");
}

#[tokio::test]
async fn what_is_required_must_be_held() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for path in ["/auth/nginx?audience=shop-api", "/auth/envoy/audience=shop-api"] {
        let end = if path.contains("envoy") { "/x" } else { "" };
        phone.get(&format!("{path}&require=role:admin{end}")).await.problem(403, "forbidden");
        phone.get(&format!("{path}&require=perm:orders:read{end}")).await.problem(403, "forbidden");
        let lacks = phone.get(&format!("{path}&require=scope:x{end}")).await;
        assert!(lacks.header("www-authenticate").contains("insufficient_scope"));
        assert_eq!((lacks.status.as_u16(), &lacks.json["code"]), (403, &json!("insufficient_scope")));
        t.anon().get(&format!("{path}&require=role:admin{end}")).await.problem(401, "token_missing");
    }
}

#[tokio::test]
async fn a_wrong_address_lets_nobody_pass() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for path in [
        "/auth/nginx",
        "/auth/forward?",
        "/auth/nginx?audience=",
        "/auth/nginx?audience=office-api",
        "/auth/nginx?Audience=shop-api",
        "/auth/nginx?audience=shop-api&require=admin",
        "/auth/nginx?audience=shop-api&require=role:admin&require=role:x",
        "/auth/nginx?audience=shop-api&assertion=",
        "/auth/nginx?audience=shop-api&other=1",
        "/auth/envoy/orders?audience=shop-api",
        "/auth/envoy//audience=shop-api",
        "/auth/envoy/audience=shop-api*",
    ] {
        let answer = phone.get(path).await;
        assert!(answer.headers.get("x-menjin-user").is_none());
        answer.problem(500, "forward_auth_misconfigured");
    }
    for path in [
        "/auth",
        "/auth/",
        "/auth/nginx/",
        "/auth//nginx?audience=shop-api",
        "/Auth/nginx?audience=shop-api",
        "/auth/nginx/x?audience=shop-api",
        "/auth/nginx%2f?audience=shop-api",
        "/auth/forward/?audience=shop-api",
        "/auth/envoy",
    ] {
        let answer = phone.get(path).await;
        assert!(answer.status.is_client_error() || answer.status.is_server_error(), "{path}: {answer:?}");
        assert!(answer.headers.get("x-menjin-user").is_none());
    }
}

#[tokio::test]
async fn an_assertion_is_signed_once_for_its_upstream_and_passes_for_nothing_else() {
    let t = TestServer::start().await;
    t.freeze();
    let phone = t.phone("alice").await;
    let asked = "/auth/nginx?audience=shop-api&assertion=billing";
    let assertion = async || phone.get(asked).await.header("x-menjin-assertion").to_owned();
    let first = assertion().await;
    let jwks = t.anon().get("/.well-known/jwks.json").await.ok(200);
    let keys = KeySet::parse(jwks.to_string().as_bytes()).unwrap();
    let expect = Expect {
        typ: Typ::Exactly("menjin-assertion+jwt".into()),
        issuer: Some(&t.url),
        audience: Some("billing"),
        leeway: Duration::ZERO,
    };
    let now = menjin_server::Clock::now(&*t.clock);
    let said: Claims = menjin_token::verify(&first, &keys, &expect, now).unwrap();
    assert_eq!(said.sub, Some(phone.user_id()));
    assert_eq!((said.sid, said.client_id.as_deref()), (Some(phone.session_id()), Some("shop")));
    assert_eq!(said.extra["number"], json!(1));
    assert!(said.exp.since(now) >= Duration::from_secs(30), "{:?}", said.exp);
    assert!(said.exp.since(now) <= Duration::from_mins(1), "{:?}", said.exp);
    t.phone_with_token(&first).get("/v1/me").await.problem(401, "token_invalid");
    t.phone_with_token(&first).get(ASKING[0]).await.problem(401, "token_invalid");
    let again: BTreeSet<String> = [assertion().await, assertion().await].into();
    assert_eq!(again, [first.clone()].into());
    let other = phone.get("/auth/nginx?audience=shop-api&assertion=other").await;
    assert_ne!(other.header("x-menjin-assertion"), first);
    t.advance(Duration::from_secs(31));
    assert_ne!(assertion().await, first);
}

#[tokio::test]
async fn a_store_that_is_gone_closes_after_the_lag_and_opens_by_itself() {
    let t = TestServer::start().await;
    let (phone, fresh) = (t.phone("alice").await, t.phone("bob").await);
    passes(&phone.get(ASKING[0]).await, &phone);
    let mut rows = Rows::of(&t).await;
    for table in ["events", "sessions"] {
        rows.breaks(table).await;
    }
    passes(&phone.get(ASKING[0]).await, &phone);
    let unknown = fresh.get(ASKING[0]).await;
    assert_eq!((unknown.status.as_u16(), unknown.header("x-menjin-user")), (200, fresh.user_id().as_str()));
    assert_eq!(unknown.header("x-menjin-number"), "", "nobody can tell it just now");
    t.advance(Duration::from_secs(31));
    phone.get(ASKING[0]).await.problem(503, "revocations_stale");
    for table in ["sessions", "events"] {
        rows.mends(table).await;
    }
    passes(&phone.get(ASKING[0]).await, &phone);
}

#[tokio::test]
async fn what_strangers_say_about_the_way_decides_nothing() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let lies = [
        ("x-original-uri", "/public"),
        ("x-forwarded-uri", "/auth/nginx?audience=club"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-menjin-user", "usr_1"),
        ("remote-user", "root"),
    ];
    let refused = t.anon().send(Method::GET, ASKING[1], None, &lies).await;
    assert!(!refused.text.contains("evil"));
    refused.problem(401, "token_missing");
    passes(&phone.send(Method::GET, ASKING[1], None, &lies).await, &phone);
}
