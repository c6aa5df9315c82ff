//! `/_sim/clock`.

use serde_json::json;

use crate::harness::{Platforms, START};

#[tokio::test]
async fn the_clock_can_be_set_advanced_and_frozen() {
    let platforms = Platforms::start().await;
    assert_eq!(platforms.get("/_sim/clock").await.json(), json!({ "now": START, "frozen": true }));
    let advanced = platforms.control("/_sim/clock", json!({ "advance": 300 })).await;
    assert_eq!(advanced, json!({ "now": START + 300, "frozen": true }));
    let set = platforms.control("/_sim/clock", json!({ "set": 1_700_000_000, "freeze": true })).await;
    assert_eq!(set, json!({ "now": 1_700_000_000, "frozen": true }));
    let thawed = platforms.control("/_sim/clock", json!({ "freeze": false })).await;
    let now = thawed["now"].as_i64().unwrap();
    assert!((1_700_000_000..1_700_000_060).contains(&now), "{thawed}");
    assert_eq!(thawed["frozen"], false);
}

#[tokio::test]
async fn advancing_the_clock_ends_codes_and_tokens() {
    let platforms = Platforms::start().await;
    let code = platforms.code("alice").await;
    platforms.control("/_sim/clock", json!({ "advance": 300 })).await;
    platforms.exchange(&code).await.refused(40029, "invalid code");
}

#[tokio::test]
async fn impossible_times_are_refused() {
    let platforms = Platforms::start().await;
    for body in [json!({ "advance": -1 }), json!({ "advance": i64::MAX }), json!({ "set": -1 })] {
        platforms.post("/_sim/clock", body).await.complaint(400, "bad time");
    }
    platforms.post("/_sim/clock", json!({ "advance": "1" })).await.complaint(400, "invalid type");
    assert_eq!(platforms.sim.now(), START);
}
