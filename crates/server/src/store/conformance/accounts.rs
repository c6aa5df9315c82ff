//! Who a sign-in is: one person is one user, however they come and however many race.

use std::collections::BTreeSet;

use super::Bench;
use super::sample::{SignedIn, at, in_club, open, opening, sign_in};
use crate::store::{IdentityName, Opening, Who};

/// A sign-in that comes with the person's name in an open-platform account.
fn with_unionid(opening: Opening, unionid: &str, account: &str) -> Opening {
    Opening { unionid: Some((unionid.into(), account.into())), ..opening }
}

pub(in crate::store) async fn the_first_sign_in_makes_a_user_who_is_found_by_everything_that_names_them(t: Bench) {
    let opening = opening("alice", at(0));
    let alice = open(&*t.store, opening.clone()).await;
    assert!(alice.is_new_user);
    let user = alice.user();
    assert_eq!((user.id, user.created_at, user.disabled_at), (opening.new_user, at(0), None));
    assert_eq!((&user.nickname, &user.avatar_url, &user.phone_masked), (&None, &None, &None));
    assert_eq!(t.other.user(user.id).await.unwrap().as_ref(), Some(user));
    assert_eq!(t.other.user_by_number(user.number).await.unwrap().as_ref(), Some(user));
    let (of_session, session) = t.other.user_of_session(alice.session()).await.unwrap().unwrap();
    assert_eq!((&of_session, session.id, session.ended), (user, alice.session(), None));
    assert_eq!(t.other.identity_of_session(alice.session()).await.unwrap(), opening.who.identity().cloned());

    let nobody = super::sample::opening("nobody", at(0));
    assert_eq!(t.store.user(nobody.new_user).await.unwrap(), None);
    assert_eq!(t.store.user_by_number(user.number + 1).await.unwrap(), None);
    assert!(t.store.user_of_session(nobody.session).await.unwrap().is_none());
    assert_eq!(t.store.identity_of_session(nobody.session).await.unwrap(), None);
}

pub(in crate::store) async fn the_same_identity_is_the_same_user(t: Bench) {
    let first = sign_in(&*t.store, "alice", at(0)).await;
    let second = sign_in(&*t.other, "alice", at(60)).await;
    assert!(first.is_new_user && !second.is_new_user);
    assert_eq!(first.user(), second.user());
    assert_ne!(first.session(), second.session());
    let bob = sign_in(&*t.store, "bob", at(61)).await;
    assert!(bob.is_new_user && bob.user().id != first.user().id);
}

pub(in crate::store) async fn an_identity_is_platform_appid_and_openid_together(t: Bench) {
    let of =
        |platform, appid: &str, openid: &str| IdentityName { platform, appid: appid.into(), openid: openid.into() };
    let mut users = BTreeSet::new();
    for identity in [of("wechat", "a", "1"), of("wechat", "a", "2"), of("wechat", "b", "1"), of("qq", "a", "1")] {
        let opened = open(&*t.store, Opening { who: Who::Identity(identity), ..opening("anybody", at(0)) }).await;
        assert!(opened.is_new_user);
        users.insert(opened.user().id);
    }
    assert_eq!(users.len(), 4);
}

pub(in crate::store) async fn racing_first_sign_ins_of_one_person_make_one_user(t: Bench) {
    let signed_in = t.race(16, |node, _| async move { sign_in(&*node, "alice", at(0)).await }).await;
    assert_one_user(&signed_in);
}

pub(in crate::store) async fn racing_first_sign_ins_of_one_unionid_over_two_appids_make_one_user(t: Bench) {
    for round in 0..4 {
        let person = format!("person {round}");
        let signed_in = t
            .race(8, |node, nth| {
                let opening = with_unionid(opening(&person, at(0)), &person, "company");
                // Each node serves both apps.
                async move { open(&*node, if nth / 2 % 2 == 0 { opening } else { in_club(opening) }).await }
            })
            .await;
        assert_one_user(&signed_in);
    }
}

#[track_caller]
fn assert_one_user(signed_in: &[SignedIn]) {
    let users: BTreeSet<_> = signed_in.iter().map(|it| (it.user().id, it.user().number)).collect();
    assert_eq!(users.len(), 1, "{users:?}");
    assert_eq!(signed_in.iter().filter(|it| it.is_new_user).count(), 1);
}

pub(in crate::store) async fn a_unionid_joins_only_within_its_open_platform_account(t: Bench) {
    let shop = open(&*t.store, with_unionid(opening("alice", at(0)), "union", "company")).await;
    let club = open(&*t.store, in_club(with_unionid(opening("alice", at(1)), "union", "company"))).await;
    assert!(!club.is_new_user);
    assert_eq!(club.user().id, shop.user().id);
    let elsewhere = IdentityName { platform: "wechat", appid: "wx-elsewhere".into(), openid: "x".into() };
    let foreign = Opening { who: Who::Identity(elsewhere), ..opening("alice", at(2)) };
    let foreign = open(&*t.store, with_unionid(foreign, "union", "another company")).await;
    assert!(foreign.is_new_user && foreign.user().id != shop.user().id);
}

pub(in crate::store) async fn a_unionid_that_comes_late_joins_from_then_on(t: Bench) {
    let first = sign_in(&*t.store, "alice", at(0)).await;
    let late = open(&*t.store, with_unionid(opening("alice", at(1)), "union", "company")).await;
    assert_eq!(late.user().id, first.user().id);
    let club = open(&*t.other, in_club(with_unionid(opening("alice", at(2)), "union", "company"))).await;
    assert!(!club.is_new_user);
    assert_eq!(club.user().id, first.user().id);
    let without = sign_in(&*t.other, "alice", at(3)).await;
    assert_eq!(without.user().id, first.user().id, "a sign-in without a unionid forgets none");
    let identity = IdentityName { platform: "wechat", appid: "wx-third".into(), openid: "x".into() };
    let third = Opening { who: Who::Identity(identity), ..opening("alice", at(4)) };
    assert_eq!(open(&*t.other, with_unionid(third, "union", "company")).await.user().id, first.user().id);
}

pub(in crate::store) async fn numbers_go_up_in_the_order_of_first_sign_ins(t: Bench) {
    let mut last = 0;
    for nth in 0..6 {
        let person = format!("person {nth}");
        let node = if nth % 2 == 0 { &t.store } else { &t.other };
        let number = sign_in(&**node, &person, at(nth)).await.user().number;
        assert!(number > last, "{number} after {last}");
        assert_eq!(sign_in(&**node, &person, at(nth)).await.user().number, number);
        last = number;
    }
}

pub(in crate::store) async fn racing_people_get_a_number_each(t: Bench) {
    let signed_in = t.race(16, |node, nth| async move { sign_in(&*node, &format!("person {nth}"), at(0)).await }).await;
    let numbers: BTreeSet<_> = signed_in.iter().map(|it| it.user().number).collect();
    assert_eq!(numbers.len(), 16, "{numbers:?}");
    assert!(signed_in.iter().all(|it| it.is_new_user && it.user().number > 0));
}

pub(in crate::store) async fn a_number_that_people_saw_is_never_given_again(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    // The transaction of the one in between is gone: its session's id is taken.
    let taken = Opening { session: alice.session(), ..opening("bob", at(1)) };
    assert!(t.store.open_session(taken).await.is_err());
    let carol = sign_in(&*t.store, "carol", at(2)).await;
    assert!(carol.user().number > alice.user().number);
    assert_eq!(t.store.user_by_number(alice.user().number).await.unwrap().as_ref(), Some(alice.user()));
    assert_eq!(t.store.user_by_number(carol.user().number).await.unwrap().as_ref(), Some(carol.user()));
}
