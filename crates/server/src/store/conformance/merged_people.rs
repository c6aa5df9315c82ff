//! What two users showed and proved before they were made one, and since: whose it is while that can be undone, and afterwards.

use std::time::Duration;

use menjin_token::UserId;

use super::Bench;
use super::merges::{called, merge, unmerge};
use super::sample::{at, new_id, open, opening, phone, sign_in, signed_phone, sweeping, with_phone};
use crate::store::{Opening, PhoneBound, PhoneChange, ProfileChange, Unmerged};

/// A number's own time says whose it is when two are two again.
pub(in crate::store) async fn a_number_that_was_proved_anew_since_stays(t: Bench) {
    for (nth, is_fresh) in [(1, true), (2, false)] {
        let alice = sign_in(&*t.store, &format!("alice {nth}"), at(0)).await;
        let bob = open(&*t.store, with_phone(opening(&format!("bob {nth}"), at(0)), nth)).await.user().id;
        merge(&*t.store, bob, alice.user().id, at(5)).await;
        let again = PhoneChange { is_fresh, ..phone(nth) };
        let bound = t.store.bind_phone(alice.user().id, again, at(6)).await.unwrap();
        assert!(matches!(bound, PhoneBound::Bound(_)));
        assert!(matches!(unmerge(&*t.other, bob, at(7)).await, Unmerged::Done { .. }));
        // What tells no time proves nothing about since when.
        let (has, has_not) = if is_fresh { (alice.user().id, bob) } else { (bob, alice.user().id) };
        assert_eq!(t.store.user_by_phone([nth; 32]).await.unwrap().unwrap().id, has);
        assert!(t.store.user(has).await.unwrap().unwrap().phone_masked.is_some());
        assert_eq!(t.store.user(has_not).await.unwrap().unwrap().phone_masked, None);
    }
}

/// Both are one person: the number is not taken from anybody.
pub(in crate::store) async fn a_number_that_stayed_with_ones_other_name_is_ones_own(t: Bench) {
    let alice = open(&*t.store, with_phone(opening("alice", at(0)), 1)).await.user().id;
    let bob = open(&*t.store, with_phone(opening("bob", at(0)), 2)).await.user().id;
    merge(&*t.store, bob, alice, at(5)).await;
    let PhoneBound::Bound(bound) = t.store.bind_phone(alice, signed_phone(2), at(6)).await.unwrap() else {
        panic!("it was hers");
    };
    assert_eq!((bound.id, bound.phone_masked.as_deref()), (alice, Some("138****0002")));
}

pub(in crate::store) async fn what_somebody_chose_goes_over_as_their_choice(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let bob = open(&*t.store, called(opening("bob", at(1)), "Bob")).await;
    let plan = merge(&*t.store, bob.user().id, alice.user().id, at(5)).await;
    let told = ProfileChange { nickname: Some("A. L.".into()), avatar_url: None, is_chosen: false };
    let merged = open(&*t.store, Opening { profile: told.clone(), ..opening("alice", at(6)) }).await;
    assert_eq!(merged.user().nickname.as_deref(), Some("Bob"));
    assert_eq!((merged.user().nickname_chosen_at, plan.stayed().nickname_chosen_at), (Some(at(1)), Some(at(1))));
    let same = ProfileChange { nickname: Some("Bob".into()), is_chosen: true, ..told };
    t.store.change_profile(alice.user().id, same, at(7)).await.unwrap().unwrap();
    unmerge(&*t.store, bob.user().id, at(8)).await;
    let named = async |user| {
        let row = t.store.user(user).await.unwrap().unwrap();
        (row.nickname, row.nickname_chosen_at)
    };
    assert_eq!(named(alice.user().id).await, (Some("Bob".into()), Some(at(7))), "the one who stayed chose it, too");
    assert_eq!(named(bob.user().id).await, (Some("Bob".into()), Some(at(1))));
}

fn showing(opening: Opening, picture: &str) -> Opening {
    let avatar_url = Some(format!("https://example.com/{picture}"));
    Opening { profile: ProfileChange { nickname: None, avatar_url, is_chosen: true }, ..opening }
}

/// Which pictures anybody may still show because of this user.
async fn pictures(t: &Bench, user: UserId) -> Vec<String> {
    let addresses = t.other.pictures_of(user).await.unwrap();
    let mut shown: Vec<String> = addresses.iter().map(|it| it.rsplit('/').next().unwrap().to_owned()).collect();
    shown.sort();
    shown.dedup();
    shown
}

pub(in crate::store) async fn each_ones_own_picture_is_theirs_until_a_merge_is_final(t: Bench) {
    let alice = open(&*t.store, showing(opening("alice", at(0)), "a")).await.user().id;
    let bob = sign_in(&*t.store, "bob", at(0)).await.user().id;
    let carol = sign_in(&*t.store, "carol", at(0)).await.user().id;
    assert_eq!(pictures(&t, alice).await, ["a"]);
    assert!(pictures(&t, bob).await.is_empty() && pictures(&t, new_id(at(0))).await.is_empty());
    merge(&*t.store, alice, bob, at(5)).await;
    merge(&*t.store, bob, carol, at(5).plus(Duration::from_hours(24))).await;
    let change = ProfileChange { nickname: None, avatar_url: Some("https://example.com/c".into()), is_chosen: true };
    t.store.change_profile(carol, change, at(7)).await.unwrap().unwrap();
    for user in [alice, bob, carol] {
        assert_eq!(pictures(&t, user).await, ["a", "c"]);
    }
    let days = |days: u64| at(5).plus(Duration::from_hours(24 * days));
    t.store.sweep(sweeping(days(30).plus(Duration::from_secs(1)))).await.unwrap();
    assert_eq!((t.raw)("SELECT count(*) FROM merges"), "1", "the first one is final");
    assert_eq!(pictures(&t, alice).await, ["a", "c"], "her picture came to bob, and bob may come back");
    t.store.sweep(sweeping(days(32))).await.unwrap();
    for user in [alice, bob, carol] {
        assert_eq!(pictures(&t, user).await, ["c"]);
    }
}
