//! A grant is looked at without being touched, and only while everything lives that it hangs on.

use super::Bench;
use super::sample::{IDLE, at, end, new_id, presented, sign_in};
use crate::store::{Ends, LivingGrant, Rotation};

pub(in crate::store) async fn a_living_grant_is_seen_as_it_stands(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let expected = |counter, secs| LivingGrant {
        app: "shop".into(),
        counter,
        rotated_at: at(secs),
        until: at(secs).plus(IDLE),
        session: alice.session(),
        user: alice.user().id,
    };
    for _ in 0..3 {
        assert_eq!(t.other.living_grant(alice.grant(), at(1)).await.unwrap(), Some(expected(0, 0)), "nothing changes");
    }
    assert!(matches!(t.store.rotate(presented(alice.grant(), 0, at(5))).await.unwrap(), Rotation::Rotated(_)));
    assert_eq!(t.other.living_grant(alice.grant(), at(6)).await.unwrap(), Some(expected(1, 5)));
    assert_eq!(t.other.living_grant(new_id(at(0)), at(6)).await.unwrap(), None);
}

pub(in crate::store) async fn a_grant_dies_with_its_time_its_session_and_its_user(t: Bench) {
    let [idle, over, banned] = [
        sign_in(&*t.store, "alice", at(0)).await,
        sign_in(&*t.store, "bob", at(0)).await,
        sign_in(&*t.store, "carol", at(0)).await,
    ];
    let lives = async |grant, now| t.other.living_grant(grant, now).await.unwrap().is_some();
    assert!(lives(idle.grant(), at(-1).plus(IDLE)).await);
    assert!(!lives(idle.grant(), at(0).plus(IDLE)).await, "left idle");
    end(&*t.store, Ends::Session(over.session()), at(1)).await;
    assert!(!lives(over.grant(), at(2)).await, "ended");
    (t.raw)(&format!("UPDATE users SET disabled_at = 1 WHERE number = {}", banned.user().number));
    assert!(!lives(banned.grant(), at(2)).await, "disabled");
}
