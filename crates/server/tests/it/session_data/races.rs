//! Many writers at once, over two nodes: none is lost, and nothing is half of one and half of another.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{BackEnd, server, with_back_ends};
use crate::harness::TestServer;

async fn two() -> [TestServer; 2] {
    let first = server().await;
    let second = first.beside(with_back_ends()).await;
    [first, second]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se_09_writers_that_compare_and_swap_add_up_exactly() {
    let [a, b] = two().await;
    let phone = a.phone("alice").await;
    for api in [BackEnd::of(&a, &phone), BackEnd::of(&a, &phone).user()] {
        api.put("count", json!({"value": 0})).await.ok(200);
        let lost = join_all((0..12).map(async |nth| {
            let api = if nth % 2 == 0 { api } else { api.at(&b) };
            let (mut done, mut lost) = (0, 0_u32);
            while done < 5 {
                let read = api.get("count").await;
                let (tag, value) = (read.header("etag").to_owned(), read.json["value"].as_i64().unwrap());
                let body = Some(json!({"value": value + 1}));
                let written = api.send(Method::PUT, "count", body, &[("if-match", &tag)]).await;
                if written.status == 200 {
                    done += 1;
                } else {
                    assert_ne!(written.header("etag"), tag, "it tells the version that won");
                    written.problem(412, "version_mismatch");
                    lost += 1;
                }
            }
            lost
        }))
        .await;
        let seen = api.at(&b).get("count").await;
        assert_eq!((seen.header("etag"), &seen.json["value"]), ("\"61\"", &json!(60)));
        assert!(lost.iter().sum::<u32>() > 0, "they raced");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se_09_parallel_writes_never_mix() {
    let [a, b] = two().await;
    let phone = a.phone("alice").await;
    let api = BackEnd::of(&a, &phone);
    join_all((0..10).map(async |nth| {
        let api = if nth % 2 == 0 { api } else { api.at(&b) };
        for _ in 0..4 {
            let data = json!({"a": nth, "b": [nth, nth], "c": {"n": nth}});
            assert_eq!(api.put("", json!({"data": data})).await.ok(200)["data"], data);
            let seen = api.all().await;
            let of = &seen["a"];
            assert_eq!(seen, json!({"a": of, "b": [of, of], "c": {"n": of}}));
        }
    }))
    .await;
    api.delete("").await.ok(204);
    let versions = join_all((0..16).map(async |nth: i32| {
        let api = if nth % 2 == 0 { api } else { api.at(&b) };
        let put = api.put(&format!("key-{nth}"), json!({"value": nth})).await;
        let tag = put.header("etag").to_owned();
        put.ok(200);
        tag
    }))
    .await;
    let all: serde_json::Map<String, Value> = (0..16).map(|nth| (format!("key-{nth}"), nth.into())).collect();
    assert_eq!(api.at(&b).all().await, Value::Object(all), "none is lost");
    assert_eq!(versions.iter().collect::<BTreeSet<_>>().len(), 16, "no version is given twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_would_be_first_one_is() {
    let [a, b] = two().await;
    let phone = a.phone("alice").await;
    let api = BackEnd::of(&a, &phone).user();
    let won = join_all((0..12).map(async |nth| {
        let api = if nth % 2 == 0 { api } else { api.at(&b) };
        let answer = api.send(Method::PUT, "lock", Some(json!({"value": nth})), &[("if-none-match", "*")]).await;
        (answer.status == 200).then_some(nth).ok_or_else(|| answer.problem(412, "version_mismatch"))
    }))
    .await;
    let won: Vec<i32> = won.into_iter().filter_map(Result::ok).collect();
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(api.get("lock").await.ok(200), json!({"value": won[0]}));
}
