//! The device: what it may say of itself, and which sessions give way to a new one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Actor, OTHER_APPID, Setup, TestServer};

#[tokio::test]
async fn a_device_is_listed_as_it_called_itself() {
    let t = TestServer::start().await;
    let mut phone = t.phone_of("alice");
    let device = json!({"id": "d1", "class": "tablet", "name": "iPad 平板", "system": "iPadOS 20.1"});
    phone.login(json!({"device": device})).await.ok(200);
    assert_eq!(phone.get("/v1/me/sessions").await.ok(200)["sessions"][0]["device"], device);
}

#[tokio::test]
async fn a_device_that_says_odd_things_is_refused_by_name() {
    let t = TestServer::start().await;
    let code = t.code("alice");
    let refused = [
        (json!({"id": "x".repeat(129)}), "device.id"),
        (json!({"id": 7}), "device.id"),
        (json!({"id": "a\u{0}b"}), "device.id"),
        (json!({"class": "watch"}), "device.class"),
        (json!({"class": null}), "device.class"),
        (json!({"name": "x".repeat(129)}), "device.name"),
        (json!({"name": "a\u{202e}b"}), "device.name"),
        (json!({"system": "a\nb"}), "device.system"),
        (json!({"system": ["iOS"]}), "device.system"),
        (json!(["d1", "phone"]), "device"),
        (json!("d1"), "device"),
    ];
    for (device, field) in refused {
        let answer = t.anon().post("/v1/login/shop", json!({"code": code, "device": device})).await;
        let body = answer.problem(400, "field_invalid");
        assert_eq!(body["field"], field, "{device}");
        let names_the_words = body["detail"].as_str().unwrap().contains("`phone`, `tablet`, `pc`, `other`");
        assert_eq!(names_the_words, field == "device.class", "{body}");
    }
    assert_eq!(t.sim.calls_with_code(&code), 0);
}

/// The next sign-in comes later, so that one session is the oldest.
fn a_second_passes(t: &TestServer) {
    t.advance(Duration::from_secs(1));
}

async fn on<'a>(t: &'a TestServer, device: &str) -> Actor<'a> {
    a_second_passes(t);
    let mut phone = t.phone_of("alice");
    phone.login(json!({"device": {"id": device}})).await.ok(200);
    phone
}

#[tokio::test]
async fn a_new_sign_in_on_the_same_device_takes_the_place_of_the_former_one() {
    let t = TestServer::start().await;
    let (mut first, other) = (on(&t, "d1").await, on(&t, "d2").await);
    let mut elsewhere = t.phone_of("alice");
    elsewhere.login_to("club", OTHER_APPID, json!({"device": {"id": "d1"}})).await.ok(200);
    let mut bob = t.phone_of("bob");
    bob.login(json!({"device": {"id": "d1"}})).await.ok(200);
    first.get("/v1/me").await.ok(200);
    let second = on(&t, "d1").await;
    first.get("/v1/me").await.problem(401, "session_replaced");
    first.get("/v1/me/sessions").await.problem(401, "session_replaced");
    assert_eq!(first.refresh().await.problem(401, "session_replaced")["action"], "relogin");
    for live in [&second, &other, &elsewhere, &bob] {
        live.get("/v1/me").await.ok(200);
    }
}

#[tokio::test]
async fn the_eleventh_session_without_a_device_ends_the_oldest() {
    let t = TestServer::start().await;
    let with_device = on(&t, "d1").await;
    let mut phones = Vec::new();
    for _ in 0..10 {
        phones.push(t.phone("alice").await);
        a_second_passes(&t);
    }
    phones[0].get("/v1/me").await.ok(200);
    let eleventh = t.phone("alice").await;
    phones[0].get("/v1/me").await.problem(401, "session_replaced");
    phones[0].refresh().await.problem(401, "session_replaced");
    for live in phones[1..].iter().chain([&eleventh, &with_device]) {
        live.get("/v1/me").await.ok(200);
    }
    let listed = eleventh.get("/v1/me/sessions").await.ok(200);
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(11));
}

#[tokio::test]
async fn the_twenty_first_session_of_a_person_ends_the_oldest() {
    let t = TestServer::start().await;
    let mut phones = Vec::new();
    for at in 0..20 {
        let mut phone = t.phone_of("alice");
        let device = json!({"device": {"id": format!("d{at}")}});
        let (app, appid) = if at % 2 == 0 { ("shop", crate::harness::APPID) } else { ("club", OTHER_APPID) };
        phone.login_to(app, appid, device).await.ok(200);
        a_second_passes(&t);
        phones.push(phone);
    }
    let last = on(&t, "d20").await;
    phones[0].get("/v1/me").await.problem(401, "session_replaced");
    for live in phones[1..].iter().chain([&last]) {
        live.get("/v1/me").await.ok(200);
    }
}

#[tokio::test]
async fn how_many_sessions_live_is_the_apps_own() {
    let shop = "sessions_without_device = 2\nsessions = 3";
    let t = TestServer::with(Setup { shop: shop.into(), ..Setup::default() }).await;
    let first = t.phone("alice").await;
    a_second_passes(&t);
    let second = t.phone("alice").await;
    a_second_passes(&t);
    let third = t.phone("alice").await;
    first.get("/v1/me").await.problem(401, "session_replaced");
    let (fourth, fifth) = (on(&t, "d1").await, on(&t, "d2").await);
    second.get("/v1/me").await.problem(401, "session_replaced");
    for live in [&third, &fourth, &fifth] {
        live.get("/v1/me").await.ok(200);
    }
    let sessions = fifth.get("/v1/me/sessions").await.ok(200)["sessions"].clone();
    let current: Vec<&Value> = sessions.as_array().unwrap().iter().map(|it| &it["current"]).collect();
    assert_eq!(current, [true, false, false], "the newest first");
}
