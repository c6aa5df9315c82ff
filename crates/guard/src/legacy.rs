//! Tokens of an old system, taken until a date: key and algorithm are fixed by the entry, never by the token.
//!
//! Does not: verify by itself (`menjin-token` does), or let its people have menjin's sessions.

use std::sync::Arc;
use std::time::Duration;

use menjin_token::{Algorithm, Claims, Expect, Invalid, KeyError, KeySet, Timestamp, Typ, VerifyingKey};
use menjin_token::{Verified, verify_with_kid};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::builder::BuildError;
use crate::person::{LegacyCaller, LegacyUser};
use crate::{Language, Refusal};

/// An old system whose tokens a guard takes until a date; see [`GuardBuilder::legacy`](crate::GuardBuilder::legacy).
///
/// ```
/// use menjin_guard::{Guard, Legacy};
///
/// let secret = b"the SECRET_KEY of the old Django project, 50 bytes";
/// let old = Legacy::hs256("old-shop", secret, "2027-03-31T00:00:00Z".parse()?).number_in("user_id");
/// let guard = Guard::remote("https://login.example.com", "shop-api").feed(false).legacy(old).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Legacy {
    name: String,
    key: Key,
    until: Timestamp,
    kid: Option<String>,
    audience: Option<String>,
    claim: Option<Claim>,
}

enum Key {
    Secret(Zeroizing<Vec<u8>>),
    Pem(Algorithm, String),
}

/// Where the person stands, and what menjin calls that.
enum Claim {
    Number(String),
    ExternalId(String),
}

impl Legacy {
    /// Tokens under a secret of at least 32 bytes.
    pub fn hs256(name: impl Into<String>, secret: impl AsRef<[u8]>, until: Timestamp) -> Self {
        Self::new(name.into(), Key::Secret(Zeroizing::new(secret.as_ref().to_vec())), until)
    }

    /// Tokens under a public key in PEM; RS256, ES256 or `EdDSA`, as the old system signs.
    pub fn public_key(name: impl Into<String>, alg: Algorithm, pem: impl Into<String>, until: Timestamp) -> Self {
        Self::new(name.into(), Key::Pem(alg, pem.into()), until)
    }

    fn new(name: String, key: Key, until: Timestamp) -> Self {
        Self { name, key, until, kid: None, audience: None, claim: None }
    }

    /// This claim is menjin's `user.number`, as after an import that kept old ids.
    pub fn number_in(mut self, claim: impl Into<String>) -> Self {
        self.claim = Some(Claim::Number(claim.into()));
        self
    }

    /// This claim is menjin's `user.external_id`.
    pub fn external_id_in(mut self, claim: impl Into<String>) -> Self {
        self.claim = Some(Claim::ExternalId(claim.into()));
        self
    }

    /// The `kid` that the old system writes into its headers, where it writes one.
    pub fn kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// Only tokens with this `aud`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    pub(crate) fn build(self) -> Result<OldSystem, BuildError> {
        let kid = self.kid.unwrap_or_else(|| self.name.clone());
        let key = match &self.key {
            Key::Secret(secret) => VerifyingKey::hs256(kid, secret),
            // A public key taken for a secret is the oldest mistake with tokens.
            Key::Pem(Algorithm::Hs256, _) => Err(KeyError::Unsupported),
            Key::Pem(algorithm, pem) => VerifyingKey::from_pem(*algorithm, kid, pem),
        };
        match (key, self.claim) {
            (Ok(key), Some(claim)) => Ok(OldSystem {
                name: self.name,
                keys: KeySet::new(vec![key]),
                until: self.until,
                audience: self.audience,
                claim,
            }),
            (Err(error), _) => Err(BuildError::LegacyKey { name: self.name, error }),
            (Ok(_), None) => Err(BuildError::LegacyClaim { name: self.name }),
        }
    }
}

/// An old system, ready to check tokens.
pub(crate) struct OldSystem {
    name: String,
    keys: KeySet,
    until: Timestamp,
    audience: Option<String>,
    claim: Claim,
}

impl OldSystem {
    /// Whom a token of this system names; `None` when it is not one, or the system's time is over.
    pub(crate) fn check(&self, token: &str, leeway: Duration, now: Timestamp) -> Option<Result<LegacyCaller, Refusal>> {
        if now >= self.until {
            return None;
        }
        let expect = Expect { typ: Typ::Jwt, issuer: None, audience: self.audience.as_deref(), leeway };
        match verify_with_kid(token, &self.keys, &expect, now) {
            Ok(Verified { claims, .. }) => Some(self.named_by(claims)),
            // The signature was checked first: it is this system's token, and can't be refreshed.
            Err(invalid @ (Invalid::Expired | Invalid::NotYet | Invalid::Claim(_))) => {
                Some(Err(Refusal::Invalid(invalid)))
            }
            Err(_) => None,
        }
    }

    fn named_by(&self, claims: Claims) -> Result<LegacyCaller, Refusal> {
        if !claims.is_for_access() {
            return Err(Refusal::Invalid(Invalid::Typ));
        }
        let user = match &self.claim {
            Claim::Number(name) => number(&claims, name).map(LegacyUser::Number),
            Claim::ExternalId(name) => text(&claims, name).map(LegacyUser::ExternalId),
        };
        let user = user.ok_or(Refusal::Invalid(Invalid::Claim("user_claim")))?;
        Ok(LegacyCaller { system: self.name.clone(), user, claims: Arc::new(claims), language: Language::default() })
    }
}

fn value(claims: &Claims, name: &str) -> Option<Value> {
    match name {
        "sub" => claims.sub.clone().map(Value::from),
        name => claims.extra.get(name).cloned(),
    }
}

fn number(claims: &Claims, name: &str) -> Option<i64> {
    let number = match value(claims, name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number| *number >= 0)
}

fn text(claims: &Claims, name: &str) -> Option<String> {
    match value(claims, name)? {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) if number.is_i64() => Some(number.to_string()),
        Value::Number(_) | Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
