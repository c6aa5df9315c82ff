//! The audit read in order, and how far readers have come.

use std::time::Duration;

use super::Bench;
use super::sample::{at, open, opening, sign_in};
use crate::store::{AuditLine, ClaimingPlace, MovingPlace, Opening, Store};

fn line() -> AuditLine {
    AuditLine { action: "key.rotated", actor: "operator", ..AuditLine::default() }
}

fn claiming(secs: i64) -> ClaimingPlace {
    ClaimingPlace { name: "reader".to_owned(), now: at(secs), until: at(secs + 60) }
}

fn moving(claim: i64, seq: i64, until: i64) -> MovingPlace {
    MovingPlace { name: "reader".to_owned(), claim, seq, tries: 3, due_at: at(0), until: at(until) }
}

async fn last(store: &dyn Store) -> i64 {
    store.audit_run(0).await.unwrap().highest
}

pub(in crate::store) async fn lines_are_read_on_from_a_place_in_order(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    t.store.audit(line(), at(1)).await.unwrap();
    t.other.audit(line(), at(2)).await.unwrap();
    let highest = last(&*t.other).await;
    let all = t.other.audit_after(0, highest, 10).await.unwrap();
    let actions: Vec<&str> = all.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["session.opened", "key.rotated", "key.rotated"]);
    assert!(all.is_sorted_by_key(|row| row.seq) && all[2].seq == highest);
    assert_eq!(t.store.audit_after(all[0].seq, highest - 1, 10).await.unwrap().len(), 1);
    assert_eq!(t.store.audit_after(0, highest, 2).await.unwrap(), all[..2]);
    assert_eq!(t.store.end_of_session(alice.session()).await.unwrap(), Some(("shop".to_owned(), None)));
}

pub(in crate::store) async fn where_somebody_signed_in_is_told_once_with_the_place_of_the_first_time(t: Bench) {
    let user = sign_in(&*t.store, "alice", at(0)).await.user().id;
    open(&*t.store, Opening { app: "club".into(), ..opening("alice", at(1)) }).await;
    sign_in(&*t.store, "bob", at(2)).await;
    for nth in 3..6 {
        sign_in(&*t.store, "alice", at(nth)).await;
    }
    let opened = t.other.audit_after(0, i64::MAX, 100).await.unwrap();
    let opened: Vec<i64> = opened.iter().filter(|row| row.action == "session.opened").map(|row| row.seq).collect();
    let mut apps = t.other.apps_of(user, i64::MAX).await.unwrap();
    apps.sort_unstable();
    assert_eq!(apps, [("club".to_owned(), opened[1]), ("shop".to_owned(), opened[0])]);
    assert_eq!(t.store.apps_of(user, opened[0]).await.unwrap(), [("shop".to_owned(), opened[0])]);
    assert!(t.store.apps_of(user, opened[0] - 1).await.unwrap().is_empty());
}

pub(in crate::store) async fn a_run_goes_up_to_the_last_line_when_nothing_is_missing(t: Bench) {
    let empty = t.store.audit_run(0).await.unwrap();
    assert_eq!((empty.last, empty.highest), (0, 0));
    for nth in 0..5 {
        t.store.audit(line(), at(nth)).await.unwrap();
    }
    let first = t.store.audit_after(0, i64::MAX, 1).await.unwrap()[0].seq;
    let run = t.other.audit_run(first).await.unwrap();
    assert_eq!((run.last, run.highest), (first + 4, first + 4));
    assert_eq!(t.store.audit_pending(first - 1, first + 5).await.unwrap(), None, "all of them are committed");
}

pub(in crate::store) async fn the_oldest_lines_go_by_themselves_alone(t: Bench) {
    for nth in 0..20 {
        t.store.audit(line(), at(nth)).await.unwrap();
    }
    let oldest = t.store.oldest_audit(at(11), 100).await.unwrap();
    assert_eq!(oldest.len(), 11);
    assert_eq!(t.store.forget_audit(oldest.iter().map(|row| row.seq).collect()).await.unwrap(), 11);
    assert!(t.other.oldest_audit(at(11), 100).await.unwrap().is_empty());
    assert_eq!(t.other.audit_after(0, i64::MAX, 100).await.unwrap().len(), 9);
}

pub(in crate::store) async fn of_racing_readers_one_gets_the_place_while_it_is_held(t: Bench) {
    let begun = t
        .race(
            6,
            |store, nth| async move { store.begin_place("reader", 7 + i64::try_from(nth).unwrap()).await.unwrap() },
        )
        .await;
    assert!(begun.iter().all(|seq| *seq == begun[0]), "{begun:?}");
    let claimed = t.race(8, |store, _| async move { store.claim_place(claiming(0)).await.unwrap() }).await;
    let held: Vec<_> = claimed.into_iter().flatten().collect();
    assert_eq!((held.len(), held[0].seq), (1, begun[0]));
    assert!(t.other.claim_place(claiming(59)).await.unwrap().is_none(), "it is held");
    assert!(t.store.move_place(moving(held[0].claim, 100, 0)).await.unwrap(), "and is given back here");
    let next = t.other.claim_place(claiming(1)).await.unwrap().unwrap();
    assert_eq!((next.seq, next.tries), (100, 3));
    assert!(!t.store.move_place(moving(held[0].claim, 50, 0)).await.unwrap(), "it is another's");
    assert_eq!(t.store.place("reader").await.unwrap(), Some(100));
}

pub(in crate::store) async fn a_dead_readers_place_is_taken_after_its_time_and_one_that_is_not_due_is_not(t: Bench) {
    t.store.begin_place("reader", 1).await.unwrap();
    let dead = t.store.claim_place(claiming(0)).await.unwrap().unwrap();
    let next = t.other.claim_place(claiming(61)).await.unwrap().unwrap();
    assert!(next.claim > dead.claim);
    let later = at(100).plus(Duration::from_secs(5));
    let paused = MovingPlace { due_at: later, ..moving(next.claim, 1, 0) };
    assert!(t.other.move_place(paused).await.unwrap());
    assert!(t.store.claim_place(claiming(104)).await.unwrap().is_none(), "the receiver has a pause");
    assert!(t.store.claim_place(claiming(105)).await.unwrap().is_some());
}

pub(in crate::store) async fn a_place_is_raised_and_never_lowered(t: Bench) {
    t.store.begin_place("settled", 5).await.unwrap();
    t.store.raise_place("settled", 9).await.unwrap();
    t.other.raise_place("settled", 7).await.unwrap();
    assert_eq!(t.store.place("settled").await.unwrap(), Some(9));
    assert_eq!(t.store.place("nobody").await.unwrap(), None);
}
