//! Ordinary values to try a store with, and calls that a test only needs the result of.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use menjin_token::{GrantId, Id, Kind, SessionId, Timestamp};

use crate::store::{
    AuditLine, Claiming, CodeDigest, Device, EndReason, Ending, Ends, IdempotencyKey, IdentityName, Limit, Opened,
    Opening, PhoneChange, Presented, ProfileChange, Standing, Store, Sweeping, UserRow, Who,
};

pub(in crate::store) const GRACE: Duration = Duration::from_secs(30);
pub(in crate::store) const IDLE: Duration = Duration::from_hours(24 * 30);
pub(in crate::store) const TOKEN_LIFE: Duration = Duration::from_mins(15);
pub(in crate::store) const MASTER: [u8; 4] = [1, 2, 3, 4];

/// So many seconds after the beginning of all tests.
pub(in crate::store) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(in crate::store) fn new_id<K: Kind>(now: Timestamp) -> Id<K> {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&unique().to_be_bytes());
    Id::new(now, random)
}

/// A digest, or a row's name, that nothing else has.
pub(in crate::store) fn fresh<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    bytes[N - 8..].copy_from_slice(&unique().to_be_bytes());
    bytes
}

/// Looks sealed under `master`: a version byte, the key's id, the rest.
pub(in crate::store) fn sealed(master: [u8; 4], text: &str) -> Vec<u8> {
    [&[1], &master[..], text.as_bytes()].concat()
}

pub(in crate::store) fn identity(person: &str) -> IdentityName {
    IdentityName { platform: "wechat", appid: "wx-shop".into(), openid: format!("openid of {person}") }
}

/// A sign-in of `person` to app `shop`, without device id, profile, phone or keys.
pub(in crate::store) fn opening(person: &str, now: Timestamp) -> Opening {
    Opening {
        session: new_id(now),
        grant: new_id(now),
        new_user: new_id(now),
        new_identity: new_id(now),
        who: Who::Identity(identity(person)),
        unionid: None,
        session_key: None,
        superseded_until: now.plus(Duration::from_mins(10)),
        unmerge_until: now.plus(Duration::from_hours(720)),
        profile: ProfileChange::default(),
        phone: None,
        app: "shop".into(),
        opened_by: None,
        claims: None,
        device: Device::default(),
        limit: Limit { without_device: 10, on_class: None, in_all: 20, refuses_newest: false },
        secret: sealed(MASTER, "secret"),
        master_key: MASTER,
        amr: "wechat",
        code: Some(CodeDigest(fresh())),
        repeatable: true,
        now,
        idle_until: now.plus(IDLE),
        expires_at: now.plus(6 * IDLE),
        tokens_until: now.plus(TOKEN_LIFE),
    }
}

/// The same person in the other app of the company.
pub(in crate::store) fn in_club(opening: Opening) -> Opening {
    let identity = opening.who.identity().cloned().expect("whoever signs in has one");
    let who = Who::Identity(IdentityName { appid: "wx-club".into(), ..identity });
    Opening { app: "club".into(), who, ..opening }
}

pub(in crate::store) fn on_device(opening: Opening, id: &str) -> Opening {
    Opening { device: Device { id: Some(id.into()), ..opening.device }, ..opening }
}

pub(in crate::store) fn with_phone(opening: Opening, number: u8) -> Opening {
    Opening { phone: Some(phone(number)), ..opening }
}

/// A proved number; the same `number` is the same person's phone.
pub(in crate::store) fn phone(number: u8) -> PhoneChange {
    let text = format!("number {number}");
    PhoneChange {
        lookup: [number; 32],
        row: fresh(),
        sealed: sealed(MASTER, &text),
        masked: format!("138****{number:04}"),
        is_fresh: true,
    }
}

/// A number in a text that was signed once: nobody can tell when, nor for whom.
pub(in crate::store) fn signed_phone(number: u8) -> PhoneChange {
    PhoneChange { is_fresh: false, ..phone(number) }
}

/// A request at the beginning that may be repeated for a minute.
pub(in crate::store) fn claiming(code: CodeDigest, idempotency: Option<IdempotencyKey>) -> Claiming {
    Claiming { code, idempotency, now: at(0), until: at(600), repeatable_since: at(-60) }
}

/// What a sign-in gave.
#[derive(Debug)]
pub(in crate::store) struct SignedIn {
    pub(in crate::store) standing: Standing,
    pub(in crate::store) is_new_user: bool,
    pub(in crate::store) replaced: Vec<SessionId>,
}

impl SignedIn {
    pub(in crate::store) fn user(&self) -> &UserRow {
        &self.standing.user
    }

    pub(in crate::store) fn session(&self) -> SessionId {
        self.standing.session
    }

    pub(in crate::store) fn grant(&self) -> GrantId {
        self.standing.grant
    }
}

pub(in crate::store) async fn open(store: &dyn Store, opening: Opening) -> SignedIn {
    match store.open_session(opening).await.unwrap() {
        Opened::Open { standing, is_new_user, replaced, .. } => SignedIn { standing: *standing, is_new_user, replaced },
        refused @ (Opened::Disabled | Opened::Full | Opened::Unknown | Opened::NameTaken) => panic!("{refused:?}"),
    }
}

/// Signs `person` in as [`opening`] does.
pub(in crate::store) async fn sign_in(store: &dyn Store, person: &str, now: Timestamp) -> SignedIn {
    open(store, opening(person, now)).await
}

pub(in crate::store) fn presented(grant: GrantId, counter: u32, now: Timestamp) -> Presented {
    Presented { grant, counter, master_key: MASTER, now, grace: GRACE, idle: IDLE, tokens_until: now.plus(TOKEN_LIFE) }
}

pub(in crate::store) fn ending(which: Ends, reason: EndReason, now: Timestamp) -> Ending {
    let audit = AuditLine { action: "session.logout", actor: "user", ..AuditLine::default() };
    Ending { which, reason, now, tokens_until: now.plus(TOKEN_LIFE), audit }
}

pub(in crate::store) async fn end(store: &dyn Store, which: Ends, now: Timestamp) -> Vec<SessionId> {
    let mut ended = store.end_sessions(ending(which, EndReason::Logout, now)).await.unwrap();
    ended.sort_unstable();
    ended
}

/// Ids of sessions, in order.
pub(in crate::store) fn sorted<const N: usize>(sessions: [&SignedIn; N]) -> Vec<SessionId> {
    let mut ids: Vec<_> = sessions.iter().map(|it| it.session()).collect();
    ids.sort_unstable();
    ids
}

pub(in crate::store) async fn live(store: &dyn Store, of: &UserRow, now: Timestamp) -> Vec<SessionId> {
    store.sessions_of(of.id, now).await.unwrap().into_iter().map(|row| row.id).collect()
}

/// Why a session is over; `None` while it lives.
pub(in crate::store) async fn ended(store: &dyn Store, session: SessionId) -> Option<EndReason> {
    store.session(session).await.unwrap().unwrap().ended.map(|(_, reason)| reason)
}

/// Sweeps nothing but what ended by itself before `now`.
pub(in crate::store) fn sweeping(now: Timestamp) -> Sweeping {
    let never = Timestamp::from_secs(0);
    let tokens_until = now.plus(TOKEN_LIFE);
    Sweeping { now, feed_before: now, audit_before: never, ended_before: never, tokens_until, batch: 500 }
}

/// How many lines the audit has: all of them are swept.
pub(in crate::store) async fn audit_lines(store: &dyn Store) -> u64 {
    let far = at(1_000_000_000);
    let nothing_else = sweeping(Timestamp::from_secs(0));
    store.sweep(Sweeping { audit_before: far, tokens_until: far, ..nothing_else }).await.unwrap().rows
}
