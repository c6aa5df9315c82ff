//! `GET /v1/events`.

use std::time::Duration;

use serde_json::json;

use super::{all, ask, kinds, reading};
use crate::harness::{OTHER_APPID, TestServer};
use crate::rows::Rows;

#[tokio::test]
async fn a_back_end_reads_what_happened_to_its_people_in_order() {
    let t = TestServer::with(reading("")).await;
    let mut alice = t.phone("alice").await;
    alice.login(json!({"phone_code": t.sim.phone_code(crate::harness::APPID, "alice")})).await.ok(200);
    let (user, session) = (alice.user_id(), alice.session_id());
    alice.post("/v1/logout", json!({})).await.ok(204);
    let events = all(&t, "crm").await;
    assert_eq!(kinds(&events)[..1], ["user.created"]);
    assert_eq!(kinds(&events).last(), Some(&"session.ended"));
    assert!(kinds(&events).contains(&"phone.changed"), "{events:?}");
    let ended = events.last().unwrap();
    let timestamp = ended["timestamp"].as_str().unwrap();
    let data = json!({"user": user, "session": session, "app": "shop", "reason": "session_ended"});
    assert_eq!(*ended, json!({"id": ended["id"], "type": "session.ended", "timestamp": timestamp, "data": data}));
    assert_eq!(all(&t, "crm").await, events, "the same events have the same ids");
    let number = alice.person.clone();
    assert!(!json!(events).to_string().contains(&number), "no name of anybody");
}

#[tokio::test]
async fn mt_01_nothing_of_another_audience_is_told() {
    let t = TestServer::with(reading("")).await;
    let alice = t.phone("alice").await;
    let mut bob = t.phone_of("bob");
    bob.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    bob.post("/v1/logout", json!({})).await.ok(204);
    let by = menjin_server::store::Actor::command();
    for user in [alice.user_id(), bob.user_id()] {
        t.menjin.disable_user(&by, user.parse().unwrap()).await.unwrap();
    }
    let (shop, club) = (all(&t, "crm").await, all(&t, "club-crm").await);
    assert_eq!(kinds(&shop), ["user.created", "user.disabled", "session.ended"]);
    assert_eq!(kinds(&club), ["user.created", "session.ended", "user.disabled"]);
    assert!(shop.iter().all(|event| event["data"]["user"] == alice.user_id()), "{shop:?}");
    assert!(club.iter().all(|event| event["data"]["user"] == bob.user_id()), "{club:?}");
    assert_eq!(shop[2]["data"]["reason"], "user_disabled");
}

#[tokio::test]
async fn somebody_in_both_audiences_is_told_to_each_without_the_others_sessions() {
    let t = TestServer::with(reading("")).await;
    let alice = t.phone("alice").await;
    let mut there = t.phone_of("alice");
    there.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    assert_eq!(alice.user_id(), there.user_id());
    let by = menjin_server::store::Actor::command();
    t.menjin.disable_user(&by, alice.user_id().parse().unwrap()).await.unwrap();
    let (shop, club) = (all(&t, "crm").await, all(&t, "club-crm").await);
    assert_eq!(kinds(&shop), ["user.created", "user.disabled", "session.ended"]);
    assert_eq!(kinds(&club), ["user.disabled", "session.ended"]);
    assert_eq!(shop[2]["data"]["session"], alice.session_id());
    assert_eq!(club[1]["data"]["session"], there.session_id());
}

#[tokio::test]
async fn who_meets_somebody_hears_of_what_happens_from_then_on() {
    let t = TestServer::with(reading("")).await;
    let alice = t.phone("alice").await;
    let phone = json!({"phone_code": t.sim.phone_code(crate::harness::APPID, "alice")});
    alice.post("/v1/me/phone", phone).await.ok(200);
    t.phone_of("alice").login_to("club", OTHER_APPID, json!({})).await.ok(200);
    let by = menjin_server::store::Actor::command();
    t.menjin.disable_user(&by, alice.user_id().parse().unwrap()).await.unwrap();
    let (shop, club) = (all(&t, "crm").await, all(&t, "club-crm").await);
    assert_eq!(kinds(&shop), ["user.created", "phone.changed", "user.disabled", "session.ended"]);
    assert_eq!(kinds(&club), ["user.disabled", "session.ended"], "in one page, and still not the phone");
}

#[tokio::test]
async fn pages_are_bounded_and_together_whole_and_a_place_is_gone_on_from() {
    let t = TestServer::with(reading("")).await;
    for nth in 0..5 {
        t.phone(&format!("person {nth}")).await;
    }
    let (mut after, mut seen) = ("0".to_owned(), Vec::new());
    for _ in 0..3 {
        let page = ask(&t, "crm", &format!("?after={after}&limit=2")).await.ok(200);
        seen.extend(page["items"].as_array().unwrap().clone());
        page["next"].as_str().unwrap().clone_into(&mut after);
        assert_eq!(page["more"], seen.len() < 5, "{page}");
    }
    assert_eq!(seen, all(&t, "crm").await);
    let nothing = ask(&t, "crm", &format!("?after={after}")).await.ok(200);
    assert_eq!(nothing, json!({"items": [], "next": after, "more": false}));
    let latest = ask(&t, "crm", "?after=latest").await.ok(200);
    assert_eq!(latest, nothing);
}

#[tokio::test]
async fn who_waits_is_answered_when_something_happens() {
    let t = TestServer::with(reading("")).await;
    let next = ask(&t, "crm", "?after=latest").await.ok(200)["next"].as_str().unwrap().to_owned();
    let query = format!("?after={next}&wait=60");
    let (answer, alice) = tokio::join!(ask(&t, "crm", &query), async {
        // What is nobody's business here does not answer them.
        t.menjin.rotate_key(&menjin_server::store::Actor::command()).await.unwrap();
        t.phone("alice").await
    });
    let answer = answer.ok(200);
    assert_eq!(answer["items"][0]["data"]["user"], alice.user_id());
}

/// Somebody signs in elsewhere again and again.
async fn others_lines(t: &TestServer, lines: u32) {
    t.phone("alice").await;
    let columns = "at, action, actor, user_id, app";
    let add = |from: &str| {
        format!("INSERT INTO audit ({columns}) SELECT {columns} FROM audit, {from} WHERE action = 'session.opened'")
    };
    let counted = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {lines}) ");
    let sqlite = counted + &add("n");
    let (postgres, mariadb) = (add(&format!("generate_series(1, {lines})")), add(&format!("seq_1_to_{lines}")));
    Rows::of(t).await.run_own(&sqlite, &postgres, &mariadb).await;
}

#[tokio::test]
async fn who_waits_behind_lines_of_others_is_answered_in_time_and_gets_on() {
    let t = TestServer::with(reading("")).await;
    // More than anybody looks at in a second, one by one.
    others_lines(&t, 100_000).await;
    let first = ask(&t, "club-crm", "?limit=1&wait=1").await.ok(200);
    let place = |page: &serde_json::Value| page["next"].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!((&first["items"], &first["more"]), (&json!([]), &json!(true)), "{first}");
    let next = ask(&t, "club-crm", &format!("?after={}&limit=1&wait=1", place(&first))).await.ok(200);
    assert!(place(&next) > place(&first) && place(&first) > 0, "{first}, {next}");
    let mut bob = t.phone_of("bob");
    bob.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    let (mut page, mut pages) = (next, 0);
    while page["items"] == json!([]) {
        page = ask(&t, "club-crm", &format!("?after={}&limit=500&wait=20", place(&page))).await.ok(200);
        pages += 1;
        assert!(pages < 100, "{page}");
    }
    assert_eq!(page["items"][0]["data"]["user"], bob.user_id());
}

#[tokio::test]
async fn an_idle_session_that_ends_by_itself_is_told_and_stands_in_the_audit() {
    let t = TestServer::with(reading("")).await;
    t.phone("alice").await;
    t.advance(Duration::from_hours(24 * 31));
    t.menjin.upkeep().await.unwrap();
    let events = all(&t, "crm").await;
    assert_eq!(kinds(&events), ["user.created", "session.ended"]);
    assert_eq!(events[1]["data"]["reason"], "session_expired");
}

#[tokio::test]
async fn who_may_not_read_is_refused_and_bad_input_is_named() {
    let t = TestServer::with(reading("")).await;
    ask(&t, "poor", "").await.problem(403, "insufficient_scope");
    let alice = t.phone("alice").await;
    alice.get("/v1/events").await.problem(403, "backend_only");
    t.anon().get("/v1/events").await.problem(401, "client_invalid");
    for (query, field) in [
        ("?after=x", "after"),
        ("?after=-1", "after"),
        ("?after=9223372036854775808", "after"),
        ("?limit=0", "limit"),
        ("?limit=501", "limit"),
        ("?wait=61", "wait"),
        ("?wait=soon", "wait"),
    ] {
        let problem = ask(&t, "crm", query).await.problem(400, "field_invalid");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{query}: {problem}");
    }
    // A place that was never given, as after a backup was restored.
    assert_eq!(ask(&t, "crm", "?after=9223372036854775807").await.ok(200)["items"], json!([]));
}
