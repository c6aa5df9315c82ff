//! `X-Menjin-Assertion`: a short JWT in which menjin itself tells an upstream who comes, so that it need not trust the way.

use anyhow::Context as _;
use axum::http::HeaderValue;
use menjin_token::{Claims, SigningKey, Timestamp};
use quick_cache::sync::Cache;
use serde_json::json;

use super::comer::Comer;
use crate::entropy::sha256;
use crate::problem::Problem;
use crate::state::Menjin;

/// Nothing else is of this kind, and no access token passes for one.
const TYP: &str = "menjin-assertion+jwt";
/// Signed once in so many milliseconds; each lives twice as long.
const SLOT: i64 = 30_000;
/// As many are remembered; some 1 KiB each.
const REMEMBERED: usize = 10_000;

/// Those that are signed already, each by what it says.
pub(super) struct Assertions(Cache<[u8; 32], HeaderValue>);

impl Default for Assertions {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

/// Says to `upstream` who comes.
pub(super) fn of(menjin: &Menjin, comer: &Comer, upstream: &str) -> Result<HeaderValue, Problem> {
    let now = menjin.clock.now();
    let key = menjin.ring.signing(menjin.config.tokens.alg, now);
    let key = key.context("no signing key is active").map_err(Problem::Internal)?;
    let since = now.millis().div_euclid(SLOT) * SLOT;
    let who = json!([comer.user.to_string(), comer.session(), comer.number]);
    let token = comer.caller.as_ref().map(|caller| &*caller.claims);
    let holds = token.map(|token| json!([token.scope, token.roles, token.permissions, token.roles_version]));
    let said = json!([upstream, since, key.kid(), who, holds]).to_string();
    menjin.forward_auth.assertions.0.get_or_insert_with(&sha256(said.as_bytes()), || {
        signed(menjin, comer, upstream, (&key, Timestamp::from_millis(since)))
    })
}

fn signed(
    menjin: &Menjin,
    comer: &Comer,
    upstream: &str,
    (key, since): (&SigningKey, Timestamp),
) -> Result<HeaderValue, Problem> {
    let mut claims = Claims {
        iss: Some(menjin.issuer.clone()),
        sub: Some(comer.user.to_string()),
        aud: vec![upstream.to_owned()],
        iat: Some(menjin.clock.now()),
        ..Claims::expiring(since.plus(std::time::Duration::from_mins(1)))
    };
    if let Some(token) = comer.caller.as_ref().map(|caller| &*caller.claims) {
        claims = Claims {
            sid: token.sid.clone(),
            client_id: token.client_id.clone(),
            auth_time: token.auth_time,
            amr: token.amr.clone(),
            scope: token.scope.clone(),
            roles: token.roles.clone(),
            permissions: token.permissions.clone(),
            roles_version: token.roles_version,
            has_more_roles: token.has_more_roles,
            ..claims
        };
    }
    if let Some(number) = comer.number {
        claims.extra.insert("number".to_owned(), number.into());
    }
    let signed = menjin_token::sign(key, TYP, &claims).context("signing an assertion").map_err(Problem::Internal)?;
    HeaderValue::try_from(signed).context("an assertion that is no header").map_err(Problem::Internal)
}
