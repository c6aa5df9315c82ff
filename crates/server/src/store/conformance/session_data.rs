//! Session data: whose map is whose, what is kept, ends of keys, sessions and rows. Writers that race: `data_races`.

use std::collections::BTreeMap;
use std::time::Duration;

use menjin_token::{SessionId, Timestamp};
use serde_json::value::RawValue;

use super::Bench;
use super::sample::{SignedIn, at, end, new_id, sign_in, sweeping};
use crate::store::{
    Condition, DataChange, DataChanged, DataLimits, DataMap, DataPlace, DataRead, DataWrite, EndReason, Ends, JsonText,
    Store, Sweeping, Swept, Versions,
};

pub(super) fn of(session: SessionId) -> DataPlace {
    DataPlace { session, of_user: None, audience: "shop-api".into() }
}

pub(super) fn of_user(signed_in: &SignedIn) -> DataPlace {
    DataPlace { of_user: Some(signed_in.user().id), ..of(signed_in.session()) }
}

fn for_audience(audience: &str, place: &DataPlace) -> DataPlace {
    DataPlace { audience: audience.into(), ..place.clone() }
}

fn json(text: &str) -> JsonText {
    JsonText::of(&RawValue::from_string(text.to_owned()).unwrap()).unwrap()
}

pub(super) fn put(key: &str, value: &str) -> DataWrite {
    DataWrite::Put { key: key.into(), value: json(value), until: None }
}

pub(super) fn put_until(key: &str, value: &str, secs: i64) -> DataWrite {
    DataWrite::Put { key: key.into(), value: json(value), until: Some(at(secs)) }
}

pub(super) fn replace(data: &[(&str, &str)]) -> DataWrite {
    let data: BTreeMap<_, _> = data.iter().map(|(key, value)| ((*key).to_owned(), json(value))).collect();
    DataWrite::Replace { data, until: None }
}

pub(super) fn change(place: DataPlace, write: DataWrite, now: Timestamp) -> DataChange {
    let limits = DataLimits { value: 2048, total: 16 * 1024, of_person: None };
    DataChange { place, write, condition: Condition::default(), limits, now }
}

/// Writes at the beginning, where nothing may refuse it.
pub(super) async fn write(store: &dyn Store, place: DataPlace, write: DataWrite) -> DataMap {
    match store.change_data(change(place, write, at(1))).await.unwrap() {
        DataChanged::Done(map) => map,
        refused @ (DataChanged::Mismatch(_) | DataChanged::Full | DataChanged::Ended(_)) => panic!("{refused:?}"),
    }
}

pub(super) async fn write_if(
    store: &dyn Store,
    place: DataPlace,
    write: DataWrite,
    condition: Condition,
) -> DataChanged {
    store.change_data(DataChange { condition, ..change(place, write, at(1)) }).await.unwrap()
}

pub(super) async fn read(store: &dyn Store, place: &DataPlace, now: Timestamp) -> DataMap {
    match store.read_data(place, now).await.unwrap() {
        DataRead::Map(map) => map,
        DataRead::Ended(reason) => panic!("{reason:?}"),
    }
}

pub(super) fn shown(map: &DataMap, now: Timestamp) -> (i64, Vec<String>) {
    let map = map.at(now).unwrap();
    (map.version, map.entries.iter().map(|it| format!("{}={}", it.key, it.value)).collect())
}

/// What a place holds at the beginning, as both nodes see it: its version, and `key=value` of each key.
pub(super) async fn holds(t: &Bench, place: &DataPlace) -> (i64, Vec<String>) {
    let seen = shown(&read(&*t.store, place, at(1)).await, at(1));
    assert_eq!(shown(&read(&*t.other, place, at(1)).await, at(1)), seen);
    seen
}

pub(super) fn held<const N: usize>(version: i64, pairs: [&str; N]) -> (i64, Vec<String>) {
    (version, pairs.map(str::to_owned).into())
}

fn rows(t: &Bench) -> String {
    tokio::task::block_in_place(|| (t.raw)("SELECT count(*) FROM session_data"))
}

pub(super) fn version_is(version: i64) -> Condition {
    Condition { if_match: Some(Versions::OneOf(vec![version])), if_none_match: None }
}

pub(super) fn absent() -> Condition {
    Condition { if_match: None, if_none_match: Some(Versions::Any) }
}

pub(in crate::store) async fn what_is_written_is_read_on_every_node(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let place = of(alice.session());
    assert_eq!(holds(&t, &place).await, held(0, []));
    write(&*t.store, place.clone(), put("cart", r#"[1, {"名": "🐼 \u0000"}]"#)).await;
    write(&*t.other, place.clone(), put("a.b:c-d_E", "null")).await;
    assert_eq!(holds(&t, &place).await, held(2, ["a.b:c-d_E=null", r#"cart=[1,{"名":"🐼 \u0000"}]"#]));
    write(&*t.store, place.clone(), DataWrite::Remove("a.b:c-d_E".into())).await;
    let left = write(&*t.other, place.clone(), replace(&[("cart", "7"), ("Cart", "8")])).await;
    assert_eq!(shown(&left, at(1)), held(4, ["Cart=8", "cart=7"]));
    assert_eq!(holds(&t, &place).await, held(4, ["Cart=8", "cart=7"]));
    write(&*t.store, place.clone(), replace(&[])).await;
    assert_eq!(holds(&t, &place).await, held(5, []), "versions never go back");
    write(&*t.other, place.clone(), put("cart", "9")).await;
    assert_eq!(holds(&t, &place).await, held(6, ["cart=9"]));
}

pub(in crate::store) async fn the_largest_map_is_kept_whole(t: Bench) {
    let place = of(sign_in(&*t.store, "alice", at(0)).await.session());
    let value = format!("\"{}\"", "名".repeat(600));
    let keys: Vec<String> = (0..35).map(|nth| format!("key-{nth:02}")).collect();
    let data: Vec<_> = keys.iter().map(|key| (key.as_str(), value.as_str())).collect();
    let limits = DataLimits { value: 64 * 1024, total: 64 * 1024, of_person: None };
    let large = DataChange { limits, ..change(place.clone(), replace(&data), at(1)) };
    assert!(matches!(t.store.change_data(large).await.unwrap(), DataChanged::Done(_)));
    let (version, held) = holds(&t, &place).await;
    assert_eq!((version, held.len()), (1, 35));
    assert!(held.iter().all(|pair| pair.ends_with(&format!("={value}"))));
}

pub(in crate::store) async fn two_devices_of_one_person_have_a_map_each(t: Bench) {
    let phone = sign_in(&*t.store, "alice", at(0)).await;
    let tablet = sign_in(&*t.other, "alice", at(0)).await;
    assert_eq!(phone.user().id, tablet.user().id);
    write(&*t.store, of(phone.session()), put("cart", "1")).await;
    write(&*t.other, of(tablet.session()), put("cart", "2")).await;
    write(&*t.store, of(tablet.session()), put("more", "3")).await;
    assert_eq!(holds(&t, &of(phone.session())).await, held(1, ["cart=1"]));
    assert_eq!(holds(&t, &of(tablet.session())).await, held(2, ["cart=2", "more=3"]));
    assert_eq!(holds(&t, &of_user(&phone)).await, held(0, []));
}

pub(in crate::store) async fn what_is_a_users_is_one_map_in_all_their_sessions(t: Bench) {
    let phone = sign_in(&*t.store, "alice", at(0)).await;
    let tablet = sign_in(&*t.other, "alice", at(0)).await;
    let bob = sign_in(&*t.store, "bob", at(0)).await;
    write(&*t.store, of_user(&phone), put("theme", "1")).await;
    write(&*t.other, of_user(&tablet), put("size", "2")).await;
    write(&*t.other, of_user(&bob), put("theme", "3")).await;
    for place in [of_user(&phone), of_user(&tablet)] {
        assert_eq!(holds(&t, &place).await, held(2, ["size=2", "theme=1"]));
    }
    assert_eq!(holds(&t, &of_user(&bob)).await, held(1, ["theme=3"]));
    assert_eq!(holds(&t, &of(phone.session())).await, held(0, []));
}

pub(in crate::store) async fn each_audience_has_its_own_whatever_it_is_called(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let audiences = ["shop-api", "shop-ap", "shop-apix", "SHOP-API", "shop-api\u{308}", "s", "名"];
    for (nth, audience) in audiences.iter().enumerate() {
        for place in [of(alice.session()), of_user(&alice)] {
            write(&*t.store, for_audience(audience, &place), put("key", &nth.to_string())).await;
        }
    }
    for (nth, audience) in audiences.iter().enumerate() {
        for place in [of(alice.session()), of_user(&alice)] {
            let place = for_audience(audience, &place);
            assert_eq!(holds(&t, &place).await, (1, vec![format!("key={nth}")]), "{audience}");
        }
    }
}

pub(in crate::store) async fn what_is_refused_or_changes_nothing_writes_nothing(t: Bench) {
    let place = of(sign_in(&*t.store, "alice", at(0)).await.session());
    let full = DataLimits { value: 3, total: 100, of_person: None };
    let too_large = DataChange { limits: full, ..change(place.clone(), put("a", "12345"), at(1)) };
    assert_eq!(t.store.change_data(too_large.clone()).await.unwrap(), DataChanged::Full);
    assert_eq!(write_if(&*t.store, place.clone(), put("a", "1"), version_is(1)).await, DataChanged::Mismatch(None));
    for nothing in [replace(&[]), DataWrite::Remove("a".into())] {
        assert_eq!(write(&*t.store, place.clone(), nothing).await, DataMap::default());
    }
    assert_eq!(rows(&t), "0");
    write(&*t.store, place.clone(), put("a", "1")).await;
    assert_eq!(t.other.change_data(too_large).await.unwrap(), DataChanged::Full);
    assert_eq!(write_if(&*t.other, place.clone(), put("a", "2"), version_is(2)).await, DataChanged::Mismatch(Some(1)));
    write(&*t.other, place.clone(), replace(&[("a", "1")])).await;
    assert_eq!(holds(&t, &place).await, held(1, ["a=1"]));
}

pub(in crate::store) async fn a_session_that_is_over_is_neither_read_nor_written(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let places = || [of(alice.session()), of_user(&alice)];
    for place in places() {
        write(&*t.store, place, put("a", "1")).await;
    }
    let late = alice.standing.auth_time.plus(6 * super::sample::IDLE);
    let refused = async |node: &dyn Store, place: DataPlace, now: Timestamp, why: EndReason| {
        assert_eq!(node.read_data(&place, now).await.unwrap(), DataRead::Ended(why));
        let written = node.change_data(change(place, put("a", "2"), now)).await.unwrap();
        assert_eq!(written, DataChanged::Ended(why));
    };
    for place in places() {
        refused(&*t.store, place, late, EndReason::Expired).await;
    }
    end(&*t.store, Ends::Session(alice.session()), at(10)).await;
    for place in places() {
        refused(&*t.other, place.clone(), at(11), EndReason::Logout).await;
        refused(&*t.store, DataPlace { session: new_id(at(0)), ..place }, at(1), EndReason::Logout).await;
    }
    let again = sign_in(&*t.store, "alice", at(12)).await;
    assert_eq!(holds(&t, &of_user(&again)).await, held(1, ["a=1"]), "what is the user's outlives the session");
    assert_eq!(holds(&t, &of(again.session())).await, held(0, []));
}

pub(in crate::store) async fn data_goes_with_the_row_that_it_belongs_to(t: Bench) {
    let [gone, stays] = [sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "alice", at(0)).await];
    for place in [of(gone.session()), of(stays.session()), of_user(&gone)] {
        for audience in ["shop-api", "club-api"] {
            write(&*t.store, for_audience(audience, &place), put("a", "1")).await;
        }
    }
    assert_eq!(rows(&t), "6");
    end(&*t.store, Ends::Session(gone.session()), at(10)).await;
    assert_eq!(rows(&t), "6", "its row is still there, to say why");
    let sweeping = Sweeping { ended_before: at(11), ..sweeping(at(0)) };
    assert_eq!(t.other.sweep(sweeping).await.unwrap().rows, 1);
    assert_eq!(rows(&t), "4");
    assert_eq!(holds(&t, &of(stays.session())).await, held(1, ["a=1"]));
    assert_eq!(holds(&t, &of_user(&stays)).await, held(1, ["a=1"]));
}

pub(in crate::store) async fn keys_that_ended_are_gone_at_once_and_swept_later(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let place = of(alice.session());
    write(&*t.store, place.clone(), put_until("a", "1", 100)).await;
    write(&*t.other, place.clone(), put_until("b", "2", 200)).await;
    write(&*t.store, place.clone(), put("c", "3")).await;
    write(&*t.store, of_user(&alice), put_until("a", "1", 100)).await;
    let seen = async |secs: i64| shown(&read(&*t.other, &place, at(secs)).await, at(secs));
    assert_eq!(seen(99).await, held(3, ["a=1", "b=2", "c=3"]));
    assert_eq!(seen(100).await, held(4, ["b=2", "c=3"]));
    assert_eq!(t.store.sweep(sweeping(at(100))).await.unwrap(), Swept::default(), "not yet");
    let after = at(100).plus(Duration::from_millis(1));
    assert_eq!(t.store.sweep(sweeping(after)).await.unwrap(), Swept { rows: 2, more: false });
    assert_eq!(t.store.sweep(sweeping(after)).await.unwrap(), Swept::default(), "once");
    assert_eq!(seen(100).await, held(4, ["b=2", "c=3"]), "nobody notices");
    assert_eq!(seen(200).await, held(5, ["c=3"]));
    let last = t.other.sweep(Sweeping { batch: 1, ..sweeping(at(300)) }).await.unwrap();
    assert_eq!((last.rows, last.more), (1, true));
    let text = tokio::task::block_in_place(|| (t.raw)("SELECT count(*) FROM session_data WHERE until IS NOT NULL"));
    assert_eq!(text, "0");
    let written = t.store.change_data(change(place.clone(), put("d", "4"), at(300))).await.unwrap();
    assert!(
        matches!(&written, DataChanged::Done(map) if shown(map, at(300)) == held(6, ["c=3", "d=4"])),
        "{written:?}"
    );
}

pub(in crate::store) async fn a_map_that_no_version_wrote_is_named(t: Bench) {
    let place = of(sign_in(&*t.store, "alice", at(0)).await.session());
    write(&*t.store, place.clone(), put("a", "1")).await;
    tokio::task::block_in_place(|| (t.raw)("UPDATE session_data SET data = id"));
    let DataRead::Map(map) = t.store.read_data(&place, at(1)).await.unwrap() else { panic!("it lives") };
    let named = |error: crate::store::StoreError| {
        let crate::store::StoreError::Unavailable(cause) = error;
        assert!(format!("{cause:#}").contains("session_data.data can't be"), "{cause:#}");
    };
    named(map.at(at(1)).unwrap_err());
    named(t.store.change_data(change(place, put("b", "1"), at(1))).await.unwrap_err());
}
