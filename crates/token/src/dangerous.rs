//! What must never decide anything: reading a token without checking its signature.
//!
//! For `menjin token decode` and for telling a person what they pasted.

use serde_json::Value;

use crate::base64url;
use crate::strict;
use crate::verify::{Invalid, Segments};

/// Header and claims of a token that anybody may have written.
pub fn decode_unverified(token: &str) -> Result<(Value, Value), Invalid> {
    let parts = Segments::of(token)?;
    Ok((object(parts.header)?, object(parts.payload)?))
}

fn object(segment: &str) -> Result<Value, Invalid> {
    let json = base64url::decode(segment).map_err(|_| Invalid::Malformed)?;
    strict::from_slice(&json).ok().filter(Value::is_object).ok_or(Invalid::Malformed)
}
