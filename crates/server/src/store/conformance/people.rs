//! Profiles, phone numbers and platform session keys: what is kept of people, and what gives way to what.

use std::time::Duration;

use super::Bench;
use super::sample::{
    MASTER, at, fresh, identity, in_club, new_id, open, opening, phone, sealed, sign_in, signed_phone, with_phone,
};
use crate::store::{KeptKey, KeyReset, Opening, PhoneBound, PhoneChange, ProfileChange, Store, UserRow};

fn profile(nickname: Option<&str>, avatar_url: Option<&str>) -> ProfileChange {
    ProfileChange { nickname: nickname.map(Into::into), avatar_url: avatar_url.map(Into::into), is_chosen: true }
}

fn with_profile(opening: Opening, nickname: Option<&str>, avatar_url: Option<&str>) -> Opening {
    Opening { profile: profile(nickname, avatar_url), ..opening }
}

fn shown(user: &UserRow) -> (Option<&str>, Option<&str>) {
    (user.nickname.as_deref(), user.avatar_url.as_deref())
}

const PICTURE: &str = "https://example.com/a.png";

pub(in crate::store) async fn what_somebody_brought_of_a_profile_is_kept(t: Bench) {
    let first = open(&*t.store, with_profile(opening("alice", at(0)), Some("Alice"), Some(PICTURE))).await;
    assert_eq!(shown(first.user()), (Some("Alice"), Some(PICTURE)));
    let second = open(&*t.store, with_profile(opening("alice", at(1)), Some("爱丽丝"), None)).await;
    assert_eq!(shown(second.user()), (Some("爱丽丝"), Some(PICTURE)), "answered as it stands now");
    assert_eq!(t.other.user(first.user().id).await.unwrap().as_ref(), Some(second.user()));
    let unionid = Some(("union".into(), "company".into()));
    open(&*t.store, Opening { unionid: unionid.clone(), ..opening("alice", at(2)) }).await;
    let joined = with_profile(in_club(Opening { unionid, ..opening("alice", at(3)) }), Some("Al"), None);
    assert_eq!(shown(open(&*t.store, joined).await.user()), (Some("Al"), Some(PICTURE)), "through another app too");
}

pub(in crate::store) async fn what_is_not_given_never_overwrites(t: Bench) {
    open(&*t.store, with_profile(opening("alice", at(0)), Some("Alice"), Some(PICTURE))).await;
    let anonymous = sign_in(&*t.store, "alice", at(1)).await;
    assert_eq!(shown(anonymous.user()), (Some("Alice"), Some(PICTURE)));
    let changed = t.store.change_profile(anonymous.user().id, ProfileChange::default(), at(2)).await.unwrap();
    assert_eq!(changed.as_ref(), Some(anonymous.user()));
}

pub(in crate::store) async fn a_profile_changes_in_part(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let bob = sign_in(&*t.store, "bob", at(0)).await;
    let named = t.store.change_profile(alice.user().id, profile(Some("Alice"), None), at(1)).await.unwrap().unwrap();
    assert_eq!(shown(&named), (Some("Alice"), None));
    let seen = t.other.change_profile(alice.user().id, profile(None, Some(PICTURE)), at(2)).await.unwrap().unwrap();
    assert_eq!(shown(&seen), (Some("Alice"), Some(PICTURE)));
    assert_eq!(t.store.user(alice.user().id).await.unwrap(), Some(seen));
    assert_eq!(t.store.user(bob.user().id).await.unwrap().as_ref(), Some(bob.user()));
}

/// What a platform says of somebody.
fn told(nickname: Option<&str>, avatar_url: Option<&str>) -> ProfileChange {
    ProfileChange { is_chosen: false, ..profile(nickname, avatar_url) }
}

pub(in crate::store) async fn what_a_platform_tells_takes_the_place_of_its_own_words_alone(t: Bench) {
    let tells = |secs, told: ProfileChange| Opening { profile: told, ..opening("alice", at(secs)) };
    let chosen = |user: &UserRow| (user.nickname_chosen_at, user.avatar_chosen_at);
    let first = open(&*t.store, tells(0, told(Some("Alice L."), Some(PICTURE)))).await;
    assert_eq!((shown(first.user()), chosen(first.user())), ((Some("Alice L."), Some(PICTURE)), (None, None)));
    let newer = open(&*t.store, tells(1, told(Some("Alice M."), Some("https://example.com/b.png")))).await;
    assert_eq!(shown(newer.user()), (Some("Alice M."), Some("https://example.com/b.png")), "it refreshes its own");

    let alice = first.user().id;
    t.store.change_profile(alice, profile(Some("小明"), None), at(2)).await.unwrap().unwrap();
    let later = open(&*t.other, tells(3, told(Some("Alice N."), Some(PICTURE)))).await;
    assert_eq!(shown(later.user()), (Some("小明"), Some(PICTURE)), "each by itself");
    assert_eq!(chosen(later.user()), (Some(at(2)), None));
    assert_eq!(t.store.user(alice).await.unwrap().as_ref(), Some(later.user()));
    t.store.change_profile(alice, profile(None, Some(PICTURE)), at(4)).await.unwrap().unwrap();
    let last = open(&*t.store, tells(5, told(Some("Alice O."), Some("https://example.com/c.png")))).await;
    assert_eq!(shown(last.user()), (Some("小明"), Some(PICTURE)), "what was told becomes a choice when it is chosen");
    assert_eq!(chosen(last.user()), (Some(at(2)), Some(at(4))));
    let anew = open(&*t.store, with_profile(opening("alice", at(6)), Some("小明"), None)).await;
    assert_eq!(chosen(anew.user()), (Some(at(6)), Some(at(4))), "the same once more is chosen anew");

    let bob = open(&*t.store, with_profile(opening("bob", at(0)), Some("Bob"), None)).await;
    let still = open(&*t.store, Opening { profile: told(Some("B."), Some(PICTURE)), ..opening("bob", at(1)) }).await;
    assert_eq!((chosen(bob.user()), shown(still.user())), ((Some(at(0)), None), (Some("Bob"), Some(PICTURE))));
}

pub(in crate::store) async fn a_user_who_is_not_there_changes_nothing(t: Bench) {
    sign_in(&*t.store, "alice", at(0)).await;
    let changed = t.store.change_profile(new_id(at(0)), profile(Some("Ghost"), None), at(1)).await.unwrap();
    assert_eq!(changed, None);
}

async fn masked(store: &dyn Store, user: &UserRow) -> Option<String> {
    store.user(user.id).await.unwrap().unwrap().phone_masked
}

/// The rows of all numbers, and what is sealed in them.
async fn numbers(store: &dyn Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let sealed = store.sealed_elsewhere([0; 4], 1000).await.unwrap();
    let phones = sealed.into_iter().filter(|value| value.table == "phones");
    phones.map(|value| (value.row, value.sealed)).collect()
}

pub(in crate::store) async fn a_proved_number_is_shown_masked(t: Bench) {
    let new = open(&*t.store, with_phone(opening("alice", at(0)), 1)).await;
    assert_eq!(new.user().phone_masked.as_deref(), Some("138****0001"));
    let known = sign_in(&*t.store, "bob", at(1)).await;
    let proved = phone(2);
    let again = open(&*t.store, Opening { phone: Some(proved.clone()), ..opening("bob", at(2)) }).await;
    assert_eq!(again.user().phone_masked.as_deref(), Some("138****0002"));
    assert_eq!(masked(&*t.other, known.user()).await.as_deref(), Some("138****0002"));
    assert!(numbers(&*t.other).await.contains(&(proved.row.to_vec(), proved.sealed)));
}

pub(in crate::store) async fn a_number_moves_to_whom_it_was_proved_for_last(t: Bench) {
    let alice = open(&*t.store, with_phone(opening("alice", at(0)), 1)).await;
    let proved = phone(1);
    let bob = open(&*t.store, Opening { phone: Some(proved.clone()), ..opening("bob", at(1)) }).await;
    assert_ne!(alice.user().id, bob.user().id, "a number merges nobody");
    assert_eq!(masked(&*t.store, alice.user()).await, None);
    assert_eq!(masked(&*t.store, bob.user()).await.as_deref(), Some("138****0001"));
    assert_eq!(numbers(&*t.store).await, [(proved.row.to_vec(), proved.sealed)]);
}

pub(in crate::store) async fn a_user_has_one_number(t: Bench) {
    let alice = open(&*t.store, with_phone(opening("alice", at(0)), 1)).await;
    let proved = phone(2);
    open(&*t.store, Opening { phone: Some(proved.clone()), ..opening("alice", at(1)) }).await;
    assert_eq!(masked(&*t.store, alice.user()).await.as_deref(), Some("138****0002"));
    assert_eq!(numbers(&*t.store).await, [(proved.row.to_vec(), proved.sealed)]);
    let bob = open(&*t.store, with_phone(opening("bob", at(2)), 1)).await;
    assert_eq!(bob.user().phone_masked.as_deref(), Some("138****0001"), "the former number is free");
    // Each takes the other's: one has none in between.
    open(&*t.store, with_phone(opening("bob", at(3)), 2)).await;
    assert_eq!(masked(&*t.store, alice.user()).await, None);
    open(&*t.store, with_phone(opening("alice", at(4)), 1)).await;
    assert_eq!(masked(&*t.store, alice.user()).await.as_deref(), Some("138****0001"));
    assert_eq!(masked(&*t.store, bob.user()).await.as_deref(), Some("138****0002"));
    assert_eq!(numbers(&*t.store).await.len(), 2);
}

pub(in crate::store) async fn the_same_number_again_changes_nothing(t: Bench) {
    open(&*t.store, with_phone(opening("alice", at(0)), 1)).await;
    let before = numbers(&*t.store).await;
    let again = open(&*t.store, with_phone(opening("alice", at(1)), 1)).await;
    assert_eq!(again.user().phone_masked.as_deref(), Some("138****0001"));
    assert_eq!(numbers(&*t.store).await, before);
}

pub(in crate::store) async fn racing_proofs_of_one_number_leave_one_holder(t: Bench) {
    let opened = t
        .race(
            10,
            |node, nth| async move { open(&*node, with_phone(opening(&format!("person {nth}"), at(0)), 1)).await },
        )
        .await;
    let mut holders = Vec::new();
    for it in &opened {
        holders.extend(masked(&*t.store, it.user()).await);
    }
    assert_eq!(holders, ["138****0001"]);
    assert_eq!(numbers(&*t.store).await.len(), 1);
}

/// A sign-in that brings this `session_key`.
fn with_session_key(opening: Opening, key: &str) -> Opening {
    let mut digest = [0; 32];
    digest[..key.len()].copy_from_slice(key.as_bytes());
    Opening { session_key: Some((fresh(), sealed(MASTER, key), digest)), ..opening }
}

/// The keys that open data of `person` in shop, each with its row's name and when it was superseded.
async fn keys(store: &dyn Store, person: &str, secs: i64) -> Vec<([u8; 16], Vec<u8>, Option<menjin_token::Timestamp>)> {
    let kept = store.session_keys(&identity(person), at(secs)).await.unwrap();
    kept.into_iter().map(|KeptKey { row, sealed, superseded_at }| (row, sealed, superseded_at)).collect()
}

pub(in crate::store) async fn the_newest_session_key_comes_first_and_the_one_before_for_a_while(t: Bench) {
    let mut rows = Vec::new();
    for (key, secs) in [("one", 0), ("two", 10), ("three", 20)] {
        let opening = with_session_key(opening("alice", at(secs)), key);
        rows.extend(opening.session_key.as_ref().map(|(row, ..)| *row));
        let until = at(secs).plus(Duration::from_mins(10));
        open(&*t.store, Opening { superseded_until: until, ..opening }).await;
    }
    let three = (rows[2], sealed(MASTER, "three"), None);
    let two = (rows[1], sealed(MASTER, "two"), Some(at(20)));
    let one = (rows[0], sealed(MASTER, "one"), Some(at(10)));
    assert_eq!(keys(&*t.other, "alice", 21).await, [three.clone(), two.clone(), one.clone()]);
    assert_eq!(keys(&*t.other, "alice", 609).await, [three.clone(), two.clone(), one]);
    assert_eq!(keys(&*t.other, "alice", 610).await, [three.clone(), two], "the first was kept until then");
    assert_eq!(keys(&*t.other, "alice", 620).await, [three]);
}

pub(in crate::store) async fn an_unchanged_session_key_supersedes_nothing(t: Bench) {
    let first = with_session_key(opening("alice", at(0)), "one");
    let row = first.session_key.as_ref().map(|(row, ..)| *row).unwrap();
    open(&*t.store, first).await;
    open(&*t.store, with_session_key(opening("alice", at(10)), "one")).await;
    sign_in(&*t.store, "alice", at(20)).await;
    assert_eq!(keys(&*t.store, "alice", 21).await, [(row, sealed(MASTER, "one"), None)]);
}

pub(in crate::store) async fn session_keys_are_an_identitys_own(t: Bench) {
    assert_eq!(keys(&*t.store, "alice", 0).await, []);
    open(&*t.store, in_club(with_session_key(opening("alice", at(0)), "of club"))).await;
    sign_in(&*t.store, "alice", at(1)).await;
    open(&*t.store, with_session_key(opening("bob", at(2)), "of bob")).await;
    assert_eq!(keys(&*t.store, "alice", 3).await, []);
    open(&*t.store, with_session_key(opening("alice", at(4)), "of shop")).await;
    let sealed_keys: Vec<_> = keys(&*t.store, "alice", 5).await.into_iter().map(|(_, sealed, _)| sealed).collect();
    assert_eq!(sealed_keys, [sealed(MASTER, "of shop")]);
}

async fn bind(store: &dyn Store, user: &UserRow, phone: PhoneChange, secs: i64) -> UserRow {
    let PhoneBound::Bound(user) = store.bind_phone(user.id, phone, at(secs)).await.unwrap() else {
        panic!("it is theirs");
    };
    *user
}

/// Whoever had the number years ago may still have such a proof.
pub(in crate::store) async fn a_proof_that_tells_neither_when_nor_for_whom_takes_a_number_from_nobody(t: Bench) {
    let alice = open(&*t.store, with_phone(opening("alice", at(0)), 1)).await;
    let before = numbers(&*t.store).await;
    let mallory = open(&*t.store, Opening { phone: Some(signed_phone(1)), ..opening("mallory", at(1)) }).await;
    assert_eq!(mallory.user().phone_masked, None, "the sign-in goes on without it");
    let again = Opening { phone: Some(signed_phone(1)), ..opening("mallory", at(2)) };
    assert_eq!(open(&*t.other, again).await.user().phone_masked, None);
    let later = t.store.bind_phone(mallory.user().id, signed_phone(1), at(3)).await.unwrap();
    assert_eq!(later, PhoneBound::Taken);
    assert_eq!(masked(&*t.store, alice.user()).await.as_deref(), Some("138****0001"));
    assert_eq!(numbers(&*t.store).await, before);
    assert_eq!((t.raw)("SELECT count(*) FROM audit WHERE action = 'phone.moved'"), "0");

    let free = bind(&*t.store, mallory.user(), signed_phone(2), 4).await;
    assert_eq!(free.phone_masked.as_deref(), Some("138****0002"), "nobody had it");
    bind(&*t.store, mallory.user(), signed_phone(2), 5).await;
    assert_eq!(t.store.bind_phone(alice.user().id, signed_phone(2), at(6)).await.unwrap(), PhoneBound::Taken);
    bind(&*t.store, alice.user(), phone(2), 7).await;
    assert_eq!(masked(&*t.store, mallory.user()).await, None, "a fresh proof moves it all the same");
}

pub(in crate::store) async fn of_racing_proofs_that_tell_neither_one_binds_a_free_number(t: Bench) {
    let mut people = Vec::new();
    for nth in 0..8 {
        people.push(sign_in(&*t.store, &format!("person {nth}"), at(0)).await.user().id);
    }
    let ids = people.clone();
    let bound = t
        .race(8, move |node, nth| {
            let user = ids[nth];
            async move { node.bind_phone(user, signed_phone(1), at(1)).await.unwrap() }
        })
        .await;
    assert_eq!(bound.iter().filter(|it| matches!(it, PhoneBound::Bound(_))).count(), 1, "{bound:?}");
    assert_eq!(bound.iter().filter(|it| **it == PhoneBound::Taken).count(), 7, "{bound:?}");
    assert_eq!(numbers(&*t.store).await.len(), 1);
}

pub(in crate::store) async fn a_number_that_is_proved_later_is_bound_like_one_of_a_sign_in(t: Bench) {
    let alice = open(&*t.store, with_phone(opening("alice", at(0)), 1)).await;
    let bob = sign_in(&*t.store, "bob", at(0)).await;
    let bound = bind(&*t.store, bob.user(), phone(2), 1).await;
    assert_eq!(bound.phone_masked.as_deref(), Some("138****0002"));
    let before = numbers(&*t.store).await;
    bind(&*t.store, bob.user(), phone(2), 2).await;
    assert_eq!(numbers(&*t.store).await, before, "the same number again changes nothing");
    let moved = bind(&*t.other, bob.user(), phone(1), 3).await;
    assert_eq!(moved.phone_masked.as_deref(), Some("138****0001"));
    assert_eq!(masked(&*t.store, alice.user()).await, None, "the newest proof wins");
    assert_eq!(numbers(&*t.store).await.len(), 1, "a user has one number");
    assert_eq!(t.store.bind_phone(new_id(at(0)), phone(1), at(4)).await.unwrap(), PhoneBound::Nobody);
    assert_eq!(masked(&*t.store, bob.user()).await.as_deref(), Some("138****0001"), "nobody takes it from them");
}

pub(in crate::store) async fn racing_proofs_of_people_who_are_there_leave_one_holder(t: Bench) {
    let mut people = Vec::new();
    for nth in 0..10 {
        people.push(open(&*t.store, with_phone(opening(&format!("person {nth}"), at(0)), 10 + nth)).await.user().id);
    }
    let ids = people.clone();
    let bound = t
        .race(40, move |node, nth| {
            // Everybody proves the same number, their own, and their neighbours'.
            let number = [1, 10 + u8::try_from(nth % 10).unwrap(), 10 + u8::try_from((nth + 1) % 10).unwrap()][nth % 3];
            let user = ids[nth % 10];
            async move { node.bind_phone(user, phone(number), at(1)).await.is_ok() }
        })
        .await;
    assert!(bound.into_iter().all(|is_bound| is_bound), "nobody waits for whoever waits for them");
    let mut shown = Vec::new();
    for id in &people {
        shown.extend(t.store.user(*id).await.unwrap().unwrap().phone_masked);
    }
    let count = shown.len();
    shown.sort();
    shown.dedup();
    assert_eq!((shown.len(), numbers(&*t.store).await.len()), (count, count), "each number has one holder");
}

fn digest(key: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..key.len()].copy_from_slice(key.as_bytes());
    digest
}

fn reset(former: &str, fresh_key: Option<&str>) -> KeyReset {
    let fresh = fresh_key.map(|key| (fresh(), sealed(MASTER, key), digest(key)));
    KeyReset { identity: identity("alice"), former: digest(former), fresh }
}

async fn key_texts(store: &dyn Store, secs: i64) -> Vec<Vec<u8>> {
    keys(store, "alice", secs).await.into_iter().map(|(_, sealed, _)| sealed).collect()
}

pub(in crate::store) async fn a_reset_forgets_every_key_but_the_new_one(t: Bench) {
    for (key, secs) in [("one", 0), ("two", 10), ("three", 20)] {
        open(&*t.store, with_session_key(opening("alice", at(secs)), key)).await;
        open(&*t.store, with_session_key(opening("bob", at(secs)), key)).await;
    }
    t.store.reset_session_keys(reset("three", Some("four"))).await.unwrap();
    assert_eq!(key_texts(&*t.other, 21).await, [sealed(MASTER, "four")]);
    assert_eq!(keys(&*t.store, "bob", 21).await.len(), 3, "an identity's own");
    open(&*t.store, with_session_key(opening("alice", at(30)), "five")).await;
    t.store.reset_session_keys(reset("four", Some("of an older answer"))).await.unwrap();
    assert_eq!(key_texts(&*t.store, 31).await, [sealed(MASTER, "five")], "a later sign-in's key stays");
    t.store.reset_session_keys(reset("five", None)).await.unwrap();
    assert!(key_texts(&*t.store, 32).await.is_empty(), "a key that died without a known successor is gone");
    let nobody = KeyReset { identity: identity("carol"), ..reset("five", Some("six")) };
    t.store.reset_session_keys(nobody).await.unwrap();
}
