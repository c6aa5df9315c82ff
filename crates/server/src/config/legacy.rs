//! `[[legacy]]`: tokens of an old system, taken until a date (design §4.2).

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use menjin_token::{Algorithm, Timestamp};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{ConfigError, Secret, choice, public_key};

/// What an old system's name for a person is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegacyUser {
    /// `user.number`.
    #[serde(rename = "number")]
    Number,
    /// `external_id`.
    #[serde(rename = "external_id")]
    ExternalId,
}

/// One `[[legacy]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Legacy {
    /// What operators call the old system.
    pub name: String,
    /// The back end that its tokens are for.
    pub audience: String,
    /// The one algorithm that its tokens may have.
    pub alg: Algorithm,
    /// The secret that its tokens are signed with (HS256).
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub secret: Secret,
    /// File that holds the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// File that holds the public key, as PEM or JWK (the other algorithms).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_file: Option<PathBuf>,
    /// The claim that names the person.
    pub user_claim: String,
    /// What that name is here.
    #[serde(deserialize_with = "choice::one")]
    pub user: LegacyUser,
    /// From then on its tokens are refused.
    pub until: String,
    /// What the file of the public key says.
    #[serde(skip)]
    public_key: String,
}

impl Legacy {
    /// Reads what stands in files; a remark where others may read a secret.
    pub(super) fn resolve(&mut self, base: &Path, key: &str) -> Result<Option<String>, ConfigError> {
        if let Some(file) = &self.public_key_file {
            let path = base.join(file);
            self.public_key = std::fs::read_to_string(&path).map_err(|error| {
                let why = format!("{} can't be read: {error}", path.display());
                ConfigError::refused(format!("{key}.public_key_file"), why)
            })?;
        }
        self.secret.or_from_file(self.secret_file.as_deref(), base, &format!("{key}.secret"))
    }

    /// The first moment at which its tokens are refused: of a date, its first in UTC.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        let whole = if self.until.len() == 10 { format!("{}T00:00:00Z", self.until) } else { self.until.clone() };
        let at = OffsetDateTime::parse(&whole, &Rfc3339).ok()?;
        Some(Timestamp::from_secs(at.unix_timestamp()))
    }

    /// Its public key; `None` for HS256.
    pub(crate) fn public_key(&self) -> Option<Result<menjin_token::Jwk, &'static str>> {
        (self.alg != Algorithm::Hs256).then(|| public_key::parse(&self.public_key, self.alg))
    }
}

pub(super) fn check(entries: &[Legacy]) -> Result<(), ConfigError> {
    let mut names = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let refused = |field: &str, why: &str| Err(ConfigError::refused(format!("legacy[{index}].{field}"), why));
        let is_word = |text: &str, longest: usize| {
            (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        let is_name = entry.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
        if !is_name || !is_word(&entry.name, 32) || !names.insert(&entry.name) {
            return refused("name", "must be 1 to 32 of a-z 0-9 - _, and stand once");
        }
        if !is_word(&entry.audience, 64) {
            return refused("audience", "must be the audience of an [[app]], e.g. \"shop-api\"");
        }
        if !is_word(&entry.user_claim, 64) {
            return refused("user_claim", "must name the claim that says who it is, e.g. \"user_id\"");
        }
        if entry.until().is_none() {
            return refused("until", "must be a date such as \"2027-01-31\", from which on its tokens are refused");
        }
        match (entry.alg, entry.secret.expose(), entry.public_key()) {
            (Algorithm::Hs256, _, _) if entry.public_key_file.is_some() => {
                return refused("public_key_file", "does not go with HS256: the old system's secret is `secret_file`");
            }
            // Whoever has the public key would make tokens with it.
            (Algorithm::Hs256, Some(secret), _) if secret.contains("-----BEGIN ") => {
                return refused(
                    "secret",
                    "is a PEM: a public key is no secret, and goes into `public_key_file` with its own `alg`",
                );
            }
            (Algorithm::Hs256, secret, _) => {
                if secret.is_none_or(|secret| secret.len() < 32) || entry.secret.is_placeholder() {
                    return refused("secret", "must be 32 bytes or more (RFC 7518 §3.2); better as `secret_file`");
                }
            }
            (_, Some(_), _) => return refused("secret", "goes with HS256 alone: the public key is `public_key_file`"),
            (_, None, Some(Err(why))) => return refused("public_key_file", why),
            (_, None, _) => {}
        }
    }
    Ok(())
}
