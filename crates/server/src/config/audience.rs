//! `[audience.<name>]`: what the access tokens for one back end look like (design §4.2).

use std::collections::BTreeMap;

use menjin_token::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::server::HS256;
use super::{ConfigError, choice};

/// Claims that menjin itself gives a meaning (RFC 7519, RFC 9068, OpenID Connect).
const OWN: [&str; 21] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "client_id",
    "auth_time",
    "acr",
    "amr",
    "azp",
    "nonce",
    "cnf",
    "scope",
    "roles",
    "permissions",
    "rv",
    "more_roles",
    "token_use",
];
/// A token travels with every request.
const MOST_CLAIMS: usize = 16;
const LONGEST: usize = 256;
/// No verifier of ours reads a claim that nests deeper.
const DEEPEST: usize = 16;

/// One `[audience.<name>]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audience {
    /// The header's `typ`.
    #[serde(deserialize_with = "choice::one")]
    pub typ: TokenTyp,
    /// Algorithm of its tokens; instead of `tokens.alg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<Algorithm>,
    /// Further claims by name: where they come from, or a constant.
    pub claims: BTreeMap<String, Value>,
}

/// What an access token calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TokenTyp {
    /// RFC 9068.
    #[default]
    #[serde(rename = "at+jwt")]
    AccessToken,
    /// What some frameworks insist on; then `token_use` says `access`.
    #[serde(rename = "JWT")]
    Jwt,
}

/// Where a claim comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `usr_…`.
    UserId,
    /// The integer beside it.
    UserNumber,
    /// What another system calls them.
    UserExternalId,
    /// What they are called.
    UserNickname,
    /// Their picture.
    UserAvatarUrl,
    /// The platform's name for them.
    IdentityOpenid,
    /// The platform's name for the mini program.
    IdentityAppid,
    /// The app's id.
    SessionApp,
}

impl Source {
    const ALL: [(&'static str, Self); 8] = [
        ("user.id", Self::UserId),
        ("user.number", Self::UserNumber),
        ("user.external_id", Self::UserExternalId),
        ("user.nickname", Self::UserNickname),
        ("user.avatar_url", Self::UserAvatarUrl),
        ("identity.openid", Self::IdentityOpenid),
        ("identity.appid", Self::IdentityAppid),
        ("session.app", Self::SessionApp),
    ];

    /// The source that a claim's value names; `None` where it is a constant.
    pub fn named(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        Self::ALL.into_iter().find(|(name, _)| *name == text).map(|(_, source)| source)
    }
}

/// Whether menjin itself gives a claim of this name a meaning.
pub(crate) fn is_own_claim(name: &str) -> bool {
    OWN.contains(&name)
}

/// Whether so many arrays and objects stand within one another that no verifier of ours reads the claim; the parser bounds it.
pub(crate) fn nests_too_deeply(claim: &Value) -> bool {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    depth(claim) > DEEPEST
}

/// TOML has no null: where there is one, JSON had no word for a number.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

pub(super) fn check(audiences: &BTreeMap<String, Audience>) -> Result<(), ConfigError> {
    for (name, audience) in audiences {
        let refused = |key: &str, why: &str| Err(ConfigError::refused(format!("audience.{name}{key}"), why));
        if audience.alg == Some(Algorithm::Hs256) {
            return refused(".alg", HS256);
        }
        if audience.claims.len() > MOST_CLAIMS {
            return refused(".claims", "must be 16 at most: a token travels with every request");
        }
        for (claim, value) in &audience.claims {
            let key = format!(".claims.{claim}");
            if is_own_claim(claim) {
                return refused(&key, "is a claim that menjin itself writes: choose another name");
            }
            let looks_like_a_source = value
                .as_str()
                .is_some_and(|text| ["user.", "identity.", "session."].iter().any(|it| text.starts_with(it)));
            if looks_like_a_source && Source::named(value).is_none() {
                let known: Vec<&str> = Source::ALL.iter().map(|(name, _)| *name).collect();
                return refused(&key, &format!("must be one of {}, or a constant", known.join(", ")));
            }
            if has_null(value) {
                return refused(&key, "is no number that JSON has: not inf, not nan");
            }
            if nests_too_deeply(value) {
                return refused(&key, "nests more than 16 deep: no verifier would read the token");
            }
            if claim.is_empty() || claim.len() + value.to_string().len() > LONGEST {
                return refused(&key, "must be 256 bytes at most, name included");
            }
        }
    }
    Ok(())
}
