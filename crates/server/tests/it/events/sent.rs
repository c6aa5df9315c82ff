//! Webhooks: what a receiver gets, when, and in which order.

use std::time::Duration;

use menjin_server::Clock as _;
use serde_json::json;

use super::receiver::Receiver;
use super::{all, reading};
use crate::broker::until;
use crate::harness::{OTHER_APPID, TestServer};
use crate::rows::Rows;

const DAY: Duration = Duration::from_hours(24);

/// Until menjin knows from where on a receiver is told.
pub(super) async fn begun(t: &TestServer, webhooks: usize) {
    let mut rows = Rows::of(t).await;
    until(async || rows.all("SELECT name FROM places WHERE name LIKE 'webhook/%'").await.len() == webhooks).await;
}

/// Until it is noted that a receiver refused so often in a row, and gets a pause.
async fn paused(t: &TestServer, tries: u32) {
    let mut rows = Rows::of(t).await;
    let sql = format!("SELECT seq FROM places WHERE name = 'webhook/crm' AND tries = {tries} AND held_until <= due_at");
    until(async || rows.all(&sql).await.len() == 1).await;
}

#[tokio::test]
async fn a_receiver_gets_what_the_list_has_once_each_and_signed() {
    let receiver = Receiver::start().await;
    let t = TestServer::with(reading(&receiver.entry("crm", "shop-api"))).await;
    begun(&t, 1).await;
    let alice = t.phone("alice").await;
    alice.post("/v1/logout", json!({})).await.ok(204);
    until(async || receiver.taken().len() >= 2).await;
    let sent: Vec<_> = receiver.taken().iter().map(super::receiver::Sent::event).collect();
    assert_eq!(sent, all(&t, "crm").await);
    for sent in receiver.taken() {
        assert_eq!(sent.header("webhook-id"), sent.event()["id"]);
        assert_eq!(sent.header("content-type"), "application/json");
        assert!(sent.header("webhook-signature").starts_with("v1,"));
    }
}

#[tokio::test]
async fn a_receiver_that_is_down_for_a_day_gets_everything_in_order_and_only_its_own() {
    let (crm, club) = (Receiver::start().await, Receiver::start().await);
    let toml = [crm.entry("crm", "shop-api"), club.entry("club", "club")].concat();
    let t = TestServer::with(reading(&toml)).await;
    begun(&t, 2).await;
    crm.answers(503);
    let mut ids = Vec::new();
    for nth in 0..6 {
        ids.push(t.phone(&format!("person {nth}")).await.user_id());
        t.phone_of("bob").login_to("club", OTHER_APPID, json!({})).await.ok(200);
    }
    until(async || crm.refused() == 1 && club.taken().len() == 1).await;
    for hour in 1..=24 {
        paused(&t, hour).await;
        t.advance(DAY / 24);
    }
    paused(&t, 25).await;
    assert_eq!(crm.refused(), 25, "one at a time, and none before its pause is over");
    assert!(crm.taken().is_empty());
    crm.answers(200);
    t.advance(DAY / 24);
    until(async || crm.taken().len() >= 6).await;
    let told: Vec<_> = crm.taken().iter().map(|sent| sent.event()["data"]["user"].clone()).collect();
    assert_eq!(told, ids);
    assert!(club.taken().iter().all(|sent| !ids.contains(&sent.event()["data"]["user"].as_str().unwrap().to_owned())));
    let metrics = t.admin_get("/metrics").await.text;
    for outcome in ["delivered", "failed"] {
        let line = format!("menjin_webhook_deliveries_total{{webhook=\"crm\",outcome=\"{outcome}\"}}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn what_a_receiver_never_takes_is_given_up_after_three_days_and_the_next_are_sent() {
    let receiver = Receiver::start().await;
    let t = TestServer::with(reading(&receiver.entry("crm", "shop-api"))).await;
    begun(&t, 1).await;
    receiver.answers(500);
    t.phone("alice").await;
    t.phone("bob").await;
    paused(&t, 1).await;
    t.advance(3 * DAY + Duration::from_hours(1));
    let carol = t.phone("carol").await;
    // The old ones go, and the young one waits.
    paused(&t, 2).await;
    assert_eq!(receiver.refused(), 4, "none goes without having been sent");
    let metrics = t.admin_get("/metrics").await.text;
    let line = "menjin_webhook_deliveries_total{webhook=\"crm\",outcome=\"given_up\"}";
    assert!(metrics.contains(line), "{metrics}");
    receiver.answers(200);
    t.advance(Duration::from_hours(1));
    until(async || !receiver.taken().is_empty()).await;
    assert_eq!(receiver.taken()[0].event()["data"]["user"], carol.user_id());
    assert_eq!(all(&t, "crm").await.len(), 3, "the list still has them");
}

#[tokio::test]
async fn what_stands_behind_an_event_that_is_given_up_is_sent_however_old_it_is() {
    let receiver = Receiver::start().await;
    let t = TestServer::with(reading(&receiver.entry("crm", "shop-api"))).await;
    begun(&t, 1).await;
    receiver.answers(503);
    let (alice, bob, carol) = (t.phone("alice").await, t.phone("bob").await, t.phone("carol").await);
    paused(&t, 1).await;
    receiver.refuses(&alice.user_id());
    receiver.answers(200);
    t.advance(3 * DAY + Duration::from_hours(1));
    until(async || receiver.taken().len() == 2).await;
    let told: Vec<_> = receiver.taken().iter().map(|sent| sent.event()["data"]["user"].clone()).collect();
    assert_eq!(told, [bob.user_id(), carol.user_id()]);
    assert_eq!(receiver.refused(), 2);
}

/// The receiver refused the first of so many events of four days ago: as when menjin was off.
async fn behind(t: &TestServer, receiver: &Receiver, events: u32) {
    begun(t, 1).await;
    t.phone("alice").await;
    until(async || receiver.taken().len() == 1).await;
    receiver.answers(503);
    let columns = "action, actor, user_id, session_id, app, detail";
    let at = t.clock.now().minus(4 * DAY).millis();
    let add = format!(
        "INSERT INTO audit (at, {columns}) SELECT {at}, {columns} FROM audit WHERE at > {at} AND action = 'session.opened';"
    );
    Rows::of(t).await.run(&add.repeat(events as usize)).await;
    paused(t, 1).await;
}

#[tokio::test]
async fn a_receiver_that_refuses_once_after_menjin_was_off_for_days_loses_nothing() {
    let receiver = Receiver::start().await;
    let t = TestServer::with(reading(&receiver.entry("crm", "shop-api"))).await;
    behind(&t, &receiver, 3).await;
    receiver.answers(200);
    t.advance(Duration::from_secs(5));
    until(async || receiver.taken().len() == 4).await;
    assert_eq!(receiver.refused(), 1);
}

#[tokio::test]
async fn a_receiver_that_is_down_loses_a_few_old_events_and_then_gets_a_pause() {
    let receiver = Receiver::start().await;
    let t = TestServer::with(reading(&receiver.entry("crm", "shop-api"))).await;
    behind(&t, &receiver, 25).await;
    t.advance(Duration::from_secs(5));
    paused(&t, 2).await;
    assert_eq!(receiver.refused(), 1 + 10);
    receiver.answers(200);
    t.advance(Duration::from_secs(10));
    until(async || receiver.taken().len() == 1 + 15).await;
}

#[tokio::test]
async fn a_receiver_is_followed_nowhere_else() {
    let receiver = Receiver::start().await;
    let t = TestServer::with(reading(&receiver.entry("crm", "shop-api"))).await;
    begun(&t, 1).await;
    receiver.answers(307);
    t.phone("alice").await;
    paused(&t, 1).await;
    receiver.answers(200);
    t.advance(Duration::from_mins(1));
    until(async || receiver.taken().len() == 1).await;
    assert_eq!(receiver.refused(), 1, "the redirect is a refusal, and leads nowhere");
}

#[tokio::test]
async fn a_receiver_gets_only_the_types_that_it_asked_for() {
    let receiver = Receiver::start().await;
    let entry = receiver.entry("crm", "shop-api") + "events = [\"session.ended\"]\n";
    let t = TestServer::with(reading(&entry)).await;
    begun(&t, 1).await;
    let alice = t.phone("alice").await;
    alice.post("/v1/logout", json!({})).await.ok(204);
    until(async || !receiver.taken().is_empty()).await;
    assert_eq!(receiver.kinds(), ["session.ended"]);
}

#[tokio::test]
async fn of_two_nodes_one_sends() {
    let receiver = Receiver::start().await;
    let entry = receiver.entry("crm", "shop-api");
    let a = TestServer::with(reading(&entry)).await;
    let b = a.beside(reading(&entry)).await;
    begun(&a, 1).await;
    for nth in 0..10 {
        let node = if nth % 2 == 0 { &a } else { &b };
        node.phone(&format!("person {nth}")).await;
    }
    until(async || receiver.taken().len() >= 10).await;
    let listed = all(&a, "crm").await;
    let sent: Vec<_> = receiver.taken().iter().map(super::receiver::Sent::event).collect();
    assert_eq!(sent, listed, "each once, in the order of the list");
}
