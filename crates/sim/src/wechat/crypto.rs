//! The three uses of a `session_key`: encrypted open data, `signature` of rawData, the login-state signature.
//!
//! Only what WeChat's side needs: it encrypts and signs, and never decrypts.
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html>

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// The text is not the base64 of sixteen bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotASessionKey;

/// AES-128-CBC with PKCS#7 padding, under the decoded key; base64.
pub(crate) fn encrypt(session_key: &str, iv: [u8; 16], plaintext: &str) -> Result<String, NotASessionKey> {
    let key: [u8; 16] = STANDARD.decode(session_key).ok().and_then(|key| key.try_into().ok()).ok_or(NotASessionKey)?;
    let cipher = cbc::Encryptor::<aes::Aes128>::new(&key.into(), &iv.into());
    Ok(STANDARD.encode(cipher.encrypt_padded_vec::<Pkcs7>(plaintext.as_bytes())))
}

/// Lower-hex SHA-1 of rawData and then the key's text.
pub(crate) fn sign_raw_data(raw_data: &str, session_key: &str) -> String {
    hex(&Sha1::new().chain_update(raw_data).chain_update(session_key).finalize())
}

/// Lower-hex HMAC-SHA-256 under the key's text.
pub(crate) fn sign_login_state(session_key: &str, message: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(session_key.as_bytes()).expect("HMAC takes a key of any length");
    hex(&mac.chain_update(message).finalize().into_bytes())
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Lower-hex SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample of WeChat's page, both ways round the same bytes.
    #[test]
    fn the_official_sample_encrypts_to_the_official_text() {
        let plaintext = concat!(
            r#"{"openId":"oGZUI0egBJY1zhBYw2KhdUfwVJJE","nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","#,
            r#""province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/aSKcBBPpibyKNicHNTMM0qJVh8"#,
            r#"Kjgiak2AHWr8MHM4WgMEm7GFhsf8OYrySdbvAMvTsw3mo8ibKicsnfN5pRjl1p8HQ/0","unionId":"ocMvos6NjeKLIBqg5Mr9QjxrP1FA","#,
            r#""watermark":{"timestamp":1477314187,"appid":"wx4f4bc4dec97d474b"}}"#,
        );
        let expected = concat!(
            "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4l",
            "GOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInN",
            "lxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/",
            "r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7Xjf",
            "hQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==",
        );
        let iv: [u8; 16] = STANDARD.decode("r7BXXKkLb8qrSNn05n0qiA==").unwrap().try_into().unwrap();
        assert_eq!(encrypt("tiihtNczf5v6AKRyjwEUhQ==", iv, plaintext), Ok(expected.to_owned()));
    }

    #[test]
    fn the_official_raw_data_has_the_official_signature() {
        let raw_data = concat!(
            r#"{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","#,
            r#""avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiay"#,
            r#"cAjAtpujxyzYsrztuuICqIM5ibXQ/0"}"#,
        );
        assert_eq!(sign_raw_data(raw_data, "HyVFkGl5F5OQWJZZaNzBBg=="), "75e81ceda165f4ffa64f4068af58c64b8f54b88c");
    }

    #[test]
    fn login_states_are_signed_under_the_text_of_the_key() {
        let vectors = [
            (
                "o0q0otL8aEzpcZL/FT9WsQ==",
                r#"{"foo":"bar"}"#,
                "654571f79995b2ce1e149e53c0a33dc39c0a74090db514261454e8dbe432aa0b",
            ),
            ("o0q0otL8aEzpcZL/FT9WsQ==", "", "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128"),
            ("HyVFkGl5F5OQWJZZaNzBBg==", "", "252b75c92698025afe925b29cca5517fdf9ee67aae072cf3225ebf3a53783058"),
            ("tiihtNczf5v6AKRyjwEUhQ==", "", "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735"),
        ];
        for (key, message, expected) in vectors {
            assert_eq!(sign_login_state(key, message.as_bytes()), expected, "{key} {message}");
        }
    }

    #[test]
    fn only_the_base64_of_sixteen_bytes_is_a_session_key() {
        for key in ["", "tiihtNczf5v6AKRyjwEUhQ", "not base64 at all", "dG9vIHNob3J0"] {
            assert_eq!(encrypt(key, [0; 16], "{}"), Err(NotASessionKey), "{key}");
        }
    }
}
