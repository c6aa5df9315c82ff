//! Values that must never be shown: AppSecret, codes, session keys, access tokens. `Debug` hides them, dropping
//! wipes them, and `expose` is the only way out.
//!
//! Not here: openid and unionid, which are names (`identity.rs`).

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::answer::{TextOrNumber, lacks};
use crate::{BadValue, Error};

/// Standard base64. Spare bits of the last character may be set: encoders in the wild do that.
pub(crate) const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

const LONGEST_CODE: usize = 128;
/// Nothing longer is a token: 512 is what WeChat asks to make room for.
const LONGEST_TOKEN: usize = 2048;

/// A code that no platform gave: empty, longer than 128 bytes, or with other than visible ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code is 1 to 128 visible ASCII characters")]
pub struct BadCode;

fn code(text: String) -> Result<SecretString, BadCode> {
    let text = Zeroizing::new(text);
    let fits = !text.is_empty() && text.len() <= LONGEST_CODE && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(SecretString::from(text.as_str())) } else { Err(BadCode) }
}

/// A login code: five minutes, one use.
///
/// <https://developers.weixin.qq.com/miniprogram/dev/api/open-api/login/wx.login.html>
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct JsCode(SecretString);

impl JsCode {
    /// Accepts 1 to 128 bytes of visible ASCII; no code means anything special.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadCode> {
        code(text.into()).map(Self)
    }

    /// The code itself: for the platform and for its digest.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl TryFrom<String> for JsCode {
    type Error = BadCode;

    fn try_from(text: String) -> Result<Self, BadCode> {
        Self::parse(text)
    }
}

/// A code with which a browser comes back from the platform: minutes, one use.
#[derive(Debug)]
pub struct RedirectCode(SecretString);

impl RedirectCode {
    /// Accepts 1 to 128 bytes of visible ASCII.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadCode> {
        code(text.into()).map(Self)
    }

    /// The code itself: for the platform and for its digest.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A phone-number code: five minutes, one use, and not a login code.
///
/// <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/getPhoneNumber.html>
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct PhoneCode(SecretString);

impl PhoneCode {
    /// Accepts 1 to 128 bytes of visible ASCII.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadCode> {
        code(text.into()).map(Self)
    }

    /// The code itself: for the platform and for its digest.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl TryFrom<String> for PhoneCode {
    type Error = BadCode;

    fn try_from(text: String) -> Result<Self, BadCode> {
        Self::parse(text)
    }
}

/// The app's secret at its platform.
#[derive(Debug, Clone, Deserialize)]
pub struct AppSecret(SecretString);

impl AppSecret {
    /// Takes the secret as configured; only the platform knows whether it is right.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself: for the platform only.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The key shared by the platform and this app for one user: base64 of 16 bytes. It never leaves the server.
///
/// <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html>
#[derive(Debug, Clone)]
pub struct SessionKey(SecretString);

impl SessionKey {
    /// Accepts base64 of exactly 16 bytes.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadValue> {
        let text = Zeroizing::new(text.into());
        decoded::<16>(&text).ok_or(BadValue("session_key"))?;
        Ok(Self(SecretString::from(text.as_str())))
    }

    /// The base64 text: the key of both signatures, and what is sealed.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The 16 bytes: the key of `encryptedData`.
    pub(crate) fn bytes(&self) -> Zeroizing<[u8; 16]> {
        decoded(self.expose()).expect("parse has decoded the same text")
    }
}

/// A key that the platform made for one person, their client and us. `Debug` hides it.
///
/// <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/user-encryption.html>
#[derive(Debug, Clone)]
pub struct EncryptKey {
    key: SecretString,
    iv: SecretString,
    /// Which one it is; the client names it beside what it encrypted.
    pub version: i64,
    /// How long it lives; nothing for one that only opens what came late.
    pub expires_in: Duration,
}

impl EncryptKey {
    pub(crate) fn new((key, iv): (SecretString, SecretString), version: i64, expires_in: Duration) -> Self {
        Self { key, iv, version, expires_in }
    }

    /// Base64 of 16 bytes.
    pub fn expose_key(&self) -> &str {
        self.key.expose_secret()
    }

    /// Sixteen ASCII characters that are the sixteen bytes.
    pub fn expose_iv(&self) -> &str {
        self.iv.expose_secret()
    }
}

/// Decodes base64 of exactly `N` bytes.
pub(crate) fn decoded<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    if text.len() > N.div_ceil(3) * 4 {
        return None;
    }
    let bytes = Zeroizing::new(BASE64.decode(text).ok()?);
    <[u8; N]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

/// The app's own access token, and how long it was good for when it was given.
///
/// <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getStableAccessToken.html>
#[derive(Debug, Clone)]
pub struct AccessToken {
    value: SecretString,
    expires_in: Duration,
}

impl AccessToken {
    /// Takes a token from the platform, or from where it was kept; a kept one needs no exact `expires_in`.
    pub fn new(value: impl Into<String>, expires_in: Duration) -> Self {
        Self { value: SecretString::from(value.into()), expires_in }
    }

    /// The token itself: for the platform, and for whoever may read it.
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }

    /// How long it was good for when it was given.
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }
}

/// A token as a platform gave it, with the time that it is good for.
pub(crate) fn access_token(
    value: Option<&SecretString>,
    expires_in: Option<&TextOrNumber>,
) -> Result<AccessToken, Error> {
    let value = value.ok_or_else(|| lacks("access_token is missing"))?.expose_secret();
    if value.is_empty() || value.len() > LONGEST_TOKEN || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(lacks("access_token is not one"));
    }
    let seconds = expires_in.and_then(TextOrNumber::number).and_then(|seconds| u64::try_from(seconds).ok());
    let seconds = seconds.ok_or_else(|| lacks("expires_in is missing"))?;
    Ok(AccessToken::new(value, Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_visible_ascii_of_bounded_length() {
        assert_eq!(JsCode::parse("0a1b-_C").unwrap().expose(), "0a1b-_C");
        assert_eq!(PhoneCode::parse("a&b#c").unwrap().expose(), "a&b#c");
        for bad in ["", "the code is a mock one", "tab\t", "码", &"0".repeat(129)] {
            assert!(JsCode::parse(bad).is_err(), "{bad:?}");
            assert!(PhoneCode::parse(bad).is_err(), "{bad:?}");
            assert!(RedirectCode::parse(bad).is_err(), "{bad:?}");
        }
        assert!(JsCode::parse("0".repeat(128)).is_ok());
    }

    #[test]
    fn a_code_that_is_refused_is_not_repeated_in_the_error() {
        let refused = serde_json::from_str::<JsCode>(r#""secret code""#).unwrap_err();
        assert!(!refused.to_string().contains("secret code"), "{refused}");
    }

    #[test]
    fn a_session_key_is_base64_of_sixteen_bytes() {
        let key = SessionKey::parse("tiihtNczf5v6AKRyjwEUhQ==").unwrap();
        assert_eq!(key.bytes()[..3], [0xb6, 0x28, 0xa1]);
        for bad in [
            "",
            "tiihtNczf5v6AKRyjwEUhQ",
            "tiihtNczf5v6AKRyjwEU",
            "tiihtNczf5v6AKRyjwEUhQAA",
            "tiihtNczf5v6AKRyjwEU!Q==",
        ] {
            assert!(SessionKey::parse(bad).is_err(), "{bad:?}");
        }
        assert!(SessionKey::parse("A".repeat(1 << 20)).is_err());
    }

    #[test]
    fn secrets_do_not_show_themselves() {
        let shown = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            RedirectCode::parse("hush0").unwrap(),
            JsCode::parse("hush1").unwrap(),
            PhoneCode::parse("hush2").unwrap(),
            AppSecret::new("hush3"),
            SessionKey::parse("tiihtNczf5v6AKRyjwEUhQ==").unwrap(),
            AccessToken::new("hush4", Duration::from_hours(2)),
        );
        assert!(!shown.contains("hush") && !shown.contains("tiiht"), "{shown}");
    }
}
