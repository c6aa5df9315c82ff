//! A public key from a file: PEM as openssl writes it (RFC 5280 §4.1.2.7), or a JSON Web Key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::{Algorithm, Jwk, VerifyingKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// What stands before the two coordinates of a point on P-256, the mark of an uncompressed one included.
const P256: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// What stands before an Ed25519 key.
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What says that it is RSA.
const RSA: [u8; 15] = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// The key, if it is one of this algorithm; else what to do.
pub(super) fn parse(text: &str, algorithm: Algorithm) -> Result<Jwk, &'static str> {
    const UNREADABLE: &str = "must hold a public key as PEM (`-----BEGIN PUBLIC KEY-----`, which `openssl pkey -pubout` writes) or as a JSON Web Key";
    let found = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).ok()
    } else {
        SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).ok().and_then(|der| members(&der))
    };
    let jwk: Jwk = found.and_then(|members: Value| serde_json::from_value(members).ok()).ok_or(UNREADABLE)?;
    let key = VerifyingKey::from_jwk(&jwk)
        .map_err(|_| "must hold a key that is neither broken nor weak, of 2048 bits or more for RS256")?;
    if key.algorithm() == algorithm { Ok(jwk) } else { Err("holds a key of another algorithm than `alg`") }
}

fn members(der: &[u8]) -> Option<Value> {
    let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    if let Some(point) = der.strip_prefix(&P256).filter(|point| point.len() == 64) {
        return Some(json!({"kty": "EC", "crv": "P-256", "x": base64(&point[..32]), "y": base64(&point[32..])}));
    }
    if let Some(key) = der.strip_prefix(&ED25519).filter(|key| key.len() == 32) {
        return Some(json!({"kty": "OKP", "crv": "Ed25519", "x": base64(key)}));
    }
    let (whole, []) = element(der, SEQUENCE)? else { return None };
    let (bits, []) = element(whole.strip_prefix(&RSA)?, BIT_STRING)? else { return None };
    let (key, []) = element(bits.strip_prefix(&[0])?, SEQUENCE)? else { return None };
    let (modulus, rest) = element(key, INTEGER)?;
    let (exponent, []) = element(rest, INTEGER)? else { return None };
    let unsigned = |bytes: &[u8]| base64(bytes.strip_prefix(&[0]).unwrap_or(bytes));
    Some(json!({"kty": "RSA", "alg": "RS256", "n": unsigned(modulus), "e": unsigned(exponent)}))
}

/// What one DER element of this kind holds, and what follows it.
fn element(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let [first, length, rest @ ..] = der else { return None };
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        _ => return None,
    };
    (*first == kind).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtrtgrMHSFpVd2dUM7TSY\n\
        mN5QxfG21DFRebfPo2A/pqjZaoNUeUInVDzqrxVn84nsVnVfBWwKq2baLxCjgA0Z\n\
        WqQ94EJw3aoSKAJzHJ7kpJHZvbQ5v2dLeAwaqhXyzd55QAA0RhZGYlOBRn5QGnou\n\
        1AXl3gSvUQZA0kR3sRrLNJCfRZKNhng/ZKcJ6XKntxxs0BlW2tS85lkIJVbXlpsS\n\
        l1izDWVSkRiyWNZeFH8yMCdW12duDIilOgoyIw6GlY5KYFSgDej6SMZx2ozyjqiN\n\
        BvGnQ1h4Z/qlCWpFbIH6PfkW/GW1qhahSUKmAgHCszlBWm68+F1H4e+uc/EbPYRl\n\
        7wIDAQAB\n\
        -----END PUBLIC KEY-----\n";
    const P256_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE59FshglLYmgOivCqhHnSmdcVLejV\n\
        EpiOrAV1nItcsfVXomaLthb4J5NQLW9kHBTsAK2sKSMu1UDH/jWmhRZyLg==\n\
        -----END PUBLIC KEY-----\n";
    const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAw6FaiBg/zzEhYuvmIDkU9J0VzlaspqroL0p1tFGOCKY=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn keys_as_openssl_writes_them_are_read() {
        for (text, algorithm) in
            [(RSA_PEM, Algorithm::Rs256), (P256_PEM, Algorithm::Es256), (ED25519_PEM, Algorithm::EdDsa)]
        {
            let jwk = parse(text, algorithm).unwrap();
            let again = serde_json::to_string(&jwk).unwrap();
            assert_eq!(parse(&again, algorithm), Ok(jwk));
            for other in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
                assert_eq!(parse(text, other).is_ok(), other == algorithm);
            }
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let cut = &RSA_PEM.replacen("MIIB", "MIIA", 1);
        for odd in ["", "{}", "secret", "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", cut] {
            assert!(parse(odd, Algorithm::Rs256).is_err(), "{odd}");
        }
    }
}
