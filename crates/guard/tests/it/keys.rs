//! Keys over real HTTP: fetched rarely, once at a time, and not trusted for ever (KE-02, KE-04).

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use menjin_guard::token::{Claims, SigningKey};
use menjin_guard::{Guard, ManualClock};
use tokio::task::JoinSet;

use crate::harness::{LIFE, Menjin, NOW, claims, clock, key, next_key, outcome, signed, token};

/// A token that is good for as long as any test runs.
fn lasting(key: &SigningKey) -> String {
    signed(key, &Claims { exp: NOW.plus(Duration::from_hours(1000)), ..claims() })
}

/// Signed by a key of that name that menjin never had.
fn unknown(kid: &str) -> String {
    let (key, _) = SigningKey::generate(menjin_guard::token::Algorithm::EdDsa, kid.to_owned()).unwrap();
    lasting(&key)
}

async fn warm() -> (Menjin, Guard, Arc<ManualClock>) {
    let clock = clock();
    let menjin = Menjin::publishing(&[key()]).await;
    let guard = menjin.guard(&clock);
    assert_eq!(outcome(&guard, &token()).await, "ok");
    assert_eq!(menjin.fetches(), 1);
    (menjin, guard, clock)
}

/// Waits until the guard has fetched so often, behind the request's back, and has taken what it was given.
async fn fetched(menjin: &Menjin, guard: &Guard, fetches: usize) {
    let asked = async {
        while menjin.fetches() < fetches {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
    // A token of an unknown key waits for the fetch that is under way, and causes none so soon after it.
    assert_eq!(outcome(guard, &unknown("nobody's")).await, "token_invalid");
    assert_eq!(menjin.fetches(), fetches);
}

#[tokio::test]
async fn keys_are_fetched_with_the_first_request_and_not_with_the_next() {
    let (menjin, guard, _) = warm().await;
    for _ in 0..10 {
        assert_eq!(outcome(&guard, &token()).await, "ok");
    }
    assert_eq!(menjin.fetches(), 1);
}

#[tokio::test]
async fn many_first_requests_cause_one_fetch() {
    let menjin = Menjin::publishing(&[key()]).await;
    let guard = menjin.guard(&clock());
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let guard = guard.clone();
        requests.spawn(async move { outcome(&guard, &token()).await });
    }
    assert!(requests.join_all().await.iter().all(|&outcome| outcome == "ok"));
    assert_eq!(menjin.fetches(), 1);
}

#[tokio::test]
async fn ke_04_a_flood_of_unknown_keys_causes_one_fetch_a_minute() {
    let (menjin, guard, clock) = warm().await;
    let flood: Vec<String> = (0..60).map(|n| unknown(&format!("unknown {n}"))).collect();
    for (seconds, fetches) in [(0, 1), (10, 2), (30, 2), (60, 2), (70, 3), (71, 3)] {
        clock.set(NOW.plus(Duration::from_secs(seconds)));
        let mut requests = JoinSet::new();
        for token in flood.clone() {
            let guard = guard.clone();
            requests.spawn(async move { outcome(&guard, &token).await });
        }
        assert!(requests.join_all().await.iter().all(|&outcome| outcome == "token_invalid"));
        assert_eq!(menjin.fetches(), fetches, "after {seconds} s");
    }
}

#[tokio::test]
async fn ke_04_a_new_key_is_found_by_the_first_token_that_names_it() {
    let (menjin, guard, clock) = warm().await;
    menjin.publish(&[key(), next_key()]);
    clock.advance(Duration::from_secs(10));
    assert_eq!(outcome(&guard, &lasting(next_key())).await, "ok");
    assert_eq!(outcome(&guard, &lasting(key())).await, "ok");
    assert_eq!(menjin.fetches(), 2);
}

#[tokio::test]
async fn ke_02_tokens_from_before_a_rotation_verify_while_their_key_is_published() {
    let (menjin, guard, clock) = warm().await;
    menjin.publish(&[next_key(), key()]);
    clock.advance(Duration::from_mins(6));
    assert_eq!(outcome(&guard, &lasting(key())).await, "ok");
    fetched(&menjin, &guard, 2).await;
    assert_eq!(outcome(&guard, &lasting(next_key())).await, "ok");
    assert_eq!(outcome(&guard, &lasting(key())).await, "ok");
}

#[tokio::test]
async fn aged_keys_are_refreshed_behind_the_requests_back() {
    let (menjin, guard, clock) = warm().await;
    clock.advance(Duration::from_secs(301));
    assert_eq!(outcome(&guard, &token()).await, "ok");
    fetched(&menjin, &guard, 2).await;
}

#[tokio::test]
async fn max_age_says_how_long_keys_are_fresh_within_bounds() {
    for (said, fresh_for) in [
        ("max-age=600", 600),
        ("public, max-age=120, x", 120),
        ("max-age=1", 60),
        ("no-store", 300),
        ("MAX-AGE=\"180\"", 180),
        ("max-age=999999999", 86_400),
        ("max-age=x", 300),
    ] {
        let clock = clock();
        let menjin = Menjin::publishing(&[key()]).await;
        menjin.header("cache-control", said);
        let guard = menjin.guard(&clock);
        let token = lasting(key());
        assert_eq!(outcome(&guard, &token).await, "ok");
        clock.advance(Duration::from_secs(fresh_for - 1));
        assert_eq!(outcome(&guard, &token).await, "ok");
        tokio::task::yield_now().await;
        assert_eq!(menjin.fetches(), 1, "{said}");
        clock.advance(Duration::from_secs(1));
        assert_eq!(outcome(&guard, &token).await, "ok");
        fetched(&menjin, &guard, 2).await;
    }
}

#[tokio::test]
async fn when_menjin_goes_down_known_keys_go_on_until_they_are_too_old() {
    let (mut menjin, guard, clock) = warm().await;
    menjin.stop().await;
    let token = lasting(key());
    clock.advance(Duration::from_mins(19));
    assert_eq!(outcome(&guard, &token).await, "ok");
    assert_eq!(outcome(&guard, &unknown("new")).await, "token_invalid");
    clock.advance(Duration::from_mins(1));
    assert_eq!(outcome(&guard, &token).await, "keys_unavailable", "5 min fresh and 15 min stale are over");
}

#[tokio::test]
async fn without_any_keys_everybody_gets_503_until_menjin_answers() {
    let clock = clock();
    let menjin = Menjin::publishing(&[key()]).await;
    menjin.status(StatusCode::BAD_GATEWAY);
    let guard = menjin.guard(&clock);
    for _ in 0..20 {
        assert_eq!(outcome(&guard, &token()).await, "keys_unavailable");
    }
    assert_eq!(menjin.fetches(), 1, "a menjin that is down is not hammered");
    menjin.status(StatusCode::OK);
    clock.advance(Duration::from_secs(1));
    assert_eq!(outcome(&guard, &token()).await, "ok");
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_is_no_answer() {
    let oversized = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(300 * 1024));
    for body in ["", "<html>", "{}", r#"{"keys":[]}"#, oversized.as_str()] {
        let menjin = Menjin::publishing(&[]).await;
        menjin.say(body.to_owned());
        assert_eq!(outcome(&menjin.guard(&clock()), &token()).await, "keys_unavailable");
    }
}

#[tokio::test]
async fn a_bad_answer_does_not_drive_out_good_keys() {
    let (menjin, guard, clock) = warm().await;
    menjin.say(r#"{"keys":[]}"#.to_owned());
    clock.advance(Duration::from_mins(6));
    assert_eq!(outcome(&guard, &token()).await, "ok");
    fetched(&menjin, &guard, 2).await;
    assert_eq!(outcome(&guard, &token()).await, "ok");
}

#[tokio::test]
async fn jw_03_a_redirect_is_not_followed() {
    let menjin = Menjin::publishing(&[key()]).await;
    menjin.status(StatusCode::FOUND);
    menjin.header("location", &format!("http://{}/elsewhere", menjin.address));
    assert_eq!(outcome(&menjin.guard(&clock()), &token()).await, "keys_unavailable");
    assert_eq!(menjin.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_menjin_that_never_answers_is_given_up_after_the_deadline() {
    let menjin = Menjin::publishing(&[key()]).await;
    menjin.never_answer();
    let before = tokio::time::Instant::now();
    assert_eq!(outcome(&menjin.guard(&clock()), &token()).await, "keys_unavailable");
    assert_eq!(before.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_the_fetch() {
    let menjin = Menjin::publishing(&[key()]).await;
    let guard = menjin.guard(&clock());
    let gone = tokio::spawn({
        let guard = guard.clone();
        async move { outcome(&guard, &token()).await }
    });
    tokio::task::yield_now().await;
    gone.abort();
    assert_eq!(outcome(&guard, &token()).await, "ok");
    assert_eq!(menjin.fetches(), 1);
}

#[tokio::test]
async fn the_same_keys_again_change_nothing_and_refresh_their_age() {
    let (mut menjin, guard, clock) = warm().await;
    clock.advance(Duration::from_mins(6));
    assert_eq!(outcome(&guard, &token()).await, "ok");
    fetched(&menjin, &guard, 2).await;
    menjin.stop().await;
    clock.advance(Duration::from_mins(14));
    assert_eq!(outcome(&guard, &lasting(key())).await, "ok");
}

#[tokio::test]
async fn a_guard_elsewhere_grants_30_seconds_of_leeway() {
    let (_menjin, guard, clock) = warm().await;
    clock.set(NOW.plus(LIFE).plus(Duration::from_secs(29)));
    assert_eq!(outcome(&guard, &token()).await, "ok");
    clock.advance(Duration::from_secs(1));
    assert_eq!(outcome(&guard, &token()).await, "token_expired");
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_keep_keys_for_ever() {
    let (menjin, guard, clock) = warm().await;
    clock.set(NOW.minus(Duration::from_hours(1)));
    assert_eq!(outcome(&guard, &token()).await, "ok");
    fetched(&menjin, &guard, 2).await;
    clock.advance(Duration::from_secs(301));
    assert_eq!(outcome(&guard, &token()).await, "ok");
    fetched(&menjin, &guard, 3).await;
}
