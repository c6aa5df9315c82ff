//! A phone number that the platform proved: sealed, found again by a keyed digest, shown masked.

use menjin_platform::PhoneNumber;

use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::PhoneChange;

/// A proved number, ready to be stored.
pub(crate) fn proved(menjin: &Menjin, number: &PhoneNumber) -> PhoneChange {
    let row: [u8; 16] = menjin.entropy.bytes();
    let e164 = number.e164.as_str().as_bytes();
    PhoneChange {
        lookup: menjin.digester.digest("phone number", e164),
        row,
        sealed: menjin.sealer.seal(Sealed::Phone, &row, e164, &*menjin.entropy),
        masked: number.masked(),
    }
}
