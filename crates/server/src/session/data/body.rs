//! What comes and goes in bodies. Values are passed on as they were written: no number or string is read and written anew. A member
//! that is none is refused: with `tll` for `ttl` a value would stay for ever.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use menjin_token::Timestamp;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::config::is_data_key;
use crate::problem::{Fault, Problem};
use crate::store::JsonText;

/// All keys and values.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = SessionData)]
pub(super) struct MapView<'m> {
    /// By key; any JSON.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub(super) data: BTreeMap<&'m str, &'m RawValue>,
    /// When keys that were given a `ttl` expire; left out when none was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Option<BTreeMap<String, String>>, nullable = false)]
    pub(super) expires_at: BTreeMap<&'m str, Timestamp>,
}

/// One value.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = SessionValue)]
pub(super) struct KeyView<'m> {
    /// Any JSON.
    #[schema(value_type = serde_json::Value)]
    pub(super) value: &'m RawValue,
    /// When it expires; left out when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(super) expires_at: Option<Timestamp>,
}

/// All keys and values that shall be kept.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionDataInput)]
pub(super) struct MapInput {
    /// By key; any JSON.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub(super) data: Members,
    /// Seconds from now until all of them expire.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub(super) ttl: Option<NonZeroU32>,
}

/// A value that shall be kept.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionValueInput)]
pub(super) struct KeyInput {
    /// Any JSON.
    #[schema(value_type = serde_json::Value)]
    value: Box<RawValue>,
    /// Seconds from now until it expires.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub(super) ttl: Option<NonZeroU32>,
}

impl KeyInput {
    pub(super) fn checked(&self) -> Result<JsonText, Problem> {
        JsonText::of(&self.value).ok_or_else(|| Problem::field("value", Fault::NotAValue))
    }
}

/// The members of an object, as they came.
pub(super) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// By key, if all of them may be kept and none stands twice.
    pub(super) fn checked(self) -> Result<BTreeMap<String, JsonText>, Problem> {
        let mut checked = BTreeMap::new();
        for (key, value) in self.0 {
            if !is_data_key(&key) {
                return Err(Problem::field("data", Fault::NotADataKey));
            }
            let value = JsonText::of(&value).ok_or_else(|| Problem::field(format!("data.{key}"), Fault::NotAValue))?;
            if checked.contains_key(&key) {
                return Err(Problem::field(format!("data.{key}"), Fault::Twice));
            }
            checked.insert(key, value);
        }
        Ok(checked)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// When something ends that lives so many seconds from now.
pub(super) fn ends(ttl: Option<NonZeroU32>, now: Timestamp) -> Option<Timestamp> {
    ttl.map(|seconds| now.plus(Duration::from_secs(seconds.get().into())))
}
