//! Somebody who came back from a platform is exchanged once, and in time.

use menjin_token::Timestamp;

use super::Bench;
use super::sample::{MASTER, at, claiming, fresh, sealed, sweeping};
use crate::store::{Arrival, CodeClaim, CodeDigest, IdempotencyKey, Refused, Store};

pub(super) fn arrival(code: CodeDigest, until: Timestamp) -> Arrival {
    let told = Refused("arrived".into());
    Arrival { code, sealed: sealed(MASTER, "somebody"), until, spent: CodeDigest(fresh()), told }
}

async fn keep(store: &dyn Store, arrival: Arrival) {
    store.keep_arrival(arrival).await.unwrap();
}

async fn take(store: &dyn Store, code: CodeDigest, now: Timestamp) -> Option<Vec<u8>> {
    store.take_arrival(code, now).await.unwrap()
}

pub(in crate::store) async fn of_racing_callers_one_gets_the_arrival(t: Bench) {
    let code = CodeDigest(fresh());
    keep(&*t.store, arrival(code, at(60))).await;
    let taken = t.race(16, |node, _| async move { take(&*node, code, at(1)).await }).await;
    assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [sealed(MASTER, "somebody")]);
    assert_eq!(take(&*t.store, code, at(1)).await, None);
}

pub(in crate::store) async fn an_arrival_is_good_until_its_end_and_under_its_own_code(t: Bench) {
    let [early, late] = [CodeDigest(fresh()), CodeDigest(fresh())];
    for code in [early, late] {
        keep(&*t.store, arrival(code, at(60))).await;
    }
    assert_eq!(take(&*t.other, CodeDigest(fresh()), at(1)).await, None);
    assert!(take(&*t.other, early, at(59)).await.is_some());
    assert_eq!(take(&*t.other, late, at(60)).await, None);
}

pub(in crate::store) async fn the_platforms_code_is_told_to_have_arrived(t: Bench) {
    let key = Some(IdempotencyKey { key: fresh(), body: fresh() });
    let spent = CodeDigest(fresh());
    assert_eq!(t.store.claim_code(claiming(spent, key)).await.unwrap(), CodeClaim::Claimed);
    assert_eq!(t.other.claim_code(claiming(spent, key)).await.unwrap(), CodeClaim::InFlight);
    let it = Arrival { spent, ..arrival(CodeDigest(fresh()), at(60)) };
    for _ in 0..2 {
        keep(&*t.store, it.clone()).await;
        let claim = t.other.claim_code(claiming(spent, key)).await.unwrap();
        assert_eq!(claim, CodeClaim::Refused(Refused("arrived".into())));
    }
    assert!(take(&*t.store, it.code, at(1)).await.is_some());
}

pub(in crate::store) async fn arrivals_that_nobody_takes_go_after_their_time(t: Bench) {
    let code = CodeDigest(fresh());
    keep(&*t.store, arrival(code, at(60))).await;
    assert_eq!(t.store.sweep(sweeping(at(60))).await.unwrap().rows, 0);
    assert_eq!(t.store.sweep(sweeping(at(61))).await.unwrap().rows, 1);
    keep(&*t.store, arrival(code, at(160))).await;
    assert!(take(&*t.store, code, at(100)).await.is_some(), "the row was gone");
}
