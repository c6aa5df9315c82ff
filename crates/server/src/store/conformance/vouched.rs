//! Sessions that a back end opens: for whom, and what stays with them.

use std::collections::BTreeSet;

use menjin_token::Timestamp;

use super::Bench;
use super::sample::{at, ended, identity, new_id, open, opening, presented, sign_in};
use crate::store::{EndReason, Opened, Opening, Rotation, Store, Who};

/// An opening by back end `office`.
fn vouched(who: Who, now: Timestamp) -> Opening {
    Opening { who, opened_by: Some("office".into()), amr: "app", code: None, ..opening("nobody", now) }
}

fn called(name: &str) -> Who {
    Who::ExternalId(name.into())
}

async fn is_unknown(store: &dyn Store, who: Who) -> bool {
    matches!(store.open_session(vouched(who, at(9))).await.unwrap(), Opened::Unknown)
}

pub(in crate::store) async fn a_session_opens_for_a_user_by_any_name(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let user = alice.user().clone();
    for who in [Who::User(user.id), Who::Number(user.number), Who::Identity(identity("alice"))] {
        let opened = open(&*t.other, vouched(who, at(1))).await;
        assert!(!opened.is_new_user);
        assert_eq!((opened.user(), opened.standing.amr.as_str()), (&user, "app"));
        assert_eq!(ended(&*t.store, opened.session()).await, None);
        let rotated = t.store.rotate(presented(opened.grant(), 0, at(2))).await.unwrap();
        assert!(matches!(rotated, Rotation::Rotated(_)), "{rotated:?}");
    }
    assert_eq!(ended(&*t.store, alice.session()).await, None);
    let by_number = open(&*t.store, vouched(Who::Number(user.number), at(3))).await;
    assert_eq!(t.store.identity_of_session(by_number.session()).await.unwrap(), None);
    let by_identity = open(&*t.store, vouched(Who::Identity(identity("bob")), at(3))).await;
    assert!(by_identity.is_new_user, "the platform's sign-in then finds them");
    assert_eq!(sign_in(&*t.store, "bob", at(4)).await.user().id, by_identity.user().id);
}

pub(in crate::store) async fn an_unknown_user_or_number_is_nobody(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    assert!(is_unknown(&*t.store, Who::User(new_id(at(0)))).await);
    for number in [alice.user().number + 1, 0, -1, i64::MAX, i64::MIN] {
        assert!(is_unknown(&*t.store, Who::Number(number)).await, "{number}");
    }
    let count = |table: &str| tokio::task::block_in_place(|| (t.raw)(&format!("SELECT count(*) FROM {table}")));
    assert_eq!((count("users"), count("sessions")), ("1".into(), "1".into()));
}

pub(in crate::store) async fn an_unknown_external_id_makes_a_user_once(t: Bench) {
    let first = open(&*t.store, vouched(called("emp-1"), at(0))).await;
    let again = open(&*t.other, vouched(called("emp-1"), at(1))).await;
    assert!(first.is_new_user && !again.is_new_user);
    assert_eq!(first.user(), again.user());
    assert_eq!(t.other.user_by_external_id("emp-1").await.unwrap().as_ref(), Some(first.user()));
    let account = t.store.account(first.user().id).await.unwrap().unwrap();
    assert_eq!((account.external_id.as_deref(), account.identities.len()), (Some("emp-1"), 0));
    let other = open(&*t.store, vouched(called("emp-2"), at(2))).await;
    assert!(other.is_new_user && other.user().number > first.user().number);
}

pub(in crate::store) async fn racing_openings_for_one_new_external_id_make_one_user(t: Bench) {
    for round in 0..6 {
        let name = format!("emp-{round}");
        let opened = t
            .race(12, |node, _| {
                let opening = vouched(called(&name), at(round));
                async move { open(&*node, opening).await }
            })
            .await;
        let users: BTreeSet<_> = opened.iter().map(|it| (it.user().id, it.user().number)).collect();
        assert_eq!(users.len(), 1, "{users:?}");
        assert_eq!(opened.iter().filter(|it| it.is_new_user).count(), 1);
        // Ten without a device id live; who raced made room for who came later.
        let live = t.store.sessions_of(opened[0].user().id, at(round)).await.unwrap();
        assert_eq!(live.len(), 10);
    }
    let users = tokio::task::block_in_place(|| (t.raw)("SELECT count(*) FROM users"));
    assert_eq!(users, "6");
}

pub(in crate::store) async fn external_ids_are_told_apart_to_the_letter(t: Bench) {
    let mut users = BTreeSet::new();
    for name in ["emp", "EMP", "emp ", " emp", "émp", "e\u{301}mp", "门禁", "%", "emp%", &"e".repeat(255)] {
        let opened = open(&*t.store, vouched(called(name), at(0))).await;
        assert!(opened.is_new_user, "{name:?}");
        assert!(users.insert(opened.user().number), "{name:?}");
        assert_eq!(t.other.user_by_external_id(name).await.unwrap().as_ref(), Some(opened.user()));
    }
    assert_eq!(t.store.user_by_external_id("nobody").await.unwrap(), None);
}

pub(in crate::store) async fn claims_stay_with_the_session(t: Bench) {
    let claims = Some(r#"{"tenant":"门禁","level":3}"#.to_owned());
    let with = Opening { claims: claims.clone(), ..vouched(called("emp-1"), at(0)) };
    let with = open(&*t.store, with).await;
    let without = open(&*t.store, vouched(called("emp-1"), at(1))).await;
    assert_eq!((&with.standing.claims, &without.standing.claims), (&claims, &None));
    assert_eq!(t.other.unrefreshed(with.session()).await.unwrap().unwrap().claims, claims);
    for (counter, now) in [(0, at(2)), (1, at(3)), (1, at(4))] {
        let rotation = t.other.rotate(presented(with.grant(), counter, now)).await.unwrap();
        let (Rotation::Rotated(standing) | Rotation::Repeated(standing)) = rotation else { panic!("{rotation:?}") };
        assert_eq!(standing.claims, claims);
    }
}

pub(in crate::store) async fn a_user_whom_a_platform_knows_too_is_one(t: Bench) {
    let device = |opening: Opening| super::sample::on_device(opening, "d1");
    let by_platform = open(&*t.store, device(opening("alice", at(0)))).await;
    let vouched = open(&*t.store, device(vouched(Who::User(by_platform.user().id), at(1)))).await;
    assert_eq!(vouched.replaced, [by_platform.session()], "one session of a device, whoever opens it");
    assert_eq!(ended(&*t.store, by_platform.session()).await, Some(EndReason::Replaced));
    let again = open(&*t.store, device(opening("alice", at(2)))).await;
    assert_eq!(again.replaced, [vouched.session()]);
}
