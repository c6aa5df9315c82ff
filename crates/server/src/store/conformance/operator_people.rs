//! Which person of a platform an operator is: one identity signs one operator in, while there are both and whoever has it may sign
//! in themselves.

use menjin_token::UserId;

use super::Bench;
use super::identities::{in_club_of, linking, proved, unlinking};
use super::leaving::erase;
use super::operators::{change, lines, link, session, set_up};
use super::pushes::told;
use super::sample::{at, identity, in_club, new_id, open, opening, sign_in};
use crate::store::{
    Actor, CarriedOut, HeldDigest, IdentityName, Linked, LinkingOperator, Opening, OperatorChange, OperatorChanged,
    OperatorLinked, OperatorRole, OperatorShown, PushAsks, Store, Unlinked, Unlinking,
};

fn linking_of(operator: &str, identity: IdentityName) -> LinkingOperator {
    let by = Actor { kind: "operator", id: Some(operator.to_owned()), ip: None };
    LinkingOperator { operator: operator.to_owned(), identity, now: at(50), by }
}

/// Whom an identity signs in.
async fn scans_as(store: &dyn Store, person: &str) -> Option<String> {
    store.operator_of(&identity(person)).await.unwrap().map(|(operator, _)| operator)
}

/// An operator who is alice.
async fn linked(t: &Bench, operator: &str) -> (UserId, OperatorShown, HeldDigest) {
    let opened = set_up(&*t.store, operator, OperatorRole::Admin).await;
    let user = sign_in(&*t.store, "alice", at(0)).await.user().id;
    let linked = t.store.link_operator(linking_of(operator, identity("alice"))).await.unwrap();
    assert_eq!(linked, OperatorLinked::Linked);
    let (_, identity) = t.other.operator_of(&identity("alice")).await.unwrap().unwrap();
    (user, OperatorShown::Identity(identity), opened)
}

pub(in crate::store) async fn an_identity_signs_its_operator_in_while_its_user_may(t: Bench) {
    let (user, shown, opened) = linked(&t, "lin").await;
    set_up(&*t.store, "wei", OperatorRole::Admin).await;
    assert_eq!(scans_as(&*t.other, "alice").await.as_deref(), Some("lin"));
    assert_eq!(scans_as(&*t.other, "bob").await, None);
    let rows = t.other.operators().await.unwrap();
    let since: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.linked_at)).collect();
    assert!(since.contains(&("lin", Some(at(50)))) && since.contains(&("wei", None)), "{since:?}");

    let scanned = session("lin", at(60));
    assert!(t.other.open_operator_session(scanned.clone(), shown).await.unwrap());
    assert!(t.store.open_operator_session(session("lin", at(61)), shown).await.unwrap(), "as often as they scan");
    assert!(!t.store.open_operator_session(session("wei", at(62)), shown).await.unwrap(), "it is not theirs");
    let another = OperatorShown::Identity(new_id(at(0)));
    assert!(!t.store.open_operator_session(session("lin", at(62)), another).await.unwrap());
    assert!(t.store.prove_operator_session(opened, shown, at(90)).await.unwrap());
    assert!(!t.store.prove_operator_session(opened, another, at(91)).await.unwrap());
    assert_eq!(t.other.operator_session(opened).await.unwrap().unwrap().proved_at, at(90));
    assert_eq!(t.other.operator_session(scanned.digest).await.unwrap().unwrap().operator, "lin");
    let by_scan = "SELECT count(*) FROM audit WHERE action = 'operator.signed_in' AND detail = 'by a scan'";
    assert_eq!(((t.raw)(by_scan).as_str(), lines(&t, "operator.linked")), ("2", 1));

    let number = t.store.user(user).await.unwrap().unwrap().number;
    for (barred, free) in [("disabled_at = 1", "disabled_at = NULL"), ("deletes_at = 9", "deletes_at = NULL")] {
        (t.raw)(&format!("UPDATE users SET {barred} WHERE number = {number}"));
        assert_eq!(scans_as(&*t.other, "alice").await, None, "{barred}");
        assert!(!t.store.open_operator_session(session("lin", at(63)), shown).await.unwrap(), "{barred}");
        assert!(!t.store.prove_operator_session(opened, shown, at(92)).await.unwrap(), "{barred}");
        let again = t.store.link_operator(linking_of("wei", identity("alice"))).await.unwrap();
        assert_eq!(again, OperatorLinked::Unknown, "{barred}");
        (t.raw)(&format!("UPDATE users SET {free} WHERE number = {number}"));
    }
    assert!(t.store.open_operator_session(session("lin", at(64)), shown).await.unwrap());
}

pub(in crate::store) async fn an_operator_is_one_identity_and_an_identity_one_operator(t: Bench) {
    let (user, shown, _) = linked(&t, "lin").await;
    set_up(&*t.store, "wei", OperatorRole::Admin).await;
    let link_as = async |name: &str, identity| t.other.link_operator(linking_of(name, identity)).await.unwrap();
    assert_eq!(link_as("wei", identity("alice")).await, OperatorLinked::Taken);
    assert_eq!(link_as("lin", identity("alice")).await, OperatorLinked::Linked, "it is so");
    assert_eq!(lines(&t, "operator.linked"), 1);
    assert_eq!(link_as("nobody", identity("alice")).await, OperatorLinked::Unknown);
    assert_eq!(link_as("lin", identity("bob")).await, OperatorLinked::Unknown, "nobody has signed in by it");
    // Another identity of the same person takes the place of the first, which opens nothing any more.
    let second = t.store.link_identity(linking(user, proved(in_club_of("alice"), at(2)))).await.unwrap();
    assert!(matches!(second, Linked::Linked(_)));
    assert_eq!(link_as("lin", in_club_of("alice")).await, OperatorLinked::Linked);
    assert_eq!(scans_as(&*t.store, "alice").await, None);
    assert!(!t.store.open_operator_session(session("lin", at(60)), shown).await.unwrap());
    assert!(t.store.operator_of(&in_club_of("alice")).await.unwrap().is_some());
    assert_eq!(link_as("wei", identity("alice")).await, OperatorLinked::Linked, "it is free");
}

pub(in crate::store) async fn of_racing_operators_with_one_identity_one_has_it(t: Bench) {
    sign_in(&*t.store, "alice", at(0)).await;
    let names: Vec<String> = (0..8).map(|nth| format!("op-{nth}")).collect();
    for name in &names {
        set_up(&*t.store, name, OperatorRole::Viewer).await;
    }
    let link = |node: std::sync::Arc<dyn Store>, nth: usize| {
        let linking = linking_of(&names[nth], identity("alice"));
        async move { node.link_operator(linking).await.unwrap() }
    };
    let came_to = t.race(8, link).await;
    assert_eq!(came_to.iter().filter(|it| **it == OperatorLinked::Linked).count(), 1, "{came_to:?}");
    assert_eq!(came_to.iter().filter(|it| **it == OperatorLinked::Taken).count(), 7, "{came_to:?}");
    assert!(scans_as(&*t.other, "alice").await.is_some());
}

pub(in crate::store) async fn a_link_goes_with_either_end_of_it(t: Bench) {
    set_up(&*t.store, "root", OperatorRole::Admin).await;
    let (user, shown, opened) = linked(&t, "lin").await;
    let scanned = session("lin", at(60));
    let relink = async || {
        sign_in(&*t.store, "alice", at(0)).await;
        let linked = t.store.link_operator(linking_of("lin", identity("alice"))).await.unwrap();
        assert_eq!(linked, OperatorLinked::Linked);
    };
    assert_eq!(change(&*t.store, "lin", OperatorChange::Unlink).await, OperatorChanged::Changed(vec![]));
    assert_eq!(change(&*t.store, "lin", OperatorChange::Unlink).await, OperatorChanged::Unchanged);
    assert_eq!(change(&*t.store, "nobody", OperatorChange::Unlink).await, OperatorChanged::Unknown);
    assert_eq!((scans_as(&*t.other, "alice").await, lines(&t, "operator.unlinked")), (None, 1));
    assert_eq!(t.other.operator_session(opened).await.unwrap(), None, "what a scan may have opened is over");
    assert!(!t.other.open_operator_session(session("lin", at(61)), shown).await.unwrap());

    relink().await;
    assert_eq!(change(&*t.store, "lin", OperatorChange::Reset(link(1800))).await, OperatorChanged::Changed(vec![]));
    assert_eq!(scans_as(&*t.other, "alice").await, None, "a reset forgets it with the password");

    relink().await;
    assert!(t.store.open_operator_session(scanned.clone(), shown).await.unwrap());
    let OperatorShown::Identity(own) = shown else { panic!("{shown:?}") };
    let taken = t.store.unlink_identity(Unlinking { even_last: true, ..unlinking(user, own, at(62)) }).await.unwrap();
    assert!(matches!(taken, Unlinked::Unlinked(_)), "{taken:?}");
    assert_eq!(t.other.operator_session(scanned.digest).await.unwrap(), None, "it goes with the identity, too");
    assert_eq!((scans_as(&*t.other, "alice").await, lines(&t, "operator.unlinked")), (None, 2));

    relink().await;
    let close = told(&*t.store, identity("alice"), PushAsks::Close, at(63)).await;
    assert!(matches!(close, CarriedOut::Done { was_last: true, .. }), "{close:?}");
    assert_eq!((scans_as(&*t.other, "alice").await, lines(&t, "operator.unlinked")), (None, 3));

    relink().await;
    let again = sign_in(&*t.store, "alice", at(64)).await;
    erase(&*t.store, again.user().id, at(65)).await;
    assert_eq!((t.raw)("SELECT count(*) FROM operator_people"), "0");
    assert_eq!(lines(&t, "operator.unlinked"), 4);
    let personal =
        "SELECT count(*) FROM audit WHERE action = 'operator.unlinked' AND NOT (ip IS NULL AND user_id IS NULL)";
    assert_eq!((t.raw)(personal), "0", "nothing of the person is left there");

    relink().await;
    assert_eq!(change(&*t.store, "lin", OperatorChange::Remove).await, OperatorChanged::Changed(vec![]));
    assert_eq!((t.raw)("SELECT count(*) FROM operator_people"), "0");
}

pub(in crate::store) async fn nobody_is_merged_by_itself_who_is_an_operator(t: Bench) {
    let (user, ..) = linked(&t, "lin").await;
    let with_unionid = |opening| Opening { unionid: Some(("union".into(), "company".into())), ..opening };
    let club = open(&*t.store, with_unionid(in_club(opening("alice", at(1))))).await;
    let late = async |secs| open(&*t.other, with_unionid(opening("alice", at(secs)))).await.user().id;
    assert_eq!(late(2).await, user, "they sign in as who they were");
    assert_eq!(t.store.user(club.user().id).await.unwrap().unwrap().id, club.user().id);
    let detail = format!("its unionid is another user''s: {}", club.user().id);
    assert_eq!((t.raw)(&format!("SELECT count(*) FROM audit WHERE detail = '{detail}'")), "1");
    assert_eq!(change(&*t.store, "lin", OperatorChange::Unlink).await, OperatorChanged::Changed(vec![]));
    assert_eq!(late(3).await, user);
    assert_eq!(t.store.user(club.user().id).await.unwrap().unwrap().id, user, "nothing keeps them apart any more");
}
