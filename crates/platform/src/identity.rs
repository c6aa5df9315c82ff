//! Who a platform says somebody is: appid, openid, unionid, and the identity that a login yields.
//!
//! Not here: secrets (`secrets.rs`), and which user an identity belongs to.

use std::fmt;

use serde::Deserialize;

use crate::{Profile, SessionKey};

const LONGEST: usize = 128;

/// A value that a platform can't have given: empty, too long, or with characters that it never uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct BadValue(pub(crate) &'static str);

fn checked(text: String, what: &'static str) -> Result<String, BadValue> {
    let fits = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text) } else { Err(BadValue(what)) }
}

/// The platform's name for an app, such as `wx` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct AppId(String);

impl AppId {
    /// Accepts 1 to 128 bytes of visible ASCII.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadValue> {
        checked(text.into(), "appid").map(Self)
    }

    /// The appid as the platform spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AppId {
    type Error = BadValue;

    fn try_from(text: String) -> Result<Self, BadValue> {
        Self::parse(text)
    }
}

/// The platform's name for a user within one app. Case matters. Neither `Display` nor `Debug` shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct OpenId(String);

impl OpenId {
    /// Accepts 1 to 128 bytes of visible ASCII; the 28 characters seen so far are no promise of WeChat's.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadValue> {
        checked(text.into(), "openid").map(Self)
    }

    /// The openid itself: for rows and requests, never for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[openid]")
    }
}

impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[openid]")
    }
}

impl TryFrom<String> for OpenId {
    type Error = BadValue;

    fn try_from(text: String) -> Result<Self, BadValue> {
        Self::parse(text)
    }
}

/// The platform's name for a user over all apps of one open-platform account. Neither `Display` nor `Debug` shows it.
///
/// <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/union-id.html>
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct UnionId(String);

impl UnionId {
    /// Accepts 1 to 128 bytes of visible ASCII.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadValue> {
        checked(text.into(), "unionid").map(Self)
    }

    /// The unionid itself: for rows and requests, never for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[unionid]")
    }
}

impl fmt::Debug for UnionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[unionid]")
    }
}

impl TryFrom<String> for UnionId {
    type Error = BadValue;

    fn try_from(text: String) -> Result<Self, BadValue> {
        Self::parse(text)
    }
}

/// What a login code was worth.
#[derive(Debug)]
pub struct Identity {
    /// The user within this app.
    pub openid: OpenId,
    /// The user over the apps of an open-platform account; may be absent for ever, and may arrive late.
    pub unionid: Option<UnionId>,
    /// The key that belonged to this very code; a newer login may already have replaced it.
    pub session_key: Option<SessionKey>,
}

/// An identity, and what the person looks like where that came along.
#[derive(Debug)]
pub struct Redirected {
    /// Who it is.
    pub identity: Identity,
    /// As the platform knows them; untrusted text.
    pub profile: Option<Profile>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_visible_ascii_of_bounded_length() {
        assert_eq!(AppId::parse("wx0123456789abcdef").unwrap().as_str(), "wx0123456789abcdef");
        for bad in ["", "with space", "new\nline", "微信", &"x".repeat(129)] {
            assert_eq!(OpenId::parse(bad), Err(BadValue("openid")), "{bad:?}");
            assert!(UnionId::parse(bad).is_err(), "{bad:?}");
            assert!(AppId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(OpenId::parse("x".repeat(128)).is_ok());
    }

    #[test]
    fn openid_and_unionid_do_not_show_themselves() {
        let identity = Identity {
            openid: OpenId::parse("oSecretOpenId").unwrap(),
            unionid: Some(UnionId::parse("oSecretUnionId").unwrap()),
            session_key: Some(SessionKey::parse("tiihtNczf5v6AKRyjwEUhQ==").unwrap()),
        };
        let shown = format!("{identity:?} {} {}", identity.openid, identity.unionid.as_ref().unwrap());
        assert!(!shown.contains("oSecret") && !shown.contains("tiiht"), "{shown}");
        assert!(shown.contains("[openid]") && shown.contains("[unionid]"), "{shown}");
    }
}
