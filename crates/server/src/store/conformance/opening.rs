//! Opening a session: what it keeps, whose place it takes, and that it happens whole or not at all.

use std::collections::BTreeSet;

use super::Bench;
use super::sample::{
    SignedIn, at, audit_lines, end, ended, fresh, in_club, live, on_device, open, opening, presented, sealed, sign_in,
    sorted, with_phone,
};
use crate::store::{
    Claiming, CodeClaim, CodeDigest, Device, DeviceClass, EndReason, Ends, EventKind, IdempotencyKey, Opening, Store,
};

pub(in crate::store) async fn a_session_is_what_it_was_opened_with(t: Bench) {
    let device = Device {
        id: Some("device".into()),
        class: DeviceClass::Tablet,
        name: Some("华为平板".into()),
        system: Some("HarmonyOS 5".into()),
        ip: Some("2001:db8::1".into()),
        user_agent: Some("miniProgram".into()),
    };
    let secret = sealed([5; 4], "a secret");
    let opening = Opening { device: device.clone(), secret: secret.clone(), ..opening("alice", at(3)) };
    let opened = open(&*t.store, opening.clone()).await;
    let standing = &opened.standing;
    assert_eq!((standing.session, standing.grant, standing.counter), (opening.session, opening.grant, 0));
    assert_eq!((standing.app.as_str(), standing.amr.as_str(), &standing.secret), ("shop", "wechat", &secret));
    assert_eq!((standing.auth_time, standing.idle_until), (at(3), opening.idle_until));
    let row = t.other.session(opening.session).await.unwrap().unwrap();
    assert_eq!((row.id, row.user, row.app.as_str()), (opening.session, opened.user().number, "shop"));
    assert_eq!(row.device, device);
    assert_eq!((row.opened_at, row.seen_at, row.expires_at, row.ended), (at(3), at(3), opening.expires_at, None));
    let grant = t.other.grant(opening.grant).await.unwrap().unwrap();
    assert_eq!((grant.app.as_str(), grant.session, grant.secret), ("shop", opening.session, secret));
}

pub(in crate::store) async fn a_device_has_one_session_in_an_app(t: Bench) {
    let first = open(&*t.store, on_device(opening("alice", at(0)), "phone")).await;
    let other_device = open(&*t.store, on_device(opening("alice", at(1)), "tablet")).await;
    let other_app = open(&*t.store, {
        let unionid = Some(("union".into(), "company".into()));
        Opening { unionid, app: "club".into(), ..on_device(opening("alice", at(2)), "phone") }
    })
    .await;
    let bobs = open(&*t.store, on_device(opening("bob", at(3)), "phone")).await;
    let again = open(&*t.other, on_device(opening("alice", at(4)), "phone")).await;
    assert_eq!(again.replaced, [first.session()]);
    assert_eq!(ended(&*t.store, first.session()).await, Some(EndReason::Replaced));
    let alive = [again.session(), other_app.session(), other_device.session()];
    assert_eq!(live(&*t.store, first.user(), at(5)).await, alive);
    assert_eq!(live(&*t.store, bobs.user(), at(5)).await, [bobs.session()]);
    let told: Vec<_> = t.store.events_since(0).await.unwrap().into_iter().map(|it| (it.kind, it.reason)).collect();
    assert_eq!(told, [(EventKind::SessionEnded(first.session()), "session_replaced".into())]);
}

async fn several(store: &dyn Store, count: i64, opening: impl Fn(i64) -> Opening) -> Vec<SignedIn> {
    let mut opened = Vec::new();
    for nth in 0..count {
        opened.push(open(store, opening(nth)).await);
    }
    opened
}

pub(in crate::store) async fn without_a_device_id_the_eleventh_takes_the_place_of_the_oldest(t: Bench) {
    let with_id = open(&*t.store, on_device(opening("alice", at(-1)), "device")).await;
    let sessions = several(&*t.store, 10, |nth| opening("alice", at(nth))).await;
    assert!(sessions.iter().all(|it| it.replaced.is_empty()));
    for (secs, oldest) in (100..).zip(&sessions[..3]) {
        let next = sign_in(&*t.store, "alice", at(secs)).await;
        assert_eq!(next.replaced, [oldest.session()]);
    }
    assert_eq!(ended(&*t.store, with_id.session()).await, None, "it is older, and has an id");
    assert_eq!(live(&*t.store, with_id.user(), at(200)).await.len(), 11);
}

pub(in crate::store) async fn the_twenty_first_takes_the_place_of_the_oldest(t: Bench) {
    let sessions = several(&*t.store, 20, |nth| on_device(opening("alice", at(nth)), &format!("device {nth}"))).await;
    assert!(sessions.iter().all(|it| it.replaced.is_empty()));
    let same_device = open(&*t.store, on_device(opening("alice", at(50)), "device 7")).await;
    assert_eq!(same_device.replaced, [sessions[7].session()], "its own place, nobody else's");
    let another = open(&*t.store, on_device(opening("alice", at(51)), "another")).await;
    assert_eq!(another.replaced, [sessions[0].session()]);
    let without = sign_in(&*t.store, "alice", at(52)).await;
    assert_eq!(without.replaced, [sessions[1].session()]);
    assert_eq!(live(&*t.store, without.user(), at(60)).await.len(), 20);
}

pub(in crate::store) async fn limits_are_a_users_own(t: Bench) {
    several(&*t.store, 10, |nth| opening("alice", at(nth))).await;
    let bob = sign_in(&*t.store, "bob", at(20)).await;
    let in_another_app = open(&*t.store, in_club(opening("alice", at(21)))).await;
    assert_eq!((bob.replaced, in_another_app.replaced), (vec![], vec![]));
    assert_eq!(t.store.events_since(0).await.unwrap(), []);
}

pub(in crate::store) async fn what_ended_takes_no_place(t: Bench) {
    let sessions = several(&*t.store, 10, |nth| opening("alice", at(nth))).await;
    end(&*t.store, Ends::Session(sessions[4].session()), at(20)).await;
    assert_eq!(sign_in(&*t.store, "alice", at(21)).await.replaced, []);
    assert_eq!(sign_in(&*t.store, "alice", at(22)).await.replaced, [sessions[0].session()]);
}

pub(in crate::store) async fn racing_sign_ins_stay_within_the_limits(t: Bench) {
    let opened = t.race(24, |node, _| async move { sign_in(&*node, "alice", at(0)).await }).await;
    let replaced: Vec<_> = opened.iter().flat_map(|it| it.replaced.clone()).collect();
    let left = live(&*t.store, opened[0].user(), at(1)).await;
    assert_eq!((replaced.len(), left.len()), (14, 10));
    let both: BTreeSet<_> = replaced.iter().chain(&left).copied().collect();
    assert_eq!(both, opened.iter().map(SignedIn::session).collect(), "each lives or was replaced once");

    let opened =
        t.race(8, |node, _| async move { open(&*node, on_device(opening("bob", at(0)), "device")).await }).await;
    assert_eq!(live(&*t.store, opened[0].user(), at(1)).await.len(), 1);
    assert_eq!(opened.iter().map(|it| it.replaced.len()).sum::<usize>(), 7);
}

pub(in crate::store) async fn what_fails_leaves_nothing(t: Bench) {
    let alices = several(&*t.store, 10, |nth| with_phone(opening("alice", at(nth)), 1)).await;
    let before = (t.store.user(alices[0].user().id).await.unwrap(), live(&*t.store, alices[0].user(), at(20)).await);
    audit_lines(&*t.store).await;
    let key = Some(IdempotencyKey { key: fresh(), body: fresh() });
    let code = CodeDigest(fresh());
    let claiming = Claiming { code, idempotency: key, now: at(19), until: at(600), repeatable_since: at(0) };
    assert_eq!(t.store.claim_code(claiming).await.unwrap(), CodeClaim::Claimed);
    // The last of its rows can't be written: their ids are taken.
    let taken = [
        Opening { grant: alices[3].grant(), ..opening("alice", at(20)) },
        Opening { session: alices[3].session(), code: Some(code), ..with_phone(opening("bob", at(20)), 1) },
    ];
    for opening in taken {
        assert!(t.store.open_session(opening).await.is_err());
    }
    let after = (t.store.user(alices[0].user().id).await.unwrap(), live(&*t.other, alices[0].user(), at(20)).await);
    assert_eq!(after, before, "no session was replaced, no number moved");
    assert_eq!(t.store.events_since(0).await.unwrap(), []);
    assert_eq!(t.store.claim_code(claiming).await.unwrap(), CodeClaim::InFlight);
    assert_eq!(audit_lines(&*t.store).await, 0);
    assert!(sign_in(&*t.store, "bob", at(21)).await.is_new_user);
}

pub(in crate::store) async fn an_unrefreshed_session_can_be_given_again(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let other = sign_in(&*t.store, "alice", at(1)).await;
    let again = t.other.unrefreshed(alice.session()).await.unwrap().unwrap();
    assert_eq!((again.grant, again.session, again.counter), (alice.grant(), alice.session(), 0));
    assert_eq!((&again.user, &again.secret, again.auth_time), (alice.user(), &alice.standing.secret, at(0)));
    let stands = (again.app.as_str(), again.amr.as_str(), again.idle_until);
    assert_eq!(stands, ("shop", "wechat", alice.standing.idle_until));
    t.store.rotate(presented(alice.grant(), 0, at(2))).await.unwrap();
    assert!(t.other.unrefreshed(alice.session()).await.unwrap().is_none());
    assert_eq!(end(&*t.store, Ends::All(other.user().id), at(3)).await, sorted([&alice, &other]));
    assert!(t.other.unrefreshed(other.session()).await.unwrap().is_none());
}
