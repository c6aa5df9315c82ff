//! `POST /v1/token/exchange`: a token of an old system becomes a session, once (`[[legacy]]`, design §4.2).
//!
//! Once, as what ended shall not come back: otherwise whoever keeps the old token opens the next session after each end.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use menjin_token::MAX_TOKEN;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brought::{DeviceInput, device};
use super::code::{Arrived, LoginAnswer};
use super::once;
use crate::apps::{App, LegacyToken};
use crate::entropy::sha256;
use crate::envelope::RequestApp;
use crate::extract::{JsonAndDigest, object_or_null};
use crate::limits::Allowed;
use crate::people::Unusable;
use crate::problem::{Fault, Problem};
use crate::session::{self, Proof, SignIn, SignedIn, Vouched, carried_through};
use crate::state::Menjin;
use crate::store::{CodeClaim, CodeDigest, Device, IdempotencyKey, ProfileChange, Who};

/// How somebody was proved by a token of an old system.
const BY_LEGACY: &str = "legacy";

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(exchange))
}

/// An old system's token, and where its holder goes on.
#[derive(Deserialize, utoipa::ToSchema)]
struct ExchangeRequest {
    /// The token, as the old system gave it.
    #[schema(min_length = 1, max_length = 8192)]
    token: String,
    /// The app that the session is of: one whose audience the old tokens are for.
    #[schema(example = "demo")]
    app: String,
    /// The device.
    #[serde(default, deserialize_with = "object_or_null")]
    device: Option<DeviceInput>,
}

/// Trades a token of an old system for a session.
///
/// Each token is traded once; the same `Idempotency-Key` and body within 60 seconds get the same session. The old token must
/// name somebody whom menjin knows.
#[utoipa::path(post, path = "/v1/token/exchange", operation_id = "exchange_token", tag = "sign-in", request_body = ExchangeRequest,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 128, pattern = "^[!-~]+$", description = "Random, a new one for each exchange; makes retries safe")),
    responses(
        (status = 200, description = "Signed in", body = LoginAnswer),
        (status = 401, description = "`token_invalid`: no token of an old system that the app takes, or its time is over; `token_expired`; `token_used`; `user_disabled`"),
        (status = 404, description = "`app_unknown`; `user_unknown`: the token names nobody whom menjin knows"),
        (status = 409, description = "`sessions_full`: as many sessions live as the app lets one person have"),
        (status = 422, description = "`idempotency_mismatch`: the key came with another body"),
    ))]
async fn exchange(
    State(menjin): State<Menjin>,
    allowed: Allowed,
    arrived: Arrived,
    of: RequestApp,
    JsonAndDigest(request, body): JsonAndDigest<ExchangeRequest>,
) -> Result<impl IntoResponse, Problem> {
    let app = menjin.apps.by_id(&request.app).ok_or(Problem::AppUnknown)?;
    of.is(&app.id);
    tracing::Span::current().record("app.id", &app.id);
    if request.token.len() > MAX_TOKEN {
        return Err(Problem::field("token", Fault::TooLong(MAX_TOKEN)));
    }
    // Counted apart from sign-ins: those whose old tokens are refused go on with a code, and phones share addresses.
    let failures = allowed.before_sign_in(&format!("exchange:{}", app.id))?;
    let key = arrived.key().map(|key| IdempotencyKey { key: named(&app.id, key), body });
    let device = device(request.device.unwrap_or_default(), arrived.client)?;
    let whole = {
        let (menjin, app) = (menjin.clone(), std::sync::Arc::clone(&app));
        let token = request.token;
        async move {
            let traded = trade(&menjin, &app, &token, (device, key)).await;
            if let Err(problem) = &traded {
                failures.count(problem).await;
            }
            traded
        }
    };
    let answer = LoginAnswer::of(&menjin, &app, carried_through(whole).await?, Unusable::default()).await;
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)))
}

async fn trade(
    menjin: &Menjin,
    app: &App,
    token: &str,
    (device, key): (Device, Option<IdempotencyKey>),
) -> Result<SignedIn, Problem> {
    let old = menjin.legacies.believe(token.trim(), &app.audience, menjin.clock.now())?;
    let user = old.user(menjin).await?.id;
    let code = digest(&old, token.trim());
    let repeatable = key.is_some();
    match once::settled_and_kept(menjin, code, key, old.until).await? {
        CodeClaim::Claimed => {}
        CodeClaim::Done(opened) => {
            let again = session::again(menjin, opened, menjin.clock.now()).await?;
            return again.ok_or(Problem::TokenUsed);
        }
        CodeClaim::Refused(refused) => return Err(once::same_refusal(&refused)),
        CodeClaim::Mismatch => return Err(Problem::IdempotencyMismatch),
        CodeClaim::Used | CodeClaim::InFlight => return Err(Problem::TokenUsed),
    }
    let vouched = Vouched { by: format!("legacy {}", old.name), amr: BY_LEGACY, who: Who::User(user), claims: None };
    let proof = Proof::App(vouched);
    let sign_in =
        SignIn { app, proof, profile: ProfileChange::default(), phone: None, device, code: Some(code), repeatable };
    match session::open(menjin, sign_in, menjin.clock.now()).await {
        Ok(signed_in) => {
            tracing::info!(user.id = %signed_in.user.id, session.id = %signed_in.pair.session_id, legacy = old.name, "an old system's token was exchanged");
            Ok(signed_in)
        }
        Err(problem) => {
            // No session came of it, so it may come again.
            menjin.store.release_code(code).await.ok();
            Err(problem)
        }
    }
}

/// What a token is known by: the part that is signed, as some signatures of it can be written in two ways.
fn digest(old: &LegacyToken, token: &str) -> CodeDigest {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    CodeDigest(sha256(&[b"legacy".as_slice(), &[0], old.name.as_bytes(), &[0], signed.as_bytes()].concat()))
}

/// A client's key, apart from those of sign-ins.
fn named(app: &str, key: &str) -> [u8; 32] {
    sha256(&[b"exchange".as_slice(), &[0], app.as_bytes(), &[0], key.as_bytes()].concat())
}
