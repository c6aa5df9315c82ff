//! Tokens for a grant: an access token signed by the ring, and the refresh token of its counter.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::{Claims, SessionId, Timestamp};
use serde::Serialize;

use super::refresh_token;
use crate::apps::Beside;
use crate::problem::Problem;
use crate::roles;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::Standing;

/// What a client keeps: the pair and how long each half lives.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Pair {
    /// Always `Bearer`.
    #[schema(pattern = "^Bearer$", example = "Bearer")]
    pub(crate) token_type: &'static str,
    /// A JWT (RFC 9068) that back ends verify by `/.well-known/jwks.json`.
    pub(crate) access_token: String,
    /// Seconds that the access token lives.
    #[schema(example = 900)]
    pub(crate) expires_in: u64,
    /// Trades for the next pair, once.
    #[schema(example = "mjr_AQ…")]
    pub(crate) refresh_token: String,
    /// Seconds that the refresh token lives if it is not used.
    #[schema(example = 2_592_000)]
    pub(crate) refresh_expires_in: u64,
    /// The session, for lists and logs; no secret.
    #[schema(value_type = String, example = "ses_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub(crate) session_id: SessionId,
}

/// Signs a pair for a grant as it stands.
pub(crate) async fn issue(menjin: &Menjin, standing: &Standing, now: Timestamp) -> Result<Pair, Problem> {
    let lifetime = menjin.config.lifetimes.access_token;
    let secret = menjin
        .sealer
        .open(Sealed::GrantSecret, &standing.grant.to_bytes(), &standing.secret)
        .with_context(|| format!("opening the secret of {}", standing.grant))
        .map_err(Problem::Internal)?;
    let access_token = access_token(menjin, standing, now).await?;
    menjin.hour.issued(now, standing.session);
    Ok(Pair {
        token_type: "Bearer",
        access_token,
        expires_in: lifetime.as_secs(),
        refresh_token: refresh_token::mint(&menjin.sealer, standing.grant, standing.counter, &secret),
        refresh_expires_in: standing.idle_until.since(now).as_secs(),
        session_id: standing.session,
    })
}

async fn access_token(menjin: &Menjin, standing: &Standing, now: Timestamp) -> Result<String, Problem> {
    let app = menjin.apps.by_id(&standing.app).ok_or(Problem::AppUnknown)?;
    let key = menjin.ring.signing(app.alg, now).context("no signing key is active").map_err(Problem::Internal)?;
    let mut beside = Beside::default();
    if app.shape.wants_identity() {
        beside.identity = menjin.store.identity_of_session(standing.session).await?;
    }
    if app.shape.wants_external_id() {
        beside.external_id = menjin.store.account(standing.user.id).await?.and_then(|account| account.external_id);
    }
    let mut claims = Claims {
        iss: Some(menjin.issuer.clone()),
        sub: Some(standing.user.id.to_string()),
        aud: vec![app.audience.clone(), menjin.issuer.clone()],
        iat: Some(now),
        jti: Some(URL_SAFE_NO_PAD.encode(menjin.entropy.bytes::<16>())),
        sid: Some(standing.session.to_string()),
        client_id: Some(standing.app.clone()),
        auth_time: Some(standing.auth_time),
        amr: vec![standing.amr.clone()],
        ..Claims::expiring(now.plus(menjin.config.lifetimes.access_token))
    };
    if let Some(held) = roles::of(menjin, &standing.user, &app.audience).await? {
        roles::say(&mut claims, &held);
    }
    // The audience's own claims count more.
    if let Some(said) = &standing.claims {
        claims.extra = serde_json::from_str(said)
            .with_context(|| format!("reading the claims of {}", standing.session))
            .map_err(Problem::Internal)?;
    }
    let typ = app.shape.fill(&mut claims, standing, &beside);
    menjin_token::sign(&key, typ, &claims).context("signing an access token").map_err(Problem::Internal)
}
