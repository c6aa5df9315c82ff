//! How large things may be, and what is no value at all.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{BackEnd, DATA, SECRET, server, with_back_ends};
use crate::broker::basic;
use crate::harness::{Answer, Setup, TestServer};

/// A string that is so long as JSON.
fn text(bytes: usize) -> Value {
    "x".repeat(bytes - 2).into()
}

#[tokio::test]
async fn se_09_a_value_and_the_whole_are_bounded() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    api.put("a", json!({"value": text(2048)})).await.ok(200);
    api.put("a", json!({"value": text(2049)})).await.problem(413, "session_data_full");
    api.put("", json!({"data": {"a": text(2049)}})).await.problem(413, "session_data_full");
    // {"k0":…,"k1":…}: seven of them fill 14 KiB and some.
    for nth in 0..7 {
        api.put(&format!("k{nth}"), json!({"value": text(2040)})).await.ok(200);
    }
    let held = api.all().await;
    let room = 16 * 1024 - held.to_string().len() - ",\"z\":".len();
    assert!(room < 2048, "{room}");
    api.put("z", json!({"value": text(room + 1)})).await.problem(413, "session_data_full");
    assert_eq!(api.all().await, held, "nothing of it was kept");
    api.put("z", json!({"value": text(room)})).await.ok(200);
    assert_eq!(api.all().await.to_string().len(), 16 * 1024);
    api.put("y", json!({"value": 1})).await.problem(413, "session_data_full");
    api.put("k0", json!({"value": 1})).await.ok(200);
    api.put("y", json!({"value": 1})).await.ok(200);
    let many: Map<String, Value> = (0..3000).map(|nth| (nth.to_string(), 1.into())).collect();
    api.put("", json!({"data": many})).await.problem(413, "session_data_full");
    api.put("", json!({"data": {"a": text(70_000)}})).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn white_space_counts_for_nothing() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let spaced = format!("[{}1{}]", " ".repeat(4000), "\n".repeat(4000));
    put_text(&t, &phone.access_token(), &format!("{{\"value\":{spaced}}}")).await.ok(200);
    assert_eq!(BackEnd::of(&t, &phone).get("n").await.text, r#"{"value":[1]}"#);
}

#[tokio::test]
async fn an_operator_chooses_the_bounds_and_may_lower_them() {
    let with = |value: u32, total: u32| {
        let toml = format!("{}\n[session_data]\nvalue_bytes = {value}\ntotal_bytes = {total}\n", with_back_ends().toml);
        Setup { toml, ..with_back_ends() }
    };
    let t = TestServer::with(with(20_000, 60_000)).await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    for key in ["a", "b"] {
        api.put(key, json!({"value": text(20_000)})).await.ok(200);
    }
    let lower = t.beside(with(100, 1000)).await;
    let api = api.at(&lower);
    assert_eq!(api.get("a").await.ok(200)["value"], text(20_000), "what is there stays");
    api.put("c", json!({"value": 1})).await.problem(413, "session_data_full");
    api.put("a", json!({"value": text(101)})).await.problem(413, "session_data_full");
    api.put("a", json!({"value": text(100)})).await.ok(200);
    api.delete("b").await.ok(204);
    api.put("c", json!({"value": 1})).await.ok(200);
}

/// Puts a value, the body being this text.
async fn put_text(t: &TestServer, token: &str, body: &str) -> Answer {
    let proof = basic("api", SECRET);
    let headers = [("authorization", proof.as_str()), ("menjin-subject-token", token)];
    t.anon().send(Method::PUT, &format!("{DATA}/n"), Some(body.to_owned()), &headers).await
}

#[tokio::test]
async fn what_some_reader_could_not_read_is_refused_by_name() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let token = phone.access_token();
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for (body, field) in [
        (r"{}".to_owned(), "value"),
        (r#"{"value": "\ud800"}"#.to_owned(), "value"),
        (r#"{"value": 1e999}"#.to_owned(), "value"),
        (format!("{{\"value\": {deep}}}"), "value"),
        (r#"{"value": 1, "value": 2}"#.to_owned(), "value"),
        (r#"{"value": 1, "ttl": 0}"#.to_owned(), "ttl"),
        (r#"{"value": 1, "ttl": -1}"#.to_owned(), "ttl"),
        (r#"{"value": 1, "ttl": 1.5}"#.to_owned(), "ttl"),
        (r#"{"value": 1, "ttl": "60"}"#.to_owned(), "ttl"),
        (r#"{"value": 1, "ttl": 99999999999}"#.to_owned(), "ttl"),
        (r#"{"value": 1, "tll": 60}"#.to_owned(), "tll"),
        (r#"{"value": 1, "expires_at": "2030-01-01T00:00:00Z"}"#.to_owned(), "expires_at"),
    ] {
        let answer = put_text(&t, &token, &body).await;
        assert_eq!(answer.problem(400, "field_invalid")["field"], field, "{body}");
    }
    for body in ["", "[]", "7", "{\"value\": }", "{\"value\": 1", "{\"value\": 1} x", "{\"value\": '1'}"] {
        put_text(&t, &token, body).await.problem(400, "json_invalid");
    }
    let api = BackEnd::of(&t, &phone);
    for (body, field) in [
        (json!({}), "data"),
        (json!({"data": null}), "data"),
        (json!({"data": [1]}), "data"),
        (json!({"data": "x"}), "data"),
        (json!({"data": {}, "ttl": 0}), "ttl"),
        (json!({"data": {"a": 1}, "tll": 60}), "tll"),
        (json!({"data": {"a": 1}, "b": 2}), "b"),
    ] {
        let answer = api.put("", body.clone()).await;
        assert_eq!(answer.problem(400, "field_invalid")["field"], field, "{body}");
    }
    let proof = basic("api", SECRET);
    let headers = [("authorization", proof.as_str()), ("menjin-subject-token", token.as_str())];
    let put = async |body: &str| t.anon().send(Method::PUT, DATA, Some(body.to_owned()), &headers).await;
    assert_eq!(put(r#"{"data": {"a": 1, "a": 2}}"#).await.problem(400, "field_invalid")["field"], "data.a");
    assert_eq!(put(r#"{"data": {"a": "\udfff"}}"#).await.problem(400, "field_invalid")["field"], "data.a");
    assert_eq!(api.all().await, json!({}));
    // What is within `data` is the caller's own, whatever it is called.
    api.put("", json!({"data": {"tll": 60, "value": 1}})).await.ok(200);
    assert_eq!(api.all().await, json!({"tll": 60, "value": 1}));
}
