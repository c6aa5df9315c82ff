//! Somebody comes back from the platform with its code, which is redeemed once; what is kept until ours is exchanged is
//! `apps/arrival`.
//!
//! Our code is a MAC over the state and the platform's code: a callback that is loaded again leads to the same one, on any
//! node, without anything being kept for it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_platform::{RedirectCode, Redirected};
use url::Url;

use super::cookie::LIFE;
use crate::apps::arrival::Kept;
use crate::apps::{App, once};
use crate::entropy::sha256;
use crate::people::from_platform;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::{Arrival, CodeClaim, CodeDigest, IdempotencyKey, Refused};

/// What is noted beside a platform's code that somebody has arrived with.
const ARRIVED: &str = "arrived";

/// Somebody who comes back.
pub(super) struct Arriving {
    pub(super) app: Arc<App>,
    /// Where the platform sent them.
    pub(super) to: Url,
    /// What the platform was given to send back.
    pub(super) state: String,
    /// What the exchange must prove.
    pub(super) challenge: String,
    /// Whether they go on to the operator's side.
    pub(super) for_operators: bool,
    /// The platform's.
    pub(super) code: RedirectCode,
}

/// Redeems the platform's code, and makes ours.
pub(super) async fn arrive(menjin: &Menjin, arriving: Arriving) -> Result<String, Problem> {
    let Arriving { app, to, state, challenge, for_operators, code } = arriving;
    let spent = CodeDigest(sha256(&[b"of the platform\0", app.id.as_bytes(), &[0], code.expose().as_bytes()].concat()));
    let ours = menjin.digester.digest("arrival", &[state.as_bytes(), &[0], code.expose().as_bytes()].concat());
    let ours = URL_SAFE_NO_PAD.encode(ours);
    // No app's id has a space, so no client's key can be this one. Another code under it is a mismatch: a state serves once.
    let key = sha256(&[b"a state of ", app.id.as_bytes(), &[0], state.as_bytes()].concat());
    let request = Some(IdempotencyKey { key, body: spent.0 });
    match once::settled_within(menjin, spent, request, LIFE).await? {
        CodeClaim::Claimed => {}
        CodeClaim::Refused(refused) if refused.0 == ARRIVED => return Ok(ours),
        CodeClaim::Refused(refused) => return Err(once::same_refusal(&refused)),
        CodeClaim::Mismatch => return Err(Problem::IdempotencyMismatch),
        CodeClaim::Used | CodeClaim::InFlight | CodeClaim::Done(_) => return Err(Problem::CodeUsed),
    }
    let redirect = app.redirect().ok_or(Problem::AppUnknown)?;
    let Redirected { identity, profile } = match redirect.redeem(&code, &to).await {
        Ok(redirected) => redirected,
        Err(error) => return Err(once::refused(menjin, &app, error, spent).await),
    };
    // What is not kept of a profile is not kept for a minute, either.
    let profile = profile.map(|profile| from_platform(&app, &profile)).unwrap_or_default();
    let kept = Kept {
        challenge,
        for_operators,
        openid: identity.openid.as_str().to_owned(),
        unionid: identity.unionid.map(|unionid| unionid.as_str().to_owned()),
        nickname: profile.nickname,
        avatar_url: profile.avatar_url,
    };
    let code = once::digest(&app.id, &ours);
    let sealed = kept.sealed(menjin, code)?;
    let until = menjin.clock.now().plus(menjin.config.lifetimes.login_result);
    let told = Refused(ARRIVED.to_owned());
    if let Err(error) = menjin.store.keep_arrival(Arrival { code, sealed, until, spent, told }).await {
        return Err(once::lost(menjin, spent, error.into()).await);
    }
    Ok(ours)
}
