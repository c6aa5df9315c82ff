//! The audit has a line of everything that happened, and none of what did not. It is read by counting what a sweep removes.

use super::Bench;
use super::keys::revoking;
use super::sample::{GRACE, at, audit_lines, end, open, opening, phone, presented, sign_in, with_phone};
use crate::store::{AuditLine, Ends, Opening, Rotation};

pub(in crate::store) async fn a_line_of_its_own_is_kept(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    audit_lines(&*t.store).await;
    let bare = AuditLine { action: "key.rotated", actor: "operator", ..AuditLine::default() };
    let full = AuditLine {
        user: Some(alice.user().id),
        session: Some(alice.session()),
        app: Some("shop".into()),
        ip: Some("192.0.2.1".into()),
        detail: Some("门禁 'quoted' \"twice\"".into()),
        ..bare.clone()
    };
    t.store.audit(bare, at(1)).await.unwrap();
    t.other.audit(full, at(2)).await.unwrap();
    assert_eq!(audit_lines(&*t.store).await, 2);
}

pub(in crate::store) async fn every_change_of_a_session_leaves_its_lines(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    assert_eq!(audit_lines(&*t.store).await, 1, "opened");
    let bob = open(&*t.store, with_phone(opening("bob", at(0)), 1)).await;
    assert_eq!(audit_lines(&*t.store).await, 2, "opened and bound");
    let opening = Opening { phone: Some(phone(1)), ..opening("alice", at(1)) };
    open(&*t.store, opening).await;
    assert_eq!(audit_lines(&*t.store).await, 3, "opened, moved from bob and bound");
    t.store.rotate(presented(alice.grant(), 0, at(2))).await.unwrap();
    let late = at(3).plus(GRACE);
    let rotation = t.store.rotate(presented(alice.grant(), 0, late)).await.unwrap();
    assert!(matches!(rotation, Rotation::Recovered(_)), "{rotation:?}");
    assert_eq!(audit_lines(&*t.store).await, 1, "recovered; an ordinary refresh leaves none");
    t.store.rotate(presented(alice.grant(), 1, late)).await.unwrap();
    assert_eq!(audit_lines(&*t.store).await, 1, "theft");
    end(&*t.store, Ends::Session(bob.session()), late).await;
    assert_eq!(audit_lines(&*t.store).await, 1, "ended");
}

pub(in crate::store) async fn what_changes_nothing_leaves_no_line(t: Bench) {
    let alice = open(&*t.store, with_phone(opening("alice", at(0)), 1)).await;
    end(&*t.store, Ends::All(alice.user().id), at(1)).await;
    audit_lines(&*t.store).await;
    end(&*t.store, Ends::All(alice.user().id), at(2)).await;
    t.store.rotate(presented(alice.grant(), 0, at(3))).await.unwrap();
    assert!(!t.store.revoke_key(revoking("nobody", at(3), at(4))).await.unwrap());
    let taken = Opening { session: alice.session(), ..opening("bob", at(4)) };
    assert!(t.store.open_session(taken).await.is_err());
    assert_eq!(audit_lines(&*t.store).await, 0);
}
