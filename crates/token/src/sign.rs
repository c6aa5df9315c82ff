//! Signing: claims in, a compact JWS out (RFC 7515 section 7.1).
//!
//! Does not: decide what goes into a token; the header is exactly `alg`, `kid`, `typ`.

use serde::Serialize;

use crate::base64url;
use crate::key::SigningKey;
use crate::verify::MAX_TOKEN;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claims do not serialise.
    #[error("the claims can't be written as JSON")]
    Claims(#[from] serde_json::Error),
    /// Nobody would accept it: over [`MAX_TOKEN`] bytes.
    #[error("the token would be too large")]
    TooLarge,
    /// The cryptographic library failed.
    #[error("the signature could not be made")]
    Signature,
}

/// Signs the claims as a token of this `typ`.
pub fn sign<C: Serialize>(key: &SigningKey, typ: &str, claims: &C) -> Result<String, SignError> {
    let mut json = Vec::with_capacity(512);
    serde_json::to_writer(&mut json, claims)?;
    let mut token = String::with_capacity(1024);
    token.push_str(&key.header(typ));
    token.push('.');
    base64url::encode_onto(&json, &mut token);
    let signature = key.sign_into(token.as_bytes(), base64url::encode).map_err(|_| SignError::Signature)?;
    token.push('.');
    token.push_str(&signature);
    if token.len() > MAX_TOKEN {
        return Err(SignError::TooLarge);
    }
    Ok(token)
}
