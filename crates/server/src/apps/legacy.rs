//! Tokens of old systems (`[[legacy]]`, design §4.2): believed by the entry's own key and algorithm, until its date.
//!
//! Does not: saying what they open (`forward_auth`, `login`). menjin's other routes know nothing of them.

use anyhow::Context as _;
use menjin_guard::Subject;
use menjin_token::{Claims, Expect, Invalid, Jwk, KeySet, Timestamp, Typ, VerifyingKey, dangerous};
use serde_json::Value;

use crate::config::{self, LegacyUser};
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::{EndReason, UserRow};

/// All entries.
pub(crate) struct Legacies(Vec<Entry>);

struct Entry {
    name: String,
    audience: String,
    key: Key,
    user_claim: String,
    user: LegacyUser,
    until: Timestamp,
}

enum Key {
    Secret(config::Secret),
    Public(Box<Jwk>),
}

/// A good token of an old system.
pub(crate) struct LegacyToken {
    /// The entry's name.
    pub(crate) name: String,
    /// Whom it names.
    pub(crate) who: Named,
    /// When it was issued; the beginning of time where it does not say.
    pub(crate) iat: Timestamp,
    /// When it is worth nothing any more.
    pub(crate) until: Timestamp,
}

/// How an old system names somebody.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Named {
    /// `user.number`.
    Number(i64),
    /// `external_id`.
    ExternalId(String),
}

impl Legacies {
    pub(crate) fn new(entries: &[config::Legacy]) -> anyhow::Result<Self> {
        entries.iter().map(Entry::new).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Whether some entry's tokens are for this audience.
    pub(crate) fn are_for(&self, audience: &str) -> bool {
        self.0.iter().any(|entry| entry.audience == audience)
    }

    /// What a token for this audience says, if it is one of an old system's.
    pub(crate) fn believe(&self, token: &str, audience: &str, now: Timestamp) -> Result<LegacyToken, Problem> {
        let mut refused = Problem::TokenInvalid;
        for entry in self.0.iter().filter(|entry| entry.audience == audience) {
            match entry.believe(token, now) {
                Ok(old) => {
                    metrics::counter!("menjin_legacy_tokens_total", "name" => entry.name.clone()).increment(1);
                    return Ok(old);
                }
                Err(Invalid::Expired) => {
                    refused = Problem::OldTokenExpired { status: axum::http::StatusCode::UNAUTHORIZED };
                }
                Err(_) => {}
            }
        }
        Err(refused)
    }
}

impl Entry {
    fn new(entry: &config::Legacy) -> anyhow::Result<Self> {
        let key = match entry.public_key() {
            Some(key) => Key::Public(Box::new(key.map_err(anyhow::Error::msg)?)),
            None => Key::Secret(entry.secret.clone()),
        };
        Ok(Self {
            name: entry.name.clone(),
            audience: entry.audience.clone(),
            key,
            user_claim: entry.user_claim.clone(),
            user: entry.user,
            until: entry.until().context("a legacy entry without a date")?,
        })
    }

    fn believe(&self, token: &str, now: Timestamp) -> Result<LegacyToken, Invalid> {
        if now >= self.until {
            return Err(Invalid::NotYet);
        }
        // Whatever name the token gives its key, there is this one alone.
        let kid = dangerous::decode_unverified(token)?.0.get("kid").and_then(Value::as_str).map(str::to_owned);
        let keys = KeySet::new(vec![self.key_as(kid.unwrap_or_else(|| self.name.clone()))?]);
        let expect = Expect { typ: Typ::Jwt, issuer: None, audience: None, leeway: std::time::Duration::ZERO };
        let claims = menjin_token::verify(token, &keys, &expect, now)?;
        if !claims.is_for_access() {
            return Err(Invalid::Typ);
        }
        Ok(LegacyToken {
            name: self.name.clone(),
            who: self.named_by(&claims).ok_or(Invalid::Claim("user_claim"))?,
            iat: claims.iat.unwrap_or_default(),
            until: claims.exp.min(self.until),
        })
    }

    fn key_as(&self, kid: String) -> Result<VerifyingKey, Invalid> {
        let key = match &self.key {
            Key::Secret(secret) => VerifyingKey::hs256(kid, secret.expose().unwrap_or_default().as_bytes()),
            Key::Public(jwk) => VerifyingKey::from_jwk(&Jwk { kid: Some(kid), ..Jwk::clone(jwk) }),
        };
        key.map_err(|_| Invalid::UnknownKey)
    }

    fn named_by(&self, claims: &Claims) -> Option<Named> {
        let name = match self.user_claim.as_str() {
            "sub" => Value::from(claims.sub.clone()?),
            claim => claims.extra.get(claim)?.clone(),
        };
        match (self.user, &name) {
            (LegacyUser::Number, Value::Number(number)) => number.as_i64().map(Named::Number),
            (LegacyUser::Number, Value::String(text)) => {
                text.parse().ok().filter(|number: &i64| number.to_string() == *text).map(Named::Number)
            }
            (LegacyUser::ExternalId, Value::String(text)) if !text.is_empty() => Some(Named::ExternalId(text.clone())),
            (LegacyUser::ExternalId, Value::Number(number)) => Some(Named::ExternalId(number.as_i64()?.to_string())),
            _ => None,
        }
    }
}

impl LegacyToken {
    /// The person, unless they are unknown, disabled, or ended what they had since it was issued.
    pub(crate) async fn user(&self, menjin: &Menjin) -> Result<UserRow, Problem> {
        let found = match &self.who {
            Named::Number(number) => menjin.store.user_by_number(*number).await?,
            Named::ExternalId(name) => menjin.store.user_by_external_id(name).await?,
        };
        let user = found.ok_or(Problem::UserUnknown)?;
        if user.disabled_at.is_some() {
            return Err(Problem::Ended(EndReason::UserDisabled));
        }
        self.is_not_ended(menjin, user.id)?;
        Ok(user)
    }

    /// What the feed says of the person.
    pub(crate) fn is_not_ended(&self, menjin: &Menjin, user: menjin_token::UserId) -> Result<(), Problem> {
        let subject = Subject { user: Some(user), ..Subject::default() };
        let Some(latest) = menjin.ended.refusal_for(subject, Timestamp::default()) else { return Ok(()) };
        // The old system knows nothing of a ban, and goes on issuing.
        let is_ban = latest.code == EndReason::UserDisabled.code();
        let refusal = if is_ban { Some(latest) } else { menjin.ended.refusal_for(subject, self.iat) };
        refusal.map_or(Ok(()), |because| Err(menjin_guard::Refusal::Ended(because).into()))
    }
}
