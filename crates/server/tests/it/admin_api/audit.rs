//! `/admin/v1/audit` and `/admin/v1/events`: who did what, and what others are told of it.

use std::collections::BTreeSet;
use std::time::Duration;

use menjin_server::store::OperatorRole;
use serde_json::json;

use super::{Program, each};
use crate::broker::until;
use crate::harness::TestServer;
use crate::operators::hand::Hand;

#[tokio::test]
async fn the_audit_is_paged_to_the_end_while_lines_are_added() {
    let t = TestServer::start().await;
    for nth in 0..5 {
        t.phone(&format!("person {nth}")).await;
        t.advance(Duration::from_secs(1));
    }
    let admin = Program::admin(&t).await;
    let whole = admin.all("/audit").await;
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/audit?limit=2{cursor}")).await.ok(200);
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        t.phone("latecomer").await;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, whole);
    let seq = whole[0]["seq"].to_string();
    assert_eq!(admin.get(&format!("/audit/{seq}")).await.ok(200), whole[0]);
    admin.get("/audit/999999999").await.problem(404, "audit_line_unknown");
    admin.get("/audit/first").await.problem(400, "field_invalid");
}

#[tokio::test]
async fn lines_are_chosen_by_each_filter_alone_and_together() {
    let t = TestServer::start().await;
    let (alice, bob) = (t.phone("alice").await, t.phone("bob").await);
    t.advance(Duration::from_mins(10));
    let noon = menjin_server::Clock::now(&*t.clock);
    let support = Program::of(&t, OperatorRole::Support).await;
    let user = alice.user_id();
    support.post(&format!("/users/{user}/disable"), None).await.ok(200);
    support.post(&format!("/users/{}/kick", bob.user_id()), None).await.ok(200);
    let find = async |query: &str| each(&support.all(&format!("/audit?{query}")).await, "action");
    assert_eq!(find("actor_id=token:support").await, ["session.kicked", "session.ended", "user.disabled"]);
    assert_eq!(find(&format!("user={user}")).await, ["session.ended", "user.disabled", "session.opened"]);
    assert_eq!(find(&format!("user={user}&actor=operator")).await, ["session.ended", "user.disabled"]);
    assert_eq!(find("action=session.opened&limit=1").await.len(), 2);
    assert_eq!(find(&format!("session={}", bob.session_id())).await, ["session.kicked", "session.opened"]);
    assert_eq!(find(&format!("until={noon}&actor=user")).await, ["session.opened"; 2]);
    assert_eq!(find(&format!("since={noon}&actor=user")).await, [""; 0]);
    assert_eq!(find(&format!("since={noon}&action=user.disabled")).await, ["user.disabled"]);
    assert_eq!(find("app=shop&actor=user").await.len(), 2);
    assert_eq!(find("action=nothing.done").await, [""; 0]);
    let refused = async |query: &str| {
        support.get(&format!("/audit?{query}")).await.problem(400, "field_invalid")["field"].clone()
    };
    assert_eq!(refused("since=yesterday").await, "since");
    assert_eq!(refused("until=2026-02-30").await, "until");
    let today = noon.to_string()[..10].to_owned();
    let from_midnight = find(&format!("since={today}T00:00:00Z")).await;
    assert!(!from_midnight.is_empty());
    assert_eq!(find(&format!("since={today}")).await, from_midnight);
    assert_eq!(find(&format!("until={today}")).await, find(&format!("until={today}T00:00:00Z")).await);
    assert_eq!(refused("actor=nobody").await, "actor");
    assert_eq!(refused("session=1").await, "session");
    assert_eq!(refused(&format!("user={user}&actor_id=lin")).await, "actor_id");
    let lines = support.all(&format!("/audit?user={user}&action=user.disabled")).await;
    assert_eq!((&lines[0]["ip"], &lines[0]["actor_id"]), (&json!("127.0.0.1"), &json!("token:support")));
}

#[tokio::test]
async fn ad_07_what_a_role_does_not_reach_stands_there_with_who_tried() {
    let t = TestServer::start().await;
    let viewer = Program::of(&t, OperatorRole::Viewer).await;
    let user = t.phone("alice").await.user_id();
    viewer.get("/audit").await.ok(200);
    viewer.get("/users/usr_01jd3v0000zzzzzzzzzzzzzzzz").await.problem(404, "user_unknown");
    viewer.post(&format!("/users/{user}/kick"), None).await.problem(403, "right_missing");
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    assert_eq!(lin.get(&format!("/console/people/{user}/merge?from=1")).await.status, 403);
    let admin = Program::admin(&t).await;
    let mut denied = Vec::new();
    until(async || {
        denied = admin.all("/audit?action=operator.denied").await;
        denied.len() >= 2
    })
    .await;
    let mut told: Vec<_> = denied.iter().map(|line| (line["actor_id"].clone(), line["detail"].clone())).collect();
    told.sort_by_key(|(who, _)| who.to_string());
    let expected = [
        (json!("lin"), json!("GET /console/people/{user}/merge")),
        (json!("token:viewer"), json!("POST /admin/v1/users/{user}/kick")),
    ];
    assert_eq!(told, expected);
    assert!(denied.iter().all(|line| line["ip"] == "127.0.0.1" && line["user"].is_null()), "{denied:?}");
}

#[tokio::test]
async fn events_are_those_that_others_are_told_without_anything_personal() {
    let t = TestServer::start().await;
    let alice = t.phone("alice").await;
    let user = alice.user_id();
    let support = Program::of(&t, OperatorRole::Support).await;
    support.post(&format!("/users/{user}/disable"), None).await.ok(200);
    t.phone("bob").await;
    let all = support.all("/events?limit=1").await;
    assert_eq!(each(&all, "type"), ["user.created", "session.ended", "user.disabled", "user.created"]);
    assert_eq!((&all[1]["data"]["reason"], &all[1]["data"]["app"]), (&json!("user_disabled"), &json!("shop")));
    assert_eq!(each(&support.all(&format!("/events?user={user}&type=user.disabled")).await, "type"), ["user.disabled"]);
    assert!(!support.get("/events").await.text.contains("127.0.0.1"));
    let odd = support.get("/events?type=user.sneezed").await.problem(400, "field_invalid");
    assert!(odd["detail"].as_str().unwrap().contains("`user.created`"), "{odd}");
}

#[tokio::test]
async fn what_was_done_under_another_name_is_found_by_every_name_of_a_person() {
    let t = TestServer::start().await;
    let (alice, twin) = (t.phone("alice").await, t.phone("twin").await);
    let (into, from) = (alice.user_id(), twin.user_id());
    alice.post("/v1/logout", json!({})).await.ok(204);
    t.phone("stranger").await;
    let support = Program::of(&t, OperatorRole::Support).await;
    // One at a time, so that there are as many pages as there are things.
    let list = async |what: &str, user: &str| support.all(&format!("/{what}?user={user}&limit=1")).await;
    let (of_alice, of_twin) = (list("audit", &into).await, list("audit", &from).await);
    let number = support.get(&format!("/users/{from}")).await.ok(200)["number"].to_string();
    support.post(&format!("/users/{from}/merge"), Some(json!({"into": into}))).await.ok(200);
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    for name in [&into, &from, &number] {
        let lines = list("audit", name).await;
        let places: Vec<_> = lines.iter().map(|line| line["seq"].as_i64().unwrap()).collect();
        assert!(places.is_sorted_by(|one, next| one > next), "each once, the newest first: {places:?}");
        assert!(of_alice.iter().chain(&of_twin).all(|line| lines.contains(line)), "{name}: {lines:?}");
        let theirs = |line: &serde_json::Value| line["user"] == into.as_str() || line["user"] == from.as_str();
        assert!(lines.iter().all(theirs), "{name}: {lines:?}");
        // Both were opened in one moment, so that either may come first.
        let sessions: BTreeSet<_> = each(&list("sessions", name).await, "id").into_iter().collect();
        assert_eq!(sessions, BTreeSet::from([twin.session_id(), alice.session_id()]), "{name}");
        assert_eq!(list("sessions", name).await.len(), support.all(&format!("/sessions?user={name}")).await.len());
        let made = list("events", name).await.iter().filter(|event| event["type"] == "user.created").count();
        assert_eq!(made, 2, "{name}");
        let shown = lin.get(&format!("/console/sessions?user={name}")).await.text;
        assert!(shown.contains(&twin.session_id()) && shown.contains(&alice.session_id()), "{name}: {shown}");
        let shown = lin.get(&format!("/console/audit?user={name}")).await.text;
        let link = |user: &str| format!("<a href=\"/console/people/{user}\">");
        assert!(shown.contains(&link(&from)) && shown.contains(&link(&into)), "{name}: {shown}");
    }
    support.post(&format!("/users/{from}/unmerge"), None).await.ok(200);
    let (again, others) = (list("audit", &from).await, list("audit", &into).await);
    assert!(of_twin.iter().all(|line| again.contains(line) && !others.contains(line)), "two again: {others:?}");
    assert!(of_alice.iter().all(|line| others.contains(line) && !again.contains(line)), "two again: {again:?}");
    assert_eq!(each(&list("sessions", &from).await, "id"), [twin.session_id()]);
}
