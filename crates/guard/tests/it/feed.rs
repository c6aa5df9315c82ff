//! The feed of endings, read by the guard itself from a menjin over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use menjin_guard::token::{Claims, SessionId};
use menjin_guard::{Guard, ManualClock};
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{
    AUDIENCE, ISSUER, NOW, claims, clock, key, next_key, outcome, session, set_of, signed, token, user,
};
use crate::stand_in::{APP, SECRET, StandIn, Streams, at, count, event, until, until_outcome};

const SECOND: Duration = Duration::from_secs(1);

/// A guard that has heard what there is.
async fn listening() -> (StandIn, Guard, Arc<ManualClock>) {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    let guard = menjin.builder(&clock).build().unwrap();
    assert_eq!(outcome(&guard, &token()).await, "ok", "the first request waits for the first reading");
    until("a stream", async || count(&menjin.asked().listening) == 1).await;
    (menjin, guard, clock)
}

/// A token that is good whatever the time is.
fn lasting() -> String {
    let far = NOW.plus(Duration::from_hours(100));
    signed(key(), &Claims { exp: far, ..claims() })
}

#[tokio::test]
async fn an_end_that_is_told_on_the_stream_is_refused() {
    let (menjin, guard, _) = listening().await;
    let pages = count(&menjin.asked().pages);
    menjin.tell(event("session_ended", "session", &session().to_string()));
    until_outcome(&guard, &token(), "session_kicked").await;
    assert_eq!(count(&menjin.asked().pages), pages, "nobody had to ask");
    let another = Claims { sid: Some(SessionId::new(NOW, [9; 10]).to_string()), ..claims() };
    assert_eq!(outcome(&guard, &signed(key(), &another)).await, "ok");
}

#[tokio::test]
async fn users_apps_and_keys_are_cut_and_unknown_kinds_are_nothing() {
    let (menjin, guard, clock) = listening().await;
    menjin.tell(json!({"kind": "moon_phase", "session": 7, "at": [], "phase": "full"}));
    let later = SessionId::new(NOW.plus(Duration::from_secs(2)), [9; 10]).to_string();
    let after = Claims { sid: Some(later), iat: Some(NOW.plus(Duration::from_secs(2))), ..claims() };
    menjin.tell(event("user_not_before", "user", &user().to_string()));
    until_outcome(&guard, &token(), "session_kicked").await;
    clock.advance(Duration::from_secs(3));
    let of_club = Claims { client_id: Some("club".to_owned()), ..after.clone() };
    assert_eq!(outcome(&guard, &signed(key(), &of_club)).await, "ok");
    let mut cut = event("app_not_before", "app", "club");
    cut["at"] = at(NOW.plus(Duration::from_secs(4))).into();
    menjin.tell(cut);
    until_outcome(&guard, &signed(key(), &of_club), "session_kicked").await;
    assert_eq!(outcome(&guard, &signed(key(), &after)).await, "ok");
    menjin.tell(event("key_revoked", "kid", "one"));
    until_outcome(&guard, &signed(key(), &after), "token_invalid").await;
}

#[tokio::test]
async fn a_change_of_roles_asks_for_a_refresh() {
    let (menjin, guard, _) = listening().await;
    let holding = |roles: &[&str], version| {
        let roles = roles.iter().map(|&role| role.to_owned()).collect();
        signed(key(), &Claims { roles, roles_version: version, ..claims() })
    };
    let (clerk, boss) = (holding(&["clerk"], Some(1)), holding(&["boss"], Some(1)));
    assert_eq!(outcome(&guard, &clerk).await, "ok");
    menjin.tell(json!({"kind": "role_changed", "name": "clerk", "version": 2, "at": at(NOW), "until": at(NOW)}));
    until_outcome(&guard, &clerk, "token_expired").await;
    assert_eq!(outcome(&guard, &boss).await, "ok", "it holds another role");
    assert_eq!(outcome(&guard, &holding(&["clerk"], Some(2))).await, "ok", "the refresh helps");
    let of_user = json!({
        "kind": "roles_of_user", "user": user().to_string(), "version": 3, "at": at(NOW), "until": at(NOW)
    });
    menjin.tell(of_user);
    until_outcome(&guard, &boss, "token_expired").await;
    assert_eq!(outcome(&guard, &token()).await, "token_expired", "a token that says nothing of roles is from before");
    assert_eq!(outcome(&guard, &holding(&[], Some(3))).await, "ok");
}

/// Answers `GET /v1/me/roles` as the number says, and counts.
async fn telling_more(status: &'static AtomicUsize, asked: &'static AtomicUsize) -> String {
    let more = move |headers: http::HeaderMap| async move {
        asked.fetch_add(1, Ordering::SeqCst);
        let status = u16::try_from(status.load(Ordering::SeqCst)).unwrap();
        let is_bearer = headers["authorization"].to_str().unwrap().starts_with("Bearer ey");
        let said = json!({"version": 9, "roles": ["boss", "clerk"], "permissions": ["orders:*"]});
        (http::StatusCode::from_u16(if is_bearer { status } else { 400 }).unwrap(), Json(said))
    };
    let jwks = serde_json::to_value(set_of(&[key()]).published()).unwrap();
    let app =
        Router::new().route("/v1/me/roles", get(more)).route("/.well-known/jwks.json", get(async move || Json(jwks)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn what_a_token_has_not_room_for_is_asked_once() {
    static STATUS: AtomicUsize = AtomicUsize::new(503);
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let url = telling_more(&STATUS, &ASKED).await;
    let guard = Guard::remote(ISSUER, AUDIENCE).menjin_url(url).feed(false).clock(clock()).build().unwrap();
    let more = Claims { roles: vec!["boss".to_owned()], roles_version: Some(9), has_more_roles: true, ..claims() };
    let more = signed(key(), &more);
    assert_eq!(outcome(&guard, &token()).await, "ok");
    assert_eq!(ASKED.load(Ordering::SeqCst), 0, "it says all");
    assert_eq!(outcome(&guard, &more).await, "keys_unavailable", "nobody knows what they may");
    STATUS.store(401, Ordering::SeqCst);
    assert_eq!(outcome(&guard, &more).await, "token_expired");
    STATUS.store(200, Ordering::SeqCst);
    for _ in 0..3 {
        let caller = guard.check_token(&more).await.unwrap();
        assert!(caller.has_role("clerk") && caller.may("orders:read"));
    }
    assert_eq!(ASKED.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_the_feed_knows_is_told_without_asking_for_roles() {
    let (menjin, guard, clock) = listening().await;
    let more = Claims { roles: vec!["boss".to_owned()], roles_version: Some(9), has_more_roles: true, ..claims() };
    let more = signed(key(), &more);
    assert_eq!(outcome(&guard, &more).await, "keys_unavailable", "this menjin does not tell more");
    menjin.tell(json!({"kind": "role_changed", "name": "boss", "version": 10, "at": at(NOW), "until": at(NOW)}));
    until_outcome(&guard, &more, "token_expired").await;
    menjin.tell(event("session_ended", "session", &session().to_string()));
    until_outcome(&guard, &more, "session_kicked").await;
    clock.advance(Duration::from_hours(1));
    assert_eq!(outcome(&guard, &more).await, "token_expired");
}

#[tokio::test]
async fn all_pages_are_read_before_anybody_is_let_in() {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    for nth in 0..10 {
        menjin.tell(event("session_ended", "session", &SessionId::new(NOW, [100 + nth; 10]).to_string()));
    }
    menjin.tell(event("session_ended", "session", &session().to_string()));
    let guard = menjin.builder(&clock).build().unwrap();
    assert_eq!(outcome(&guard, &token()).await, "session_kicked");
    assert_eq!(count(&menjin.asked().pages), 4);
}

#[tokio::test]
async fn nobody_is_let_in_before_the_feed_was_read() {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    menjin.go_down();
    let guard = menjin.builder(&clock).build().unwrap();
    assert_eq!(outcome(&guard, &token()).await, "revocations_stale");
    assert_eq!(outcome(&guard, "no.token.at").await, "token_invalid", "that needs no feed");
    menjin.come_up();
    until_outcome(&guard, &token(), "ok").await;
}

#[tokio::test]
async fn an_app_that_menjin_does_not_know_is_told_nothing() {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    let guard = menjin.builder(&clock).as_app("shop-backend", "another").build().unwrap();
    assert_eq!(outcome(&guard, &token()).await, "revocations_stale");
    assert!(count(&menjin.asked().refused) > 0);
}

#[tokio::test]
async fn where_there_is_no_stream_the_guard_asks_again_and_again() {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    menjin.streams(Streams::Full);
    let guard = menjin.builder(&clock).build().unwrap();
    assert_eq!(outcome(&guard, &token()).await, "ok");
    menjin.tell(event("session_ended", "session", &session().to_string()));
    until_outcome(&guard, &token(), "session_kicked").await;
    assert_eq!(count(&menjin.asked().listening), 0);
}

#[tokio::test]
async fn a_guard_that_may_not_lag_asks_where_a_proxy_holds_the_stream_back() {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    menjin.streams(Streams::Silent);
    let guard = menjin.builder(&clock).revocation_max_lag(Duration::ZERO).build().unwrap();
    assert_eq!(outcome(&guard, &token()).await, "ok");
    until("a stream", async || count(&menjin.asked().listening) == 1).await;
    let pages = count(&menjin.asked().pages);
    until("questions", async || count(&menjin.asked().pages) > pages + 1).await;
    menjin.tell(event("session_ended", "session", &session().to_string()));
    until_outcome(&guard, &token(), "session_kicked").await;
}

#[tokio::test]
async fn a_feed_that_is_cut_closes_the_guard_and_opens_it_when_it_is_back() {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    let guard = menjin.builder(&clock).revocation_max_lag(SECOND).build().unwrap();
    assert_eq!(outcome(&guard, &token()).await, "ok");
    for _ in 0..2 {
        menjin.go_down();
        until_outcome(&guard, &token(), "revocations_stale").await;
        menjin.come_up();
        until_outcome(&guard, &token(), "ok").await;
    }
    menjin.go_down();
    menjin.tell(event("session_ended", "session", &session().to_string()));
    menjin.come_up();
    until_outcome(&guard, &token(), "session_kicked").await;
}

#[tokio::test]
async fn menjin_says_how_long_it_vouches_unless_the_program_does() {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    menjin.max_lag(1);
    let [obeys, own] = [None, Some(Duration::from_mins(10))].map(|own| {
        let builder = menjin.builder(&clock);
        own.map_or(menjin.builder(&clock), |lag| builder.revocation_max_lag(lag)).build().unwrap()
    });
    for guard in [&obeys, &own] {
        assert_eq!(outcome(guard, &token()).await, "ok");
    }
    menjin.go_down();
    until_outcome(&obeys, &token(), "revocations_stale").await;
    assert_eq!(outcome(&own, &token()).await, "ok");
}

#[tokio::test]
async fn a_menjin_that_stops_ends_the_stream_and_the_guard_comes_again() {
    let (menjin, guard, _) = listening().await;
    for round in 1..4 {
        menjin.drain();
        until("another stream", async || count(&menjin.asked().streams) > round).await;
        assert_eq!(outcome(&guard, &token()).await, "ok");
    }
    menjin.tell(event("session_ended", "session", &session().to_string()));
    until_outcome(&guard, &token(), "session_kicked").await;
}

#[tokio::test]
async fn when_the_last_guard_is_dropped_nobody_listens_any_more() {
    let (menjin, guard, _) = listening().await;
    let layer = guard.layer();
    drop(guard);
    until("still listening", async || count(&menjin.asked().listening) == 1).await;
    drop(layer);
    until("nobody listens", async || count(&menjin.asked().listening) == 0).await;
    let pages = count(&menjin.asked().pages);
    assert_eq!(count(&menjin.asked().pages), pages);
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_costs_a_question_and_no_refusal() {
    let (_menjin, guard, clock) = listening().await;
    for jump in [31, 3600, 100_000] {
        clock.advance(Duration::from_secs(jump));
        assert_eq!(outcome(&guard, &lasting()).await, "ok", "{jump} s");
    }
}

#[tokio::test]
async fn a_menjin_that_stands_still_vouches_for_nobody_although_it_answers() {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    let guard = menjin.builder(&clock).revocation_max_lag(SECOND).build().unwrap();
    assert_eq!(outcome(&guard, &lasting()).await, "ok");
    menjin.stand_still(true);
    until_outcome(&guard, &lasting(), "revocations_stale").await;
    menjin.stand_still(false);
    until_outcome(&guard, &lasting(), "ok").await;
    menjin.stand_still(true);
    clock.advance(Duration::from_hours(1));
    assert_eq!(outcome(&guard, &lasting()).await, "ok", "a jump of the clock made nothing older");
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_feed_fresh_that_is_cut() {
    let (menjin, clock) = (StandIn::publishing(&[key()]).await, clock());
    let guard = menjin.builder(&clock).revocation_max_lag(SECOND).build().unwrap();
    assert_eq!(outcome(&guard, &lasting()).await, "ok");
    clock.set(NOW.minus(Duration::from_hours(1)));
    assert_eq!(outcome(&guard, &lasting()).await, "ok");
    menjin.go_down();
    until_outcome(&guard, &lasting(), "revocations_stale").await;
}

#[tokio::test]
async fn an_end_outlives_a_clock_that_jumps_ahead_and_back() {
    let (menjin, guard, clock) = listening().await;
    menjin.tell(event("session_ended", "session", &session().to_string()));
    until_outcome(&guard, &token(), "session_kicked").await;
    clock.advance(Duration::from_hours(10));
    let listened = count(&menjin.asked().pages);
    assert_eq!(outcome(&guard, &lasting()).await, "session_kicked");
    until("another reading", async || {
        _ = outcome(&guard, &lasting()).await;
        count(&menjin.asked().pages) > listened
    })
    .await;
    clock.set(NOW);
    assert_eq!(outcome(&guard, &token()).await, "session_kicked");
}

#[tokio::test]
async fn changed_keys_are_fetched_once_and_a_flood_of_unknown_ones_fetches_no_more() {
    let (menjin, guard, clock) = listening().await;
    assert_eq!(count(&menjin.asked().keys), 1);
    clock.advance(Duration::from_secs(10));
    menjin.publish(&[key(), next_key()]);
    menjin.tell(json!({"kind": "keys_changed", "at": at(NOW), "until": at(NOW.plus(SECOND))}));
    until("the keys are fetched", async || count(&menjin.asked().keys) == 2).await;
    let fresh = Claims { iat: Some(NOW), ..claims() };
    assert_eq!(outcome(&guard, &signed(next_key(), &fresh)).await, "ok");
    let mut flood = JoinSet::new();
    for nth in 0..100 {
        let guard = guard.clone();
        let made =
            menjin_guard::token::SigningKey::generate(menjin_guard::token::Algorithm::EdDsa, format!("unknown {nth}"));
        let token = signed(&made.unwrap().0, &claims());
        flood.spawn(async move { outcome(&guard, &token).await });
    }
    assert!(flood.join_all().await.iter().all(|&outcome| outcome == "token_invalid"));
    assert_eq!(count(&menjin.asked().keys), 2);
}

fn keys_changed(moment: Duration) -> serde_json::Value {
    json!({"kind": "keys_changed", "at": at(NOW.plus(moment)), "until": at(NOW.plus(Duration::from_hours(1)))})
}

/// A token whose key nobody has; whoever brings it waits for a fetch that is under way.
fn forged() -> String {
    let algorithm = menjin_guard::token::Algorithm::EdDsa;
    let made = menjin_guard::token::SigningKey::generate(algorithm, "nobody's".to_owned());
    signed(&made.unwrap().0, &claims())
}

#[tokio::test]
async fn a_key_that_signs_at_once_is_known_at_once_however_lately_keys_were_fetched() {
    let (menjin, guard, clock) = listening().await;
    clock.advance(Duration::from_secs(5));
    assert_eq!(outcome(&guard, &forged()).await, "token_invalid");
    assert_eq!(count(&menjin.asked().keys), 2, "strangers have used up the fetch of this minute");
    menjin.publish(&[key(), next_key()]);
    menjin.tell(keys_changed(SECOND));
    until_outcome(&guard, &signed(next_key(), &claims()), "ok").await;
    assert_eq!(count(&menjin.asked().keys), 3);
    clock.advance(SECOND);
    menjin.tell(keys_changed(SECOND));
    menjin.tell(event("session_ended", "session", &session().to_string()));
    until_outcome(&guard, &token(), "session_kicked").await;
    assert_eq!(count(&menjin.asked().keys), 3, "the same change, told again");
}

#[tokio::test]
async fn changed_keys_that_could_not_be_fetched_are_fetched_later() {
    let (menjin, guard, clock) = listening().await;
    clock.advance(Duration::from_secs(5));
    assert_eq!(outcome(&guard, &forged()).await, "token_invalid");
    clock.advance(SECOND);
    menjin.publish(&[]);
    menjin.tell(keys_changed(SECOND));
    until("a fetch in vain", async || count(&menjin.asked().keys) == 3).await;
    assert_eq!(outcome(&guard, &forged()).await, "token_invalid");
    menjin.publish(&[key(), next_key()]);
    clock.advance(Duration::from_secs(11));
    assert_eq!(outcome(&guard, &signed(next_key(), &claims())).await, "ok");
}

#[tokio::test]
async fn a_feed_that_never_comes_to_its_end_vouches_for_nobody_and_is_not_hammered() {
    let asked = Arc::new(AtomicUsize::default());
    let counted = Arc::clone(&asked);
    let endless = async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Json(json!({"events": [], "next": "7", "more": true, "read_at": at(NOW), "max_lag": 30}))
    };
    let keys = serde_json::to_string(&set_of(&[key()]).published()).unwrap();
    let router =
        Router::new().route("/v1/revocations", get(endless)).route("/.well-known/jwks.json", get(async move || keys));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let guard = Guard::remote(ISSUER, AUDIENCE).menjin_url(url).as_app(APP, SECRET).clock(clock()).build().unwrap();
    assert_eq!(outcome(&guard, &token()).await, "revocations_stale");
    assert!((2..50).contains(&count(&asked)), "{asked:?}");
    server.abort();
}

#[test]
fn a_guard_that_was_built_before_its_runtime_reads_from_its_first_request_on() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let of_menjin = runtime();
    let menjin = of_menjin.block_on(StandIn::publishing(&[key()]));
    let guard = menjin.builder(&clock()).build().unwrap();
    for _ in 0..2 {
        // The second runtime finds a reader whose own is gone.
        assert_eq!(runtime().block_on(outcome(&guard, &token())), "ok");
    }
    menjin.tell(event("session_ended", "session", &session().to_string()));
    runtime().block_on(until_outcome(&guard, &token(), "session_kicked"));
}
