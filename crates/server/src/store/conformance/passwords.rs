//! Names and passwords: one of a user, one user of a name, and one-use codes.

use menjin_token::{SessionId, Timestamp, UserId};

use super::Bench;
use super::sample::{
    MASTER, SignedIn, TOKEN_LIFE, at, audit_lines, end, ended, fresh, live, new_id, open, opening, sealed, sign_in,
    sweeping,
};
use crate::store::{
    Actor, Ban, Emptied, EndReason, Ends, Erased, Erasing, NewPassword, Opened, Opening, PasswordReset, PasswordSet,
    ResetAllowed, SettingPassword, Store, Who,
};

pub(super) fn password(name: &str, hash: &str) -> NewPassword {
    NewPassword {
        row: fresh(),
        username: name.to_owned(),
        lookup: name.to_lowercase(),
        form: "argon2id".to_owned(),
        hash: sealed(MASTER, hash),
    }
}

fn registering(name: &str, now: Timestamp) -> Opening {
    Opening { who: Who::Registered(Box::new(password(name, "first"))), amr: "pwd", ..opening(name, now) }
}

async fn register(store: &dyn Store, name: &str) -> SignedIn {
    open(store, registering(name, at(0))).await
}

fn setting(user: UserId, password: NewPassword, before: Option<Timestamp>, now: Timestamp) -> SettingPassword {
    let by = Actor::user(None);
    SettingPassword { user, password, before, keep: None, reset: None, by, now, tokens_until: now.plus(TOKEN_LIFE) }
}

/// A first password of somebody who has none.
pub(super) fn first(user: UserId, password: NewPassword) -> SettingPassword {
    setting(user, password, None, at(0))
}

/// A change of the password that there is.
pub(super) async fn changing(store: &dyn Store, user: UserId, hash: &str, now: Timestamp) -> SettingPassword {
    let row = store.password_of(user).await.unwrap().unwrap();
    let anew = NewPassword { row: row.row, ..password(&row.username, hash) };
    setting(user, anew, Some(row.changed_at), now)
}

fn reset(user: UserId, digest: [u8; 32], until: Timestamp) -> PasswordReset {
    PasswordReset { digest, user, name: None, until, by: Actor::command(), now: at(1) }
}

pub(in crate::store) async fn a_password_is_found_by_name_and_by_user(t: Bench) {
    let alice = register(&*t.store, "Alice").await;
    assert!(alice.is_new_user);
    let bob = sign_in(&*t.store, "bob", at(0)).await;
    assert!(t.store.password_of(bob.user().id).await.unwrap().is_none());
    assert!(t.store.password_by_name("bob").await.unwrap().is_none());
    for row in [t.other.password_by_name("alice").await, t.other.password_of(alice.user().id).await] {
        let row = row.unwrap().unwrap();
        assert_eq!((&row.user, row.username.as_str(), row.changed_at), (alice.user(), "Alice", at(0)));
        assert_eq!(row.hash, sealed(MASTER, "first"));
    }
    let first = setting(bob.user().id, password("ALICE", "x"), None, at(1));
    assert_eq!(t.store.set_password(first).await.unwrap(), PasswordSet::NameTaken);
    let first = setting(bob.user().id, password("bob", "x"), None, at(1));
    assert_eq!(t.store.set_password(first.clone()).await.unwrap(), PasswordSet::Set(vec![bob.session()]));
    assert_eq!(t.store.set_password(first).await.unwrap(), PasswordSet::Overtaken, "there is one by now");
    let nobody = setting(new_id(at(0)), password("carol", "x"), None, at(1));
    assert_eq!(t.store.set_password(nobody).await.unwrap(), PasswordSet::Unknown);
}

pub(in crate::store) async fn of_racing_newcomers_with_one_name_one_is_made(t: Bench) {
    let made = t.race(12, |node, at_once| async move {
        let name = if at_once % 3 == 0 { "Alice" } else { "alice" };
        node.open_session(registering(name, at(0))).await.unwrap()
    });
    let made = made.await;
    let open = made.iter().filter(|it| matches!(it, Opened::Open { is_new_user: true, .. })).count();
    let taken = made.iter().filter(|it| matches!(it, Opened::NameTaken)).count();
    assert_eq!((open, taken), (1, 11));
    let row = t.store.password_by_name("alice").await.unwrap().unwrap();
    assert_eq!(live(&*t.store, &row.user, at(1)).await.len(), 1);
    assert_eq!((t.raw)("SELECT count(*) FROM users"), "1", "nobody is left behind without a name");
}

fn by_password(user: UserId, chosen: Timestamp, now: Timestamp) -> Opening {
    Opening { who: Who::Password(user, chosen), amr: "pwd", ..opening("alice", now) }
}

pub(in crate::store) async fn a_sign_in_by_a_password_that_was_changed_opens_nothing(t: Bench) {
    let user = register(&*t.store, "alice").await.user().id;
    assert!(!open(&*t.store, by_password(user, at(0), at(1))).await.is_new_user);
    let change = changing(&*t.store, user, "second", at(2)).await;
    assert!(matches!(t.store.set_password(change).await.unwrap(), PasswordSet::Set(_)));
    let opened = t.other.open_session(by_password(user, at(0), at(3))).await.unwrap();
    assert!(matches!(opened, Opened::Unknown), "{opened:?}");
    open(&*t.store, by_password(user, at(2), at(3))).await;
    // The clock may stand still: two passwords are told apart all the same.
    let change = changing(&*t.store, user, "third", at(2)).await;
    assert!(matches!(t.store.set_password(change).await.unwrap(), PasswordSet::Set(_)));
    let opened = t.other.open_session(by_password(user, at(2), at(4))).await.unwrap();
    assert!(matches!(opened, Opened::Unknown), "{opened:?}");
}

pub(in crate::store) async fn a_change_ends_every_session_but_the_one_and_voids_codes(t: Bench) {
    let first = register(&*t.store, "alice").await;
    let user = first.user().id;
    let second = open(&*t.store, by_password(user, at(0), at(1))).await;
    let bob = register(&*t.store, "bob").await;
    let digest = fresh();
    assert_eq!(t.store.allow_reset(reset(user, digest, at(60))).await.unwrap(), ResetAllowed::Allowed);
    audit_lines(&*t.store).await;
    let change = SettingPassword { keep: Some(first.session()), ..changing(&*t.store, user, "second", at(2)).await };
    assert_eq!(t.other.set_password(change).await.unwrap(), PasswordSet::Set(vec![second.session()]));
    assert_eq!(audit_lines(&*t.store).await, 2, "the password and the session");
    assert_eq!(ended(&*t.store, second.session()).await, Some(EndReason::PasswordChanged));
    assert_eq!(live(&*t.store, first.user(), at(3)).await, [first.session()]);
    assert_eq!(live(&*t.store, bob.user(), at(3)).await, [bob.session()]);
    assert_eq!(t.store.reset_of(digest, at(3)).await.unwrap(), None);
    let told = t.other.events_since(0).await.unwrap();
    assert!(told.iter().any(|it| it.reason == "password_changed"), "{told:?}");
}

pub(in crate::store) async fn a_session_that_is_over_sets_no_password(t: Bench) {
    let first = register(&*t.store, "alice").await;
    let user = first.user().id;
    let second = open(&*t.store, by_password(user, at(0), at(1))).await;
    let in_session = async |session: SessionId| {
        let change = changing(&*t.store, user, "second", at(3)).await;
        t.other.set_password(SettingPassword { keep: Some(session), ..change }).await.unwrap()
    };
    let bob = register(&*t.store, "bob").await;
    assert_eq!(in_session(bob.session()).await, PasswordSet::SessionOver, "it is somebody else's");
    end(&*t.store, Ends::Session(first.session()), at(2)).await;
    assert_eq!(in_session(first.session()).await, PasswordSet::SessionOver);
    let ban = Ban { user, now: at(2), tokens_until: at(2).plus(TOKEN_LIFE), by: Actor::command() };
    t.store.disable_user(ban).await.unwrap().unwrap();
    assert_eq!(in_session(second.session()).await, PasswordSet::SessionOver);
    let row = t.store.password_of(user).await.unwrap().unwrap();
    assert_eq!((row.hash, row.changed_at), (sealed(MASTER, "first"), at(0)));
}

/// Whichever is first, nobody hears that a session is over and finds a password that was set in it afterwards.
pub(in crate::store) async fn a_change_that_races_the_end_of_its_session_is_made_before_it_or_not_at_all(t: Bench) {
    let first = register(&*t.store, "alice").await;
    let user = first.user().id;
    let change = SettingPassword { keep: Some(first.session()), ..changing(&*t.store, user, "second", at(2)).await };
    let raced = t.race(9, |node, nth| {
        let (change, session) = (change.clone(), first.session());
        async move {
            if nth % 2 == 0 {
                return Some(node.set_password(change).await.unwrap());
            }
            end(&*node, Ends::All(user), at(2)).await;
            let row = node.password_of(user).await.unwrap().unwrap();
            assert_eq!(ended(&*node, session).await, Some(EndReason::Logout));
            let late = SettingPassword { before: Some(row.changed_at), ..change };
            assert_eq!(node.set_password(late).await.unwrap(), PasswordSet::SessionOver);
            assert_eq!(node.password_of(user).await.unwrap().unwrap().hash, row.hash);
            None
        }
    });
    let done: Vec<_> = raced.await.into_iter().flatten().collect();
    assert!(done.iter().filter(|it| matches!(it, PasswordSet::Set(_))).count() <= 1, "{done:?}");
}

pub(in crate::store) async fn of_racing_changes_in_the_place_of_one_password_one_is_made(t: Bench) {
    let user = register(&*t.store, "alice").await.user().id;
    let change = changing(&*t.store, user, "second", at(2)).await;
    let done = t.race(8, |node, _| {
        let change = change.clone();
        async move { node.set_password(change).await.unwrap() }
    });
    let done = done.await;
    assert_eq!(done.iter().filter(|it| matches!(it, PasswordSet::Set(_))).count(), 1, "{done:?}");
    assert_eq!(done.iter().filter(|it| **it == PasswordSet::Overtaken).count(), 7, "{done:?}");
}

pub(in crate::store) async fn of_racing_callers_with_one_code_one_sets_a_password(t: Bench) {
    let user = register(&*t.store, "alice").await.user().id;
    let digest = fresh();
    t.store.allow_reset(reset(user, digest, at(60))).await.unwrap();
    let change = SettingPassword { reset: Some(digest), ..changing(&*t.store, user, "second", at(2)).await };
    let done = t.race(8, |node, _| {
        let change = change.clone();
        async move { node.set_password(change).await.unwrap() }
    });
    let done = done.await;
    assert_eq!(done.iter().filter(|it| matches!(it, PasswordSet::Set(_))).count(), 1, "{done:?}");
    assert_eq!(done.iter().filter(|it| **it == PasswordSet::CodeUnknown).count(), 7, "{done:?}");
}

pub(in crate::store) async fn a_code_is_of_its_user_of_its_time_and_the_newest(t: Bench) {
    let (alice, bob) = (register(&*t.store, "alice").await.user().id, register(&*t.store, "bob").await.user().id);
    let [first, second] = [fresh(), fresh()];
    t.store.allow_reset(reset(alice, first, at(60))).await.unwrap();
    assert_eq!(t.other.reset_of(first, at(59)).await.unwrap(), Some(alice));
    assert_eq!(t.other.reset_of(first, at(60)).await.unwrap(), None);
    t.store.allow_reset(reset(alice, second, at(60))).await.unwrap();
    assert_eq!(t.other.reset_of(first, at(1)).await.unwrap(), None, "a newer one is there");
    let of_bob = SettingPassword { reset: Some(second), ..changing(&*t.store, bob, "x", at(2)).await };
    assert_eq!(t.store.set_password(of_bob).await.unwrap(), PasswordSet::CodeUnknown);
    let late = SettingPassword { reset: Some(second), ..changing(&*t.store, alice, "x", at(60)).await };
    assert_eq!(t.store.set_password(late).await.unwrap(), PasswordSet::CodeUnknown);
    assert_eq!(t.store.sweep(sweeping(at(60))).await.unwrap().rows, 0);
    assert_eq!(t.store.sweep(sweeping(at(61))).await.unwrap().rows, 1);
    let nobody = reset(new_id(at(0)), fresh(), at(60));
    assert_eq!(t.store.allow_reset(nobody).await.unwrap(), ResetAllowed::Unknown);
    let carol = sign_in(&*t.store, "carol", at(0)).await.user().id;
    assert_eq!(t.store.allow_reset(reset(carol, fresh(), at(60))).await.unwrap(), ResetAllowed::NoName);
    let named = |user, name: &str| PasswordReset { name: Some(password(name, "!")), ..reset(user, fresh(), at(60)) };
    assert_eq!(t.store.allow_reset(named(carol, "Alice")).await.unwrap(), ResetAllowed::NameTaken);
    assert_eq!(t.store.allow_reset(named(alice, "alice2")).await.unwrap(), ResetAllowed::HasName);
    assert_eq!(t.store.allow_reset(named(carol, "carol")).await.unwrap(), ResetAllowed::Allowed);
    assert_eq!(t.other.password_by_name("carol").await.unwrap().unwrap().user.id, carol);
}

pub(in crate::store) async fn another_hash_takes_the_place_of_the_one_that_was_read(t: Bench) {
    let user = register(&*t.store, "alice").await.user().id;
    let row = t.store.password_of(user).await.unwrap().unwrap();
    let anew = |hash: &str| NewPassword { row: row.row, form: "newer".into(), ..password("alice", hash) };
    assert!(t.store.rehash_password(row.hash.clone(), anew("first anew")).await.unwrap());
    assert!(!t.other.rehash_password(row.hash.clone(), anew("late")).await.unwrap());
    let after = t.other.password_of(user).await.unwrap().unwrap();
    assert_eq!((after.hash, after.changed_at), (sealed(MASTER, "first anew"), row.changed_at));
    assert_eq!(t.store.password_form_near([0; 16]).await.unwrap().as_deref(), Some("newer"));
}

pub(in crate::store) async fn each_form_of_a_hash_is_told_as_often_as_it_is_kept(t: Bench) {
    let near = async |first: u8| t.other.password_form_near([first; 16]).await.unwrap();
    assert_eq!(near(0).await, None);
    for (first, form) in [(0x40, "pbkdf2"), (0x80, "argon2"), (0xc0, "pbkdf2")] {
        let name = format!("name{first}");
        let new = NewPassword { row: [first; 16], form: form.to_owned(), ..password(&name, "x") };
        open(&*t.store, Opening { who: Who::Registered(Box::new(new)), ..opening(&name, at(0)) }).await;
    }
    let of = async |points: std::ops::RangeInclusive<u8>| {
        let mut told = Vec::new();
        for point in points {
            told.push(near(point).await);
        }
        told.dedup();
        told
    };
    assert_eq!(of(0..=0x40).await, [Some("pbkdf2".to_owned())]);
    assert_eq!(of(0x41..=0x80).await, [Some("argon2".to_owned())]);
    assert_eq!(of(0x81..=0xc0).await, [Some("pbkdf2".to_owned())]);
    assert_eq!(of(0xc1..=0xff).await, [Some("pbkdf2".to_owned())], "behind the last one comes the first");
}

pub(in crate::store) async fn whoever_was_erased_gets_no_password(t: Bench) {
    let user = sign_in(&*t.store, "alice", at(0)).await.user().id;
    let line = Actor::system().line("user.erased");
    let (emptied, tokens_until) = (Emptied::default(), at(1).plus(TOKEN_LIFE));
    let erasing = Erasing { user, line, only_if_due: false, emptied, now: at(1), tokens_until };
    assert!(matches!(t.store.erase_user(erasing).await.unwrap(), Erased::Erased { .. }));
    // A request that began before, and a command that comes after.
    let late = setting(user, password("alice", "x"), None, at(2));
    assert_eq!(t.store.set_password(late).await.unwrap(), PasswordSet::Unknown);
    let named = PasswordReset { name: Some(password("alice", "!")), ..reset(user, fresh(), at(60)) };
    assert_eq!(t.store.allow_reset(named).await.unwrap(), ResetAllowed::Unknown);
    assert!(t.other.password_by_name("alice").await.unwrap().is_none());
}

pub(in crate::store) async fn a_sign_in_that_races_a_change_never_survives_it(t: Bench) {
    let user = register(&*t.store, "alice").await.user().id;
    let change = changing(&*t.store, user, "second", at(2)).await;
    let raced = t.race(9, |node, nth| {
        let change = change.clone();
        async move {
            if nth == 4 {
                assert!(matches!(node.set_password(change).await.unwrap(), PasswordSet::Set(_)));
                return None;
            }
            let opened = node.open_session(by_password(user, at(0), at(1))).await.unwrap();
            if let Opened::Open { standing, .. } = opened { Some(standing.session) } else { None }
        }
    });
    let opened: Vec<SessionId> = raced.await.into_iter().flatten().collect();
    for session in opened {
        assert!(ended(&*t.store, session).await.is_some(), "{session}");
    }
    let row = t.store.password_of(user).await.unwrap().unwrap();
    assert!(live(&*t.store, &row.user, at(3)).await.is_empty());
}
