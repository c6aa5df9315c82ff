//! Endings as a guard applies them.

use std::sync::Arc;
use std::time::Duration;

use menjin_guard::token::{Claims, SessionId, Timestamp};
use menjin_guard::{Clock, Ended, Guard, Refusal};

use crate::harness::{AUDIENCE, ISSUER, LIFE, Local, NOW, claims, key, session, signed, token, user};

/// A moment after the token was issued, in the same second.
fn just_after() -> Timestamp {
    NOW.plus(Duration::from_millis(10))
}

#[tokio::test]
async fn an_ended_session_is_refused_with_its_reason_on_the_next_request() {
    let local = Local::new();
    assert_eq!(local.outcome(&token()).await, "ok");
    local.ended.end_session(session(), "session_replaced", NOW, NOW.plus(LIFE));
    assert_eq!(local.outcome(&token()).await, "session_replaced");
    let Err(Refusal::Ended(because)) = local.guard.check_token(&token()).await else {
        panic!("the session has ended");
    };
    assert_eq!(because.at, NOW);
}

#[tokio::test]
async fn a_cut_user_gets_in_again_with_a_new_session_in_the_same_second() {
    let local = Local::new();
    assert_eq!(local.outcome(&token()).await, "ok");
    local.ended.user_not_before(user(), "user_disabled", just_after(), NOW.plus(LIFE));
    assert_eq!(local.outcome(&token()).await, "user_disabled");
    let again = SessionId::new(NOW.plus(Duration::from_millis(11)), [3; 10]);
    let fresh = Claims { sid: Some(again.to_string()), ..claims() };
    assert_eq!(local.outcome(&signed(key(), &fresh)).await, "ok");
}

#[tokio::test]
async fn a_token_whose_roles_have_changed_is_to_be_refreshed() {
    let local = Local::new();
    local.ended.user_not_before(user(), "token_expired", just_after(), NOW.plus(LIFE));
    let refusal = local.guard.check_token(&token()).await.unwrap_err();
    let problem = refusal.problem(None);
    assert_eq!((problem.code, problem.action, problem.status), ("token_expired", "refresh", 401));
    let refreshed = Claims { iat: Some(NOW.plus(Duration::from_secs(1))), ..claims() };
    assert_eq!(local.outcome(&signed(key(), &refreshed)).await, "ok");
}

#[tokio::test]
async fn an_app_that_is_cut_off_has_no_good_tokens_be_they_a_persons_or_its_own() {
    let local = Local::new();
    local.ended.app_not_before("shop", "session_ended", just_after(), NOW.plus(LIFE));
    assert_eq!(local.outcome(&token()).await, "session_ended");
    let own = signed(key(), &Claims { sub: Some("shop".to_owned()), sid: None, ..claims() });
    assert!(matches!(local.guard.check_claims(&own).await, Err(Refusal::Ended(_))));
}

#[tokio::test]
async fn nobody_gets_in_before_the_feed_was_read_or_when_it_lags() {
    let local = Local::new();
    let fresh = Guard::local(ISSUER, AUDIENCE, local.keys.clone(), Arc::new(Ended::new()))
        .clock(local.clock.clone())
        .build()
        .unwrap();
    assert_eq!(fresh.check_token(&token()).await.unwrap_err(), Refusal::FeedStale);
    assert_eq!(local.outcome(&token()).await, "ok");
    local.clock.advance(Duration::from_secs(31));
    assert_eq!(local.outcome(&token()).await, "revocations_stale");
    assert_eq!(local.outcome("no.token.atall").await, "token_invalid", "a bad token is refused as such");
    local.ended.mark_read(local.clock.now());
    assert_eq!(local.outcome(&token()).await, "ok");
}

#[tokio::test]
async fn an_ending_is_told_even_while_the_feed_lags() {
    let local = Local::new();
    local.ended.end_session(session(), "session_kicked", NOW, NOW.plus(LIFE));
    local.clock.advance(Duration::from_mins(5));
    assert_eq!(local.outcome(&token()).await, "session_kicked");
}

#[tokio::test]
async fn without_a_feed_a_session_is_bounded_by_its_tokens_exp() {
    let local = Local::with(Ended::new());
    let unfed = Guard::local(ISSUER, AUDIENCE, local.keys.clone(), local.ended.clone())
        .clock(local.clock.clone())
        .feed(false)
        .build()
        .unwrap();
    local.ended.end_session(session(), "session_ended", NOW, NOW.plus(LIFE));
    assert!(unfed.check_token(&token()).await.is_ok());
    local.clock.advance(LIFE);
    assert_eq!(unfed.check_token(&token()).await.unwrap_err(), Refusal::Expired);
}

#[tokio::test]
async fn ke_03_a_revoked_key_verifies_nothing_at_once() {
    let local = Local::new();
    assert_eq!(local.outcome(&token()).await, "ok");
    local.ended.key_revoked("one");
    assert_eq!(local.outcome(&token()).await, "token_invalid");
}
