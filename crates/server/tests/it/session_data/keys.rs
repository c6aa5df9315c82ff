//! Keys that try to be more than a name, sent as bytes: HTTP libraries would mend them.

use serde_json::{Value, json};

use super::{BackEnd, DATA, SECRET, server};
use crate::broker::basic;
use crate::harness::TestServer;
use crate::wire::{Raw, ask};

/// Sends a request whose path is this very text.
async fn raw(t: &TestServer, line: &str, headers: &[(&str, &str)], body: &str) -> Raw {
    let headers: String = headers.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    ask(t, head + body).await
}

#[tokio::test]
async fn se_06_no_key_leads_to_another_place() {
    let t = server().await;
    let (alice, bob) = (t.phone("alice").await, t.phone("bob").await);
    let of_bob = BackEnd::of(&t, &bob);
    for api in [of_bob, of_bob.user()] {
        api.put("secret", json!({"value": "of bob"})).await.ok(200);
        api.put("client.secret", json!({"value": "of bob"})).await.ok(200);
    }
    let (proof, token, own) = (basic("api", SECRET), alice.access_token(), format!("Bearer {}", alice.access_token()));
    let back_end = [("authorization", proof.as_str()), ("menjin-subject-token", &token)];
    let person = [("authorization", own.as_str())];
    let (session, user) = (bob.session_id(), bob.user_id());
    let odd = [
        "..".to_owned(),
        ".".to_owned(),
        "../secret".to_owned(),
        "../../me".to_owned(),
        "%2e%2e".to_owned(),
        "%2e%2e%2fsecret".to_owned(),
        "..%2Fsecret".to_owned(),
        "%252e%252e%252fsecret".to_owned(),
        "..%5csecret".to_owned(),
        "..\\secret".to_owned(),
        "secret%00".to_owned(),
        "secret%20".to_owned(),
        "secret%0a".to_owned(),
        "client.%2e%2e%2fsecret".to_owned(),
        "client.%2f..%2fsecret".to_owned(),
        "client.*".to_owned(),
        "%2a".to_owned(),
        "%25".to_owned(),
        "%ff".to_owned(),
        "%c0%ae%c0%ae%2fsecret".to_owned(),
        "%ef%bc%8e%ef%bc%8e".to_owned(),
        "secre%74%cc%88".to_owned(),
        "%F0%9F%90%BC".to_owned(),
        "a,b".to_owned(),
        "a;b".to_owned(),
        "a'b".to_owned(),
        "a%22b".to_owned(),
        "a%27%20OR%201%3d1".to_owned(),
        "x".repeat(65),
        format!("client.{}", "x".repeat(58)),
        format!("../../{session}/data/secret"),
        format!("{user}%2fsecret"),
        String::new(),
        "/secret".to_owned(),
        "secret/".to_owned(),
    ];
    for key in &odd {
        for headers in [&back_end[..], &person] {
            for (method, body) in [("GET", ""), ("PUT", r#"{"value":"planted"}"#), ("DELETE", "")] {
                for query in ["", "?scope=user"] {
                    let answer = raw(&t, &format!("{method} {DATA}/{key}{query}"), headers, body).await;
                    assert!(matches!(answer.status, 400 | 404), "{method} {key}: {} {}", answer.status, answer.body);
                    assert!(!answer.body.contains("of bob"), "{method} {key}: {}", answer.body);
                }
            }
        }
    }
    for api in [of_bob, of_bob.user()] {
        assert_eq!(api.all().await, json!({"secret": "of bob", "client.secret": "of bob"}));
        assert_eq!(api.get("").await.header("etag"), "\"2\"", "untouched");
    }
    let of_alice = BackEnd::of(&t, &alice);
    for api in [of_alice, of_alice.user()] {
        assert_eq!(api.get("").await.header("etag"), "\"0\"", "nor was anything planted with her");
    }
}

#[tokio::test]
async fn what_is_escaped_for_no_reason_is_the_same_key() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    api.put("cart", json!({"value": 1})).await.ok(200);
    let (proof, token) = (basic("api", SECRET), phone.access_token());
    let headers = [("authorization", proof.as_str()), ("menjin-subject-token", &token)];
    let answer = raw(&t, &format!("GET {DATA}/c%61rt"), &headers, "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"value":1}"#));
    // Names differ by their letters' size.
    api.get("Cart").await.problem(404, "key_unknown");
    api.put(&"x".repeat(64), json!({"value": 1})).await.ok(200);
}

#[tokio::test]
async fn keys_of_a_whole_are_names_too() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    for odd in ["", ".", "..", "../x", "a/b", "a b", "a\u{0}", "名", &"x".repeat(65)] {
        let mut data = json!({"good": 1});
        data[odd] = Value::Null;
        let problem = api.put("", json!({"data": data})).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], "data", "{odd:?}");
    }
    assert_eq!(api.all().await, json!({}));
}
