//! The cache of verified tokens never outlives what it rests on.

use std::time::Duration;

use menjin_guard::token::{Claims, Invalid, SessionId};
use menjin_guard::{Guard, Refusal};

use crate::harness::{
    AUDIENCE, ISSUER, LIFE, Local, Menjin, NOW, claims, clock, key, next_key, outcome, session, set_of, signed, token,
};

#[tokio::test]
async fn a_remembered_token_expires_on_time() {
    let local = Local::new();
    local.advance(Duration::from_secs(899));
    assert_eq!(local.outcome(&token()).await, "ok");
    local.advance(Duration::from_secs(1));
    assert_eq!(local.outcome(&token()).await, "token_expired");
}

#[tokio::test]
async fn a_remembered_token_does_not_outlive_its_session() {
    let local = Local::new();
    for _ in 0..3 {
        assert_eq!(local.outcome(&token()).await, "ok");
    }
    local.ended.end_session(session(), "session_ended", NOW, NOW.plus(LIFE));
    assert_eq!(local.outcome(&token()).await, "session_ended");
}

#[tokio::test]
async fn a_remembered_token_does_not_outlive_its_key() {
    let local = Local::new();
    assert_eq!(local.outcome(&token()).await, "ok");
    local.keys.replace(set_of(&[next_key()]));
    let refusal = local.guard.check_token(&token()).await.unwrap_err();
    assert_eq!(refusal, Refusal::Invalid(Invalid::UnknownKey));
    local.keys.replace(set_of(&[next_key(), key()]));
    assert_eq!(local.outcome(&token()).await, "ok");
}

#[tokio::test]
async fn another_key_under_the_same_name_does_not_inherit_what_was_remembered() {
    let local = Local::new();
    assert_eq!(local.outcome(&token()).await, "ok");
    let (impostor, _) = menjin_guard::token::SigningKey::generate(key().algorithm(), "one".to_owned()).unwrap();
    local.keys.replace(set_of(&[&impostor]));
    let refusal = local.guard.check_token(&token()).await.unwrap_err();
    assert_eq!(refusal, Refusal::Invalid(Invalid::Signature));
}

#[tokio::test]
async fn a_token_that_differs_in_one_character_is_not_a_remembered_one() {
    let local = Local::new();
    let token = token();
    assert_eq!(local.outcome(&token).await, "ok");
    let first = if token.rsplit('.').next().unwrap().starts_with('A') { "B" } else { "A" };
    let (signed, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(local.outcome(&format!("{signed}.{first}{}", &signature[1..])).await, "token_invalid");
}

#[tokio::test]
async fn a_refused_token_is_not_remembered_as_refused() {
    let local = Local::new();
    let early = signed(key(), &Claims { nbf: Some(NOW.plus(Duration::from_secs(5))), ..claims() });
    assert_eq!(local.outcome(&early).await, "token_invalid");
    local.advance(Duration::from_secs(5));
    assert_eq!(local.outcome(&early).await, "ok");
}

#[tokio::test]
async fn more_tokens_than_fit_are_all_still_verified() {
    let local = Local::new();
    let small = Guard::local(ISSUER, AUDIENCE, local.keys.clone(), local.ended.clone())
        .clock(local.clock.clone())
        .cache_bytes(10_000)
        .build()
        .unwrap();
    let tokens: Vec<String> = (0..50)
        .map(|n| signed(key(), &Claims { sid: Some(SessionId::new(NOW, [n; 10]).to_string()), ..claims() }))
        .collect();
    for token in tokens.iter().chain(&tokens) {
        assert!(small.check_token(token).await.is_ok());
    }
    let none = Guard::local(ISSUER, AUDIENCE, local.keys.clone(), local.ended.clone())
        .clock(local.clock.clone())
        .cache_bytes(0)
        .build()
        .unwrap();
    assert!(none.check_token(&tokens[0]).await.is_ok());
}

#[tokio::test]
async fn a_remembered_token_does_not_outlive_the_keys_that_menjin_publishes() {
    let clock = clock();
    let menjin = Menjin::publishing(&[key()]).await;
    let guard = menjin.guard(&clock);
    let long = signed(key(), &Claims { exp: NOW.plus(Duration::from_hours(9)), ..claims() });
    assert_eq!(outcome(&guard, &long).await, "ok");
    menjin.publish(&[next_key()]);
    clock.advance(Duration::from_hours(8));
    assert_eq!(outcome(&guard, &long).await, "token_invalid", "read anew, for the old keys are too old to trust");
}
