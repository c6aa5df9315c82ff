//! A picture's name: unguessable, and telling menjin alone whose it is, so that no table has to.

use std::fmt;

use menjin_token::{Id, UserId};

use crate::people::picture::Kind;
use crate::state::Menjin;

const DIGESTED: &str = "avatar";

/// 16 random bytes, the user's id under a pad that is made of these with the store's own key, and the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    random: [u8; 16],
    hidden: [u8; 16],
    pub(super) kind: Kind,
}

impl Name {
    /// A new one.
    pub(super) fn new(menjin: &Menjin, user: UserId, kind: Kind) -> Self {
        let random = menjin.entropy.bytes();
        Self { random, hidden: padded(menjin, random, user.to_bytes()), kind }
    }

    /// As it stands in an address. Nothing else is ever opened as a file.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (digits, extension) = text.split_once('.')?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 64 || !digits.bytes().all(is_hex) {
            return None;
        }
        let half = |digits: &str| u128::from_str_radix(digits, 16).map(u128::to_be_bytes).ok();
        let kind = Kind::by_extension(extension)?;
        Some(Self { random: half(&digits[..32])?, hidden: half(&digits[32..])?, kind })
    }

    /// Whose picture it is; anybody's id, or nobody's, if the name was never given here.
    pub(super) fn user(&self, menjin: &Menjin) -> UserId {
        Id::from_bytes(padded(menjin, self.random, self.hidden))
    }

    /// One of 256 folders: the first byte.
    pub(super) fn folder(&self) -> u8 {
        self.random[0]
    }
}

fn padded(menjin: &Menjin, random: [u8; 16], bytes: [u8; 16]) -> [u8; 16] {
    let pad = menjin.digester.digest(DIGESTED, &random);
    std::array::from_fn(|at| bytes[at] ^ pad[at])
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = |bytes: [u8; 16]| u128::from_be_bytes(bytes);
        write!(f, "{:032x}{:032x}.{}", digits(self.random), digits(self.hidden), self.kind.extension())
    }
}
