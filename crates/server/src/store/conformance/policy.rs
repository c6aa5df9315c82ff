//! How many sessions may live, and what gives way: a class of device, a user, oldest or newest.

use super::Bench;
use super::sample::{
    SignedIn, at, audit_lines, claiming, end, fresh, live, on_device, open, opening, sign_in, with_phone,
};
use crate::store::{
    CodeClaim, CodeDigest, Device, DeviceClass, Ends, IdempotencyKey, Limit, Opened, Opening, ProfileChange, Refused,
    Replacement, Store,
};

fn limited(opening: Opening, class: DeviceClass, limit: Limit) -> Opening {
    Opening { device: Device { class, ..opening.device }, limit, ..opening }
}

/// Two sessions on a class of device; the oldest goes.
const TWO: Limit = Limit { without_device: 10, on_class: Some(2), in_all: 20, refuses_newest: false };
/// The same; the newest is refused.
const TWO_AND_NO_MORE: Limit = Limit { refuses_newest: true, ..TWO };

async fn is_full(store: &dyn Store, opening: Opening) -> bool {
    matches!(store.open_session(opening).await.unwrap(), Opened::Full)
}

/// Signs alice in on a device of its own.
async fn on(store: &dyn Store, class: DeviceClass, secs: i64, limit: Limit) -> SignedIn {
    let opening = on_device(opening("alice", at(secs)), &format!("device {secs}"));
    open(store, limited(opening, class, limit)).await
}

pub(in crate::store) async fn a_class_of_device_has_so_many_sessions_in_an_app(t: Bench) {
    let (first, second) =
        (on(&*t.store, DeviceClass::Phone, 0, TWO).await, on(&*t.store, DeviceClass::Phone, 1, TWO).await);
    let pc = on(&*t.store, DeviceClass::Pc, 2, TWO).await;
    let in_another_app = {
        let unionid = Some(("union".into(), "company".into()));
        let opening = Opening { unionid, app: "club".into(), ..opening("alice", at(3)) };
        open(&*t.store, limited(opening, DeviceClass::Phone, TWO)).await
    };
    assert!([&first, &second, &pc, &in_another_app].iter().all(|it| it.replaced.is_empty()));
    let third = on(&*t.other, DeviceClass::Phone, 4, TWO).await;
    assert_eq!(third.replaced, [first.session()], "the oldest of its class and app");
    let without_id = open(&*t.store, limited(opening("alice", at(5)), DeviceClass::Phone, TWO)).await;
    assert_eq!(without_id.replaced, [second.session()]);
    let alive = [without_id.session(), third.session(), in_another_app.session(), pc.session()];
    assert_eq!(live(&*t.store, first.user(), at(6)).await, alive);
    let one = Limit { on_class: Some(1), ..TWO };
    let lowered = on(&*t.store, DeviceClass::Phone, 7, one).await;
    assert_eq!(lowered.replaced, [third.session(), without_id.session()], "a lower limit makes room for all it wants");
    let bob = open(&*t.store, limited(opening("bob", at(8)), DeviceClass::Phone, one)).await;
    assert!(bob.replaced.is_empty());
}

pub(in crate::store) async fn a_full_class_refuses_the_newest(t: Bench) {
    let first = on(&*t.store, DeviceClass::Phone, 0, TWO_AND_NO_MORE).await;
    on(&*t.store, DeviceClass::Phone, 1, TWO_AND_NO_MORE).await;
    let third = || limited(on_device(opening("alice", at(2)), "third"), DeviceClass::Phone, TWO_AND_NO_MORE);
    assert!(is_full(&*t.store, third()).await && is_full(&*t.other, third()).await);
    on(&*t.store, DeviceClass::Pc, 3, TWO_AND_NO_MORE).await;
    assert!(is_full(&*t.store, third()).await);
    end(&*t.store, Ends::Session(first.session()), at(4)).await;
    let let_in = open(&*t.other, third()).await;
    assert!(let_in.replaced.is_empty());
    assert!(is_full(&*t.store, limited(opening("alice", at(5)), DeviceClass::Phone, TWO_AND_NO_MORE)).await);
}

pub(in crate::store) async fn a_full_user_refuses_the_newest(t: Bench) {
    let limit = Limit { on_class: None, in_all: 2, ..TWO_AND_NO_MORE };
    let first = on(&*t.store, DeviceClass::Phone, 0, limit).await;
    on(&*t.store, DeviceClass::Pc, 1, limit).await;
    let third = || limited(on_device(opening("alice", at(2)), "third"), DeviceClass::Tablet, limit);
    assert!(is_full(&*t.store, third()).await);
    let by_another_app = Opening { app: "club".into(), ..third() };
    assert!(is_full(&*t.store, by_another_app).await, "all apps together");
    open(&*t.store, limited(opening("bob", at(3)), DeviceClass::Phone, limit)).await;
    end(&*t.store, Ends::Session(first.session()), at(4)).await;
    open(&*t.store, third()).await;
}

pub(in crate::store) async fn the_same_device_is_never_refused(t: Bench) {
    let one = Limit { on_class: Some(1), in_all: 1, ..TWO_AND_NO_MORE };
    let again = |secs| limited(on_device(opening("alice", at(secs)), "mine"), DeviceClass::Phone, one);
    let first = open(&*t.store, again(0)).await;
    let second = open(&*t.store, again(1)).await;
    assert_eq!(second.replaced, [first.session()]);
    assert!(is_full(&*t.store, limited(on_device(opening("alice", at(2)), "other"), DeviceClass::Phone, one)).await);
    assert_eq!(open(&*t.store, again(3)).await.replaced, [second.session()]);
}

pub(in crate::store) async fn a_refused_sign_in_changes_nothing_and_is_refused_again(t: Bench) {
    let one = Limit { on_class: Some(1), ..TWO_AND_NO_MORE };
    let first = on(&*t.store, DeviceClass::Phone, 0, one).await;
    audit_lines(&*t.store).await;
    let code = CodeDigest(fresh());
    let claiming = claiming(code, Some(IdempotencyKey { key: fresh(), body: fresh() }));
    assert_eq!(t.store.claim_code(claiming).await.unwrap(), CodeClaim::Claimed);
    let profile = ProfileChange { nickname: Some("Alice".into()), avatar_url: None, is_chosen: true };
    let session_key = Some((fresh(), super::sample::sealed([1; 4], "key"), fresh()));
    let unionid = Some(("union".to_owned(), "company".to_owned()));
    let refused = Opening { code: Some(code), profile, session_key, unionid, ..opening("alice", at(1)) };
    assert!(is_full(&*t.store, limited(with_phone(refused, 1), DeviceClass::Phone, one)).await);
    let again = t.other.claim_code(claiming).await.unwrap();
    assert_eq!(again, CodeClaim::Refused(Refused("sessions_full".into())));
    assert_eq!(t.store.user(first.user().id).await.unwrap().as_ref(), Some(first.user()));
    assert_eq!(live(&*t.store, first.user(), at(2)).await, [first.session()]);
    assert_eq!((t.store.events_since(0).await.unwrap().len(), audit_lines(&*t.store).await), (0, 0));
    let name = super::sample::identity("alice");
    assert!(t.store.session_keys(&name, at(2)).await.unwrap().is_empty());
}

pub(in crate::store) async fn racing_sign_ins_stay_within_the_limits_of_a_class(t: Bench) {
    for limit in [TWO, TWO_AND_NO_MORE] {
        let person = if limit.refuses_newest { "bob" } else { "alice" };
        let first = sign_in(&*t.store, person, at(0)).await;
        end(&*t.store, Ends::Session(first.session()), at(1)).await;
        let outcomes = t
            .race(12, |node, nth| {
                let opening = on_device(opening(person, at(2)), &format!("device {nth}"));
                async move { node.open_session(limited(opening, DeviceClass::Phone, limit)).await.unwrap() }
            })
            .await;
        let opened = outcomes.iter().filter(|it| matches!(it, Opened::Open { .. })).count();
        assert_eq!(opened, if limit.refuses_newest { 2 } else { 12 });
        assert_eq!(live(&*t.store, first.user(), at(3)).await.len(), 2);
    }
}

pub(in crate::store) async fn a_replaced_session_knows_what_took_its_place(t: Bench) {
    let first = on(&*t.store, DeviceClass::Phone, 0, Limit { on_class: Some(1), ..TWO }).await;
    assert_eq!(t.store.replacement(first.session()).await.unwrap(), None);
    let device = Device { name: Some("华为平板".into()), class: DeviceClass::Phone, ..Device::default() };
    let one = Limit { on_class: Some(1), ..TWO };
    let second = open(&*t.store, Opening { device, limit: one, ..opening("alice", at(5)) }).await;
    assert_eq!(second.replaced, [first.session()]);
    let by = Replacement { class: DeviceClass::Phone, name: Some("华为平板".into()), at: at(5) };
    assert_eq!(t.other.replacement(first.session()).await.unwrap(), Some(by));
    end(&*t.store, Ends::Session(second.session()), at(6)).await;
    assert_eq!(t.other.replacement(second.session()).await.unwrap(), None, "nothing took its place");
    assert!(t.other.replacement(first.session()).await.unwrap().is_some(), "also after that one has ended");
}
