//! `POST /oauth2/introspect`: who learns what of which token.

use std::time::Duration;

use menjin_server::Clock as _;
use reqwest::Method;
use serde_json::json;

use super::{back_ends, bearer, forged, introspect, is_active, oauth_error, post_form, proof, secret};
use crate::broker::basic;
use crate::harness::{CLIENT_SECRET, TestServer, claims};

#[tokio::test]
async fn oa_10_mt_01_an_access_token_is_seen_by_its_app_and_its_audience_alone() {
    let t = TestServer::with(back_ends()).await;
    let phone = t.phone("alice").await;
    let token = phone.access_token();
    let said = claims(&token);
    let expected = json!({
        "active": true, "client_id": "shop", "sub": phone.user_id(), "aud": ["shop-api", t.url], "iss": t.url,
        "exp": said["exp"], "iat": said["iat"], "jti": said["jti"], "token_type": "Bearer", "sid": phone.session_id(),
    });
    for id in ["shop", "shop-api", "poor-api"] {
        assert_eq!(introspect(&t, &proof(id), &token).await, expected, "{id}");
    }
    assert_eq!(introspect(&t, &bearer(&t, "shop-api").await, &token).await, expected);
    let posted = [("token", token.as_str()), ("client_id", "shop-api"), ("client_secret", secret("shop-api"))];
    assert_eq!(post_form(&t, "/oauth2/introspect", None, &posted).await.ok(200), expected);
    assert!(!is_active(&t, "club-api", &token).await);
    assert_eq!(introspect(&t, &basic("office", CLIENT_SECRET), &token).await, json!({"active": false}));
}

#[tokio::test]
async fn a_refresh_token_is_seen_by_its_app_alone_and_stays_as_it_is() {
    let t = TestServer::with(back_ends()).await;
    let mut phone = t.phone("alice").await;
    let token = phone.refresh_token();
    let now = t.clock.now().secs();
    let expected = json!({
        "active": true, "client_id": "shop", "sub": phone.user_id(), "iss": t.url, "iat": now,
        "exp": now + 30 * 24 * 3600, "sid": phone.session_id(),
    });
    for _ in 0..3 {
        assert_eq!(introspect(&t, &proof("shop"), &token).await, expected);
    }
    for other in ["shop-api", "club-api"] {
        assert!(!is_active(&t, other, &token).await, "{other}");
    }
    assert!(!is_active(&t, "shop", &forged(&token)).await);
    phone.refresh().await.ok(200);
    assert!(!is_active(&t, "shop", &token).await, "its successor took its place");
    assert!(is_active(&t, "shop", &phone.refresh_token()).await);
    t.advance(Duration::from_hours(31 * 24));
    assert!(!is_active(&t, "shop", &phone.refresh_token()).await);
}

#[tokio::test]
async fn an_apps_own_token_is_seen_by_the_app_itself() {
    let t = TestServer::with(back_ends()).await;
    let token = bearer(&t, "shop-api").await["Bearer ".len()..].to_owned();
    let said = claims(&token);
    let expected = json!({
        "active": true, "scope": said["scope"], "client_id": "shop-api", "sub": "shop-api", "aud": [t.url],
        "iss": t.url, "exp": said["exp"], "iat": said["iat"], "jti": said["jti"], "token_type": "Bearer",
    });
    assert_eq!(introspect(&t, &proof("shop-api"), &token).await, expected);
    for other in ["shop", "poor-api", "club-api"] {
        assert!(!is_active(&t, other, &token).await, "{other}");
    }
}

#[tokio::test]
async fn oa_09_whatever_is_no_good_token_is_inactive() {
    let t = TestServer::with(back_ends()).await;
    let other = TestServer::with(back_ends()).await;
    let (mine, theirs) = (t.phone("alice").await, other.phone("alice").await);
    let (access, refresh) = (mine.access_token(), mine.refresh_token());
    let mut bad = vec![
        "x".to_owned(),
        "mjr_".to_owned(),
        "a.b.c".to_owned(),
        "\u{0}令牌".to_owned(),
        "x".repeat(20_000),
        forged(&access),
        forged(&refresh),
        theirs.access_token(),
        theirs.refresh_token(),
        mine.session_id(),
        format!("{access} "),
    ];
    let (header, rest) = access.split_once('.').unwrap();
    let (payload, _) = rest.split_once('.').unwrap();
    bad.push(format!("{header}.{payload}."));
    bad.push(format!("eyJhbGciOiJub25lIn0.{payload}."));
    for token in bad {
        assert!(!is_active(&t, "shop", &token).await, "{token:.40}");
    }
    assert!(is_active(&t, "shop", &access).await && is_active(&t, "shop", &refresh).await);
    t.advance(Duration::from_mins(15));
    assert!(!is_active(&t, "shop", &access).await, "its time is over");
}

#[tokio::test]
async fn a_session_that_ended_elsewhere_is_inactive_at_once() {
    let a = TestServer::with(back_ends()).await;
    let b = a.beside(back_ends()).await;
    for round in 0..5 {
        let phone = a.phone(&format!("person {round}")).await;
        let tokens = [phone.access_token(), phone.refresh_token()];
        for token in &tokens {
            assert!(is_active(&b, "shop", token).await);
        }
        phone.post("/v1/logout", json!({})).await.ok(204);
        for token in &tokens {
            // Whether the feed was read or not.
            assert!(!is_active(&b, "shop", token).await);
        }
    }
}

#[tokio::test]
async fn whoever_asks_must_be_an_app_and_name_a_token() {
    let t = TestServer::with(back_ends()).await;
    let token = t.phone("alice").await.access_token();
    let person = format!("Bearer {token}");
    let app = bearer(&t, "shop-api").await;
    let wrong_app = forged(&app);
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        let send = async |authorization: Option<&str>, members: &[(&str, &str)]| {
            post_form(&t, path, authorization, members).await
        };
        let named = [("token", token.as_str())];
        oauth_error(&send(None, &named).await, 401, "invalid_client");
        oauth_error(&send(Some(&basic("shop-api", "wrong")), &named).await, 401, "invalid_client");
        oauth_error(&send(Some(&person), &named).await, 401, "invalid_client");
        oauth_error(&send(Some(&wrong_app), &named).await, 401, "invalid_token");
        oauth_error(&send(Some("Digest x"), &named).await, 401, "invalid_client");
        oauth_error(&send(Some(&proof("shop")), &[]).await, 400, "invalid_request");
        oauth_error(&send(Some(&proof("shop")), &[("token", "")]).await, 400, "invalid_request");
        oauth_error(&send(Some(&proof("shop")), &[named[0], named[0]]).await, 400, "invalid_request");
        let twice = [named[0], ("client_id", "shop-api"), ("client_secret", secret("shop-api"))];
        oauth_error(&send(Some(&proof("shop-api")), &twice).await, 400, "invalid_request");
        oauth_error(&send(Some(&app), &twice).await, 400, "invalid_request");
        let in_address = format!("{path}?token={token}");
        oauth_error(&post_form(&t, &in_address, Some(&proof("shop")), &named).await, 400, "invalid_request");
        let two = [("authorization", proof("shop")), ("authorization", proof("shop-api"))];
        let mut headers: Vec<(&str, &str)> = two.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        let answer = t.anon().send(Method::POST, path, Some(format!("token={token}")), &headers).await;
        oauth_error(&answer, 401, "invalid_client");
    }
    assert!(is_active(&t, "shop", &token).await, "none of them revoked it");
}
