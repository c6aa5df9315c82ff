//! Public ids: a prefix that says what it names, and 128 bits in Crockford's base 32.
//!
//! Lives here: one generic `Id<K>` and the kinds of menjin.
//! Does not: making random bytes; the caller brings them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Timestamp;

/// Crockford's base 32, lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 26 digits of 5 bits hold 128 bits; the first digit is at most 7.
const DIGITS: usize = 26;
const MAX_MILLIS: i64 = (1 << 48) - 1;

/// What an [`Id`] names. The prefix never changes once shipped.
pub trait Kind {
    /// Three letters before the underscore.
    const PREFIX: &'static str;
}

/// An id such as `usr_01k9…`: 48 bits of time and 80 random bits, so that ids made later sort later.
pub struct Id<K: Kind>(u128, PhantomData<fn() -> K>);

/// The text is not an id of this kind in its one canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed id")]
pub struct BadId;

/// A person.
pub enum User {}
/// One sign-in of one user on one device.
pub enum Session {}
/// What one app holds under a session.
pub enum Grant {}
/// A (platform, appid, openid), a username or a phone number.
pub enum Identity {}
/// Something that happened and is told to others.
pub enum Event {}

impl Kind for User {
    const PREFIX: &'static str = "usr";
}
impl Kind for Session {
    const PREFIX: &'static str = "ses";
}
impl Kind for Grant {
    const PREFIX: &'static str = "grt";
}
impl Kind for Identity {
    const PREFIX: &'static str = "idn";
}
impl Kind for Event {
    const PREFIX: &'static str = "evt";
}

/// `usr_…`
pub type UserId = Id<User>;
/// `ses_…`
pub type SessionId = Id<Session>;
/// `grt_…`
pub type GrantId = Id<Grant>;
/// `idn_…`
pub type IdentityId = Id<Identity>;
/// `evt_…`
pub type EventId = Id<Event>;

impl<K: Kind> Id<K> {
    /// A new id; `random` comes from a CSPRNG.
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = now.millis().clamp(0, MAX_MILLIS).to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis[2..]);
        bytes[6..].copy_from_slice(&random);
        Self::from_bytes(bytes)
    }

    /// From the 16 bytes that a row holds.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes), PhantomData)
    }

    /// The 16 bytes that a row holds; they sort as the ids do.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// When the id was made, to the millisecond.
    pub fn made_at(self) -> Timestamp {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&self.to_bytes()[..6]);
        Timestamp::from_millis(i64::from_be_bytes(millis))
    }
}

/// An id as it is written.
struct Text([u8; 4 + DIGITS]);

impl Text {
    fn of<K: Kind>(id: Id<K>) -> Self {
        let mut text = [b'_'; 4 + DIGITS];
        text[..3].copy_from_slice(K::PREFIX.as_bytes());
        let mut rest = id.0;
        for digit in text[4..].iter_mut().rev() {
            *digit = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        Self(text)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("prefix and alphabet are ASCII")
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(*self).as_str())
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(BadId)?.as_bytes();
        if digits.len() != DIGITS || digits[0] > b'7' {
            return Err(BadId);
        }
        let mut value = 0_u128;
        for &digit in digits {
            value = (value << 5) | u128::from(digit_value(digit).ok_or(BadId)?);
        }
        Ok(Self(value, PhantomData))
    }
}

fn digit_value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'h' => digit - b'a' + 10,
        b'j' | b'k' => digit - b'j' + 18,
        b'm' | b'n' => digit - b'm' + 20,
        b'p'..=b't' => digit - b'p' + 22,
        b'v'..=b'z' => digit - b'v' + 27,
        _ => return None,
    })
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for Id<K> {}

impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Kind> Eq for Id<K> {}

impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K: Kind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::of(*self).as_str())
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
