//! The second factor: codes of an authenticator app (RFC 6238: HMAC-SHA-1, six digits, 30 seconds), and the picture it is set up by.

use aws_lc_rs::hmac;
use menjin_token::Timestamp;
use qrcode::{Color, EcLevel, QrCode};
use subtle::ConstantTimeEq as _;
use url::form_urlencoded::byte_serialize;

use crate::problem::Problem;

/// What authenticator app and menjin share.
pub(super) type Secret = [u8; 20];

/// Seconds of a code's life.
const STEP: i64 = 30;
/// A clock may be so many steps off, either way.
const DRIFT: i64 = 1;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// White around the code, in its own squares.
const MARGIN: usize = 4;

/// The step whose code this is, if it is one of now; each step is good once, which the store sees to.
pub(super) fn step_of(secret: &Secret, code: &str, now: Timestamp) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let present = now.secs().div_euclid(STEP);
    let mut found = None;
    for step in present - DRIFT..=present + DRIFT {
        if bool::from(code_at(secret, step).as_bytes().ct_eq(code.as_bytes())) {
            found = Some(step);
        }
    }
    found
}

fn code_at(secret: &Secret, step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0xf);
    let word = [tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]];
    format!("{:06}", u32::from_be_bytes(word) % 1_000_000)
}

/// The secret for whoever types it, four letters at a time.
pub(super) fn typed(secret: &Secret) -> String {
    let letters = base32(secret);
    letters.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}

/// What the picture says: the operator's name, and which menjin it is.
pub(super) fn uri(secret: &Secret, name: &str, host: &str) -> String {
    let plain = |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let issuer = plain(&format!("menjin {host}"));
    format!("otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}", plain(name), base32(secret))
}

/// The squares of the picture, as the path of an SVG, and how many there are on a side. Nothing but numbers, so that a page may
/// have it within.
pub(super) fn squares(uri: &str) -> Result<(String, usize), Problem> {
    let code = QrCode::with_error_correction_level(uri, EcLevel::M);
    let code =
        code.map_err(|error| Problem::Internal(anyhow::anyhow!("drawing the code of a second factor: {error}")))?;
    let width = code.width();
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            path.extend([format!("M{} {}h1v1h-1z", at % width + MARGIN, at / width + MARGIN)]);
        }
    }
    Ok((path, width + 2 * MARGIN))
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B has eight digits; these are their last six.
    const VECTORS: [(i64, &str); 5] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (20_000_000_000, "353130"),
    ];
    const SECRET: &Secret = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, code) in VECTORS {
            assert_eq!(step_of(SECRET, code, Timestamp::from_secs(seconds)), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_clock_may_be_a_step_off_and_no_more() {
        for (off, is_good) in [(-61, false), (-31, true), (0, true), (30, true), (61, false)] {
            let found = step_of(SECRET, "050471", Timestamp::from_secs(1_111_111_111 + off));
            assert_eq!(found.is_some(), is_good, "{off} seconds off");
        }
    }

    #[test]
    fn what_is_no_code_is_none() {
        for code in ["", "50471", "0504710", "05047a", "-50471", "０５０４７１"] {
            assert_eq!(step_of(SECRET, code, Timestamp::from_secs(1_111_111_111)), None, "{code}");
        }
        assert!(step_of(SECRET, "050 471", Timestamp::from_secs(1_111_111_111)).is_some(), "as apps show it");
    }

    #[test]
    fn a_secret_is_written_in_base32() {
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(typed(SECRET), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    }
}
