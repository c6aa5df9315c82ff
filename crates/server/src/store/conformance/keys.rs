//! Signing keys take turns by compare-and-swap; master keys and data keys are agreed on.

use menjin_token::{Algorithm, Timestamp};

use super::Bench;
use super::sample::{MASTER, at, sealed, sweeping};
use crate::store::{Actor, EventKind, KeyRow, KeyState, MasterKeyRow, Revoking, Rotating, Store};

/// A key made at a second, which signs ten seconds later.
pub(super) fn key(kid: &str, secs: i64) -> KeyRow {
    KeyRow {
        kid: kid.into(),
        alg: Algorithm::EdDsa,
        private: sealed(MASTER, kid),
        state: KeyState::Live,
        created_at: at(secs),
        active_at: at(secs + 10),
        retired_at: None,
        revoked_at: None,
    }
}

pub(super) async fn rotate(store: &dyn Store, newest: Option<&str>, key: KeyRow) -> bool {
    store.rotate_key(Rotating { key, newest: newest.map(str::to_owned), audit: None }).await.unwrap()
}

pub(super) fn revoking(kid: &str, now: Timestamp, tokens_until: Timestamp) -> Revoking {
    Revoking { kid: kid.to_owned(), now, tokens_until, audit: Actor::command().line("key.revoked") }
}

/// Names, and when each was retired.
async fn ring(store: &dyn Store) -> Vec<(String, Option<Timestamp>)> {
    store.signing_keys().await.unwrap().into_iter().map(|key| (key.kid, key.retired_at)).collect()
}

async fn told(store: &dyn Store) -> Vec<EventKind> {
    store.events_since(0).await.unwrap().into_iter().map(|event| event.kind).collect()
}

pub(in crate::store) async fn the_first_key_comes_alone(t: Bench) {
    assert!(t.store.signing_keys().await.unwrap().is_empty());
    assert!(rotate(&*t.store, None, key("a", 0)).await);
    let keys = t.other.signing_keys().await.unwrap();
    let [read] = &keys[..] else { panic!("{keys:?}") };
    let times = (read.created_at, read.active_at, read.retired_at, read.revoked_at);
    assert_eq!(times, (at(0), at(10), None, None));
    assert_eq!((read.kid.as_str(), read.alg, &read.private), ("a", Algorithm::EdDsa, &sealed(MASTER, "a")));
    assert_eq!(read.state, KeyState::Live);
    assert_eq!(told(&*t.other).await, [EventKind::KeysChanged]);
}

pub(in crate::store) async fn a_new_key_retires_the_one_before(t: Bench) {
    assert!(rotate(&*t.store, None, key("b", 0)).await);
    assert!(rotate(&*t.store, Some("b"), key("a", 100)).await);
    assert!(rotate(&*t.other, Some("a"), key("c", 200)).await);
    let expected = [("b".into(), Some(at(110))), ("a".into(), Some(at(210))), ("c".into(), None)];
    assert_eq!(ring(&*t.store).await, expected);
    assert_eq!(told(&*t.store).await, vec![EventKind::KeysChanged; 3]);
}

pub(in crate::store) async fn keys_of_another_algorithm_are_a_line_of_their_own(t: Bench) {
    let other = |kid: &str, secs| KeyRow { alg: Algorithm::Rs256, ..key(kid, secs) };
    assert!(rotate(&*t.store, None, key("a", 0)).await);
    assert!(rotate(&*t.other, None, other("r", 5)).await);
    assert!(!rotate(&*t.store, Some("a"), other("no", 6)).await);
    assert!(rotate(&*t.store, Some("r"), other("s", 100)).await);
    assert!(rotate(&*t.store, Some("a"), key("b", 200)).await);
    let expected = [("a".into(), Some(at(210))), ("r".into(), Some(at(110))), ("s".into(), None), ("b".into(), None)];
    assert_eq!(ring(&*t.other).await, expected);
}

pub(in crate::store) async fn a_new_key_is_told_long_enough_for_every_node_to_read_of_it(t: Bench) {
    let signs_at_once = KeyRow { active_at: at(0), ..key("a", 0) };
    assert!(rotate(&*t.store, None, signs_at_once).await);
    t.store.sweep(sweeping(at(10))).await.unwrap();
    assert_eq!(told(&*t.other).await, [EventKind::KeysChanged]);
    t.store.sweep(sweeping(at(3600))).await.unwrap();
    assert_eq!(told(&*t.other).await, []);
}

pub(in crate::store) async fn of_two_nodes_that_rotate_one_does(t: Bench) {
    let mut newest: Option<String> = None;
    for round in 0..4 {
        let former = newest.clone();
        let rotated = t
            .race(6, |node, nth| {
                let (former, kid) = (former.clone(), format!("key {round}.{nth}"));
                async move { rotate(&*node, former.as_deref(), key(&kid, round * 100)).await.then_some(kid) }
            })
            .await;
        let winners: Vec<_> = rotated.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        newest = winners.into_iter().next();
        let live: Vec<_> = ring(&*t.other).await.into_iter().filter(|(_, retired)| retired.is_none()).collect();
        assert_eq!(live, [(newest.clone().unwrap(), None)]);
    }
    assert_eq!(ring(&*t.store).await.len(), 4);
}

pub(in crate::store) async fn a_key_for_another_newest_one_changes_nothing(t: Bench) {
    assert!(!rotate(&*t.store, Some("ghost"), key("a", 0)).await);
    assert!(rotate(&*t.store, None, key("a", 0)).await);
    assert!(rotate(&*t.store, Some("a"), key("b", 1)).await);
    for newest in [None, Some("a"), Some("ghost")] {
        assert!(!rotate(&*t.store, newest, key("c", 2)).await, "{newest:?}");
    }
    assert_eq!(ring(&*t.store).await, [("a".into(), Some(at(11))), ("b".into(), None)]);
    assert_eq!(told(&*t.store).await.len(), 2);
}

pub(in crate::store) async fn a_line_without_a_successor_is_retired_once_and_told(t: Bench) {
    let rsa = KeyRow { alg: Algorithm::Rs256, ..key("r", 0) };
    assert!(rotate(&*t.store, None, key("a", 0)).await && rotate(&*t.store, None, rsa).await);
    let retire = async |store: &dyn Store| store.retire_line(Algorithm::EdDsa, at(300), at(100)).await.unwrap();
    assert!(retire(&*t.other).await);
    assert!(!retire(&*t.store).await, "it is retired already");
    assert_eq!(ring(&*t.store).await, [("a".into(), Some(at(300))), ("r".into(), None)]);
    let events = t.store.events_since(0).await.unwrap();
    let last = events.last().unwrap();
    assert_eq!((events.len(), &last.kind, last.at, last.until), (3, &EventKind::KeysChanged, at(100), at(300)));
    assert!(rotate(&*t.store, None, key("b", 400)).await, "the line may begin anew");
}

pub(in crate::store) async fn a_revoked_key_is_told_and_revoked_once(t: Bench) {
    assert!(rotate(&*t.store, None, key("a", 0)).await);
    let revoked =
        t.race(6, |node, _| async move { node.revoke_key(revoking("a", at(5), at(900))).await.unwrap() }).await;
    assert_eq!(revoked.iter().filter(|revoked| **revoked).count(), 1);
    assert!(!t.store.revoke_key(revoking("nobody", at(6), at(900))).await.unwrap());
    let keys = t.store.signing_keys().await.unwrap();
    assert_eq!((keys[0].state, keys[0].revoked_at), (KeyState::Revoked, Some(at(5))));
    let events = t.store.events_since(0).await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!((&events[1].kind, events[1].at, events[1].until), (&EventKind::KeyRevoked("a".into()), at(5), at(900)));
}

pub(in crate::store) async fn after_a_revoked_key_comes_one_without_a_former(t: Bench) {
    assert!(rotate(&*t.store, None, key("a", 0)).await);
    assert!(rotate(&*t.store, Some("a"), key("b", 100)).await);
    assert!(t.store.revoke_key(revoking("b", at(105), at(900))).await.unwrap());
    for newest in [Some("a"), Some("b")] {
        assert!(!rotate(&*t.store, newest, key("c", 110)).await, "{newest:?} is retired or revoked");
    }
    assert!(rotate(&*t.store, None, key("c", 110)).await);
    assert_eq!(ring(&*t.store).await, [("a".into(), Some(at(110))), ("b".into(), None), ("c".into(), None)]);
    assert!(
        t.store.revoke_key(revoking("a", at(120), at(900))).await.unwrap(),
        "a retired key still verifies, until it is revoked"
    );
}

pub(in crate::store) async fn keys_are_forgotten_after_their_time(t: Bench) {
    assert!(rotate(&*t.store, None, key("a", 0)).await);
    assert!(rotate(&*t.store, Some("a"), key("b", 100)).await);
    assert!(t.store.revoke_key(revoking("b", at(150), at(900))).await.unwrap());
    assert!(rotate(&*t.store, None, key("c", 160)).await);
    assert_eq!(t.store.forget_keys(at(110)).await.unwrap(), 0, "a was retired then");
    assert_eq!(t.store.forget_keys(at(111)).await.unwrap(), 1);
    assert_eq!(t.store.forget_keys(at(1_000_000)).await.unwrap(), 1);
    assert_eq!(ring(&*t.other).await, [("c".into(), None)], "the newest is never forgotten");
}

pub(in crate::store) async fn a_master_key_is_noted_once(t: Bench) {
    assert_eq!(t.store.master_keys().await.unwrap(), []);
    t.store.use_master_key([9; 4], at(1)).await.unwrap();
    t.race(6, |node, nth| async move { node.use_master_key([1; 4], at(2 + i64::from(nth == 0))).await.unwrap() }).await;
    t.store.use_master_key([9; 4], at(60)).await.unwrap();
    let keys = t.other.master_keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], MasterKeyRow { id: [9; 4], since: at(1) }, "the oldest first");
    t.store.forget_master_key([9; 4]).await.unwrap();
    t.store.forget_master_key([7; 4]).await.unwrap();
    assert_eq!(t.other.master_keys().await.unwrap().into_iter().map(|key| key.id).collect::<Vec<_>>(), [[1; 4]]);
}

pub(in crate::store) async fn racing_nodes_agree_on_one_data_key(t: Bench) {
    let kept = t
        .race(8, |node, nth| async move {
            node.data_key("digest", sealed(MASTER, &format!("candidate {nth}"))).await.unwrap()
        })
        .await;
    assert!(kept.iter().all(|key| *key == kept[0]), "{kept:?}");
    assert_eq!(t.store.data_key("digest", sealed(MASTER, "late")).await.unwrap(), kept[0]);
    let other = t.other.data_key("another", sealed(MASTER, "another")).await.unwrap();
    assert_eq!(other, sealed(MASTER, "another"));
}
