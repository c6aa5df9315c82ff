//! Versions: `ETag`, `If-Match` and `If-None-Match`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{BackEnd, server};

fn value(value: i32) -> Value {
    json!({"value": value})
}

#[tokio::test]
async fn a_write_goes_on_only_while_the_version_is_the_one_that_was_read() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    for (method, body) in [(Method::PUT, Some(value(1))), (Method::DELETE, None)] {
        for absent in ["*", "\"0\"", "\"1\""] {
            let answer = api.send(method.clone(), "cart", body.clone(), &[("if-match", absent)]).await;
            assert_eq!(answer.header("etag"), "", "there is none");
            answer.problem(412, "version_mismatch");
        }
    }
    let first = api.send(Method::PUT, "cart", Some(value(1)), &[("if-none-match", "*")]).await;
    assert_eq!(first.header("etag"), "\"1\"");
    first.ok(200);
    let second = api.send(Method::PUT, "cart", Some(value(2)), &[("if-none-match", "*")]).await;
    assert_eq!(second.header("etag"), "\"1\"", "the present one");
    second.problem(412, "version_mismatch");

    let next = api.send(Method::PUT, "cart", Some(value(3)), &[("if-match", "\"1\"")]).await;
    assert_eq!(next.header("etag"), "\"2\"");
    next.ok(200);
    for (method, body) in [(Method::PUT, Some(value(4))), (Method::DELETE, None)] {
        let late = api.send(method, "cart", body, &[("if-match", "\"1\"")]).await;
        assert_eq!(late.header("etag"), "\"2\"");
        late.problem(412, "version_mismatch");
    }
    assert_eq!(api.get("cart").await.ok(200), json!({"value": 3}));
    api.send(Method::PUT, "cart", Some(value(5)), &[("if-match", "\"7\", W/\"2\"")]).await.ok(200);
    api.send(Method::PUT, "cart", Some(value(6)), &[("if-match", "*")]).await.ok(200);
    api.send(Method::DELETE, "cart", None, &[("if-match", "\"4\"")]).await.ok(204);
    api.send(Method::PUT, "cart", Some(value(7)), &[("if-none-match", "*")]).await.ok(200);
    assert_eq!(api.get("cart").await.header("etag"), "\"6\"", "no version comes twice");
}

#[tokio::test]
async fn the_whole_has_a_version_of_its_own() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    let put = async |data: Value, if_match: &str| {
        api.send(Method::PUT, "", Some(json!({"data": data})), &[("if-match", if_match)]).await
    };
    put(json!({"a": 1}), "\"1\"").await.problem(412, "version_mismatch");
    put(json!({"a": 1}), "\"0\"").await.ok(200);
    let late = put(json!({"b": 1}), "\"0\"").await;
    assert_eq!(late.header("etag"), "\"1\"");
    late.problem(412, "version_mismatch");
    api.put("b", json!({"value": 2})).await.ok(200);
    put(json!({}), "\"1\"").await.problem(412, "version_mismatch");
    let late = api.send(Method::DELETE, "", None, &[("if-match", "\"1\"")]).await;
    assert_eq!(late.header("etag"), "\"2\"");
    late.problem(412, "version_mismatch");
    let same = put(json!({"a": 1, "b": 2}), "\"2\"").await;
    assert_eq!(same.header("etag"), "\"2\"", "nothing has changed");
    same.ok(200);
    api.send(Method::DELETE, "", None, &[("if-match", "\"2\"")]).await.ok(204);
    api.send(Method::PUT, "", Some(json!({"data": {"c": 1}})), &[("if-none-match", "*")]).await.ok(200);
    let late = api.send(Method::PUT, "", Some(json!({"data": {"c": 2}})), &[("if-none-match", "*")]).await;
    late.problem(412, "version_mismatch");
    assert_eq!(api.all().await, json!({"c": 1}));
}

#[tokio::test]
async fn who_has_the_version_already_gets_no_body() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    api.put("cart", json!({"value": 1})).await.ok(200);
    for key in ["", "cart"] {
        let known = api.send(Method::GET, key, None, &[("if-none-match", "\"1\"")]).await;
        assert_eq!((known.status.as_u16(), known.text.as_str(), known.header("etag")), (304, "", "\"1\""));
        api.send(Method::GET, key, None, &[("if-none-match", "\"2\"")]).await.ok(200);
        api.send(Method::GET, key, None, &[("if-match", "\"2\"")]).await.problem(412, "version_mismatch");
        api.send(Method::GET, key, None, &[("if-match", "\"1\"")]).await.ok(200);
    }
    api.send(Method::GET, "none", None, &[("if-none-match", "*")]).await.problem(404, "key_unknown");
}

#[tokio::test]
async fn what_is_no_version_is_refused_by_name() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    for odd in ["1", "\"1", "", "*, \"1\"", "'1'", "\"1\" \"2\""] {
        for name in ["if-match", "if-none-match"] {
            let answer = api.send(Method::PUT, "cart", Some(value(1)), &[(name, odd)]).await;
            assert_eq!(answer.problem(400, "field_invalid")["field"], name, "{odd}");
        }
    }
    assert_eq!(api.all().await, json!({}));
}
