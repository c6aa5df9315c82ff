//! A public key (or an HMAC secret), checked and parsed once.
//!
//! Does not: choose between keys (`jwks::KeySet`) or read tokens (`verify`).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};

use super::{Algorithm, KeyError, MIN_SECRET, rsa};
use crate::base64url;
use crate::header;
use crate::jwks::Jwk;

/// What no secret looks like.
const PEM: &[u8] = b"-----BEGIN ";

/// y-coordinates of the Ed25519 points of order 1, 2, 4 and 8, sign bit cleared: anybody can make signatures
/// for such a "key". The last three are −1, and 0 and 1 in their second spelling, as p and p + 1.
const SMALL_ORDER: [[u8; 32]; 7] = [
    little_endian(0, 0, 0),
    little_endian(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    little_endian(0xec, 0xff, 0x7f),
    little_endian(0xed, 0xff, 0x7f),
    little_endian(0xee, 0xff, 0x7f),
];

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// A key that verifies. Cloning shares it.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    kid: String,
    algorithm: Algorithm,
    material: Material,
    jwk: Option<Jwk>,
    usual_header: String,
}

enum Material {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl VerifyingKey {
    /// Takes a public key from a JSON Web Key; private members are ignored, symmetric keys unsupported.
    /// Without a `kid` its RFC 7638 thumbprint becomes its name.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        let algorithm = jwk.algorithm()?;
        let public = match algorithm {
            Algorithm::Es256 => es256(jwk),
            Algorithm::EdDsa => eddsa(jwk),
            Algorithm::Rs256 => rs256(jwk),
            Algorithm::Hs256 => Err(KeyError::Unsupported),
        }?;
        let kid = match &jwk.kid {
            Some(kid) => kid.clone(),
            None => jwk.thumbprint().ok_or(KeyError::Malformed)?,
        };
        Ok(Self(Arc::new(Inner {
            jwk: Some(jwk.published(algorithm, kid.clone())),
            usual_header: header::written(algorithm, &kid, header::USUAL_TYP),
            kid,
            algorithm,
            material: Material::Public(public),
        })))
    }

    /// An HMAC secret of 32 bytes or more (RFC 7518 section 3.2). PEM is none: whoever has the public key could sign.
    pub fn hs256(kid: String, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET {
            return Err(KeyError::TooShort);
        }
        if secret.windows(PEM.len()).any(|part| part == PEM) {
            return Err(KeyError::Unsupported);
        }
        Ok(Self(Arc::new(Inner {
            usual_header: header::written(Algorithm::Hs256, &kid, header::USUAL_TYP),
            kid,
            algorithm: Algorithm::Hs256,
            material: Material::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
            jwk: None,
        })))
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The one algorithm that the key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The key as it is published; `None` for HS256.
    pub fn jwk(&self) -> Option<&Jwk> {
        self.0.jwk.as_ref()
    }

    /// The header of the access tokens that menjin signs with this key, as it stands in them.
    pub(crate) fn usual_header(&self) -> &str {
        &self.0.usual_header
    }

    /// Whether this is the key's signature over the message.
    pub fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0.material {
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
            Material::Secret(secret) => hmac::verify(secret, message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

fn member(value: Option<&String>) -> Result<&str, KeyError> {
    value.map(String::as_str).ok_or(KeyError::Malformed)
}

fn es256(jwk: &Jwk) -> Result<ParsedPublicKey, KeyError> {
    let x: [u8; 32] = exactly(jwk.x.as_ref())?;
    let y: [u8; 32] = exactly(jwk.y.as_ref())?;
    let mut point = [4; 65];
    point[1..33].copy_from_slice(&x);
    point[33..].copy_from_slice(&y);
    // Parsing checks that the point is on the curve.
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| KeyError::Malformed)
}

fn eddsa(jwk: &Jwk) -> Result<ParsedPublicKey, KeyError> {
    let x: [u8; 32] = exactly(jwk.x.as_ref())?;
    let mut y_coordinate = x;
    y_coordinate[31] &= 0x7f;
    if SMALL_ORDER.contains(&y_coordinate) {
        return Err(KeyError::Weak);
    }
    ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyError::Malformed)
}

fn rs256(jwk: &Jwk) -> Result<ParsedPublicKey, KeyError> {
    let n = base64url::decode(member(jwk.n.as_ref())?).map_err(|_| KeyError::Malformed)?;
    let e = base64url::decode(member(jwk.e.as_ref())?).map_err(|_| KeyError::Malformed)?;
    rsa::check(&n, &e)?;
    PublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).map_err(|_| KeyError::Malformed)
}

fn exactly<const N: usize>(value: Option<&String>) -> Result<[u8; N], KeyError> {
    base64url::decode_exactly(member(value)?).map_err(|_| KeyError::Malformed)
}
