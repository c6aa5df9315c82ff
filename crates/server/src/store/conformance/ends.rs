//! Ends: each scope ends what it names, once, and says so.

use super::Bench;
use super::sample::{
    TOKEN_LIFE, at, end, ended, ending, live, new_id, on_device, open, opening, presented, sign_in, sorted,
};
use crate::store::{Device, DeviceClass, EndReason, Ends, EventKind, Opening, Rotation};

fn on_class(opening: Opening, class: DeviceClass) -> Opening {
    Opening { device: Device { class, ..opening.device }, ..opening }
}

pub(in crate::store) async fn one_session_ends_and_says_when_and_why(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let other = sign_in(&*t.store, "alice", at(1)).await;
    let kicked = ending(Ends::Session(alice.session()), EndReason::Kicked, at(5));
    assert_eq!(t.store.end_sessions(kicked).await.unwrap(), [alice.session()]);
    let row = t.other.session(alice.session()).await.unwrap().unwrap();
    assert_eq!(row.ended, Some((at(5), EndReason::Kicked)));
    assert_eq!(ended(&*t.store, other.session()).await, None);
    let unknown = ending(Ends::Session(new_id(at(0))), EndReason::Kicked, at(6));
    assert_eq!(t.store.end_sessions(unknown).await.unwrap(), []);
}

pub(in crate::store) async fn a_session_of_somebody_else_is_left_alone(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let bob = sign_in(&*t.store, "bob", at(0)).await;
    assert_eq!(end(&*t.store, Ends::SessionOf(bob.user().id, alice.session()), at(1)).await, []);
    assert_eq!(ended(&*t.store, alice.session()).await, None);
    let ended = end(&*t.store, Ends::SessionOf(alice.user().id, alice.session()), at(1)).await;
    assert_eq!(ended, [alice.session()]);
}

pub(in crate::store) async fn a_device_class_ends_without_the_others(t: Bench) {
    let phone = sign_in(&*t.store, "alice", at(0)).await;
    let pcs = [
        open(&*t.store, on_class(opening("alice", at(1)), DeviceClass::Pc)).await,
        open(&*t.store, on_class(opening("alice", at(2)), DeviceClass::Pc)).await,
    ];
    let bob = open(&*t.store, on_class(opening("bob", at(3)), DeviceClass::Pc)).await;
    let ends = Ends::DeviceClass(phone.user().id, DeviceClass::Pc);
    assert_eq!(end(&*t.store, ends, at(4)).await, sorted([&pcs[0], &pcs[1]]));
    assert_eq!(live(&*t.store, phone.user(), at(5)).await, [phone.session()]);
    assert_eq!(live(&*t.store, bob.user(), at(5)).await, [bob.session()]);
    assert_eq!(end(&*t.store, Ends::DeviceClass(phone.user().id, DeviceClass::Tablet), at(6)).await, []);
}

pub(in crate::store) async fn all_sessions_of_a_user_end_and_nobody_elses(t: Bench) {
    let first = sign_in(&*t.store, "alice", at(0)).await;
    let second = sign_in(&*t.other, "alice", at(1)).await;
    let bob = sign_in(&*t.store, "bob", at(2)).await;
    assert_eq!(end(&*t.store, Ends::All(first.user().id), at(3)).await, sorted([&first, &second]));
    assert_eq!(live(&*t.store, first.user(), at(4)).await, []);
    assert_eq!(live(&*t.store, bob.user(), at(4)).await, [bob.session()]);
    assert_eq!(end(&*t.store, Ends::All(new_id(at(0))), at(5)).await, []);
}

pub(in crate::store) async fn all_but_one_end(t: Bench) {
    let [first, kept, third] = [
        sign_in(&*t.store, "alice", at(0)).await,
        sign_in(&*t.store, "alice", at(1)).await,
        sign_in(&*t.store, "alice", at(2)).await,
    ];
    let bob = sign_in(&*t.store, "bob", at(2)).await;
    let ends = Ends::Others(kept.user().id, kept.session());
    assert_eq!(end(&*t.store, ends, at(3)).await, sorted([&first, &third]));
    assert_eq!(live(&*t.store, kept.user(), at(4)).await, [kept.session()]);
    assert_eq!(live(&*t.store, bob.user(), at(4)).await, [bob.session()]);
}

pub(in crate::store) async fn a_grant_names_its_session(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let other = sign_in(&*t.store, "alice", at(1)).await;
    assert_eq!(end(&*t.store, Ends::Grant(alice.grant()), at(2)).await, [alice.session()]);
    assert_eq!(end(&*t.store, Ends::Grant(alice.grant()), at(3)).await, []);
    assert_eq!(end(&*t.store, Ends::Grant(new_id(at(0))), at(4)).await, []);
    assert_eq!(live(&*t.store, alice.user(), at(5)).await, [other.session()]);
}

pub(in crate::store) async fn what_is_over_does_not_end_again(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    end(&*t.store, Ends::Session(alice.session()), at(1)).await;
    let told = async || t.store.events_since(0).await.unwrap().len();
    let before = told().await;
    let alone =
        [Ends::Session(alice.session()), Ends::SessionOf(alice.user().id, alice.session()), Ends::Grant(alice.grant())];
    let several = [
        Ends::DeviceClass(alice.user().id, DeviceClass::Phone),
        Ends::All(alice.user().id),
        Ends::Others(alice.user().id, new_id(at(0))),
    ];
    for which in alone.iter().chain(&several) {
        let again = ending(which.clone(), EndReason::Kicked, at(9));
        assert_eq!(t.store.end_sessions(again).await.unwrap(), []);
    }
    let row = t.store.session(alice.session()).await.unwrap().unwrap();
    assert_eq!(row.ended, Some((at(1), EndReason::Logout)));
    assert_eq!(told().await, before + 3, "whoever names it may never have been answered: it is told again");
    let last = t.store.events_since(0).await.unwrap().pop().unwrap();
    assert_eq!((last.kind, last.reason.as_str()), (EventKind::SessionEnded(alice.session()), "session_ended"));
    for which in alone {
        let late = ending(which, EndReason::Kicked, at(2).plus(TOKEN_LIFE));
        assert_eq!(t.store.end_sessions(late).await.unwrap(), []);
    }
    assert_eq!(told().await, before + 3, "its tokens are dead");
}

pub(in crate::store) async fn of_racing_ends_one_takes_effect(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let session = alice.session();
    let reasons = [EndReason::Logout, EndReason::Kicked];
    let ended = t
        .race(10, |node, nth| async move {
            let reason = reasons[nth / 2 % 2];
            (reason, node.end_sessions(ending(Ends::Session(session), reason, at(1))).await.unwrap())
        })
        .await;
    let winners: Vec<_> = ended.into_iter().filter(|(_, sessions)| sessions == &[session]).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(super::sample::ended(&*t.store, session).await, Some(winners[0].0));
    assert_eq!(t.store.events_since(0).await.unwrap().len(), 1);
}

pub(in crate::store) async fn only_what_lives_is_listed_the_newest_first(t: Bench) {
    let old = sign_in(&*t.store, "alice", at(0)).await;
    let newer = open(&*t.store, Opening { idle_until: at(500), ..opening("alice", at(10)) }).await;
    let newest = sign_in(&*t.store, "alice", at(20)).await;
    let gone = sign_in(&*t.store, "alice", at(30)).await;
    end(&*t.store, Ends::Session(gone.session()), at(31)).await;
    assert_eq!(live(&*t.other, old.user(), at(40)).await, [newest.session(), newer.session(), old.session()]);
    assert_eq!(live(&*t.other, old.user(), at(499)).await.len(), 3);
    assert_eq!(
        live(&*t.other, old.user(), at(500)).await,
        [newest.session(), old.session()],
        "idle, and not yet swept"
    );
}

pub(in crate::store) async fn what_ended_is_still_known_and_refuses_its_tokens(t: Bench) {
    let alice = open(&*t.store, on_device(opening("alice", at(0)), "device")).await;
    end(&*t.store, Ends::Session(alice.session()), at(1)).await;
    assert!(t.store.unrefreshed(alice.session()).await.unwrap().is_none());
    let rotation = t.other.rotate(presented(alice.grant(), 0, at(2))).await.unwrap();
    assert!(matches!(rotation, Rotation::Ended(EndReason::Logout)), "{rotation:?}");
    assert_eq!(t.other.grant(alice.grant()).await.unwrap().map(|grant| grant.session), Some(alice.session()));
    let (user, head) = t.other.user_of_session(alice.session()).await.unwrap().unwrap();
    assert_eq!((&user, head.ended), (alice.user(), Some((at(1), EndReason::Logout))));
}
