//! A phone number that the platform proved: sealed, found again by a keyed digest, shown masked.

use menjin_platform::PhoneNumber;

use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::PhoneChange;

const DIGESTED: &str = "phone number";

/// What a number is found by, as an operator writes it: `+8613800000000`, or one of mainland China without its `+86`.
pub(super) fn lookup(menjin: &Menjin, text: &str) -> Option<[u8; 32]> {
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let e164 = match plain.strip_prefix('+') {
        Some(digits) => digits.to_owned(),
        None if plain.len() == 11 && plain.starts_with('1') => format!("86{plain}"),
        None => return None,
    };
    let is_number = (5..=15).contains(&e164.len()) && e164.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| menjin.digester.digest(DIGESTED, format!("+{e164}").as_bytes()))
}

/// A number that the platform proved now and for this very person, ready to be stored.
pub(crate) fn proved(menjin: &Menjin, number: &PhoneNumber) -> PhoneChange {
    let row: [u8; 16] = menjin.entropy.bytes();
    let e164 = number.e164.as_str().as_bytes();
    PhoneChange {
        lookup: menjin.digester.digest(DIGESTED, e164),
        row,
        sealed: menjin.sealer.seal(Sealed::Phone, &row, e164, &*menjin.entropy),
        masked: number.masked(),
        is_fresh: true,
    }
}

/// A number in a text that the platform signed once, and that tells neither when nor for whom: whoever had the number years ago
/// may still have it.
pub(crate) fn signed(menjin: &Menjin, number: &PhoneNumber) -> PhoneChange {
    PhoneChange { is_fresh: false, ..proved(menjin, number) }
}
