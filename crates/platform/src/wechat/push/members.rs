//! The members of a push or of its envelope, written as JSON or as XML: texts and numbers by name. Each stands once.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::xml;
use crate::NotTaken;

/// What holds no text, such as an object, is there without one.
#[derive(Default)]
pub(super) struct Members(BTreeMap<String, Option<String>>);

impl Members {
    /// Of whichever form it is.
    pub(super) fn read(body: &[u8]) -> Result<Self, NotTaken> {
        let text = std::str::from_utf8(body).map_err(|_| NotTaken::Unreadable("it is not UTF-8"))?;
        let text = text.trim_start_matches('\u{feff}').trim_start();
        match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).map_err(|_| NotTaken::Unreadable("it is no good JSON")),
            Some(b'<') => xml::read(text),
            Some(_) | None => Err(NotTaken::Unreadable("it is neither JSON nor XML")),
        }
    }

    /// Adds a member; false when it is there already.
    pub(super) fn add(&mut self, name: String, text: Option<String>) -> bool {
        self.0.insert(name, text).is_none()
    }

    /// A text or a number, without the blanks that stray around WeChat's values; `None` where nothing is left.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            let text = match value {
                Value::String(text) => Some(text),
                Value::Number(number) => Some(number.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            };
            if !members.add(name, text) {
                return Err(de::Error::custom("a member stands twice"));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_are_read_trimmed_and_each_stands_once() {
        let members = Members::read(b"\xef\xbb\xbf {\"a\": \" x \", \"b\": 7, \"c\": {}, \"d\": null, \"e\": \"  \"}")
            .map_err(drop)
            .unwrap();
        let read = ["a", "b", "c", "d", "e", "f"].map(|name| members.get(name));
        assert_eq!(read, [Some("x"), Some("7"), None, None, None, None]);
        for bad in [&b"{\"a\": 1, \"a\": 2}"[..], b"{\"a\": 1", b"[1]", b"", b"7", b"\xff", b"{\"a\": 1} x"] {
            assert!(Members::read(bad).is_err(), "{bad:?}");
        }
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(Members::read(deep.as_bytes()).is_err(), "too deep");
    }
}
