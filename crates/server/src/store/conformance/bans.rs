//! Accounts that an operator disables and enables, and by what they are found.

use std::collections::BTreeSet;

use menjin_token::{Timestamp, UserId};

use super::Bench;
use super::sample::{
    TOKEN_LIFE, at, audit_lines, end, ended, in_club, live, new_id, open, opening, phone, presented, sign_in, sorted,
    with_phone,
};
use crate::store::{Actor, Ban, Banned, EndReason, Ends, EventKind, Opened, Opening, Rotation, Who};

fn ban(user: UserId, now: Timestamp) -> Ban {
    Ban { user, now, tokens_until: now.plus(TOKEN_LIFE), by: Actor::command() }
}

pub(in crate::store) async fn a_ban_ends_every_session_and_tells_of_each_and_of_the_user(t: Bench) {
    let (first, second) = (sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "alice", at(1)).await);
    let bob = sign_in(&*t.store, "bob", at(2)).await;
    let user = first.user().id;
    audit_lines(&*t.store).await;
    let mut banned = t.store.disable_user(ban(user, at(5))).await.unwrap().unwrap();
    banned.sessions.sort_unstable();
    assert_eq!(banned, Banned { before: None, sessions: sorted([&first, &second]) });
    assert_eq!(audit_lines(&*t.store).await, 3, "the user and each session");
    let events = t.other.events_since(0).await.unwrap();
    let told: BTreeSet<_> = events.iter().map(|it| format!("{:?}", it.kind)).collect();
    let expected = [
        EventKind::SessionEnded(first.session()),
        EventKind::SessionEnded(second.session()),
        EventKind::UserNotBefore(user),
    ];
    assert_eq!(told, expected.iter().map(|kind| format!("{kind:?}")).collect());
    for event in events {
        assert_eq!((event.reason.as_str(), event.at), ("user_disabled", at(5)));
        assert_eq!(event.until, at(5).plus(TOKEN_LIFE));
    }
    for session in [&first, &second] {
        assert_eq!(ended(&*t.other, session.session()).await, Some(EndReason::UserDisabled));
    }
    assert_eq!(t.other.user(user).await.unwrap().unwrap().disabled_at, Some(at(5)));
    assert_eq!(live(&*t.store, bob.user(), at(6)).await, [bob.session()]);
    let again = t.other.disable_user(ban(user, at(7))).await.unwrap().unwrap();
    assert_eq!(again, Banned { before: Some(at(5)), sessions: vec![] });
    assert_eq!(t.store.user(user).await.unwrap().unwrap().disabled_at, Some(at(5)), "since the first time");
    assert_eq!(audit_lines(&*t.store).await, 0);
}

pub(in crate::store) async fn a_banned_user_signs_in_nowhere_until_enabled(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let user = alice.user().clone();
    t.store.disable_user(ban(user.id, at(1))).await.unwrap().unwrap();
    let unionid = Some(("union".to_owned(), "company".to_owned()));
    for opening in [
        opening("alice", at(2)),
        Opening { unionid, ..opening("alice", at(2)) },
        Opening { who: Who::User(user.id), ..opening("alice", at(2)) },
        Opening { who: Who::Number(user.number), ..opening("alice", at(2)) },
    ] {
        assert!(matches!(t.other.open_session(opening).await.unwrap(), Opened::Disabled));
    }
    assert!(t.store.unrefreshed(alice.session()).await.unwrap().is_none());
    assert_eq!(t.store.enable_user(ban(user.id, at(3))).await.unwrap(), Some(Some(at(1))));
    assert_eq!(t.store.enable_user(ban(user.id, at(4))).await.unwrap(), Some(None));
    let told = t.other.events_since(0).await.unwrap().pop().unwrap();
    assert_eq!((told.kind, told.reason.as_str()), (EventKind::UserNotBefore(user.id), "session_kicked"));
    assert_eq!((told.at, told.until), (at(3), at(3).plus(TOKEN_LIFE)), "once, by what changed something");
    let again = sign_in(&*t.other, "alice", at(5)).await;
    assert_eq!(again.user(), &user);
    assert_eq!(live(&*t.store, &user, at(6)).await, [again.session()], "what ended stays so");
}

pub(in crate::store) async fn a_refresh_after_a_ban_was_lifted_asks_for_a_sign_in(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    t.store.disable_user(ban(alice.user().id, at(1))).await.unwrap();
    let rotate = async |secs| t.other.rotate(presented(alice.grant(), 0, at(secs))).await.unwrap();
    assert!(matches!(rotate(2).await, Rotation::Ended(EndReason::UserDisabled)));
    t.store.enable_user(ban(alice.user().id, at(3))).await.unwrap();
    assert!(matches!(rotate(4).await, Rotation::Ended(EndReason::Kicked)), "the remedy is another one now");
}

pub(in crate::store) async fn nobody_is_banned_who_is_not_there(t: Bench) {
    let nobody = new_id(at(0));
    assert_eq!(t.store.disable_user(ban(nobody, at(1))).await.unwrap(), None);
    assert_eq!(t.store.enable_user(ban(nobody, at(1))).await.unwrap(), None);
    assert_eq!(t.store.account(nobody).await.unwrap(), None);
    assert_eq!(t.store.events_since(0).await.unwrap(), []);
    assert_eq!(audit_lines(&*t.store).await, 0);
}

pub(in crate::store) async fn a_sign_in_that_races_a_ban_never_survives_it(t: Bench) {
    for round in 0..6 {
        let person = format!("person {round}");
        let user = sign_in(&*t.store, &person, at(0)).await.user().clone();
        let refused = t
            .race(9, |node, nth| {
                let (opening, id) = (opening(&person, at(1)), user.id);
                async move {
                    if nth == 4 {
                        node.disable_user(ban(id, at(1))).await.unwrap().unwrap();
                        return false;
                    }
                    matches!(node.open_session(opening).await.unwrap(), Opened::Disabled)
                }
            })
            .await;
        assert_eq!(live(&*t.store, &user, at(2)).await, [], "{refused:?}");
        let left = t.store.end_sessions(super::sample::ending(Ends::All(user.id), EndReason::Kicked, at(3))).await;
        assert_eq!(left.unwrap(), []);
    }
}

pub(in crate::store) async fn a_user_is_found_by_what_else_names_them(t: Bench) {
    let alice = open(&*t.store, with_phone(opening("alice", at(0)), 7)).await;
    let user = t.store.user(alice.user().id).await.unwrap();
    assert_eq!(t.other.user_by_phone(phone(7).lookup).await.unwrap(), user);
    assert_eq!(t.other.user_by_phone(phone(8).lookup).await.unwrap(), None);
    let unionid = Some(("union".to_owned(), "company".to_owned()));
    open(&*t.store, Opening { unionid: unionid.clone(), ..opening("alice", at(1)) }).await;
    open(&*t.store, Opening { unionid, ..in_club(opening("alice", at(2))) }).await;
    let account = t.other.account(alice.user().id).await.unwrap().unwrap();
    assert_eq!((Some(account.user), account.external_id), (user, None));
    let both = [("wechat".to_owned(), "wx-shop".to_owned()), ("wechat".to_owned(), "wx-club".to_owned())];
    assert_eq!(account.identities, both);
    open(&*t.store, with_phone(opening("bob", at(3)), 7)).await;
    let holder = t.other.user_by_phone(phone(7).lookup).await.unwrap().unwrap();
    assert_ne!(holder.id, alice.user().id, "a number is found where it was proved last");
    end(&*t.store, Ends::All(holder.id), at(4)).await;
}
