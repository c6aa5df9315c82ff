//! The two signatures that a session key makes. Both use its base64 text as it stands, not the bytes.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html>

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::SessionKey;

/// Signs a request's body, or nothing: HMAC-SHA-256 in lower-case hexadecimal.
pub(super) fn login_state(key: &SessionKey, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message);
    hex(&mac.finalize().into_bytes())
}

/// WeChat's signature over a profile's `rawData`: SHA-1 of it and the key, in lower-case hexadecimal.
pub(crate) fn raw_data(key: &SessionKey, raw_data: &str) -> String {
    hex(&Sha1::new().chain_update(raw_data).chain_update(key.expose()).finalize())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes whatever is written");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The official sample, and three computed independently over the empty message.
    #[test]
    fn login_states_are_signed_as_wechat_does() {
        let cases = [
            (
                "o0q0otL8aEzpcZL/FT9WsQ==",
                r#"{"foo":"bar"}"#,
                "654571f79995b2ce1e149e53c0a33dc39c0a74090db514261454e8dbe432aa0b",
            ),
            ("o0q0otL8aEzpcZL/FT9WsQ==", "", "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128"),
            ("HyVFkGl5F5OQWJZZaNzBBg==", "", "252b75c92698025afe925b29cca5517fdf9ee67aae072cf3225ebf3a53783058"),
            ("tiihtNczf5v6AKRyjwEUhQ==", "", "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735"),
        ];
        for (key, message, signature) in cases {
            let key = SessionKey::parse(key).unwrap();
            assert_eq!(login_state(&key, message.as_bytes()), signature);
        }
    }
}
