//! A code is exchanged once, whoever asks and however often.

use super::Bench;
use super::sample::{SignedIn, at, claiming, fresh, open, opening, sweeping};
use crate::store::{Claiming, CodeClaim, CodeDigest, IdempotencyKey, OpenedBefore, Opening, Refused, Store};

fn code() -> CodeDigest {
    CodeDigest(fresh())
}

fn key() -> IdempotencyKey {
    IdempotencyKey { key: fresh(), body: [7; 32] }
}

async fn claim(store: &dyn Store, claiming: Claiming) -> CodeClaim {
    store.claim_code(claiming).await.unwrap()
}

/// What a repeated request finds.
fn done(opened: &SignedIn) -> CodeClaim {
    CodeClaim::Done(OpenedBefore { session: opened.session(), called_back: false })
}

fn refused() -> Refused {
    Refused("code_invalid".into())
}

pub(in crate::store) async fn one_of_any_number_of_racing_callers_gets_the_code(t: Bench) {
    let code = code();
    let claims = t.race(16, |node, _| async move { claim(&*node, claiming(code, None)).await }).await;
    assert_eq!(claims.iter().filter(|claim| **claim == CodeClaim::Claimed).count(), 1, "{claims:?}");
    assert_eq!(claims.iter().filter(|claim| **claim == CodeClaim::Used).count(), 15, "{claims:?}");
}

pub(in crate::store) async fn of_racing_requests_with_one_key_one_is_carried_out_and_the_rest_wait_for_it(t: Bench) {
    let (code, key) = (code(), Some(key()));
    let claims = t.race(16, |node, _| async move { claim(&*node, claiming(code, key)).await }).await;
    assert_eq!(claims.iter().filter(|claim| **claim == CodeClaim::Claimed).count(), 1, "{claims:?}");
    assert_eq!(claims.iter().filter(|claim| **claim == CodeClaim::InFlight).count(), 15, "{claims:?}");
    let opened = open(&*t.store, Opening { code: Some(code), ..opening("alice", at(1)) }).await;
    let claims = t.race(8, |node, _| async move { claim(&*node, claiming(code, key)).await }).await;
    assert_eq!(claims, vec![done(&opened); 8]);
}

pub(in crate::store) async fn a_repeated_request_gets_the_session_of_the_first(t: Bench) {
    let (code, key) = (code(), Some(key()));
    assert_eq!(claim(&*t.store, claiming(code, key)).await, CodeClaim::Claimed);
    assert_eq!(claim(&*t.other, claiming(code, key)).await, CodeClaim::InFlight);
    let opened = open(&*t.store, Opening { code: Some(code), ..opening("alice", at(1)) }).await;
    assert_eq!(claim(&*t.other, claiming(code, key)).await, done(&opened));
    assert_eq!(claim(&*t.store, claiming(code, None)).await, CodeClaim::Used, "a request without the key is another");
}

pub(in crate::store) async fn a_repeated_request_gets_the_refusal_of_the_first(t: Bench) {
    let (code, key) = (code(), Some(key()));
    assert_eq!(claim(&*t.store, claiming(code, key)).await, CodeClaim::Claimed);
    t.store.refuse_code(code, refused()).await.unwrap();
    assert_eq!(claim(&*t.other, claiming(code, key)).await, CodeClaim::Refused(refused()));
    assert_eq!(claim(&*t.other, claiming(code, None)).await, CodeClaim::Used);
}

pub(in crate::store) async fn a_key_belongs_to_one_code_and_one_body(t: Bench) {
    let (first, key) = (code(), key());
    assert_eq!(claim(&*t.store, claiming(first, Some(key))).await, CodeClaim::Claimed);
    let other_body = IdempotencyKey { body: [8; 32], ..key };
    assert_eq!(claim(&*t.store, claiming(first, Some(other_body))).await, CodeClaim::Mismatch);
    let second = code();
    assert_eq!(claim(&*t.store, claiming(second, Some(key))).await, CodeClaim::Mismatch);
    assert_eq!(claim(&*t.store, claiming(second, None)).await, CodeClaim::Claimed, "a mismatch spends no code");
}

pub(in crate::store) async fn a_key_may_be_repeated_up_to_its_time_and_then_be_used_anew(t: Bench) {
    let (first, key) = (code(), Some(key()));
    assert_eq!(claim(&*t.store, claiming(first, key)).await, CodeClaim::Claimed);
    let last = Claiming { now: at(60), repeatable_since: at(0), ..claiming(first, key) };
    assert_eq!(claim(&*t.store, last).await, CodeClaim::InFlight);
    let late = Claiming { now: at(61), repeatable_since: at(1), ..claiming(first, key) };
    assert_eq!(claim(&*t.store, late).await, CodeClaim::Used);
    let second = code();
    assert_eq!(claim(&*t.store, Claiming { code: second, ..late }).await, CodeClaim::Claimed);
    assert_eq!(claim(&*t.store, Claiming { code: second, ..late }).await, CodeClaim::InFlight);
    assert_eq!(claim(&*t.store, claiming(first, None)).await, CodeClaim::Used, "the code is not free with its key");
}

pub(in crate::store) async fn a_code_used_without_a_key_stays_used_for_a_request_with_one(t: Bench) {
    let code = code();
    assert_eq!(claim(&*t.store, claiming(code, None)).await, CodeClaim::Claimed);
    open(&*t.store, Opening { code: Some(code), ..opening("alice", at(1)) }).await;
    let key = Some(key());
    assert_eq!(claim(&*t.store, claiming(code, key)).await, CodeClaim::Used);
    assert_eq!(claim(&*t.store, claiming(code, key)).await, CodeClaim::Used);
}

pub(in crate::store) async fn a_released_code_may_come_again(t: Bench) {
    for key in [None, Some(key())] {
        let code = code();
        for _ in 0..2 {
            assert_eq!(claim(&*t.store, claiming(code, key)).await, CodeClaim::Claimed);
            t.other.release_code(code).await.unwrap();
        }
        let claims = t.race(6, |node, _| async move { claim(&*node, claiming(code, key)).await }).await;
        assert_eq!(claims.iter().filter(|claim| **claim == CodeClaim::Claimed).count(), 1, "{claims:?}");
    }
    t.store.release_code(code()).await.unwrap();
}

pub(in crate::store) async fn a_code_that_opened_a_session_is_neither_released_nor_refused(t: Bench) {
    let (code, key) = (code(), Some(key()));
    assert_eq!(claim(&*t.store, claiming(code, key)).await, CodeClaim::Claimed);
    let opened = open(&*t.store, Opening { code: Some(code), ..opening("alice", at(1)) }).await;
    t.store.release_code(code).await.unwrap();
    t.store.refuse_code(code, refused()).await.unwrap();
    assert_eq!(claim(&*t.store, claiming(code, key)).await, done(&opened));
}

pub(in crate::store) async fn another_code_is_another_matter(t: Bench) {
    let claims = t
        .race(12, |node, at| async move {
            let code = code();
            let claimed = claim(&*node, claiming(code, (at % 3 == 0).then(key))).await;
            (claimed, claim(&*node, claiming(code, None)).await)
        })
        .await;
    assert_eq!(claims, vec![(CodeClaim::Claimed, CodeClaim::Used); 12]);
    assert_eq!(t.store.sweep(sweeping(at(601))).await.unwrap().rows, 12);
}
