//! Everything sealed is found by its master key, and moves to another one.

use std::collections::BTreeMap;

use super::Bench;
use super::apps::{add, mini_program};
use super::arrivals::arrival;
use super::keys::{key, rotate};
use super::passwords::{first, password};
use super::pushes::{push, queue};
use super::sample::{MASTER, SignedIn, at, fresh, identity, open, opening, presented, sealed, sign_in, with_phone};
use crate::store::{
    AppAdded, CodeDigest, NewPush, Opening, PlatformTokenRow, Queued, SealedValue, SettingPassword, Store,
};

const NEXT: [u8; 4] = [9, 9, 9, 9];
const ARRIVAL: CodeDigest = CodeDigest([3; 32]);
const PUSH: [u8; 32] = [4; 32];

/// One of everything that is sealed, two in `session_keys` and in `grants`.
async fn one_of_each(store: &dyn Store) -> SignedIn {
    assert!(rotate(store, None, key("kid", 0)).await);
    store.data_key("digest", sealed(MASTER, "data key")).await.unwrap();
    let row = PlatformTokenRow { version: 1, sealed: sealed(MASTER, "token"), expires_at: at(7200) };
    assert!(store.put_platform_token("shop", 0, row).await.unwrap());
    assert_eq!(add(store, mini_program("club", "wx-club")).await, AppAdded::Added);
    store.keep_arrival(arrival(ARRIVAL, at(60))).await.unwrap();
    assert_eq!(queue(store, NewPush { digest: PUSH, ..push(at(0)) }).await, Queued::Waiting);
    let with_key = |secs, key: &str| {
        let session_key = Some((fresh(), sealed(MASTER, key), fresh()));
        Opening { session_key, ..with_phone(opening("alice", at(secs)), 1) }
    };
    let alice = open(store, with_key(0, "superseded")).await;
    let setting = first(alice.user().id, password("alice", "hash"));
    store.set_password(SettingPassword { keep: Some(alice.session()), ..setting }).await.unwrap();
    open(store, with_key(1, "newest")).await
}

async fn counts(store: &dyn Store) -> BTreeMap<(&'static str, [u8; 4]), u64> {
    let counts = store.sealed_counts().await.unwrap();
    counts.into_iter().map(|count| ((count.table, count.master_key), count.rows)).collect()
}

/// What `rewrap` does: everything under another key than [`NEXT`] is sealed anew, a few at a time.
async fn rewrap(store: &dyn Store) -> usize {
    let mut moved = 0;
    loop {
        let values = store.sealed_elsewhere(NEXT, 3).await.unwrap();
        if values.is_empty() {
            return moved;
        }
        moved += values.len();
        store.reseal(values.into_iter().map(anew).collect()).await.unwrap();
    }
}

fn anew(value: SealedValue) -> (SealedValue, Vec<u8>) {
    let text = std::str::from_utf8(&value.sealed[5..]).unwrap();
    let anew = sealed(NEXT, text);
    (value, anew)
}

pub(in crate::store) async fn everything_sealed_is_counted_by_master_key(t: Bench) {
    assert_eq!(counts(&*t.store).await, BTreeMap::new());
    one_of_each(&*t.store).await;
    let secret = sealed(NEXT, "secret");
    open(&*t.store, Opening { secret, master_key: NEXT, ..opening("bob", at(0)) }).await;
    let expected = [
        (("apps", MASTER), 1),
        (("arrivals", MASTER), 1),
        (("data_keys", MASTER), 1),
        (("grants", MASTER), 2),
        (("grants", NEXT), 1),
        (("passwords", MASTER), 1),
        (("phones", MASTER), 1),
        (("platform_tokens", MASTER), 1),
        (("pushes", MASTER), 1),
        (("refresh tokens", MASTER), 2),
        (("refresh tokens", NEXT), 1),
        (("session_keys", MASTER), 2),
        (("signing_keys", MASTER), 1),
    ];
    assert_eq!(counts(&*t.other).await, expected.into());
}

pub(in crate::store) async fn what_is_sealed_elsewhere_is_found_up_to_the_limit(t: Bench) {
    one_of_each(&*t.store).await;
    assert!(t.store.sealed_elsewhere(MASTER, 100).await.unwrap().is_empty());
    let all = t.other.sealed_elsewhere(NEXT, 100).await.unwrap();
    let mut tables: Vec<_> = all.iter().map(|value| value.table).collect();
    tables.sort_unstable();
    let expected = ["apps", "arrivals", "data_keys", "grants", "grants", "passwords", "phones", "platform_tokens"];
    assert_eq!(tables[..8], expected);
    assert_eq!(tables[8..], ["pushes", "session_keys", "session_keys", "signing_keys"]);
    let row_of = |table| all.iter().find(|value| value.table == table).map(|value| value.row.as_slice());
    assert_eq!(row_of("signing_keys"), Some(&b"kid"[..]), "what it was sealed to");
    assert_eq!(row_of("platform_tokens"), Some(&b"shop"[..]));
    assert_eq!(row_of("apps"), Some(&b"club"[..]));
    assert_eq!(row_of("arrivals"), Some(&ARRIVAL.0[..]));
    assert_eq!(row_of("pushes"), Some(&PUSH[..]));
    assert_eq!(row_of("data_keys"), Some(&b"digest"[..]));
    for limit in [0, 1, 5, 10] {
        assert_eq!(t.store.sealed_elsewhere(NEXT, limit).await.unwrap().len(), limit as usize);
    }
}

pub(in crate::store) async fn what_is_sealed_anew_reads_back_and_is_found_no_more(t: Bench) {
    let alice = one_of_each(&*t.store).await;
    let before = t.store.session_keys(&identity("alice"), at(2)).await.unwrap();
    assert_eq!(rewrap(&*t.store).await, 12);
    assert!(t.other.sealed_elsewhere(NEXT, 100).await.unwrap().is_empty());
    assert_eq!(t.store.signing_keys().await.unwrap()[0].private, sealed(NEXT, "kid"));
    assert_eq!(t.store.data_key("digest", vec![]).await.unwrap(), sealed(NEXT, "data key"));
    let token = t.store.platform_token("shop").await.unwrap().unwrap();
    assert_eq!((token.version, token.sealed), (1, sealed(NEXT, "token")));
    assert_eq!(t.store.apps().await.unwrap()[0].app_secret, Some(sealed(NEXT, "app secret")));
    assert_eq!(t.store.take_arrival(ARRIVAL, at(1)).await.unwrap(), Some(sealed(NEXT, "somebody")));
    assert_eq!(t.store.grant(alice.grant()).await.unwrap().unwrap().secret, sealed(NEXT, "secret"));
    let after = t.store.session_keys(&identity("alice"), at(2)).await.unwrap();
    let texts: Vec<_> = after.iter().map(|key| key.sealed.clone()).collect();
    assert_eq!(texts, [sealed(NEXT, "newest"), sealed(NEXT, "superseded")]);
    assert!(before.iter().map(|key| key.row).eq(after.iter().map(|key| key.row)), "rows keep their names");
    let phones: Vec<_> = t.store.sealed_elsewhere(MASTER, 100).await.unwrap();
    let phones: Vec<_> = phones.into_iter().filter(|it| it.table == "phones").map(|it| it.sealed).collect();
    assert_eq!(phones, [sealed(NEXT, "number 1")]);
}

pub(in crate::store) async fn what_changed_meanwhile_is_left(t: Bench) {
    one_of_each(&*t.store).await;
    let read = t.store.sealed_elsewhere(NEXT, 100).await.unwrap();
    let row = PlatformTokenRow { version: 2, sealed: sealed(MASTER, "a newer token"), expires_at: at(9000) };
    assert!(t.other.put_platform_token("shop", 1, row).await.unwrap());
    let session_key = Some((fresh(), sealed(MASTER, "a newer key"), fresh()));
    open(&*t.other, Opening { session_key, ..opening("alice", at(3)) }).await;
    t.store.reseal(read.into_iter().map(anew).collect()).await.unwrap();
    assert_eq!(t.store.platform_token("shop").await.unwrap().unwrap().sealed, sealed(MASTER, "a newer token"));
    let newest = t.store.session_keys(&identity("alice"), at(4)).await.unwrap().remove(0);
    assert_eq!(newest.sealed, sealed(MASTER, "a newer key"));
    rewrap(&*t.store).await;
    assert!(t.store.sealed_elsewhere(NEXT, 100).await.unwrap().is_empty(), "the next round takes them");
}

pub(in crate::store) async fn refresh_tokens_move_to_the_present_master_key_by_being_used(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    sign_in(&*t.store, "bob", at(0)).await;
    let mut presented = presented(alice.grant(), 0, at(1));
    presented.master_key = NEXT;
    t.store.rotate(presented).await.unwrap();
    let expected = [(("grants", MASTER), 2), (("refresh tokens", MASTER), 1), (("refresh tokens", NEXT), 1)];
    assert_eq!(counts(&*t.store).await, expected.into());
}
