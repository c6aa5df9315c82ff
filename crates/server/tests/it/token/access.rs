//! Access tokens on menjin's own routes, and the keys that verify them.

use std::time::Duration;

use menjin_server::store::Actor;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Setup, TestServer, claims, header, time};

#[tokio::test]
async fn an_access_token_holds_the_claims_of_rfc_9068_and_no_openid() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let token = phone.access_token();
    let header = header(&token);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    let claims = claims(&token);
    let names: Vec<&String> = claims.as_object().unwrap().keys().collect();
    let expected = ["amr", "aud", "auth_time", "client_id", "exp", "iat", "iss", "jti", "sid", "sub"];
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(sorted, expected, "JW-18: no session_key, openid or phone number");
    assert_eq!(claims["client_id"], "shop");
    assert_eq!(time(&claims["exp"]).since(time(&claims["iat"])), Duration::from_mins(15));
    assert_eq!(claims["auth_time"], claims["iat"]);
    assert!(claims["sub"].as_str().unwrap().starts_with("usr_"));
}

#[tokio::test]
async fn an_expired_token_asks_for_a_refresh() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    t.advance(Duration::from_mins(15));
    let problem = phone.get("/v1/me").await.problem(401, "token_expired");
    assert_eq!(problem["action"], "refresh");
    phone.refresh().await.ok(200);
    phone.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_request_without_one_good_token_is_refused() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let token = phone.access_token();
    let anon = t.anon();
    let missing = anon.get("/v1/me").await;
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"menjin\"");
    missing.problem(401, "token_missing");
    anon.send(Method::GET, "/v1/me", None, &[("authorization", "Basic YTpi")]).await.problem(401, "token_missing");
    let longer = "a".repeat(9000);
    for wrong in ["Bearer x", "Bearer", "Bearer a.b.c", &format!("Bearer {longer}"), &format!("Bearer {token}x")] {
        let answer = anon.send(Method::GET, "/v1/me", None, &[("authorization", wrong)]).await;
        assert_eq!(answer.status, 401, "{wrong}: {}", answer.text);
        assert!(answer.header("www-authenticate").starts_with("Bearer "), "{wrong}");
    }
    let twice = format!("Bearer {token}");
    let answer = anon.send(Method::GET, "/v1/me", None, &[("authorization", &twice), ("authorization", &twice)]).await;
    assert!(matches!(answer.status.as_u16(), 400 | 401), "{}", answer.text);
    for scheme in ["Bearer", "bearer", "JWT", "jwt"] {
        anon.send(Method::GET, "/v1/me", None, &[("authorization", &format!("{scheme} {token}"))]).await.ok(200);
    }
    anon.get(&format!("/v1/me?access_token={token}")).await.problem(401, "token_missing");
    anon.send(Method::GET, "/v1/me", None, &[("cookie", &format!("token={token}"))])
        .await
        .problem(401, "token_missing");
}

#[tokio::test]
async fn a_rotated_key_is_published_before_it_signs_and_the_old_one_verifies_on() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let old = header(&phone.access_token())["kid"].clone();
    let next = t.menjin.rotate_key(&Actor::command()).await.unwrap();
    assert_eq!(kids(&t).await.len(), 2);
    phone.refresh().await.ok(200);
    assert_eq!(header(&phone.access_token())["kid"], old, "verifiers may not know the next one yet");
    t.advance(Duration::from_mins(5));
    let held = phone.access_token();
    phone.refresh().await.ok(200);
    assert_eq!(header(&phone.access_token())["kid"], next);
    let before = t.phone_with_token(&held);
    before.get("/v1/me").await.ok(200);
    t.advance(Duration::from_mins(20));
    let list = kids(&t).await;
    assert_eq!(list, [next], "its last token has expired");
}

#[tokio::test]
async fn a_revoked_key_verifies_nothing_and_another_signs_at_once() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let kid = header(&phone.access_token())["kid"].as_str().unwrap().to_owned();
    t.menjin.revoke_key(&Actor::command(), &kid).await.unwrap();
    phone.get("/v1/me").await.problem(401, "token_invalid");
    assert!(!kids(&t).await.contains(&kid));
    phone.refresh().await.ok(200);
    phone.get("/v1/me").await.ok(200);
    assert!(t.menjin.revoke_key(&Actor::command(), &kid).await.is_err(), "it is revoked already");
}

#[tokio::test]
async fn keys_of_every_algorithm_sign_and_are_published() {
    for (alg, kty) in [("ES256", "EC"), ("EdDSA", "OKP"), ("RS256", "RSA")] {
        let t = TestServer::with(Setup { toml: format!("[tokens]\nalg = \"{alg}\""), ..Setup::default() }).await;
        let phone = t.phone("alice").await;
        assert_eq!(header(&phone.access_token())["alg"], alg);
        let answer = t.anon().get("/.well-known/jwks.json").await;
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        let key = answer.ok(200)["keys"][0].clone();
        assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&json!(kty), &json!("sig"), &json!(alg)));
        for private in ["d", "p", "q", "k"] {
            assert!(key.get(private).is_none(), "{private} is published");
        }
        phone.get("/v1/me").await.ok(200);
    }
}

#[tokio::test]
async fn a_third_party_library_verifies_the_token_by_the_jwks() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let jwks = t.anon().get("/.well-known/jwks.json").await.ok(200);
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(jwks).unwrap();
    let token = phone.access_token();
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&kid).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&["shop-api"]);
    validation.set_issuer(&[&t.url]);
    let decoded = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap();
    assert_eq!(decoded.claims["sub"], phone.user_id());
}

async fn kids(t: &TestServer) -> Vec<String> {
    let keys = t.anon().get("/.well-known/jwks.json").await.ok(200)["keys"].clone();
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}
