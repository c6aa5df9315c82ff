//! The signatures of a push, and its encryption: AES-256-CBC, padded to 32 bytes.

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use sha1::{Digest, Sha1};

use crate::wechat::crypto;

/// The last of the 43 characters holds four bits that mean nothing, and people choose it freely.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
const BLOCK: usize = 32;

/// What is to be wrong inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    Padding,
    Length,
}

/// The key of an `EncodingAESKey`, if it is one.
pub(super) fn parsed(aes_key: &str) -> Option<[u8; 32]> {
    LENIENT.decode(format!("{aes_key}=")).ok()?.try_into().ok()
}

/// Settings were checked when they were made; a key of nothing encrypts what nobody can read.
pub(super) fn key(aes_key: &str) -> [u8; 32] {
    parsed(aes_key).unwrap_or_default()
}

/// Lower-hex SHA-1 of the parts, sorted by their bytes and joined.
pub(super) fn signature(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    crypto::hex(&Sha1::digest(sorted.concat()))
}

/// Sixteen random characters, the length of the message, the message, the appid.
pub(super) fn encrypt(key: &[u8; 32], (random, message, appid): (&str, &str, &str), flaw: Flaw) -> String {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let length = if flaw == Flaw::Length { length.saturating_add(10_000) } else { length };
    let mut plain = [random.as_bytes(), &length.to_be_bytes(), message.as_bytes(), appid.as_bytes()].concat();
    let padding = BLOCK - plain.len() % BLOCK;
    let written = if flaw == Flaw::Padding { 0 } else { u8::try_from(padding).unwrap_or(0) };
    plain.resize(plain.len() + padding, written);
    let iv: [u8; 16] = std::array::from_fn(|at| key[at]);
    let cipher = cbc::Encryptor::<aes::Aes256>::new(&(*key).into(), &iv.into());
    crypto::base64(&cipher.encrypt_padded_vec::<NoPadding>(&plain))
}

/// One character in the middle is another.
pub(super) fn tampered(encrypted: &str) -> String {
    let middle = encrypted.len() / 2;
    let other = if encrypted[middle..].starts_with('A') { "B" } else { "A" };
    format!("{}{other}{}", &encrypted[..middle], &encrypted[middle + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_plain_requests_have_their_signatures() {
        let signed = |timestamp, nonce| signature(&["AAAAA", timestamp, nonce]);
        assert_eq!(signed("1714036504", "1514711492"), "f464b24fc39322e44b38aa78f5edd27bd1441696");
        assert_eq!(signed("1714037059", "486452656"), "899cf89e464efb63f54ddac96b0a0a235f53aa78");
    }

    #[test]
    fn the_official_secure_request_comes_out_to_the_letter() {
        let key = key(&"A".repeat(43));
        let message = concat!(
            r#"{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,"#,
            r#""MsgType":"event","Event":"debug_demo","debug_str":"hello world"}"#,
        );
        let encrypted = encrypt(&key, ("a8eedb185eb2fecf", message, "wxba5fad812f8e6fb9"), Flaw::None);
        let expected = concat!(
            "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsX",
            "UnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajA",
            "sjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=",
        );
        assert_eq!(encrypted, expected);
        assert_eq!(
            signature(&["AAAAA", "1714112445", "415670741", &encrypted]),
            "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"
        );
        assert_eq!(signature(&["AAAAA", "1714112445", "415670741"]), "6c5c811b55cc85e0e1b54100749188c20beb3f5d");
        let reply =
            encrypt(&key, ("707722b803182950", r#"{"demo_resp":"good luck"}"#, "wxba5fad812f8e6fb9"), Flaw::None);
        let expected = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==";
        assert_eq!(reply, expected);
    }

    #[test]
    fn a_key_with_spare_bits_at_its_end_is_a_key() {
        let key = key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG");
        let encrypted = encrypt(&key, ("aaaabbbbccccdddd", "我是中文abcd123", "wxb11529c136998cb6"), Flaw::None);
        assert_eq!(
            encrypted,
            "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
        );
        let signed = signature(&["pamtest", "1409304348", "xxxxxx", &encrypted]);
        assert_eq!(signed, "82c962d39941aa48552f90ef55aa323dc620cc10");
    }

    #[test]
    fn forty_two_characters_are_no_key() {
        assert!(parsed(&"A".repeat(42)).is_none() && parsed(&"A".repeat(44)).is_none() && parsed("").is_none());
    }
}
