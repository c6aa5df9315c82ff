//! JSON Web Keys and sets of them (RFC 7517), and `KeySet`, the parsed set that verification uses.
//!
//! Does not: fetch anything, or hold a private member of a key.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base64url;
use crate::key::{Algorithm, KeyError, VerifyingKey};

/// The largest JWKS document that is read.
pub const MAX_JWKS: usize = 256 * 1024;

/// A public JSON Web Key: what `/.well-known/jwks.json` shows of one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Jwk {
    /// `EC`, `OKP` or `RSA`.
    pub kty: String,
    /// `P-256` or `Ed25519`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// First coordinate, or the Ed25519 key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Second coordinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// RSA modulus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// RSA exponent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// The key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `ES256`, `EdDSA` or `RS256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// Read only, to leave out keys that are not for verifying (RFC 7517 section 4.3).
    #[serde(default, skip_serializing)]
    pub key_ops: Option<Vec<String>>,
}

/// A JWKS document as menjin publishes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys; order means nothing.
    pub keys: Vec<Jwk>,
}

/// The document is no JWKS at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Over [`MAX_JWKS`] bytes.
    #[error("the key set is too large")]
    TooLarge,
    /// Not a JSON object with an array `keys`.
    #[error("not a JSON Web Key Set")]
    Malformed,
}

/// An immutable set of keys, found by `kid`.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<VerifyingKey>);

impl KeySet {
    /// A set of these keys; of several with one `kid` the first stays.
    pub fn new(mut keys: Vec<VerifyingKey>) -> Self {
        keys.sort_by(|a, b| a.kid().cmp(b.kid())); // Stable: the first of equals stays first.
        keys.dedup_by(|later, earlier| later.kid() == earlier.kid());
        Self(keys)
    }

    /// Reads a JWKS document. Keys that can't be used are left out, as RFC 7517 section 5 asks, so the set may be empty:
    /// another `kty`, curve or `alg`, `use` other than `sig`, `key_ops` without `verify`, symmetric, malformed or weak.
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        if json.len() > MAX_JWKS {
            return Err(JwksError::TooLarge);
        }
        let document: Document = serde_json::from_slice(json).map_err(|_| JwksError::Malformed)?;
        let usable = |value| VerifyingKey::from_jwk(&Jwk::deserialize(value).ok()?).ok();
        Ok(Self::new(document.keys.into_iter().filter_map(usable).collect()))
    }

    /// The key of this name.
    pub fn get(&self, kid: &str) -> Option<&VerifyingKey> {
        let found = self.0.binary_search_by(|key| key.kid().cmp(kid)).ok()?;
        Some(&self.0[found])
    }

    /// The one key, when there is exactly one.
    pub fn only(&self) -> Option<&VerifyingKey> {
        match &self.0[..] {
            [key] => Some(key),
            _ => None,
        }
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All keys, by name.
    pub fn iter(&self) -> std::slice::Iter<'_, VerifyingKey> {
        self.0.iter()
    }

    /// What may be published of it: every key but HS256 ones.
    pub fn published(&self) -> JwkSet {
        JwkSet { keys: self.iter().filter_map(VerifyingKey::jwk).cloned().collect() }
    }
}

impl<'a> IntoIterator for &'a KeySet {
    type Item = &'a VerifyingKey;
    type IntoIter = std::slice::Iter<'a, VerifyingKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Jwk {
    pub(crate) fn es256(kid: String, x: &[u8], y: &[u8]) -> Self {
        Self {
            crv: Some("P-256".to_owned()),
            x: Some(base64url::encode(x)),
            y: Some(base64url::encode(y)),
            ..Self::named("EC", kid)
        }
    }

    pub(crate) fn eddsa(kid: String, x: &[u8]) -> Self {
        Self { crv: Some("Ed25519".to_owned()), x: Some(base64url::encode(x)), ..Self::named("OKP", kid) }
    }

    pub(crate) fn rs256(kid: String, n: &[u8], e: &[u8]) -> Self {
        Self { n: Some(base64url::encode(n)), e: Some(base64url::encode(e)), ..Self::named("RSA", kid) }
    }

    fn named(kty: &str, kid: String) -> Self {
        Self { kty: kty.to_owned(), kid: Some(kid), ..Self::default() }
    }

    /// The algorithm that this key is for, by its type and curve; `alg`, `use` and `key_ops` must not contradict.
    pub fn algorithm(&self) -> Result<Algorithm, KeyError> {
        let algorithm = match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            ("RSA", _) => Algorithm::Rs256,
            _ => return Err(KeyError::Unsupported),
        };
        let verifies = self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let signature = self.usage.as_deref().is_none_or(|usage| usage == "sig");
        let agrees = self.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str());
        if verifies && signature && agrees { Ok(algorithm) } else { Err(KeyError::Unsupported) }
    }

    /// RFC 7638: SHA-256 over the required members in order, base64url. `None` when one is missing.
    pub fn thumbprint(&self) -> Option<String> {
        let quoted = |member: &Option<String>| member.as_deref().map(|text| Value::from(text).to_string());
        let canonical = match self.kty.as_str() {
            "EC" => format!(
                r#"{{"crv":{},"kty":"EC","x":{},"y":{}}}"#,
                quoted(&self.crv)?,
                quoted(&self.x)?,
                quoted(&self.y)?
            ),
            "OKP" => format!(r#"{{"crv":{},"kty":"OKP","x":{}}}"#, quoted(&self.crv)?, quoted(&self.x)?),
            "RSA" => format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, quoted(&self.e)?, quoted(&self.n)?),
            _ => return None,
        };
        let digest = digest::digest(&digest::SHA256, canonical.as_bytes());
        Some(base64url::encode(digest.as_ref()))
    }

    /// The same key with everything that a verifier likes to see, and nothing that does not belong to its type.
    pub(crate) fn published(&self, algorithm: Algorithm, kid: String) -> Self {
        let mut jwk = self.clone();
        jwk.kid = Some(kid);
        jwk.alg = Some(algorithm.as_str().to_owned());
        jwk.usage = Some("sig".to_owned());
        jwk.key_ops = None;
        jwk
    }
}
