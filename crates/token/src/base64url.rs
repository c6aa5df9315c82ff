//! Base64url as JOSE has it (RFC 7515 section 2): no padding, one alphabet, one spelling a value.
//!
//! Does not: be lenient. Padding, white space, `+` and `/`, and stray bits in the last character are refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes were not strict base64url, or did not fit.
#[derive(Debug)]
pub(crate) struct NotBase64Url;

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn encode_onto(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

pub(crate) fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64Url)
}

/// Decodes into `room` and returns the part that was filled.
pub(crate) fn decode_into<'r>(text: &str, room: &'r mut [u8]) -> Result<&'r [u8], NotBase64Url> {
    let len = URL_SAFE_NO_PAD.decode_slice(text, room).map_err(|_| NotBase64Url)?;
    Ok(&room[..len])
}

/// Exactly `N` bytes, as the coordinates of a curve are (RFC 7518 section 6.2.1.2).
pub(crate) fn decode_exactly<const N: usize>(text: &str) -> Result<[u8; N], NotBase64Url> {
    decode(text)?.try_into().map_err(|_| NotBase64Url)
}
