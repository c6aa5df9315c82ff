//! What tokens, keys and ids promise, seen from outside. One file a concern; `forge` makes tokens by hand.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod arbitrary;
mod claims;
mod forge;
mod forged;
mod form;
mod ids;
mod jwks;
mod kinds;
mod oracle;
mod pem;
mod times;
mod vectors;
