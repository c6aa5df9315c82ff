//! People who leave: signed out, called back, erased; what racing sign-ins and sweepers make of it.

use std::time::Duration;

use menjin_token::{Timestamp, UserId};

use super::Bench;
use super::consents::consenting;
use super::identities::{in_club_of, linking, proved};
use super::merges::{merge, unmerge};
use super::sample::{TOKEN_LIFE, at, claiming, ended, fresh, live, new_id, open, opening, phone, sign_in, with_phone};
use super::session_data::{change as change_data, of, of_user, put};
use crate::store::{
    Actor, CodeClaim, CodeDigest, DataChanged, Departed, Departure, Device, Due, Emptied, Emptying, EndReason, Erased,
    Erasing, EventKind, IdempotencyKey, Linked, Opened, OpenedBefore, Opening, PhoneBound, ProfileChange, Stayed,
    Store, Unmerged, UserRow, Who,
};

const COOLING_OFF: Duration = Duration::from_hours(15 * 24);

fn departure(user: UserId, now: Timestamp) -> Departure {
    Departure {
        user,
        by: Actor::user(Some("203.0.113.9".to_owned())),
        app: Some("shop".to_owned()),
        now,
        deletes_at: now.plus(COOLING_OFF),
        tokens_until: now.plus(TOKEN_LIFE),
    }
}

fn erasing(user: UserId, only_if_due: bool, now: Timestamp) -> Erasing {
    let line = Actor::system().line("user.erased");
    Erasing { user, line, only_if_due, emptied: Emptied::default(), now, tokens_until: now.plus(TOKEN_LIFE) }
}

/// Empties the next part, and notes it.
async fn empty(store: &dyn Store, (user, only_if_due): (UserId, bool), emptied: &mut Emptied, now: Timestamp) -> bool {
    let emptying = Emptying { user, only_if_due, emptied: emptied.clone(), now };
    let further = store.empty_user(emptying).await.unwrap();
    if let Some(further) = &further {
        emptied.clone_from(further);
    }
    further.is_some()
}

/// Nothing is left of somebody but a shell.
pub(super) async fn erase(store: &dyn Store, user: UserId, now: Timestamp) {
    let mut emptied = Emptied::default();
    while empty(store, (user, false), &mut emptied, now).await {}
    let erased = store.erase_user(Erasing { emptied, ..erasing(user, false, now) }).await.unwrap();
    assert!(matches!(erased, Erased::Erased { .. }), "{erased:?}");
}

fn due(now: Timestamp) -> Timestamp {
    now.plus(COOLING_OFF)
}

async fn leaves(store: &dyn Store, user: UserId, now: Timestamp) -> Departed {
    store.announce_leaving(departure(user, now)).await.unwrap()
}

async fn deletes_at(store: &dyn Store, user: UserId) -> Option<Timestamp> {
    store.user(user).await.unwrap().unwrap().deletes_at
}

pub(in crate::store) async fn whoever_leaves_is_signed_out_and_due_after_the_cooling_off(t: Bench) {
    let first = sign_in(&*t.store, "alice", at(0)).await;
    let second = sign_in(&*t.store, "alice", at(1)).await;
    let bob = sign_in(&*t.store, "bob", at(1)).await;
    let user = first.user().id;
    let Departed::Begun { deletes_at: when, ended: mut over } = leaves(&*t.store, user, at(5)).await else { panic!() };
    over.sort_unstable();
    let mut both = vec![first.session(), second.session()];
    both.sort_unstable();
    assert_eq!((when, over), (due(at(5)), both));
    for session in [first.session(), second.session()] {
        assert_eq!(ended(&*t.other, session).await, Some(EndReason::UserDeleting));
    }
    let told = t.other.events_since(0).await.unwrap();
    let told: Vec<_> =
        told.into_iter().filter(|event| event.reason == "user_deleting").map(|event| event.kind).collect();
    assert!(told.contains(&EventKind::UserNotBefore(user)) && told.len() == 3, "{told:?}");
    // Who says so again waits no longer.
    assert_eq!(leaves(&*t.other, user, at(9)).await, Departed::Begun { deletes_at: due(at(5)), ended: Vec::new() });
    assert_eq!(t.store.due_to_leave(due(at(4)), None, 10).await.unwrap(), []);
    let place = Due { user, deletes_at: due(at(5)), number: first.user().number };
    assert_eq!(t.other.due_to_leave(due(at(5)), None, 10).await.unwrap(), [place]);
    assert_eq!(live(&*t.store, bob.user(), at(6)).await, [bob.session()]);
    assert_eq!(leaves(&*t.store, new_id(at(0)), at(5)).await, Departed::Unknown);
}

pub(in crate::store) async fn a_sign_in_calls_back_whoever_wants_to_leave(t: Bench) {
    let before = sign_in(&*t.store, "alice", at(0)).await;
    let user = before.user().id;
    leaves(&*t.store, user, at(5)).await;
    let code = CodeDigest(fresh());
    let claiming = claiming(code, Some(IdempotencyKey { key: fresh(), body: fresh() }));
    assert_eq!(t.store.claim_code(claiming).await.unwrap(), CodeClaim::Claimed);
    let again = Opening { code: Some(code), ..opening("alice", at(6)) };
    let Opened::Open { standing, is_new_user, called_back, .. } = t.other.open_session(again).await.unwrap() else {
        panic!()
    };
    assert_eq!((standing.user.id, standing.user.deletes_at, is_new_user, called_back), (user, None, false, true));
    let repeated = CodeClaim::Done(OpenedBefore { session: standing.session, called_back: true });
    assert_eq!(t.store.claim_code(claiming).await.unwrap(), repeated, "whoever did not hear of it");
    assert_eq!(deletes_at(&*t.store, user).await, None);
    assert_eq!(t.store.due_to_leave(due(at(100)), None, 10).await.unwrap(), []);
    let row = t.store.session(before.session()).await.unwrap().unwrap();
    let late = row.ended.map(|(_, reason)| reason.now_of(&standing.user));
    assert_eq!(late, Some(EndReason::Logout), "signing in again helps those devices");
    let Opened::Open { called_back, .. } = t.store.open_session(opening("alice", at(7))).await.unwrap() else {
        panic!()
    };
    assert!(!called_back);
    assert_eq!((t.raw)("SELECT count(*) FROM audit WHERE action = 'user.deletion_cancelled'"), "1");
}

pub(in crate::store) async fn an_operator_calls_back_who_is_leaving_and_nobody_else(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().id;
    let call = async |user| t.store.cancel_leaving(user, Actor::command(), at(6)).await.unwrap();
    assert_eq!(call(alice).await, Stayed::NotLeaving);
    leaves(&*t.store, alice, at(5)).await;
    assert_eq!(call(alice).await, Stayed::Stays(due(at(5))));
    assert_eq!(call(alice).await, Stayed::NotLeaving);
    assert_eq!(call(new_id(at(0))).await, Stayed::Unknown);
    t.store.erase_user(erasing(alice, false, at(7))).await.unwrap();
    assert_eq!(call(alice).await, Stayed::Gone);
    assert_eq!(leaves(&*t.store, alice, at(8)).await, Departed::Gone);
}

pub(in crate::store) async fn only_a_shell_is_left_whom_nothing_opens(t: Bench) {
    let profile = ProfileChange {
        nickname: Some("Alice".into()),
        avatar_url: Some("https://example.com/a.png".into()),
        is_chosen: true,
    };
    let alice = open(&*t.store, with_phone(Opening { profile, ..opening("alice", at(0)) }, 7)).await;
    let (user, number) = (alice.user().id, alice.user().number);
    assert_eq!(t.store.erase_user(erasing(user, true, at(1))).await.unwrap(), Erased::NotDue);
    leaves(&*t.store, user, at(1)).await;
    assert_eq!(t.store.erase_user(erasing(user, true, at(2))).await.unwrap(), Erased::NotDue);
    let erased = t.other.erase_user(erasing(user, true, due(at(1)))).await.unwrap();
    let former_avatars = vec![(user, "https://example.com/a.png".to_owned())];
    assert_eq!(erased, Erased::Erased { ended: Vec::new(), former_avatars });
    let shell = t.store.user(user).await.unwrap().unwrap();
    assert_eq!((shell.id, shell.number, shell.erased_at), (user, number, Some(due(at(1)))));
    assert!(shell.nickname.is_none() && shell.avatar_url.is_none() && shell.phone_masked.is_none());
    assert_eq!((shell.nickname_chosen_at, shell.avatar_chosen_at), (None, None));
    assert_eq!(shell.deletes_at, None);
    let row = t.store.session(alice.session()).await.unwrap().unwrap();
    let late = row.ended.map(|(_, reason)| reason.now_of(&shell));
    assert_eq!(late, Some(EndReason::AccountClosed));
    assert_eq!(t.store.erase_user(erasing(user, true, due(at(2)))).await.unwrap(), Erased::Gone);
    assert_eq!(t.store.due_to_leave(due(at(100)), None, 10).await.unwrap(), []);
    assert!(t.store.user_by_phone([7; 32]).await.unwrap().is_none());
    for who in [Who::User(user), Who::Number(number)] {
        let opened = t.store.open_session(Opening { who, ..opening("nobody", due(at(9))) }).await.unwrap();
        assert!(matches!(opened, Opened::Unknown), "{opened:?}");
    }
    let anew = sign_in(&*t.store, "alice", due(at(9))).await;
    assert!(anew.is_new_user && anew.user().number > number);
    assert_eq!((t.raw)("SELECT count(*) FROM audit WHERE action = 'user.erased' AND actor = 'system'"), "1");
}

/// What was merged into somebody goes with them.
pub(in crate::store) async fn other_names_of_whoever_is_erased_are_emptied_too(t: Bench) {
    let profile = ProfileChange { nickname: Some("Elder".into()), avatar_url: None, is_chosen: true };
    let alias = open(&*t.store, Opening { profile, ..opening("elder", at(0)) }).await;
    let alice = sign_in(&*t.store, "alice", at(1)).await;
    (t.raw)(&format!("UPDATE users SET merged_into = {} WHERE number = {}", alice.user().number, alias.user().number));
    (t.raw)("UPDATE sessions SET ended_at = 1, end_reason = 'session_ended', ip = '203.0.113.9'");
    (t.raw)("UPDATE audit SET ip = '203.0.113.9'");
    (t.raw)(
        "INSERT INTO audit (at, action, actor, user_id, detail) SELECT 1, 'password.reset', 'operator', id, 'asked by her' FROM users",
    );
    (t.raw)(
        "INSERT INTO audit (at, action, actor, user_id, detail) SELECT 1, 'user.became_alias', 'system', id, 'alias of usr_x' FROM users WHERE merged_into IS NOT NULL",
    );
    (t.raw)(
        "INSERT INTO audit (at, action, actor, user_id, detail) SELECT 1, 'session.opened', 'user', id, 'its unionid is another user''s: usr_y' FROM users",
    );
    t.store.erase_user(erasing(alice.user().id, false, at(5))).await.unwrap();
    for rest in [
        "users WHERE nickname IS NOT NULL OR nickname_chosen_at IS NOT NULL OR erased_at IS NULL",
        "identities",
        "sessions WHERE ip IS NOT NULL OR identity IS NOT NULL",
        "audit WHERE ip IS NOT NULL OR detail NOT IN ('new user', 'alias of usr_x')",
    ] {
        assert_eq!((t.raw)(&format!("SELECT count(*) FROM {rest}")), "0", "{rest}");
    }
    for (action, detail, kept) in [("session.opened", "new user", "2"), ("user.became_alias", "alias of usr_x", "1")] {
        let lines = format!("SELECT count(*) FROM audit WHERE action = '{action}' AND detail = '{detail}'");
        assert_eq!((t.raw)(&lines), kept, "{action} may still have to be told, and says nothing of her");
    }
}

/// Whoever could not be erased is passed by.
pub(in crate::store) async fn whoever_is_due_is_told_from_any_place_on(t: Bench) {
    let mut users = Vec::new();
    for (nth, leaving_at) in [3, 1, 2, 2, 2, 9].into_iter().enumerate() {
        let user = sign_in(&*t.store, &format!("person {nth}"), at(0)).await.user().clone();
        leaves(&*t.store, user.id, at(leaving_at)).await;
        users.push(user.id);
    }
    let (mut told, mut after) = (Vec::new(), None);
    loop {
        let next = t.other.due_to_leave(due(at(3)), after, 2).await.unwrap();
        told.extend(next.iter().map(|due| due.user));
        after = next.last().copied();
        if next.len() < 2 {
            break;
        }
    }
    assert_eq!(told, [users[1], users[2], users[3], users[4], users[0]]);
}

/// Lines and sessions in several parts, under two names; and of whoever stays nothing.
pub(in crate::store) async fn much_of_whoever_goes_is_emptied_and_nothing_of_others(t: Bench) {
    let device = || Device { ip: Some("203.0.113.9".into()), name: Some("iPhone".into()), ..Device::default() };
    for (person, secs) in [("alice", 0), ("bob", 0), ("elder", 0)] {
        for _ in 0..2 {
            open(&*t.store, Opening { device: device(), ..opening(person, at(secs)) }).await;
        }
    }
    let user = async |person: &str| open(&*t.store, opening(person, at(1))).await.user().clone();
    let (alice, bob, elder) = (user("alice").await, user("bob").await, user("elder").await);
    (t.raw)(&format!("UPDATE users SET merged_into = {} WHERE number = {}", alice.number, elder.number));
    (t.raw)("UPDATE sessions SET ended_at = 1, end_reason = 'session_ended'");
    for _ in 0..7 {
        (t.raw)(
            "INSERT INTO audit (at, action, actor, user_id, ip, detail) SELECT at, 'login.refused', 'user', user_id, '203.0.113.9', 'words'
            FROM audit WHERE user_id IS NOT NULL",
        );
    }
    let left = |table: &str, of: &UserRow| {
        let of_lines = format!("user_id = (SELECT id FROM users WHERE number = {}) AND ip IS NOT NULL", of.number);
        let of_sessions = format!("user_number = {} AND ip IS NOT NULL", of.number);
        let of = if table == "audit" { of_lines } else { of_sessions };
        (t.raw)(&format!("SELECT count(*) FROM {table} WHERE {of}")).parse::<i64>().unwrap()
    };
    let all = [left("audit", &alice), left("sessions", &alice), left("audit", &elder), left("sessions", &elder)];
    assert!(all[0] > 300 && all[1] == 2 && all[2] > 300 && all[3] == 2, "{all:?}");
    assert!(!empty(&*t.store, (alice.id, true), &mut Emptied::default(), at(2)).await, "she is not due");
    assert_eq!(t.store.erase_user(erasing(alice.id, true, at(2))).await.unwrap(), Erased::NotDue);
    assert_eq!([left("audit", &alice), left("sessions", &alice), left("audit", &elder), left("sessions", &elder)], all);
    let before = [left("audit", &bob), left("sessions", &bob)];
    erase(&*t.store, alice.id, at(3600)).await;
    for name in [&alice, &elder] {
        assert_eq!([left("audit", name), left("sessions", name)], [0, 0]);
    }
    assert_eq!([left("audit", &bob), left("sessions", &bob)], before);
    let words =
        "SELECT count(*) FROM audit WHERE detail = 'words' AND user_id <> (SELECT id FROM users WHERE number = ";
    assert_eq!((t.raw)(&format!("{words}{})", bob.number)), "0");
}

/// A part takes what belongs to them now, and not what did when the first one was emptied.
pub(in crate::store) async fn whoever_is_parted_amid_an_erasure_keeps_what_is_theirs(t: Bench) {
    let (alice, elder) = (sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "elder", at(0)).await);
    let (alice, elder) = (alice.user().clone(), elder.user().clone());
    merge(&*t.store, elder.id, alice.id, at(1)).await;
    let (stale, until) = ("203.0.113.9", at(3600));
    (t.raw)(&format!("UPDATE sessions SET ip = '{stale}'"));
    (t.raw)(&format!("UPDATE audit SET ip = '{stale}'"));
    (t.raw)("UPDATE sessions SET ended_at = 1, end_reason = 'session_ended' WHERE ended_at IS NULL");
    let left = |of: &UserRow| {
        let lines = format!("audit WHERE user_id = (SELECT id FROM users WHERE number = {})", of.number);
        [lines, format!("sessions WHERE user_number = {}", of.number)]
            .map(|of| (t.raw)(&format!("SELECT count(*) FROM {of} AND ip IS NOT NULL")).parse::<i64>().unwrap())
    };
    let before = left(&elder);
    assert!(before.iter().chain(&left(&alice)).all(|count| *count > 0));
    let mut emptied = Emptied::default();
    assert!(empty(&*t.store, (alice.id, false), &mut emptied, until).await, "her sessions");
    assert!(empty(&*t.store, (alice.id, false), &mut emptied, until).await, "her lines");
    assert_eq!(left(&alice), [0, 0]);
    assert!(matches!(unmerge(&*t.other, elder.id, at(2)).await, Unmerged::Done { .. }));
    while empty(&*t.store, (alice.id, false), &mut emptied, until).await {}
    assert_eq!(left(&elder), before, "nothing of the elder's is hers any more");
    let erased = t.store.erase_user(Erasing { emptied, ..erasing(alice.id, false, until) }).await.unwrap();
    assert!(matches!(erased, Erased::Erased { .. }), "{erased:?}");
    assert_eq!(left(&elder), before);
    assert_eq!(sign_in(&*t.store, "elder", until).await.user().id, elder.id);
}

/// A request that began before, and ends after.
pub(in crate::store) async fn whoever_is_erased_meanwhile_gets_nothing_more(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let user = alice.user().id;
    erase(&*t.store, user, at(1)).await;
    let change = ProfileChange { nickname: Some("Late".into()), avatar_url: None, is_chosen: true };
    assert!(t.other.change_profile(user, change, at(2)).await.unwrap().is_none());
    assert_eq!(t.other.bind_phone(user, phone(7), at(2)).await.unwrap(), PhoneBound::Nobody);
    let agrees = consenting(alice.user(), &[("privacy", "1")], &[], 2);
    assert!(t.other.change_consents(agrees).await.unwrap().is_none());
    let wanted = linking(user, proved(in_club_of("alice"), at(2)));
    assert_eq!(t.other.link_identity(wanted).await.unwrap(), Linked::Gone);
    let late = change_data(of_user(&alice), put("late", "1"), at(2));
    assert_eq!(t.other.change_data(late).await.unwrap(), DataChanged::Ended(EndReason::AccountClosed));
    for rest in [
        "users WHERE nickname IS NOT NULL OR phone_masked IS NOT NULL",
        "phones",
        "consents",
        "identities",
        "session_data",
    ] {
        assert_eq!((t.raw)(&format!("SELECT count(*) FROM {rest}")), "0", "{rest}");
    }
}

/// The same, where both run at once.
pub(in crate::store) async fn what_races_an_erasure_leaves_nothing_behind(t: Bench) {
    for round in 0..6 {
        let person = format!("person {round}");
        let alice = sign_in(&*t.store, &person, at(0)).await;
        let (row, place) = (alice.user().clone(), of_user(&alice));
        let (id, number) = (row.id, row.number);
        t.race(6, move |node, nth| {
            let (row, own) = (row.clone(), of(place.session));
            let place = if nth == 4 { place.clone() } else { own };
            let name = in_club_of(&person);
            async move {
                match nth {
                    0 => erase(&*node, id, at(1)).await,
                    1 => {
                        let change = ProfileChange { nickname: Some("Late".into()), avatar_url: None, is_chosen: true };
                        drop(node.change_profile(id, change, at(1)).await.unwrap());
                    }
                    2 => drop(node.bind_phone(id, phone(round), at(1)).await.unwrap()),
                    3 => {
                        let agrees = consenting(&row, &[("privacy", "1")], &[], 1);
                        drop(node.change_consents(agrees).await.unwrap());
                        drop(node.link_identity(linking(id, proved(name, at(1)))).await.unwrap());
                    }
                    _ => drop(node.change_data(change_data(place, put("late", "1"), at(1))).await.unwrap()),
                }
            }
        })
        .await;
        let shell = t.store.user(id).await.unwrap().unwrap();
        assert_eq!((&shell.nickname, &shell.phone_masked), (&None, &None), "round {round}");
        for rest in ["phones", "consents", "identities"] {
            let left = format!("SELECT count(*) FROM {rest} WHERE user_number = {number}");
            assert_eq!((t.raw)(&left), "0", "{rest} in round {round}");
        }
        assert_eq!((t.raw)("SELECT count(*) FROM session_data"), "0", "round {round}");
    }
}

/// Whoever signs in while somebody announces their leaving is over with the rest, or has called them back.
pub(in crate::store) async fn sign_ins_that_race_a_leaving_are_over_or_call_back(t: Bench) {
    for round in 0..4 {
        let person = format!("person {round}");
        let user = sign_in(&*t.store, &person, at(0)).await.user().clone();
        let (racing, id) = (person.clone(), user.id);
        t.race(6, move |node, nth| {
            let opening = opening(&racing, at(1));
            async move {
                if nth == 0 {
                    node.announce_leaving(departure(id, at(1))).await.unwrap();
                } else {
                    open(&*node, opening).await;
                }
            }
        })
        .await;
        let lives = !live(&*t.store, &user, at(2)).await.is_empty();
        assert_eq!(deletes_at(&*t.other, user.id).await.is_none(), lives, "round {round}");
    }
}

/// Of racing sweepers one erases; a sign-in beside them is that of whoever was called back, or of somebody new.
pub(in crate::store) async fn sign_ins_that_race_an_erasure_never_leave_half_a_person(t: Bench) {
    for round in 0..4 {
        let (person, now) = (format!("person {round}"), due(at(0)));
        let user = open(&*t.store, with_phone(opening(&person, at(0)), 9)).await.user().clone();
        leaves(&*t.store, user.id, at(0)).await;
        let (racing, id) = (person.clone(), user.id);
        let outcomes = t
            .race(7, move |node, nth| {
                let opening = opening(&racing, now);
                async move {
                    if nth < 3 {
                        return Some(node.erase_user(erasing(id, true, now)).await.unwrap());
                    }
                    open(&*node, opening).await;
                    None
                }
            })
            .await;
        let erased = outcomes.iter().flatten().filter(|it| matches!(it, Erased::Erased { .. })).count();
        assert!(erased <= 1, "{outcomes:?}");
        let again = sign_in(&*t.other, &person, now).await;
        let shell = t.store.user(user.id).await.unwrap().unwrap();
        assert_eq!(
            (again.user().id == user.id, shell.erased_at.is_none()),
            (erased == 0, erased == 0),
            "round {round}"
        );
        assert_eq!(shell.phone_masked.is_some(), erased == 0, "round {round}");
        assert_eq!(live(&*t.store, &user, now).await.is_empty(), erased == 1, "round {round}");
    }
}
