//! The people who fill a store: what menjin would have written if each of them had signed in once within the last 25 days.
//!
//! All of a person follows from their place in the order, so that the bench can speak for anybody: the name that the
//! platform's stand-in takes, and the refresh token that they hold. Not here: writing the rows (the loaders).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_server::entropy::SystemEntropy;
use menjin_server::seal::{Sealed, Sealer};
use menjin_token::{GrantId, Id, IdentityId, Kind, SessionId, Timestamp, UserId};

use super::rows::{AUDIT, GRANTS, IDENTITIES, Row, Rows, SESSIONS, USERS, Value};
use crate::menjin::{APP, APPID};
use crate::stub::scrambled;

const DAY: Duration = Duration::from_hours(24);
/// Nobody is idle for 30 days, so nobody's session is over.
const PAST: Duration = Duration::from_hours(25 * 24);
const PLATFORM: &str = "wechat";
/// What `lua/login.lua` says of whom it lets come back, who so end their former session.
const DEVICE: &str = "bench-device";
/// A phone says as much.
const USER_AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
    Mobile/15E148 MicroMessenger/8.0.50(0x18003237) NetType/WIFI Language/zh_CN";

/// So many people.
pub(crate) struct Crowd {
    pub(crate) size: u64,
    pub(crate) now: Timestamp,
    sealer: Sealer,
    entropy: SystemEntropy,
}

/// A session and its grant that somebody has beside what all have.
pub(crate) struct Visit {
    pub(crate) nth: u64,
    pub(crate) session: SessionId,
    pub(crate) grant: GrantId,
    pub(crate) device: Option<&'static str>,
    pub(crate) opened_at: Timestamp,
    pub(crate) ended: Option<(Timestamp, &'static str)>,
    pub(crate) sweep_at: Option<Timestamp>,
}

impl Crowd {
    pub(crate) fn new(size: u64, now: Timestamp, sealer: Sealer) -> Self {
        Self { size, now, sealer, entropy: SystemEntropy::default() }
    }

    /// Rows of these people, a list for each table, in an order that foreign keys allow.
    pub(crate) fn rows(&self, people: std::ops::Range<u64>) -> Vec<Rows> {
        let mut all = [&USERS, &IDENTITIES, &SESSIONS, &GRANTS, &AUDIT].map(|table| Rows { table, rows: Vec::new() });
        for nth in people {
            let opened_at = self.opened_at(nth);
            let visit = Visit {
                nth,
                session: self.id(nth),
                grant: self.id(nth),
                device: Some(DEVICE),
                opened_at,
                ended: None,
                sweep_at: Some(opened_at.plus(DAY * 30)),
            };
            let rows =
                [self.user(nth), self.identity(nth), self.session(&visit), self.grant(&visit), self.line(&visit)];
            for (list, row) in all.iter_mut().zip(rows) {
                list.rows.push(row);
            }
        }
        all.into()
    }

    /// The 16 characters that a code begins with to be theirs. The platform's names are in no order.
    pub(crate) fn name(nth: u64) -> String {
        format!("{:016x}", scrambled(nth))
    }

    /// Their `number`.
    #[expect(clippy::cast_possible_wrap, reason = "far fewer than 2^63 people")]
    pub(crate) fn number(nth: u64) -> i64 {
        nth as i64 + 1
    }

    /// The refresh token that their phone holds, as `POST /v1/token/refresh` takes it (design §4.3).
    pub(crate) fn refresh_token(&self, nth: u64) -> String {
        let key = self.sealer.present();
        let grant: GrantId = self.id(nth);
        let mut bytes = [&[1][..], &key, &grant.to_bytes(), &[0; 4]].concat();
        let mac = self.sealer.refresh_mac(key, &[&bytes, &secret(nth)]).expect("the present key is configured");
        bytes.extend(mac);
        format!("mjr_{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(crate) fn identity_id(&self, nth: u64) -> IdentityId {
        self.id(nth)
    }

    /// Something of the length and look of a sealed `session_key`; nobody opens it.
    pub(crate) fn session_key(&self, seed: u64) -> Vec<u8> {
        let mut sealed = [&[1][..], &self.sealer.present()].concat();
        sealed.extend(noise::<52>(seed));
        sealed
    }

    /// Ids are in the order of time, as those that menjin makes.
    fn id<K: Kind>(&self, nth: u64) -> Id<K> {
        let kind = K::PREFIX.bytes().fold(0, |seed, byte| seed << 8 | u64::from(byte));
        Id::new(self.opened_at(nth), noise(scrambled(nth) ^ kind))
    }

    fn opened_at(&self, nth: u64) -> Timestamp {
        let past = u128::from(self.size - nth) * PAST.as_millis() / u128::from(self.size);
        self.now.minus(Duration::from_millis(u64::try_from(past).expect("25 days")))
    }

    fn user(&self, nth: u64) -> Row {
        let (id, at): (UserId, _) = (self.id(nth), self.opened_at(nth).millis());
        vec![Self::number(nth).into(), Value::Id(id.to_bytes()), at.into(), at.into()]
    }

    fn identity(&self, nth: u64) -> Row {
        vec![
            Value::Id(self.identity_id(nth).to_bytes()),
            Self::number(nth).into(),
            PLATFORM.into(),
            APPID.into(),
            format!("oBenchMenjin{}", Self::name(nth)).into(),
            self.opened_at(nth).millis().into(),
            Value::Id(noise(nth)),
            self.session_key(nth).into(),
            noise::<32>(!nth).to_vec().into(),
        ]
    }

    /// The row of a visit in `sessions`.
    pub(crate) fn session(&self, visit: &Visit) -> Row {
        vec![
            Value::Id(visit.session.to_bytes()),
            Self::number(visit.nth).into(),
            APP.into(),
            Value::Id(self.identity_id(visit.nth).to_bytes()),
            PLATFORM.into(),
            visit.device.into(),
            "phone".into(),
            address(visit.nth).into(),
            USER_AGENT.into(),
            visit.opened_at.millis().into(),
            visit.opened_at.plus(DAY * 180).millis().into(),
            visit.ended.map(|(at, _)| at.millis()).into(),
            visit.ended.map(|(_, reason)| reason).into(),
        ]
    }

    /// Its row in `grants`.
    pub(crate) fn grant(&self, visit: &Visit) -> Row {
        let id = visit.grant.to_bytes();
        vec![
            Value::Id(id),
            Value::Id(visit.session.to_bytes()),
            APP.into(),
            self.sealer.seal(Sealed::GrantSecret, &id, &secret(visit.nth), &self.entropy).into(),
            self.sealer.present().to_vec().into(),
            0.into(),
            visit.opened_at.millis().into(),
            visit.opened_at.plus(DAY * 30).millis().into(),
            visit.sweep_at.map(Timestamp::millis).into(),
        ]
    }

    fn line(&self, visit: &Visit) -> Row {
        let user: UserId = self.id(visit.nth);
        vec![
            visit.opened_at.millis().into(),
            "session.opened".into(),
            "user".into(),
            Value::Id(user.to_bytes()),
            Value::Id(visit.session.to_bytes()),
            APP.into(),
            address(visit.nth).into(),
            format!("new user {user}").into(),
        ]
    }
}

fn secret(nth: u64) -> [u8; 32] {
    noise(scrambled(!nth))
}

fn address(nth: u64) -> String {
    let [first, second, third, ..] = scrambled(nth).to_be_bytes();
    format!("100.{first}.{second}.{third}")
}

/// Bytes that look random and follow from the seed.
pub(crate) fn noise<const N: usize>(seed: u64) -> [u8; N] {
    let mut bytes = [0; N];
    for (place, chunk) in (1..).zip(bytes.chunks_mut(8)) {
        chunk.copy_from_slice(&scrambled(seed.rotate_left(place)).to_be_bytes()[..chunk.len()]);
    }
    bytes
}
