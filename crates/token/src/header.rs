//! A token's header: written as exactly `alg`, `kid`, `typ`; read for these three, refused when it asks for more.
//!
//! `jwk`, `jku`, `x5u` and `x5c` are read past: a token never brings or names a key (RFC 8725 section 3.10).

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Map;

use crate::base64url;
use crate::key::Algorithm;
use crate::strict::{self, Strict};
use crate::verify::Invalid;

/// The `typ` of access tokens (RFC 9068 section 2.1), which is that of nearly all tokens.
pub(crate) const USUAL_TYP: &str = "at+jwt";

/// The header as it stands in a token.
pub(crate) fn written(algorithm: Algorithm, kid: &str, typ: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let json = format!(r#"{{"alg":"{algorithm}","kid":{},"typ":{}}}"#, quoted(kid), quoted(typ));
    base64url::encode(json.as_bytes())
}

/// What a header says, as far as anybody asks.
#[derive(Default)]
pub(crate) struct Header<'t> {
    alg: Option<Cow<'t, str>>,
    kid: Option<Cow<'t, str>>,
    typ: Option<Cow<'t, str>>,
    /// It has a member that must not be read past.
    critical: bool,
}

impl<'t> Header<'t> {
    pub(crate) fn read(json: &'t [u8]) -> Result<Self, Invalid> {
        let header: Self = serde_json::from_slice(json).map_err(|_| Invalid::Malformed)?;
        if header.critical {
            return Err(Invalid::Critical);
        }
        Ok(header)
    }

    pub(crate) fn algorithm(&self) -> Result<Algorithm, Invalid> {
        let name = self.alg.as_deref().ok_or(Invalid::Algorithm)?;
        name.parse().map_err(|_| Invalid::Algorithm)
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(crate) fn into_typ(self) -> Option<String> {
        self.typ.map(Cow::into_owned)
    }
}

impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token's header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Header<'de>, A::Error> {
        let mut header = Header::default();
        let mut others = Map::new();
        while let Some(Text(name)) = members.next_key()? {
            let slot = match name.as_ref() {
                "alg" => &mut header.alg,
                "kid" => &mut header.kid,
                "typ" => &mut header.typ,
                other => {
                    header.critical |= matches!(other, "crit" | "b64" | "zip" | "enc");
                    let value = members.next_value_seed(Strict::MEMBER)?;
                    strict::insert(&mut others, name.into_owned(), value)?;
                    continue;
                }
            };
            let Text(value) = members.next_value()?;
            if slot.replace(value).is_some() {
                return Err(de::Error::custom("a member stands twice"));
            }
        }
        Ok(header)
    }
}

/// A string, borrowed from the header when it has no escapes.
struct Text<'t>(Cow<'t, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}
