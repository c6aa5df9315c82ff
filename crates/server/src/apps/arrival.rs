//! Somebody who came back from a platform, as they are kept until their page exchanges our code: sealed, and taken once.
//!
//! Does not: coming back (`login/redirect`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_platform::{Identity, JsCode, OpenId, Profile, Redirected, UnionId};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{App, once};
use crate::entropy::sha256;
use crate::problem::Problem;
use crate::refusals;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{AuditLine, CodeDigest};

/// What is kept of them.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    /// What the exchange must prove.
    pub(crate) challenge: String,
    /// Whether they come to the operator's side: there, and there alone, it is worth something.
    #[serde(default)]
    pub(crate) for_operators: bool,
    /// Their name on the platform.
    pub(crate) openid: String,
    /// Their name in the open-platform account.
    pub(crate) unionid: Option<String>,
    /// Their nickname, if it is kept.
    pub(crate) nickname: Option<String>,
    /// Their picture, if it is kept.
    pub(crate) avatar_url: Option<String>,
}

impl Kept {
    /// Sealed to the code that is exchanged for it.
    pub(crate) fn sealed(&self, menjin: &Menjin, code: CodeDigest) -> Result<Vec<u8>, Problem> {
        let plain = serde_json::to_vec(self).map_err(|error| Problem::Internal(error.into()))?;
        Ok(menjin.sealer.seal(Sealed::Arrival, &code.0, &plain, &*menjin.entropy))
    }
}

/// RFC 7636 §4.1.
pub(crate) fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// Exchanges our code, which is claimed: it is gone now, whatever the verifier is worth (RFC 7636 §4.6). A wrong one means that
/// somebody else has got hold of the code.
pub(crate) async fn take(menjin: &Menjin, app: &App, proof: (&JsCode, &str)) -> Result<Redirected, Problem> {
    taken(menjin, app, proof, false).await
}

/// The same on the operator's side.
pub(crate) async fn take_for_operators(
    menjin: &Menjin,
    app: &App,
    proof: (&JsCode, &str),
) -> Result<Redirected, Problem> {
    taken(menjin, app, proof, true).await
}

async fn taken(
    menjin: &Menjin,
    app: &App,
    (code, verifier): (&JsCode, &str),
    for_operators: bool,
) -> Result<Redirected, Problem> {
    let code = once::digest(&app.id, code.expose());
    let sealed = menjin.store.take_arrival(code, menjin.clock.now()).await?.ok_or(Problem::CodeInvalid(None))?;
    let plain =
        menjin.sealer.open(Sealed::Arrival, &code.0, &sealed).map_err(|error| Problem::Internal(error.into()))?;
    let kept: Kept = serde_json::from_slice(&plain).map_err(|error| Problem::Internal(error.into()))?;
    let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
    if !bool::from(challenge.as_bytes().ct_eq(kept.challenge.as_bytes())) {
        tracing::warn!(app.id = app.id, "a sign-in came with another code_verifier than it was begun with");
        let (app, detail) = (Some(app.id.clone()), Some("another code_verifier".to_owned()));
        let line = AuditLine { action: "login.refused", actor: "user", app, detail, ..AuditLine::default() };
        refusals::tell(menjin, line);
        return Err(Problem::CodeInvalid(None));
    }
    if kept.for_operators != for_operators {
        tracing::warn!(app.id = app.id, "a sign-in came to another page than it was begun for");
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
