//! What `testkit` gives to a guarded program's own tests.

use std::time::Duration;

use menjin_guard::testkit::TestMenjin;
use menjin_guard::token::KeySet;

use crate::harness::outcome;

#[tokio::test]
async fn people_sign_in_and_are_told_apart() {
    let menjin = TestMenjin::new("shop-api");
    let guard = menjin.guard();
    let (alice, again, bob) = (menjin.sign_in("alice"), menjin.sign_in("alice"), menjin.sign_in("bob"));
    assert_eq!(alice.user(), again.user());
    assert_ne!(alice.user(), bob.user());
    assert_ne!(alice.session(), again.session());
    let caller = guard.check_token(&alice.clone().scope("a b").role("r").permission("p:*").token()).await.unwrap();
    assert_eq!((caller.user, caller.session), (alice.user(), alice.session()));
    assert!(caller.has_scope("b") && caller.has_role("r") && caller.may("p:q"));
    assert_eq!(outcome(&TestMenjin::new("shop-api").guard(), &alice.token()).await, "token_invalid", "another key");
    assert_eq!(
        outcome(&guard, &alice.with(|claims| claims.aud = vec!["bank".to_owned()]).token()).await,
        "token_invalid"
    );
}

#[tokio::test]
async fn sessions_end_users_are_banned_and_time_passes() {
    let menjin = TestMenjin::new("shop-api");
    let guard = menjin.guard();
    let (alice, bob) = (menjin.sign_in("alice"), menjin.sign_in("bob"));
    let tokens = [alice.token(), bob.token()];
    menjin.end(alice.session(), "session_replaced");
    assert_eq!(outcome(&guard, &tokens[0]).await, "session_replaced");
    assert_eq!(outcome(&guard, &tokens[1]).await, "ok");
    menjin.advance(Duration::from_secs(1));
    menjin.ban(bob.user());
    assert_eq!(outcome(&guard, &tokens[1]).await, "user_disabled");
    let carol = menjin.sign_in("carol");
    let token = carol.token();
    menjin.advance(Duration::from_mins(15));
    assert_eq!(outcome(&guard, &token).await, "ok", "a guard has half a minute of leeway");
    menjin.advance(Duration::from_secs(30));
    assert_eq!(outcome(&guard, &token).await, "token_expired");
    assert_eq!(outcome(&guard, &carol.token()).await, "ok");
    menjin.advance_unheard(Duration::from_secs(31));
    assert_eq!(outcome(&guard, &carol.token()).await, "revocations_stale");
}

#[tokio::test]
async fn a_change_of_roles_outdates_the_tokens_from_before() {
    let menjin = TestMenjin::new("shop-api");
    let guard = menjin.guard();
    let (alice, bob) = (menjin.sign_in("alice").role("boss"), menjin.sign_in("bob"));
    let tokens = [alice.token(), bob.token()];
    menjin.change_roles(alice.user());
    assert_eq!(outcome(&guard, &tokens[0]).await, "token_expired");
    assert_eq!(outcome(&guard, &tokens[1]).await, "ok");
    let clerk = menjin.sign_in("alice").role("clerk").token();
    assert!(!guard.check_token(&clerk).await.unwrap().has_role("boss"));
}

#[tokio::test]
async fn a_token_has_the_times_that_a_test_says() {
    let menjin = TestMenjin::new("shop-api");
    let (guard, hour) = (menjin.guard(), Duration::from_hours(1));
    let alice = menjin.sign_in("alice");
    let past = alice.clone().with(|claims| claims.exp = menjin.now().minus(hour));
    assert_eq!(outcome(&guard, &past.token()).await, "token_expired");
    let old = alice.with(|claims| claims.iat = Some(menjin.now().minus(hour)));
    assert_eq!(guard.check_token(&old.token()).await.unwrap().claims.iat, Some(menjin.now().minus(hour)));
}

#[tokio::test]
async fn keys_are_rotated_and_published() {
    let menjin = TestMenjin::new("shop-api");
    let guard = menjin.guard();
    let alice = menjin.sign_in("alice");
    let before = alice.token();
    menjin.rotate_key();
    for token in [before, alice.token()] {
        assert_eq!(outcome(&guard, &token).await, "ok");
    }
    assert_eq!(KeySet::parse(menjin.jwks().as_bytes()).unwrap().len(), 2);
}
