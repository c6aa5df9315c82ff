//! An app's own access token: what its id and secret are traded for, and what its later requests prove it by (RFC 9068).
//!
//! Its audience is menjin alone. Does not: who may have one (`oidc`).

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::{Claims, Timestamp};
use subtle::ConstantTimeEq as _;

use super::App;
use crate::problem::Problem;
use crate::state::Menjin;

/// Which of its secrets the app proved itself by: when that one is revoked, so is the token.
const PROOF: &str = "client_proof";

/// Signs a token for an app that proved itself by the secret with this digest.
pub(crate) fn mint(
    menjin: &Menjin,
    app: &App,
    secret: &[u8; 32],
    scope: &str,
    now: Timestamp,
) -> Result<String, Problem> {
    let alg = menjin.config.tokens.alg;
    let key = menjin.ring.signing(alg, now).context("no signing key is active").map_err(Problem::Internal)?;
    let mut claims = Claims {
        iss: Some(menjin.issuer.clone()),
        sub: Some(app.id.clone()),
        aud: vec![menjin.issuer.clone()],
        iat: Some(now),
        jti: Some(URL_SAFE_NO_PAD.encode(menjin.entropy.bytes::<16>())),
        client_id: Some(app.id.clone()),
        scope: (!scope.is_empty()).then(|| scope.to_owned()),
        ..Claims::expiring(now.plus(menjin.config.lifetimes.access_token))
    };
    claims.extra.insert(PROOF.to_owned(), proof(menjin, secret).into());
    menjin_token::sign(&key, "at+jwt", &claims).context("signing an app's token").map_err(Problem::Internal)
}

/// Whether good claims are an app's own, and not a person's.
pub(crate) fn is_an_apps(claims: &Claims) -> bool {
    claims.sid.is_none() && claims.sub.is_some() && claims.sub == claims.client_id
}

/// The app that good claims speak for, while the secret lives that they were given for.
pub(crate) fn app_of(menjin: &Menjin, claims: &Claims) -> Option<std::sync::Arc<App>> {
    let proved = claims.extra.get(PROOF).and_then(serde_json::Value::as_str)?;
    let app = menjin.apps.by_id(claims.client_id.as_deref().filter(|_| is_an_apps(claims))?)?;
    let is_proof = |secret: &[u8; 32]| bool::from(proof(menjin, secret).as_bytes().ct_eq(proved.as_bytes()));
    app.secrets().iter().any(is_proof).then_some(app)
}

/// Names a secret without helping anybody to guess it.
fn proof(menjin: &Menjin, secret: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(&menjin.digester.digest("client proof", secret)[..12])
}
