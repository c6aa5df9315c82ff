//! Two users made one and made two again: what goes over, what the feed tells, and that nothing is left with somebody who is no
//! more, whoever races.

use std::time::Duration;

use menjin_token::{Timestamp, UserId};

use super::Bench;
use super::identities::{in_club_of, linking, proved};
use super::moving::{self, move_in, newcomer};
use super::passwords::{changing, first, password};
use super::sample::{
    SignedIn, TOKEN_LIFE, at, ended, identity, in_club, live, new_id, open, opening, phone, sign_in, sorted, sweeping,
    with_phone,
};
use super::session_data::{of, of_user, put, read, write};
use crate::store::{
    Actor, Ban, EndReason, EventKind, Linked, MergePlan, MergeRefused, Merged, Merging, MovedIn, Newcomer, Opened,
    Opening, PasswordSet, ProfileChange, Store, Unmerged, Unmerging, Who,
};

fn merging(from: UserId, into: UserId, now: Timestamp) -> Merging {
    let (until, tokens_until) = (now.plus(Duration::from_hours(720)), now.plus(TOKEN_LIFE));
    Merging { from, into, by: Actor::command(), rehearsal: false, now, until, tokens_until }
}

pub(super) async fn merge(store: &dyn Store, from: UserId, into: UserId, now: Timestamp) -> MergePlan {
    match store.merge_users(merging(from, into, now)).await.unwrap() {
        Merged::Done(plan) => *plan,
        Merged::Refused(why) => panic!("{why:?}"),
    }
}

fn unmerging(alias: UserId, now: Timestamp) -> Unmerging {
    Unmerging { alias, by: Actor::command(), now, tokens_until: now.plus(TOKEN_LIFE) }
}

pub(super) async fn unmerge(store: &dyn Store, alias: UserId, now: Timestamp) -> Unmerged {
    store.unmerge_user(unmerging(alias, now)).await.unwrap()
}

fn with_unionid(opening: Opening) -> Opening {
    Opening { unionid: Some(("union".into(), "company".into())), ..opening }
}

pub(super) fn called(opening: Opening, nickname: &str) -> Opening {
    Opening { profile: ProfileChange { nickname: Some(nickname.into()), avatar_url: None, is_chosen: true }, ..opening }
}

/// Somebody with a password, who signed in again after it was set.
async fn with_password(t: &Bench, opening: Opening, name: &str) -> SignedIn {
    let again = Opening { session: new_id(at(1)), grant: new_id(at(1)), phone: None, code: None, ..opening.clone() };
    let user = open(&*t.store, opening).await.user().id;
    t.store.set_password(first(user, password(name, "hash"))).await.unwrap();
    open(&*t.store, again).await
}

/// An import that comes again finds them by the one who stays.
pub(in crate::store) async fn who_was_merged_is_there_for_an_import(t: Bench) {
    let bob = || Newcomer { external_id: Some("old-7".into()), ..newcomer(7, "bob") };
    assert_eq!(move_in(&*t.store, [bob()]).await, [MovedIn::Made]);
    let goes = t.store.user_by_number(7).await.unwrap().unwrap().id;
    let vouched = Opening { who: Who::ExternalId("crm-1".into()), ..opening("alice", at(1)) };
    let stays = open(&*t.store, vouched).await.user().id;
    merge(&*t.store, goes, stays, at(2)).await;
    assert_eq!(move_in(&*t.store, [bob()]).await, [MovedIn::There]);
    let mut more = bob();
    more.identities.push(moving::in_club("bob"));
    assert_eq!(move_in(&*t.store, [more]).await, [MovedIn::Completed]);
    assert_eq!(open(&*t.store, in_club(opening("bob", at(3)))).await.user().id, stays);
}

/// Who has what row, whatever leads to it.
fn rows_of(t: &Bench, table: &str, number: i64) -> String {
    (t.raw)(&format!("SELECT count(*) FROM {table} WHERE user_number = {number}"))
}

pub(in crate::store) async fn every_name_of_who_was_merged_leads_to_who_stays(t: Bench) {
    let elder = sign_in(&*t.store, "alice", at(0)).await;
    let vouched = Opening { who: Who::ExternalId("m-1".into()), ..with_phone(opening("bob", at(1)), 1) };
    let younger = open(&*t.store, called(vouched, "Bob")).await;
    let second = open(&*t.store, Opening { who: Who::User(younger.user().id), ..opening("bob", at(2)) }).await;
    let linked = t.store.link_identity(linking(younger.user().id, proved(in_club_of("bob"), at(2)))).await.unwrap();
    assert!(matches!(linked, Linked::Linked(_)));
    let (stays, goes) = (elder.user().id, younger.user().id);

    let plan = merge(&*t.store, goes, stays, at(5)).await;
    assert_eq!(plan.ended, sorted([&younger, &second]));
    assert_eq!((plan.moved.identities.len(), plan.moved.phone, plan.moved.external_id), (1, true, true));
    assert!(plan.moved.nickname && !plan.moved.avatar && !plan.moved.password);

    let user = t.other.user(stays).await.unwrap().unwrap();
    assert_eq!((user.nickname.as_deref(), user.phone_masked.as_deref()), (Some("Bob"), Some("138****0001")));
    assert_eq!(t.other.user(goes).await.unwrap().as_ref(), Some(&user));
    assert_eq!(t.other.user_by_number(younger.user().number).await.unwrap().as_ref(), Some(&user));
    assert_eq!(t.other.user_by_external_id("m-1").await.unwrap().as_ref(), Some(&user));
    assert_eq!(t.other.user_by_phone([1; 32]).await.unwrap().as_ref(), Some(&user));
    let account = t.other.account(goes).await.unwrap().unwrap();
    assert_eq!((account.user.id, account.external_id.as_deref()), (stays, Some("m-1")));
    assert_eq!((account.aliases, account.identities.len()), (vec![goes], 2));
    assert_eq!(t.other.aliases_of(stays).await.unwrap(), [goes]);
    assert_eq!(t.other.own_id(younger.user().number).await.unwrap(), Some(goes), "the number is their own still");
    assert_eq!(t.other.own_id(elder.user().number).await.unwrap(), Some(stays));
    assert_eq!(t.other.own_id(i64::MAX).await.unwrap(), None);
    for who in [
        Who::User(goes),
        Who::Number(younger.user().number),
        Who::ExternalId("m-1".into()),
        Who::Identity(in_club_of("bob")),
        Who::Identity(identity("alice")),
    ] {
        let again = open(&*t.other, Opening { who, ..opening("nobody", at(6)) }).await;
        assert!(!again.is_new_user);
        assert_eq!(again.user().id, stays);
    }
    let changed = ProfileChange { nickname: Some("Both".into()), avatar_url: None, is_chosen: true };
    let changed = t.store.change_profile(goes, changed, at(7)).await.unwrap().unwrap();
    assert_eq!((changed.id, changed.nickname.as_deref()), (stays, Some("Both")));
    let ban = Ban { user: goes, now: at(8), tokens_until: at(8).plus(TOKEN_LIFE), by: Actor::command() };
    t.store.disable_user(ban).await.unwrap().unwrap();
    assert!(t.store.user(stays).await.unwrap().unwrap().disabled_at.is_some());
    assert_eq!(live(&*t.store, &user, at(9)).await, []);
}

pub(in crate::store) async fn the_sessions_of_who_was_merged_end_and_are_told_of(t: Bench) {
    let (alice, bob) = (sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "bob", at(0)).await);
    merge(&*t.store, bob.user().id, alice.user().id, at(5)).await;
    assert_eq!(ended(&*t.other, bob.session()).await, Some(EndReason::UserMerged));
    assert_eq!(ended(&*t.other, alice.session()).await, None);
    let events = t.other.events_since(0).await.unwrap();
    let mut told: Vec<_> = events.iter().map(|event| (event.kind.word(), event.reason.as_str())).collect();
    told.sort_unstable();
    assert_eq!(told, [("session_ended", "user_merged"), ("user_not_before", "user_merged")]);
    assert!(events.iter().any(|event| event.kind == EventKind::UserNotBefore(bob.user().id)));
    assert!(events.iter().all(|event| event.until == at(5).plus(TOKEN_LIFE)));
    let lines =
        |action: &str| (t.raw)(&format!("SELECT count(*) FROM audit WHERE action = '{action}' AND actor = 'operator'"));
    let count = ["user.merged", "user.became_alias", "session.ended"].map(lines);
    assert_eq!(count, ["1", "1", "1"]);
}

pub(in crate::store) async fn who_stays_keeps_what_they_have(t: Bench) {
    let alice = with_password(&t, called(with_phone(opening("alice", at(0)), 1), "Alice"), "alice").await;
    let bob = with_password(&t, called(with_phone(opening("bob", at(0)), 2), "Bob"), "bob").await;
    for (user, name) in [(&alice, "alice"), (&bob, "bob")] {
        write(&*t.store, of_user(user), put("who", &format!("{name:?}"))).await;
    }
    let only_bobs = crate::store::DataPlace { audience: "club-api".into(), ..of_user(&bob) };
    write(&*t.store, only_bobs, put("level", "3")).await;
    let plan = merge(&*t.store, bob.user().id, alice.user().id, at(5)).await;
    assert_eq!(plan.moved.data, ["club-api"]);
    assert!(!plan.moved.phone && !plan.moved.nickname && !plan.moved.password);
    let user = t.store.user(alice.user().id).await.unwrap().unwrap();
    assert_eq!((user.nickname.as_deref(), user.phone_masked.as_deref()), (Some("Alice"), Some("138****0001")));
    let map = read(&*t.store, &of_user(&alice), at(6)).await;
    assert!(String::from_utf8_lossy(&map.text).contains("alice"), "{map:?}");
    let moved = crate::store::DataPlace { audience: "club-api".into(), ..of_user(&alice) };
    assert!(String::from_utf8_lossy(&read(&*t.store, &moved, at(6)).await.text).contains("level"));
    let row = t.store.password_of(alice.user().id).await.unwrap().unwrap();
    assert_eq!(row.username, "alice");
    assert!(t.store.password_by_name("bob").await.unwrap().is_none());
    let by_it = Opening { who: Who::Password(bob.user().id, row.changed_at), ..opening("bob", at(6)) };
    let refused = t.store.open_session(Opening { amr: "pwd", ..by_it }).await.unwrap();
    assert!(matches!(refused, Opened::Unknown), "a password that stayed behind signs nobody in");
    assert_eq!(t.store.user_by_phone([2; 32]).await.unwrap().unwrap().id, alice.user().id);
}

pub(in crate::store) async fn a_rehearsal_tells_the_same_and_changes_nothing(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let bob = open(&*t.store, with_phone(opening("bob", at(0)), 1)).await;
    let wanted = merging(bob.user().id, alice.user().id, at(5));
    let told = t.store.merge_users(Merging { rehearsal: true, ..wanted.clone() }).await.unwrap();
    assert_eq!(ended(&*t.other, bob.session()).await, None);
    assert_eq!(t.other.user(bob.user().id).await.unwrap().unwrap().id, bob.user().id);
    assert_eq!((t.raw)("SELECT count(*) FROM audit WHERE action = 'user.merged'"), "0");
    assert_eq!(t.store.merge_users(wanted).await.unwrap(), told);
}

pub(in crate::store) async fn who_is_not_free_is_not_merged(t: Bench) {
    let mut users = Vec::new();
    for person in ["alice", "bob", "carol"] {
        users.push(sign_in(&*t.store, person, at(0)).await.user().id);
    }
    let [alice, bob, carol] = users[..] else { panic!("three") };
    let refused = async |from, into| match t.store.merge_users(merging(from, into, at(5))).await.unwrap() {
        Merged::Refused(why) => why,
        Merged::Done(plan) => panic!("{plan:?}"),
    };
    let nobody = new_id(at(0));
    assert_eq!(refused(alice, alice).await, MergeRefused::Same);
    assert_eq!(refused(nobody, alice).await, MergeRefused::Unknown(nobody));
    assert_eq!(refused(alice, nobody).await, MergeRefused::Unknown(nobody));
    merge(&*t.store, bob, alice, at(5)).await;
    for (from, into) in [(bob, alice), (alice, bob), (bob, carol), (carol, bob)] {
        assert_eq!(refused(from, into).await, MergeRefused::AlreadyMerged { alias: bob, of: alice });
    }
    let ban = Ban { user: carol, now: at(6), tokens_until: at(6).plus(TOKEN_LIFE), by: Actor::command() };
    t.store.disable_user(ban).await.unwrap().unwrap();
    assert_eq!(refused(carol, alice).await, MergeRefused::Disabled(carol));
    assert_eq!(refused(alice, carol).await, MergeRefused::Disabled(carol));
    (t.raw)("UPDATE users SET disabled_at = NULL, deletes_at = 1");
    assert!(matches!(refused(carol, alice).await, MergeRefused::Deleting(_)));
}

pub(in crate::store) async fn what_was_merged_comes_apart_again(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let vouched = Opening { who: Who::ExternalId("m-1".into()), ..with_phone(opening("bob", at(1)), 1) };
    let bob = with_password(&t, called(vouched, "Bob"), "bob").await;
    t.store.link_identity(linking(bob.user().id, proved(in_club_of("bob"), at(1)))).await.unwrap();
    write(&*t.store, of_user(&bob), put("who", "1")).await;
    let before = t.store.account(bob.user().id).await.unwrap().unwrap();
    assert_eq!(unmerge(&*t.store, bob.user().id, at(4)).await, Unmerged::NotMerged);
    merge(&*t.store, bob.user().id, alice.user().id, at(5)).await;
    let since = open(&*t.store, in_club(opening("bob", at(6)))).await;
    assert_eq!(since.user().id, alice.user().id);

    let Unmerged::Done { from, ended: mut over } = unmerge(&*t.other, bob.user().id, at(7)).await else {
        panic!("it can be undone");
    };
    over.sort_unstable();
    assert_eq!((from, over), (alice.user().id, sorted([&alice, &since])), "nobody can tell whose they were");
    assert_eq!(t.store.account(bob.user().id).await.unwrap().unwrap(), before);
    let stays = t.store.account(alice.user().id).await.unwrap().unwrap();
    assert_eq!((&stays.user, stays.external_id, stays.aliases), (alice.user(), None, vec![]));
    assert_eq!(open(&*t.store, in_club(opening("bob", at(8)))).await.user().id, bob.user().id);
    assert_eq!(sign_in(&*t.store, "alice", at(8)).await.user().id, alice.user().id);
    assert_eq!(t.store.password_of(bob.user().id).await.unwrap().unwrap().username, "bob");
    assert!(t.store.password_of(alice.user().id).await.unwrap().is_none());
    let session = open(&*t.store, Opening { who: Who::ExternalId("m-1".into()), ..opening("bob", at(9)) }).await;
    let map = read(&*t.store, &of_user(&session), at(9)).await;
    assert!(String::from_utf8_lossy(&map.text).contains("who"), "{map:?}");
    assert_eq!(unmerge(&*t.store, bob.user().id, at(10)).await, Unmerged::NotMerged);
    assert_eq!(unmerge(&*t.store, new_id(at(0)), at(10)).await, Unmerged::Unknown);
    merge(&*t.store, alice.user().id, bob.user().id, at(11)).await;
    assert_eq!(t.store.user(alice.user().id).await.unwrap().unwrap().id, bob.user().id, "the other way round");
}

pub(in crate::store) async fn a_merge_into_somebody_who_is_merged_then_leads_on(t: Bench) {
    let mut users = Vec::new();
    for person in ["alice", "bob", "carol"] {
        users.push(sign_in(&*t.store, person, at(0)).await.user().id);
    }
    let [alice, bob, carol] = users[..] else { panic!("three") };
    merge(&*t.store, carol, bob, at(1)).await;
    merge(&*t.store, bob, alice, at(2)).await;
    for user in [alice, bob, carol] {
        assert_eq!(t.other.user(user).await.unwrap().unwrap().id, alice);
    }
    assert_eq!(t.store.aliases_of(alice).await.unwrap(), sorted_ids([bob, carol]));
    assert_eq!(sign_in(&*t.store, "carol", at(3)).await.user().id, alice);
    assert_eq!(unmerge(&*t.store, carol, at(4)).await, Unmerged::Covered, "the later merge is undone first");
    assert!(matches!(unmerge(&*t.store, bob, at(4)).await, Unmerged::Done { from, .. } if from == alice));
    assert_eq!(t.other.user(carol).await.unwrap().unwrap().id, bob, "they came along, and go along");
    assert_eq!(sign_in(&*t.store, "carol", at(5)).await.user().id, bob);
    assert!(matches!(unmerge(&*t.store, carol, at(6)).await, Unmerged::Done { from, .. } if from == bob));
    assert_eq!(sign_in(&*t.store, "carol", at(7)).await.user().id, carol);
}

/// Else what the last one had themselves would go to the first, who may be somebody else.
pub(in crate::store) async fn nobody_gets_what_who_stayed_last_had_themselves(t: Bench) {
    let vouched = |person: &str, number| Opening {
        who: Who::ExternalId(format!("{person}-1")),
        ..with_phone(opening(person, at(0)), number)
    };
    let alice = with_password(&t, vouched("alice", 1), "alice").await;
    let carol = with_password(&t, vouched("carol", 2), "carol").await;
    let bob = sign_in(&*t.store, "bob", at(0)).await;
    for user in [&alice, &carol] {
        write(&*t.store, of_user(user), put("who", "1")).await;
    }
    let (alice, bob, carol) = (alice.user().id, bob.user().id, carol.user().id);
    let before = t.store.account(alice).await.unwrap().unwrap();
    merge(&*t.store, carol, bob, at(1)).await;
    merge(&*t.store, bob, alice, at(2)).await;
    for last_first in [bob, carol] {
        assert!(matches!(unmerge(&*t.store, last_first, at(3)).await, Unmerged::Done { .. }));
    }
    assert_eq!(t.store.account(alice).await.unwrap().unwrap(), before);
    for (user, name) in [(alice, Some("alice")), (bob, None), (carol, Some("carol"))] {
        let password = t.store.password_of(user).await.unwrap();
        assert_eq!(password.as_ref().map(|row| row.username.as_str()), name);
        let account = t.store.account(user).await.unwrap().unwrap();
        assert_eq!(account.external_id, name.map(|name| format!("{name}-1")));
        assert_eq!(account.user.phone_masked.is_some(), name.is_some());
    }
}

pub(in crate::store) async fn a_password_that_was_chosen_since_opens_neither_of_the_two(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().id;
    let bob = with_password(&t, opening("bob", at(0)), "bob").await.user().id;
    merge(&*t.store, bob, alice, at(5)).await;
    let change = changing(&*t.store, alice, "new", at(6)).await;
    assert!(matches!(t.store.set_password(change).await.unwrap(), PasswordSet::Set(_)));
    assert!(matches!(unmerge(&*t.other, bob, at(7)).await, Unmerged::Done { .. }));
    for user in [alice, bob] {
        assert!(t.store.password_of(user).await.unwrap().is_none(), "nobody can tell who chose it");
    }
}

fn sorted_ids<const N: usize>(mut ids: [UserId; N]) -> [UserId; N] {
    ids.sort_unstable();
    ids
}

pub(in crate::store) async fn what_stayed_behind_goes_when_a_merge_is_final(t: Bench) {
    let alice = with_password(&t, called(with_phone(opening("alice", at(0)), 1), "Alice"), "alice").await;
    let vouched = Opening { who: Who::ExternalId("m-1".into()), ..with_phone(opening("bob", at(0)), 2) };
    let bob = with_password(&t, called(vouched, "Bob"), "bob").await;
    for user in [&alice, &bob] {
        write(&*t.store, of_user(user), put("who", "1")).await;
    }
    merge(&*t.store, bob.user().id, alice.user().id, at(5)).await;
    let days = |days: u64| at(5).plus(Duration::from_hours(24 * days));
    t.store.sweep(sweeping(days(30))).await.unwrap();
    assert_eq!((t.raw)("SELECT count(*) FROM merges"), "1", "to the last moment");
    t.store.sweep(sweeping(days(31))).await.unwrap();
    let number = bob.user().number;
    for table in ["phones", "passwords", "merges", "identities"] {
        assert_eq!(rows_of(&t, table, number), "0", "{table}");
    }
    assert_eq!((t.raw)("SELECT count(*) FROM session_data WHERE user_id IS NOT NULL"), "1");
    let left = (t.raw)(&format!(
        "SELECT count(*) FROM users WHERE number = {number} AND nickname IS NULL AND phone_masked IS NULL"
    ));
    assert_eq!(left, "1");
    assert_eq!(unmerge(&*t.store, bob.user().id, days(31)).await, Unmerged::TooLate);
    assert_eq!(t.store.user_by_external_id("m-1").await.unwrap().unwrap().id, alice.user().id);
    assert_eq!(t.store.user(bob.user().id).await.unwrap().unwrap().nickname.as_deref(), Some("Alice"));
}

pub(in crate::store) async fn a_unionid_that_comes_late_makes_two_users_one(t: Bench) {
    let shop = sign_in(&*t.store, "alice", at(0)).await;
    let club = open(&*t.store, with_unionid(in_club(opening("alice", at(1))))).await;
    assert_ne!(shop.user().id, club.user().id);
    let opened = t.other.open_session(with_unionid(opening("alice", at(2)))).await.unwrap();
    let Opened::Open { standing, is_new_user, merged: Some(merged), .. } = opened else { panic!("{opened:?}") };
    assert_eq!((standing.user.id, is_new_user), (shop.user().id, false), "who came first stays");
    assert_eq!((merged.alias, merged.ended), (club.user().id, vec![club.session()]));
    assert_eq!(ended(&*t.store, club.session()).await, Some(EndReason::UserMerged));
    assert_eq!(open(&*t.store, in_club(opening("alice", at(3)))).await.user().id, shop.user().id);
    assert_eq!((t.raw)("SELECT count(*) FROM audit WHERE action = 'user.merged' AND actor = 'system'"), "1");
    assert!(matches!(unmerge(&*t.store, club.user().id, at(4)).await, Unmerged::Done { .. }));
    for node in [&t.store, &t.other] {
        assert_eq!(open(&**node, with_unionid(opening("alice", at(5)))).await.user().id, shop.user().id);
        let club_again = open(&**node, with_unionid(in_club(opening("alice", at(6))))).await;
        assert_eq!(club_again.user().id, club.user().id, "what was undone does not come back by itself");
    }
}

pub(in crate::store) async fn a_late_unionid_merges_within_its_account_alone(t: Bench) {
    let club = open(&*t.store, with_unionid(in_club(opening("alice", at(1))))).await;
    let shop = sign_in(&*t.store, "alice", at(0)).await;
    let unionid = Some(("union".to_owned(), "another".to_owned()));
    let late = open(&*t.store, Opening { unionid, ..opening("alice", at(2)) }).await;
    assert_eq!(late.user().id, shop.user().id);
    assert_eq!(t.store.user(club.user().id).await.unwrap().unwrap().id, club.user().id);
}

pub(in crate::store) async fn nobody_is_merged_by_itself_whom_others_rely_on(t: Bench) {
    let shop = sign_in(&*t.store, "alice", at(0)).await;
    let club = open(&*t.store, with_unionid(in_club(opening("alice", at(1))))).await;
    let late = async |secs| open(&*t.other, with_unionid(opening("alice", at(secs)))).await.user().id;
    t.store.set_password(first(shop.user().id, password("alice", "hash"))).await.unwrap();
    write(&*t.store, of_user(&club), put("who", "1")).await;
    assert_eq!(late(2).await, shop.user().id, "everybody signs in as who they were");
    assert_eq!(ended(&*t.store, club.session()).await, None);
    let detail = format!("its unionid is another user''s: {}", club.user().id);
    assert_eq!((t.raw)(&format!("SELECT count(*) FROM audit WHERE detail = '{detail}'")), "1", "whose it is");
    (t.raw)("DELETE FROM session_data");
    (t.raw)(&format!("UPDATE users SET disabled_at = 1 WHERE number = {}", club.user().number));
    assert_eq!(late(3).await, shop.user().id);
    (t.raw)(&format!(
        "UPDATE users SET disabled_at = NULL, deletes_at = 99999999999999 WHERE number = {}",
        club.user().number
    ));
    assert_eq!(late(4).await, shop.user().id);
    assert_eq!(t.store.user(club.user().id).await.unwrap().unwrap().id, club.user().id);
    (t.raw)("UPDATE users SET deletes_at = NULL");
    assert_eq!(late(5).await, shop.user().id);
    assert_eq!(t.store.user(club.user().id).await.unwrap().unwrap().id, shop.user().id, "only one has a password");
}

pub(in crate::store) async fn racing_sign_ins_with_a_late_unionid_leave_one_user(t: Bench) {
    for round in 0..4 {
        let person = format!("person {round}");
        let unionid = |opening| Opening { unionid: Some((format!("union {round}"), "company".into())), ..opening };
        sign_in(&*t.store, &person, at(0)).await;
        open(&*t.store, in_club(opening(&person, at(0)))).await;
        t.race(8, |node, nth| {
            let one = opening(&person, at(1));
            let one = unionid(if nth % 2 == 0 { one } else { in_club(one) });
            async move { open(&*node, one).await }
        })
        .await;
        let shop = sign_in(&*t.store, &person, at(2)).await.user().id;
        let club = open(&*t.store, unionid(in_club(opening(&person, at(2))))).await.user().id;
        assert_eq!(shop, club, "round {round}");
    }
}

/// Two who merge each other become one, and the other merge hears that they are.
pub(in crate::store) async fn of_racing_merges_one_is_done(t: Bench) {
    for round in 0..4 {
        let one = sign_in(&*t.store, &format!("one {round}"), at(0)).await.user().id;
        let other = sign_in(&*t.store, &format!("other {round}"), at(0)).await.user().id;
        let done = t
            .race(4, |node, nth| {
                let (from, into) = if nth < 2 { (one, other) } else { (other, one) };
                async move { node.merge_users(merging(from, into, at(1))).await.unwrap() }
            })
            .await;
        let is_done = |merged: &&Merged| matches!(merged, Merged::Done(_));
        assert_eq!(done.iter().filter(is_done).count(), 1, "{done:?}");
        let late = |merged: &&Merged| matches!(merged, Merged::Refused(MergeRefused::AlreadyMerged { .. }));
        assert_eq!(done.iter().filter(late).count(), 3, "{done:?}");
        assert_eq!(t.store.user(one).await.unwrap().unwrap().id, t.store.user(other).await.unwrap().unwrap().id);
    }
}

pub(in crate::store) async fn nothing_that_races_a_merge_stays_with_who_is_no_more(t: Bench) {
    for round in 0..6 {
        let (stays, goes) = (format!("stays {round}"), format!("goes {round}"));
        let into = sign_in(&*t.store, &stays, at(0)).await.user().id;
        let from = sign_in(&*t.store, &goes, at(0)).await;
        let (alias, number, data) = (from.user().id, from.user().number, of(from.session()));
        t.race(10, |node, nth| {
            let goes = goes.clone();
            let place = crate::store::DataPlace { of_user: Some(alias), ..data.clone() };
            async move {
                match nth {
                    0 => drop(node.merge_users(merging(alias, into, at(1))).await.unwrap()),
                    1 | 2 => drop(open(&*node, opening(&goes, at(1))).await),
                    3 | 4 => drop(open(&*node, Opening { who: Who::User(alias), ..opening(&goes, at(1)) }).await),
                    5 => drop(open(&*node, Opening { who: Who::Number(number), ..opening(&goes, at(1)) }).await),
                    6 => drop(node.link_identity(linking(alias, proved(in_club_of(&goes), at(1)))).await.unwrap()),
                    7 => drop(node.bind_phone(alias, phone(round), at(1)).await.unwrap()),
                    8 => {
                        let change = super::session_data::change(place, put("late", "1"), at(1));
                        drop(node.change_data(change).await.unwrap());
                    }
                    _ => drop(node.set_password(first(alias, password(&goes, "hash"))).await.unwrap()),
                }
            }
        })
        .await;
        let left = (t.raw)(&format!("SELECT count(*) FROM sessions WHERE user_number = {number} AND ended_at IS NULL"));
        assert_eq!(left, "0", "round {round}");
        for table in ["identities", "phones", "passwords"] {
            assert_eq!(rows_of(&t, table, number), "0", "{table} in round {round}");
        }
        for who in [Who::Identity(identity(&goes)), Who::Identity(in_club_of(&goes)), Who::User(alias)] {
            let again = open(&*t.store, Opening { who, ..opening(&goes, at(2)) }).await;
            assert_eq!(again.user().id, into, "round {round}");
        }
        let count =
            "SELECT count(*) FROM session_data d JOIN users u ON u.id = d.user_id WHERE u.merged_into IS NOT NULL";
        assert_eq!((t.raw)(count), "0", "round {round}");
    }
}
