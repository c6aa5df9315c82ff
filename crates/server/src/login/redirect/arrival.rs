//! Somebody comes back from the platform with its code, which is redeemed once, and later with ours, which is exchanged once.
//!
//! Our code is a MAC over the state and the platform's code: a callback that is loaded again leads to the same one, on any
//! node, without anything being kept for it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_platform::{Identity, JsCode, OpenId, Profile, RedirectCode, Redirected, UnionId};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::cookie::LIFE;
use crate::apps::App;
use crate::entropy::sha256;
use crate::login::once;
use crate::people::from_platform;
use crate::problem::Problem;
use crate::seal::Sealed;
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
    /// The platform's.
    pub(super) code: RedirectCode,
}

/// What is kept of them, sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    challenge: String,
    openid: String,
    unionid: Option<String>,
    nickname: Option<String>,
    avatar_url: Option<String>,
}

/// Redeems the platform's code, and makes ours.
pub(super) async fn arrive(menjin: &Menjin, arriving: Arriving) -> Result<String, Problem> {
    let Arriving { app, to, state, challenge, code } = arriving;
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
        openid: identity.openid.as_str().to_owned(),
        unionid: identity.unionid.map(|unionid| unionid.as_str().to_owned()),
        nickname: profile.nickname,
        avatar_url: profile.avatar_url,
    };
    let plain = serde_json::to_vec(&kept).map_err(|error| Problem::Internal(error.into()))?;
    let code = once::digest(&app.id, &ours);
    let sealed = menjin.sealer.seal(Sealed::Arrival, &code.0, &plain, &*menjin.entropy);
    let until = menjin.clock.now().plus(menjin.config.lifetimes.login_result);
    let told = Refused(ARRIVED.to_owned());
    if let Err(error) = menjin.store.keep_arrival(Arrival { code, sealed, until, spent, told }).await {
        return Err(once::lost(menjin, spent, error.into()).await);
    }
    Ok(ours)
}

/// Exchanges our code, which is claimed: it is gone now, whatever the verifier is worth (RFC 7636 §4.6). A wrong one means that
/// somebody else has got hold of the code.
pub(in crate::login) async fn take(
    menjin: &Menjin,
    app: &App,
    (code, verifier): (&JsCode, &str),
) -> Result<Redirected, Problem> {
    let code = once::digest(&app.id, code.expose());
    let sealed = menjin.store.take_arrival(code, menjin.clock.now()).await?.ok_or(Problem::CodeInvalid(None))?;
    let plain =
        menjin.sealer.open(Sealed::Arrival, &code.0, &sealed).map_err(|error| Problem::Internal(error.into()))?;
    let kept: Kept = serde_json::from_slice(&plain).map_err(|error| Problem::Internal(error.into()))?;
    let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
    if !bool::from(challenge.as_bytes().ct_eq(kept.challenge.as_bytes())) {
        tracing::warn!(app.id = app.id, "a sign-in came with another code_verifier than it was begun with");
        return Err(Problem::CodeInvalid(None));
    }
    let damaged = |_| Problem::Internal(anyhow::anyhow!("an arrival holds no identity"));
    let openid = OpenId::parse(kept.openid).map_err(damaged)?;
    let unionid = kept.unionid.map(UnionId::parse).transpose().map_err(damaged)?;
    let has_profile = kept.nickname.is_some() || kept.avatar_url.is_some();
    let profile = has_profile.then(|| Profile {
        nickname: kept.nickname.unwrap_or_default(),
        avatar_url: kept.avatar_url.unwrap_or_default(),
        ..Profile::default()
    });
    Ok(Redirected { identity: Identity { openid, unionid, session_key: None }, profile })
}
