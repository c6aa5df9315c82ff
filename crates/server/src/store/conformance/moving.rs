//! People of another system: who moves in, who is there already, who can't be who they say; and the numbers after them.

use menjin_token::Timestamp;

use super::Bench;
use super::sample::{at, identity, new_id, open, opening, sign_in};
use crate::store::{Clash, IdentityName, MovedIn, NewIdentity, Newcomer, Opened, Store};

/// Somebody with one identity, that of `person`.
pub(super) fn newcomer(number: i64, person: &str) -> Newcomer {
    Newcomer {
        password: None,
        id: new_id(at(0)),
        number,
        external_id: None,
        nickname: Some(format!("nickname of {person}")),
        avatar_url: None,
        created_at: at(-1000),
        disabled: false,
        identities: vec![new_identity(identity(person))],
    }
}

fn new_identity(name: IdentityName) -> NewIdentity {
    NewIdentity { id: new_id(at(0)), name, unionid: None }
}

pub(super) fn in_club(person: &str) -> NewIdentity {
    new_identity(IdentityName { appid: "wx-club".into(), ..identity(person) })
}

pub(super) async fn move_in<const N: usize>(store: &dyn Store, newcomers: [Newcomer; N]) -> [MovedIn; N] {
    store.move_in(newcomers.into(), at(1), false).await.unwrap().try_into().expect("an answer for each")
}

pub(in crate::store) async fn a_newcomer_keeps_their_number_and_signs_in_as_themselves(t: Bench) {
    let alice = Newcomer { avatar_url: Some("https://example.com/a.png".into()), ..newcomer(7, "alice") };
    let id = alice.id;
    assert_eq!(move_in(&*t.store, [alice]).await, [MovedIn::Made]);
    let row = t.other.user_by_number(7).await.unwrap().unwrap();
    assert_eq!((row.id, row.number, row.created_at, row.disabled_at), (id, 7, at(-1000), None));
    assert_eq!(row.nickname.as_deref(), Some("nickname of alice"));
    assert_eq!(row.avatar_url.as_deref(), Some("https://example.com/a.png"));
    let signed_in = sign_in(&*t.other, "alice", at(2)).await;
    assert_eq!((signed_in.is_new_user, signed_in.user().id), (false, id));
}

pub(in crate::store) async fn an_identity_of_each_app_is_the_same_newcomer(t: Bench) {
    let mut alice = newcomer(7, "alice");
    alice.identities.push(in_club("alice"));
    move_in(&*t.store, [alice]).await;
    let club = super::sample::in_club(opening("alice", at(2)));
    assert_eq!(open(&*t.store, club).await.user().number, 7);
    assert_eq!(sign_in(&*t.store, "alice", at(3)).await.user().number, 7);
}

pub(in crate::store) async fn a_newcomers_unionid_joins_another_app_of_the_account(t: Bench) {
    let mut alice = newcomer(7, "alice");
    let unionid = Some(("union".to_owned(), "company".to_owned()));
    alice.identities[0].unionid.clone_from(&unionid);
    move_in(&*t.store, [alice]).await;
    let mut club = super::sample::in_club(opening("alice", at(2)));
    club.unionid = unionid;
    assert_eq!(open(&*t.store, club).await.user().number, 7);
}

pub(in crate::store) async fn a_disabled_newcomer_signs_in_nowhere(t: Bench) {
    move_in(&*t.store, [Newcomer { disabled: true, ..newcomer(7, "alice") }]).await;
    assert!(matches!(t.store.open_session(opening("alice", at(2))).await.unwrap(), Opened::Disabled));
    assert_eq!(t.store.user_by_number(7).await.unwrap().unwrap().disabled_at, Some(at(1)));
}

pub(in crate::store) async fn who_comes_again_is_there_and_unchanged(t: Bench) {
    let named = || Newcomer { external_id: Some("old-8".into()), identities: Vec::new(), ..newcomer(8, "bob") };
    assert_eq!(move_in(&*t.store, [newcomer(7, "alice"), named()]).await, [MovedIn::Made, MovedIn::Made]);
    let before = (t.store.user_by_number(7).await.unwrap(), t.store.user_by_number(8).await.unwrap());
    let renamed = Newcomer { nickname: Some("another".into()), created_at: at(0), ..newcomer(7, "alice") };
    assert_eq!(move_in(&*t.other, [renamed, named()]).await, [MovedIn::There, MovedIn::There]);
    assert_eq!((t.store.user_by_number(7).await.unwrap(), t.store.user_by_number(8).await.unwrap()), before);
}

pub(in crate::store) async fn an_identity_that_is_new_is_added(t: Bench) {
    move_in(&*t.store, [newcomer(7, "alice")]).await;
    let mut more = newcomer(7, "alice");
    more.identities.push(in_club("alice"));
    assert_eq!(move_in(&*t.store, [more.clone()]).await, [MovedIn::Completed]);
    assert_eq!(move_in(&*t.store, [more]).await, [MovedIn::There]);
    let club = super::sample::in_club(opening("alice", at(2)));
    assert_eq!(open(&*t.store, club).await.user().number, 7);
}

pub(in crate::store) async fn who_can_not_be_who_they_say_takes_nobody_with_them(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().number;
    let named =
        |number, person: &str, name: &str| Newcomer { external_id: Some(name.into()), ..newcomer(number, person) };
    let mut two_people = newcomer(53, "erin");
    two_people.identities.push(new_identity(identity("alice")));
    let answers = move_in(
        &*t.store,
        [
            newcomer(alice, "bob"),
            newcomer(50, "alice"),
            named(51, "carol", "old"),
            named(52, "dave", "old"),
            two_people,
            newcomer(54, "frank"),
        ],
    )
    .await;
    let clash = |clash| MovedIn::Refused(clash);
    assert_eq!(
        answers,
        [
            clash(Clash::Number),
            clash(Clash::Identity { at: 0, user: alice }),
            MovedIn::Made,
            clash(Clash::ExternalId(51)),
            clash(Clash::Identity { at: 1, user: alice }),
            MovedIn::Made,
        ]
    );
    for (number, is_there) in [(50, false), (51, true), (52, false), (53, false), (54, true)] {
        assert_eq!(t.store.user_by_number(number).await.unwrap().is_some(), is_there, "{number}");
    }
    assert!(sign_in(&*t.store, "dave", at(2)).await.is_new_user, "of who was refused nothing is left");
    assert!(sign_in(&*t.store, "erin", at(2)).await.is_new_user, "nor of their identities");
}

pub(in crate::store) async fn a_rehearsal_answers_the_same_and_keeps_nothing(t: Bench) {
    sign_in(&*t.store, "alice", at(0)).await;
    let all = || vec![newcomer(7, "bob"), newcomer(8, "alice"), newcomer(5000, "carol")];
    let rehearsed = t.store.move_in(all(), at(1), true).await.unwrap();
    assert!(t.store.user_by_number(7).await.unwrap().is_none());
    assert_eq!(sign_in(&*t.store, "dave", at(1)).await.user().number, 2, "nor the numbers");
    assert_eq!(rehearsed, t.store.move_in(all(), at(1), false).await.unwrap());
    assert!(t.store.user_by_number(7).await.unwrap().is_some());
}

pub(in crate::store) async fn the_next_new_user_gets_the_highest_number_and_one(t: Bench) {
    sign_in(&*t.store, "alice", at(0)).await;
    move_in(&*t.store, [newcomer(1000, "bob"), newcomer(70, "carol")]).await;
    assert_eq!(t.store.number_from(1000).await.unwrap(), 1001);
    assert_eq!(sign_in(&*t.other, "dave", at(2)).await.user().number, 1001);
    assert_eq!(t.store.number_from(5).await.unwrap(), 1002, "never back");
    assert_eq!(t.store.number_from(2000).await.unwrap(), 2001);
    assert_eq!(sign_in(&*t.store, "erin", at(2)).await.user().number, 2001);
}

pub(in crate::store) async fn numbers_may_begin_anywhere_in_an_empty_store(t: Bench) {
    assert_eq!(t.store.number_from(41).await.unwrap(), 42);
    assert_eq!(sign_in(&*t.store, "alice", at(0)).await.user().number, 42);
}

pub(in crate::store) async fn nobody_who_signs_in_beside_a_raise_gets_a_number_twice(t: Bench) {
    for turn in 0..8_i64 {
        // One raise that changes nothing, and one to a number that they are about to be given.
        let above = [0, turn * 20 + 10];
        let numbers = t
            .race(24, |node, nth| async move {
                if nth % 4 == 0 {
                    node.number_from(above[nth / 4 % 2]).await.unwrap();
                    return None;
                }
                Some(sign_in(&*node, &format!("person {turn} {nth}"), at(1)).await.user().number)
            })
            .await;
        let numbers: Vec<i64> = numbers.into_iter().flatten().collect();
        let different: std::collections::HashSet<_> = numbers.iter().collect();
        assert_eq!((numbers.len(), different.len()), (18, 18), "{numbers:?}");
    }
}

pub(in crate::store) async fn a_newcomer_who_signs_in_meanwhile_is_one_user(t: Bench) {
    let numbers = t
        .race(16, |node, nth| async move {
            let person = format!("person {}", nth / 2);
            if nth % 2 == 0 {
                // So far apart that nobody who signs in is given one of them.
                let number = 1000 * (1 + i64::try_from(nth).unwrap());
                let moved =
                    node.move_in(vec![newcomer(number, &person)], Timestamp::from_secs(1), false).await.unwrap();
                assert!(
                    matches!(moved[0], MovedIn::Made | MovedIn::Refused(Clash::Identity { at: 0, .. })),
                    "{moved:?}"
                );
                None
            } else {
                Some((person.clone(), sign_in(&*node, &person, at(1)).await.user().number))
            }
        })
        .await;
    for (person, number) in numbers.into_iter().flatten() {
        assert_eq!(sign_in(&*t.store, &person, at(2)).await.user().number, number, "{person}");
    }
}
