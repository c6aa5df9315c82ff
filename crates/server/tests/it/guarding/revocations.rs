//! `GET /v1/revocations`: what has ended, for guards that ask again and again.

use std::collections::BTreeSet;
use std::time::Duration;

use menjin_server::store::Actor;
use reqwest::Method;
use serde_json::{Value, json};

use super::{SECRET, by, with_gate};
use crate::broker::{basic, until};
use crate::harness::{Answer, Setup, TestServer};
use crate::rows::Rows;

const LIST: &str = "/v1/revocations";

async fn list(t: &TestServer, since: Option<&str>) -> Answer {
    let path = since.map_or_else(|| LIST.to_owned(), |since| format!("{LIST}?since={since}"));
    by(t, "gate", Method::GET, &path, None).await
}

fn events(body: &Value) -> &[Value] {
    body["events"].as_array().unwrap()
}

/// Reads on from a place until so many have come.
async fn read_on(t: &TestServer, since: &mut String, count: usize) -> Vec<Value> {
    let mut all = Vec::new();
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while all.len() < count {
        assert!(tokio::time::Instant::now() < patience, "they never came: {all:?}");
        let body = list(t, Some(since)).await.ok(200);
        all.extend_from_slice(events(&body));
        body["next"].as_str().unwrap().clone_into(since);
    }
    all
}

#[tokio::test]
async fn an_end_is_told_with_all_that_a_guard_needs() {
    let t = TestServer::with(with_gate()).await;
    let answer = list(&t, None).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let first = answer.ok(200);
    let members: BTreeSet<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["events", "from_start", "max_lag", "more", "next", "read_at"]));
    assert_eq!((&first["from_start"], &first["more"], &first["max_lag"]), (&json!(true), &json!(false), &json!(30)));
    let mut place = first["next"].as_str().unwrap().to_owned();
    let phone = t.phone("alice").await;
    let other = t.phone("alice").await;
    phone.post("/v1/logout", json!({})).await.ok(204);
    let told = read_on(&t, &mut place, 1).await;
    let [event] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&event["kind"], &event["session"]), (&json!("session_ended"), &json!(phone.session_id())));
    assert_eq!(event["reason"], "session_ended");
    for time in [&event["at"], &event["until"], &first["read_at"]] {
        let text = time.as_str().unwrap();
        assert!(text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.', "{text}");
    }
    let members: BTreeSet<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["at", "kind", "reason", "session", "until"]));
    t.menjin.disable_user(&Actor::command(), other.user_id().parse().unwrap()).await.unwrap();
    let told = read_on(&t, &mut place, 2).await;
    let kinds: BTreeSet<_> = told.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["session_ended", "user_not_before"]));
    let ban = told.iter().find(|event| event["kind"] == "user_not_before").unwrap();
    assert_eq!((&ban["user"], &ban["reason"]), (&json!(other.user_id()), &json!("user_disabled")));
    let kid = t.menjin.rotate_key(&Actor::command()).await.unwrap();
    t.menjin.revoke_key(&Actor::command(), &kid).await.unwrap();
    let mut seen = BTreeSet::new();
    while !seen.contains("key_revoked") {
        for event in read_on(&t, &mut place, 1).await {
            if event["kind"] == "key_revoked" {
                assert_eq!(event["kid"], kid);
            }
            seen.insert(event["kind"].as_str().unwrap().to_owned());
        }
    }
    assert!(seen.contains("keys_changed"), "{seen:?}");
    let empty = list(&t, Some(&place)).await.ok(200);
    assert_eq!((events(&empty).len(), empty["next"].as_str()), (0, Some(place.as_str())));
}

#[tokio::test]
async fn a_place_of_another_node_or_run_begins_anew() {
    let one = TestServer::with(with_gate()).await;
    let other = one.beside(with_gate()).await;
    let phone = one.phone("alice").await;
    phone.post("/v1/logout", json!({})).await.ok(204);
    let id = json!(phone.session_id());
    let is_told = |body: &Value| events(body).iter().any(|event| event["session"] == id);
    for node in [&one, &other] {
        until(async || is_told(&list(node, None).await.ok(200))).await;
    }
    let next = list(&one, None).await.ok(200)["next"].as_str().unwrap().to_owned();
    let here = list(&one, Some(&next)).await.ok(200);
    assert_eq!((&here["from_start"], events(&here).len()), (&json!(false), 0));
    let beyond = format!("{next}9");
    for foreign in ["", "0", "nonsense", "-1", "%00", "a&since=b", beyond.as_str()] {
        let body = list(&one, Some(foreign)).await.ok(200);
        assert!(body["from_start"] == true && is_told(&body), "{foreign}: {body}");
    }
    let there = list(&other, Some(&next)).await.ok(200);
    assert!(there["from_start"] == true && is_told(&there), "{there}");
    // A run after this one hears from the store what still matters.
    let folder = one.stop().await;
    let later = TestServer::with(Setup { folder: Some(folder), ..with_gate() }).await;
    let body = list(&later, Some(&next)).await.ok(200);
    assert!(body["from_start"] == true && is_told(&body), "{body}");
}

#[tokio::test]
async fn what_can_not_matter_any_more_is_forgotten() {
    let t = TestServer::with(with_gate()).await;
    let phone = t.phone("alice").await;
    phone.post("/v1/logout", json!({})).await.ok(204);
    until(async || !events(&list(&t, None).await.ok(200)).is_empty()).await;
    let before = list(&t, None).await.ok(200);
    let place = before["next"].as_str().unwrap();
    t.advance(Duration::from_hours(3));
    // Also what this node reads once more meanwhile, as the sweeper takes what it read last.
    until(async || {
        t.menjin.upkeep().await.unwrap();
        let after = list(&t, None).await.ok(200);
        events(&after).iter().all(|event| event["kind"] != "session_ended")
    })
    .await;
    let on = list(&t, Some(place)).await.ok(200);
    assert_eq!(on["from_start"], false, "whoever was there goes on from their place");
    let second = t.phone("bob").await;
    second.post("/v1/logout", json!({})).await.ok(204);
    let mut place = place.to_owned();
    let mut told = read_on(&t, &mut place, 1).await;
    while !told.iter().any(|event| event["session"] == second.session_id()) {
        told = read_on(&t, &mut place, 1).await;
    }
}

#[tokio::test]
async fn an_end_that_was_committed_late_is_told_after_those_that_were_read_before() {
    let t = TestServer::with(with_gate()).await;
    let mut place = list(&t, None).await.ok(200)["next"].as_str().unwrap().to_owned();
    let mut rows = Rows::of(&t).await;
    let (now, later) = (menjin_server::Clock::now(&*t.clock).millis(), i64::MAX / 2);
    let line = |seq: i64, id: u8| {
        let id = rows.literal(&[id; 16]);
        format!(
            "INSERT INTO events (seq, kind, subject, reason, at, until)
             VALUES ({seq}, 'session_ended', {id}, 'session_kicked', {now}, {later})"
        )
    };
    let (early, late) = (line(1001, 1), line(1000, 2));
    rows.run(&early).await;
    let first = read_on(&t, &mut place, 1).await;
    rows.run(&late).await;
    let second = read_on(&t, &mut place, 1).await;
    assert_ne!(first[0]["session"], second[0]["session"]);
}

#[tokio::test]
async fn while_this_node_does_not_know_it_tells_nobody() {
    let toml = format!("{}\n[lifetimes]\nrevocation_max_lag = \"5s\"\n", with_gate().toml);
    let t = TestServer::with(Setup { toml, ..with_gate() }).await;
    list(&t, None).await.ok(200);
    let mut rows = Rows::of(&t).await;
    rows.breaks("events").await;
    t.advance(Duration::from_secs(10));
    let answer = list(&t, None).await;
    assert!(!answer.header("retry-after").is_empty());
    answer.problem(503, "revocations_stale");
    by(&t, "gate", Method::GET, "/v1/revocations/stream", None).await.problem(503, "revocations_stale");
    rows.mends("events").await;
    until(async || list(&t, None).await.status == 200).await;
}

#[tokio::test]
async fn a_guard_s_patience_is_not_added_to_this_node_s_own() {
    let t = TestServer::with(with_gate()).await;
    let phone = t.phone("alice").await;
    list(&t, None).await.ok(200);
    let mut rows = Rows::of(&t).await;
    rows.breaks("events").await;
    t.advance(Duration::from_secs(6));
    phone.get("/v1/me").await.ok(200);
    list(&t, None).await.problem(503, "revocations_stale");
    by(&t, "gate", Method::GET, "/v1/revocations/stream", None).await.problem(503, "revocations_stale");
    rows.mends("events").await;
    until(async || list(&t, None).await.status == 200).await;
}

#[tokio::test]
async fn only_a_back_end_with_the_scope_may_read() {
    let t = TestServer::with(with_gate()).await;
    let person = t.phone("alice").await;
    for path in [LIST, "/v1/revocations/stream"] {
        t.anon().get(path).await.problem(401, "client_invalid");
        let refused = person.get(path).await;
        assert!(matches!(refused.status.as_u16(), 401 | 403), "{}", refused.text);
        by(&t, "porter", Method::GET, path, None).await.problem(403, "insufficient_scope");
        let wrong = basic("gate", &SECRET[1..]);
        t.anon().send(Method::GET, path, None, &[("authorization", &wrong)]).await.problem(401, "client_invalid");
        by(&t, "gate", Method::POST, path, Some(json!({}))).await.problem(405, "method_unknown");
    }
}
