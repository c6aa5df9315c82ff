//! The store fails in the middle: whoever asks hears what helps, nothing is burnt, and it goes on by itself afterwards.
//! A table that is gone stands for a disk that is.

use std::time::Duration;

use menjin_server::Clock as _;
use menjin_sim::CallFilter;
use serde_json::json;

use crate::harness::TestServer;
use crate::rows::Rows;

/// A table that can be taken away.
struct Table<'a> {
    rows: Rows,
    name: &'a str,
}

impl<'a> Table<'a> {
    async fn of(t: &TestServer, name: &'a str) -> Self {
        Self { rows: Rows::of(t).await, name }
    }

    async fn breaks(&mut self) {
        self.rows.breaks(self.name).await;
    }

    async fn is_mended(&mut self) {
        self.rows.mends(self.name).await;
    }
}

#[tokio::test]
async fn rt_06_a_refresh_that_the_store_fails_burns_nothing() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    phone.refresh().await.ok(200);
    let mut grants = Table::of(&t, "grants").await;
    grants.breaks().await;
    for _ in 0..3 {
        let answer = phone.refresh().await;
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.problem(503, "store_unavailable")["action"], "retry");
    }
    grants.is_mended().await;
    t.advance(Duration::from_mins(5));
    let used = phone.refresh_token();
    let next = phone.refresh().await.ok(200);
    assert_eq!(t.anon().refresh_with(&used).await.ok(200)["refresh_token"], next["refresh_token"], "its first use");
}

#[tokio::test]
async fn a_rotation_that_fails_half_way_leaves_the_counter_where_it_was() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let mut rows = Rows::of(&t).await;
    rows.run_own(
        "CREATE TRIGGER odd AFTER UPDATE ON grants BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''the disk is full''; END';
         CREATE TRIGGER odd AFTER UPDATE ON grants FOR EACH ROW EXECUTE FUNCTION odd()",
        "CREATE TRIGGER odd AFTER UPDATE ON grants FOR EACH ROW
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the disk is full'",
    )
    .await;
    phone.refresh().await.problem(503, "store_unavailable");
    rows.run_own("DROP TRIGGER odd", "DROP TRIGGER odd ON grants", "DROP TRIGGER odd").await;
    t.advance(Duration::from_mins(5));
    let used = phone.refresh_token();
    let next = phone.refresh().await.ok(200);
    assert_eq!(t.anon().refresh_with(&used).await.ok(200)["refresh_token"], next["refresh_token"], "its first use");
}

#[tokio::test]
async fn a_sign_in_that_can_not_be_noted_asks_no_platform_and_its_code_stays_good() {
    let t = TestServer::start().await;
    let mut codes = Table::of(&t, "codes").await;
    let code = t.code("alice");
    codes.breaks().await;
    let answer = t.anon().post("/v1/login/shop", json!({"code": code})).await;
    assert_eq!(answer.problem(503, "store_unavailable")["action"], "retry");
    assert_eq!(t.sim.calls(&CallFilter::default()), []);
    codes.is_mended().await;
    t.anon().post("/v1/login/shop", json!({"code": code})).await.ok(200);
}

#[tokio::test]
async fn a_logout_that_fails_has_ended_nothing_and_may_be_asked_again() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let mut events = Table::of(&t, "events").await;
    events.breaks().await;
    phone.post("/v1/logout", json!({})).await.problem(503, "store_unavailable");
    phone.delete("/v1/me/sessions").await.ok(204);
    events.is_mended().await;
    phone.get("/v1/me").await.ok(200);
    phone.get("/v1/me/sessions").await.ok(200);
    phone.post("/v1/logout", json!({})).await.ok(204);
    phone.get("/v1/me").await.problem(401, "session_ended");
}

#[tokio::test]
async fn fa_03_while_ends_can_not_be_heard_of_tokens_are_good_for_half_a_minute_and_then_nobody_gets_in() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let mut events = Table::of(&t, "events").await;
    events.breaks().await;
    phone.get("/v1/me").await.ok(200);
    t.advance(Duration::from_secs(29));
    phone.get("/v1/me").await.ok(200);
    t.advance(Duration::from_secs(32));
    for path in ["/v1/me", "/v1/me/sessions"] {
        let answer = phone.get(path).await;
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.problem(503, "revocations_stale")["action"], "retry");
    }
    phone.post("/v1/logout", json!({})).await.problem(503, "revocations_stale");
    t.anon().get("/v1/me").await.problem(401, "token_missing");
    t.anon().get("/.well-known/jwks.json").await.ok(200);
    events.is_mended().await;
    phone.get("/v1/me").await.ok(200);
    phone.post("/v1/logout", json!({})).await.ok(204);
}

#[tokio::test]
async fn du_09_ends_stay_in_the_feed_although_the_clock_of_one_node_ran_an_hour_ahead() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    phone.post("/v1/logout", json!({})).await.ok(204);
    let start = t.clock.now();
    t.clock.set(start.plus(Duration::from_mins(59)));
    t.menjin.upkeep().await.unwrap();
    t.clock.set(start);
    let told = Rows::of(&t).await.all("SELECT seq FROM events WHERE kind = 'session_ended'").await;
    assert_eq!(told.len(), 1, "a node that starts now has to hear of it");
    t.clock.set(start.plus(Duration::from_mins(80)));
    t.menjin.upkeep().await.unwrap();
    assert!(Rows::of(&t).await.all("SELECT seq FROM events WHERE kind = 'session_ended'").await.is_empty());
}
