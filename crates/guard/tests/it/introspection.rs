//! Guards that ask menjin what a token is worth.

use std::sync::Arc;
use std::time::Duration;

use menjin_guard::{BuildError, Guard, ManualClock};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{AUDIENCE, ISSUER, LIFE, NOW, clock, outcome, session, user};
use crate::stand_in::{APP, SECRET, StandIn, count};

fn active() -> Value {
    json!({
        "active": true, "token_type": "Bearer", "iss": ISSUER, "aud": [AUDIENCE, ISSUER], "sub": user(),
        "sid": session(), "client_id": "shop", "scope": "orders profile", "jti": "j", "iat": NOW.secs(),
        "exp": NOW.plus(LIFE).secs(),
    })
}

async fn asking(keep: Duration) -> (StandIn, Guard, Arc<ManualClock>) {
    let (menjin, clock) = (StandIn::publishing(&[]).await, clock());
    let guard = Guard::introspecting(ISSUER, AUDIENCE)
        .menjin_url(format!("http://{}", menjin.address))
        .as_app(APP, SECRET)
        .remember_for(keep)
        .clock(Arc::clone(&clock) as Arc<_>)
        .build()
        .unwrap();
    menjin.introspected(active());
    (menjin, guard, clock)
}

#[tokio::test]
async fn a_token_is_worth_what_menjin_says_for_some_seconds() {
    let (menjin, guard, clock) = asking(Duration::from_secs(5)).await;
    let caller = guard.check_token("opaque").await.unwrap();
    assert_eq!((caller.user, caller.session, caller.client_id.as_str()), (user(), session(), "shop"));
    assert!(caller.has_scope("orders") && !caller.has_scope("admin"));
    menjin.introspected(json!({"active": false}));
    clock.advance(Duration::from_millis(4999));
    assert_eq!(outcome(&guard, "opaque").await, "ok");
    assert_eq!(count(&menjin.asked().introspections), 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(outcome(&guard, "opaque").await, "token_invalid");
    clock.set(NOW.minus(Duration::from_hours(1)));
    menjin.introspected(active());
    assert_eq!(outcome(&guard, "opaque").await, "ok", "a clock that was set back remembers nothing");
    assert_eq!(count(&menjin.asked().keys), 0);
}

#[tokio::test]
async fn many_requests_with_one_token_ask_once_and_bad_ones_are_remembered_too() {
    let (menjin, guard, _) = asking(Duration::from_secs(5)).await;
    for (token, expected) in [("opaque", "ok"), ("unknown", "token_invalid")] {
        let before = count(&menjin.asked().introspections);
        let mut requests = JoinSet::new();
        for _ in 0..50 {
            let guard = guard.clone();
            requests.spawn(async move { outcome(&guard, token).await });
        }
        assert!(requests.join_all().await.iter().all(|&outcome| outcome == expected));
        assert_eq!(count(&menjin.asked().introspections), before + 1);
    }
}

#[tokio::test]
async fn time_audience_and_kind_are_asked_of_the_answer() {
    let (menjin, guard, clock) = asking(Duration::ZERO).await;
    let cases = [
        ("aud", json!(["other"]), "token_invalid"),
        ("token_type", Value::Null, "token_invalid"),
        ("sid", Value::Null, "token_invalid"),
        ("exp", json!(NOW.minus(Duration::from_mins(2)).secs()), "token_expired"),
        ("exp", Value::Null, "keys_unavailable"),
        ("active", json!("yes"), "keys_unavailable"),
    ];
    for (member, value, expected) in cases {
        let mut answer = active();
        answer[member] = value.clone();
        if value.is_null() {
            answer.as_object_mut().unwrap().remove(member);
        }
        menjin.introspected(answer);
        assert_eq!(outcome(&guard, "opaque").await, expected, "{member} {value}");
    }
    menjin.introspected(active());
    assert_eq!(outcome(&guard, "opaque").await, "ok");
    clock.advance(LIFE + Duration::from_secs(30));
    assert_eq!(outcome(&guard, "opaque").await, "token_expired");
    menjin.go_down();
    assert_eq!(outcome(&guard, "opaque").await, "keys_unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_menjin_that_hangs_keeps_nobody_waiting_behind_others() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    let guard = Guard::introspecting(ISSUER, AUDIENCE).menjin_url(url).as_app(APP, SECRET).build().unwrap();
    let began = tokio::time::Instant::now();
    let mut requests = JoinSet::new();
    for nth in 0..640 {
        let guard = guard.clone();
        requests.spawn(async move { outcome(&guard, &format!("opaque {nth}")).await });
    }
    assert!(requests.join_all().await.iter().all(|&outcome| outcome == "keys_unavailable"));
    assert!(began.elapsed() <= Duration::from_millis(6500), "{:?}", began.elapsed());
}

#[test]
fn nobody_asks_without_saying_who_asks() {
    assert!(matches!(Guard::introspecting(ISSUER, AUDIENCE).build(), Err(BuildError::NoApp)));
}
