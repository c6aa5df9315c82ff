//! Public keys as other systems keep them: PEM (RFC 7468) around a `SubjectPublicKeyInfo` (RFC 5280) or `RSAPublicKey`.
//!
//! Does not: private keys or certificates; both are refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::rsa::{element, modulus_and_exponent};
use super::{Algorithm, KeyError, VerifyingKey};
use crate::jwks::Jwk;

/// The largest file: RSA with 8192 bits takes some 1500 bytes.
const MAX_PEM: usize = 8 * 1024;
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// `id-ecPublicKey` with `secp256r1` (RFC 5480 section 2.1.1).
const P256: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// `id-Ed25519` (RFC 8410 section 3).
const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
/// `rsaEncryption` with its NULL (RFC 3279 section 2.3.1).
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

impl VerifyingKey {
    /// Takes a public key from a PEM file, `BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`. The algorithm is said beside it
    /// and must be the one that such a key is for; HS256 has no public key.
    pub fn from_pem(algorithm: Algorithm, kid: String, pem: &str) -> Result<Self, KeyError> {
        let (label, der) = read(pem).ok_or(KeyError::Malformed)?;
        let jwk = match label {
            "PUBLIC KEY" => of_spki(kid, &der),
            "RSA PUBLIC KEY" => of_rsa(kid, &der),
            _ => Err(KeyError::Unsupported),
        }?;
        if jwk.algorithm()? == algorithm { Self::from_jwk(&jwk) } else { Err(KeyError::Unsupported) }
    }
}

/// Label and contents of the one block in the file.
fn read(pem: &str) -> Option<(&str, Vec<u8>)> {
    let text = pem.trim();
    if text.len() > MAX_PEM {
        return None;
    }
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let body = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some((label, STANDARD.decode(body).ok()?))
}

fn of_spki(kid: String, der: &[u8]) -> Result<Jwk, KeyError> {
    let (algorithm, key) = spki(der).ok_or(KeyError::Malformed)?;
    match (algorithm, key) {
        (P256, [4, point @ ..]) if point.len() == 64 => Ok(Jwk::es256(kid, &point[..32], &point[32..])),
        (P256, _) => Err(KeyError::Malformed),
        (ED25519, key) => Ok(Jwk::eddsa(kid, key)),
        (RSA, key) => of_rsa(kid, key),
        _ => Err(KeyError::Unsupported),
    }
}

fn of_rsa(kid: String, der: &[u8]) -> Result<Jwk, KeyError> {
    let (n, e) = modulus_and_exponent(der).ok_or(KeyError::Malformed)?;
    Ok(Jwk::rs256(kid, n, e))
}

/// The algorithm's identifier and the key of `SEQUENCE { SEQUENCE algorithm, BIT STRING key }`.
fn spki(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, end) = element(der, SEQUENCE)?;
    let (algorithm, rest) = element(body, SEQUENCE)?;
    let (bits, after) = element(rest, BIT_STRING)?;
    let (0, key) = bits.split_first()? else { return None };
    (end.is_empty() && after.is_empty()).then_some((algorithm, key))
}
