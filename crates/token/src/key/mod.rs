//! Keys that sign and keys that verify, each parsed once.
//!
//! Lives here: algorithms, key pairs, the checks that a public key must pass.
//! Does not: sealing, storing or rotating keys (the server), key sets and their JSON (`jwks`).

mod algorithm;
mod pem;
mod rsa;
mod signing;
mod verifying;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use signing::SigningKey;
pub use verifying::VerifyingKey;

/// HS256 needs a secret at least as long as its digest (RFC 7518 section 3.2).
pub const MIN_SECRET: usize = 32;

/// Why a key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the bytes or members that this algorithm needs, or not a point of the curve.
    #[error("the key is malformed")]
    Malformed,
    /// An RSA modulus under 2048 bits or an HMAC secret under 32 bytes.
    #[error("the key is too short")]
    TooShort,
    /// A key with a known defect: a small or even RSA exponent, a ROCA modulus, a point of small order.
    #[error("the key is weak")]
    Weak,
    /// Another kty, curve, algorithm or use than those that menjin verifies with.
    #[error("the key is of a kind that is not supported")]
    Unsupported,
    /// The cryptographic library refused to make a key.
    #[error("a key could not be made")]
    Generate,
}
