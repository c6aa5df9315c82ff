//! What a menjin token is: claims, ids, times, keys, signing and verifying.
//!
//! Everything here is a pure function of its arguments.
//! Does not: any I/O, async, reading a clock, or knowing what HTTP is.

mod base64url;
pub mod claims;
pub mod dangerous;
mod header;
pub mod id;
pub mod jwks;
pub mod key;
pub mod sign;
mod strict;
pub mod time;
pub mod verify;

pub use claims::Claims;
pub use id::{BadId, EventId, GrantId, Id, IdentityId, Kind, SessionId, UserId};
pub use jwks::{Jwk, JwkSet, JwksError, KeySet};
pub use key::{Algorithm, KeyError, SigningKey, VerifyingKey};
pub use sign::{SignError, sign};
pub use time::Timestamp;
pub use verify::{Expect, Invalid, MAX_TOKEN, Typ, Verified, verify, verify_with_kid};
