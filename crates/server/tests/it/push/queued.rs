//! What was acknowledged is carried out, whatever fails meanwhile; and what can't be is given up loudly.

use std::time::Duration;

use serde_json::json;

use super::{alice, count, is_carried_out, known, me, revoke, start};
use crate::broker::until;
use crate::harness::APPID;
use crate::log::Log;
use crate::rows::Rows;

#[tokio::test]
async fn what_fails_is_tried_again_after_a_pause_that_grows() {
    let log = Log::start();
    let t = start().await;
    let phone = alice(&t).await;
    let mut rows = Rows::of(&t).await;
    rows.breaks("phones").await;
    assert!(t.sim.push(&revoke(&t, "8")).await.accepted, "it is queued, whatever comes of it");
    until(async || log.text().contains("is tried again")).await;
    rows.mends("phones").await;
    for (pause, tries) in [(29, 1), (1, 2)] {
        t.advance(Duration::from_secs(pause));
        t.menjin.upkeep().await.unwrap();
        let waits = rows.all("SELECT tries FROM pushes").await[0][0].int();
        assert_eq!(waits, tries, "after {pause} more seconds");
    }
    is_carried_out(&t).await;
    assert_eq!(known(&me(&phone).await), (true, true, false));
    assert_eq!(count(&mut rows, "sealed IS NOT NULL").await, 0);
}

/// What is withdrawn is what there was when it was withdrawn.
#[tokio::test]
async fn what_is_given_anew_before_a_push_is_carried_out_stays() {
    let log = Log::start();
    let t = start().await;
    let phone = alice(&t).await;
    let mut rows = Rows::of(&t).await;
    rows.breaks("phones").await;
    assert!(t.sim.push(&revoke(&t, "6,8")).await.accepted);
    until(async || log.text().contains("is tried again")).await;
    rows.mends("phones").await;
    t.advance(Duration::from_secs(1));
    phone.put("/v1/me", json!({"nickname": "小明"})).await.ok(200);
    phone.post("/v1/me/phone", json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
    t.advance(Duration::from_secs(29));
    t.menjin.upkeep().await.unwrap();
    is_carried_out(&t).await;
    let me = me(&phone).await;
    assert_eq!((known(&me), &me["nickname"]), ((true, false, true), &json!("小明")));
}

/// Whoever repeats it waits for no minute's upkeep.
#[tokio::test]
async fn what_still_waits_is_carried_out_when_it_is_repeated() {
    let log = Log::start();
    let t = start().await;
    let phone = alice(&t).await;
    let mut rows = Rows::of(&t).await;
    rows.breaks("phones").await;
    let push = t.sim.sign_push(&revoke(&t, "8"));
    let path = push.url.strip_prefix(&t.url).unwrap();
    let headers = [("content-type", push.content_type)];
    let send = async || t.anon().send(reqwest::Method::POST, path, Some(push.body.clone()), &headers).await;
    assert_eq!(send().await.status, 200);
    until(async || log.text().contains("is tried again")).await;
    rows.mends("phones").await;
    t.advance(Duration::from_secs(30));
    assert_eq!(send().await.status, 200);
    is_carried_out(&t).await;
    assert_eq!(known(&me(&phone).await), (true, true, false));
    assert_eq!(count(&mut rows, "tries = 2").await, 1);
}

#[tokio::test]
async fn what_can_not_be_carried_out_is_given_up_loudly_and_kept() {
    let log = Log::start();
    let t = start().await;
    alice(&t).await;
    let mut rows = Rows::of(&t).await;
    rows.breaks("phones").await;
    assert!(t.sim.push(&revoke(&t, "8")).await.accepted);
    for tries in 1..=15 {
        until(async || rows.all("SELECT tries FROM pushes").await[0][0].int() == tries).await;
        let said = if tries < 15 { "could not be carried out" } else { "was given up" };
        let times = if tries < 15 { usize::try_from(tries).unwrap() } else { 1 };
        until(async || log.text().matches(said).count() >= times).await;
        t.advance(Duration::from_hours(1));
        t.menjin.upkeep().await.unwrap();
    }
    let loud = log.lines().into_iter().filter(|line| line["level"] == "ERROR").collect::<Vec<_>>();
    assert_eq!(loud.len(), 1, "{loud:?}");
    assert_eq!((&loud[0]["fields"]["app.id"], &loud[0]["fields"]["tries"]), (&"shop".into(), &15.into()));
    assert_eq!(count(&mut rows, "due_at IS NULL AND sealed IS NOT NULL").await, 1);
    let metrics = t.admin_get("/metrics").await.text;
    assert!(metrics.contains("menjin_pushes_total{app=\"shop\",outcome=\"given_up\"}"), "{metrics}");
    // As docs/pushes.md tells whoever has mended the cause.
    rows.mends("phones").await;
    rows.run("UPDATE pushes SET due_at = 0, tries = 0, until = NULL WHERE due_at IS NULL AND sealed IS NOT NULL").await;
    t.menjin.upkeep().await.unwrap();
    is_carried_out(&t).await;
    assert!(rows.all("SELECT id FROM phones").await.is_empty());
}

#[tokio::test]
async fn a_store_that_fails_is_no_receipt_and_the_next_try_is_one() {
    let t = start().await;
    let phone = alice(&t).await;
    let mut rows = Rows::of(&t).await;
    rows.breaks("pushes").await;
    let pushed = t.sim.push(&revoke(&t, "8")).await;
    assert!(!pushed.accepted, "{pushed:?}");
    assert!(pushed.attempts.iter().all(|attempt| attempt.status == Some(503)), "{pushed:?}");
    rows.mends("pushes").await;
    assert!(t.sim.push(&revoke(&t, "8")).await.accepted);
    is_carried_out(&t).await;
    assert_eq!(known(&me(&phone).await), (true, true, false));
}
