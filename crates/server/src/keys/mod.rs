//! The ring of signing keys: published before they sign, kept until their last token is dead (design §4.1).
//!
//! Lives here: which key signs, rotation, revocation, the JWKS route. Does not: signature arithmetic (`token`), rows (`store`).

mod jwks;
mod master;
mod ring;

pub use master::DroppedMasterKey;
pub(crate) use master::{admit, digester, rewrap};
pub use ring::RingError;
pub(crate) use ring::{KeyPolicy, Ring, Tools};

pub(crate) use jwks::routes;
