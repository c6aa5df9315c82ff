//! `POST /v1/token/refresh`: a refresh token for the next pair (design §4.3).

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use menjin_token::SessionId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::carried::carried_through;
use super::refresh_token::Presented;
use super::{Pair, issue, open};
use crate::envelope::RequestApp;
use crate::extract::Json;
use crate::limits::Allowed;
use crate::problem::Problem;
use crate::replaced;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{self, EndReason, Rotation};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(refresh))
}

/// A refresh token of a first-party app.
#[derive(Deserialize, utoipa::ToSchema)]
struct RefreshRequest {
    /// As the last answer gave it.
    #[schema(value_type = String, example = "mjr_AQ…")]
    refresh_token: SecretString,
}

/// Trades a refresh token for the next pair.
///
/// The one before may be sent again for 30 seconds, should its answer be lost; one that was spent long ago ends the session.
#[utoipa::path(post, path = "/v1/token/refresh", tag = "sign-in", request_body = RefreshRequest, responses(
    (status = 200, description = "The next pair", body = Pair),
    (status = 401, description = "`token_invalid`, `session_ended`, `session_replaced`, `session_kicked`, `session_expired`, `refresh_reused`, `restored`, `account_closed`, `user_merged`, `user_disabled`: sign in again"),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 503, description = "The same token may come again"),
))]
async fn refresh(
    State(menjin): State<Menjin>,
    _allowed: Allowed,
    of: RequestApp,
    Json(request): Json<RefreshRequest>,
) -> Result<impl IntoResponse, Problem> {
    let pair = carried_through(async move { next_pair(&menjin, &request.refresh_token, &of).await }).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(pair)))
}

async fn next_pair(menjin: &Menjin, token: &SecretString, of: &RequestApp) -> Result<Pair, Problem> {
    let now = menjin.clock.now();
    let presented = believe(menjin, token.expose_secret()).await?;
    of.is(&presented.app);
    let app = menjin.apps.by_id(&presented.app).ok_or(Problem::AppUnknown)?;
    let rotation = menjin
        .store
        .rotate(store::Presented {
            grant: presented.token.grant(),
            counter: presented.token.counter(),
            master_key: menjin.sealer.present(),
            now,
            grace: menjin.config.lifetimes.refresh_grace,
            idle: app.refresh_idle,
            tokens_until: menjin.tokens_until(now),
        })
        .await?;
    match rotation {
        Rotation::Rotated(standing) => {
            menjin.hour.refreshed(now);
            count("rotated");
            issue(menjin, &standing, now).await
        }
        Rotation::Repeated(standing) => {
            count("repeated");
            issue(menjin, &standing, now).await
        }
        Rotation::Recovered(standing) => {
            tracing::info!(session.id = %standing.session, "a refresh token came again after its successor was lost");
            count("recovered");
            issue(menjin, &standing, now).await
        }
        Rotation::Stolen(session) => {
            count("stolen");
            Err(end(menjin, session, EndReason::RefreshReused))
        }
        Rotation::Restored(session) => Err(end(menjin, session, EndReason::Restored)),
        Rotation::Expired(session) => Err(end(menjin, session, EndReason::Expired)),
        Rotation::Ended(reason) => Err(replaced::told(menjin, Problem::Ended(reason), presented.session).await),
        Rotation::Unknown => Err(Problem::TokenInvalid),
    }
}

/// What became of a refresh token that is ours.
fn count(outcome: &'static str) {
    metrics::counter!("menjin_refreshes_total", "outcome" => outcome).increment(1);
}

/// A refresh token that we made, and the app it belongs to.
pub(super) struct Believed {
    pub(super) token: Presented,
    pub(super) app: String,
    pub(super) session: SessionId,
}

/// Checks the MAC before anything else; a bad one changes nothing.
pub(super) async fn believe(menjin: &Menjin, token: &str) -> Result<Believed, Problem> {
    let token = Presented::parse(token).ok_or(Problem::TokenInvalid)?;
    let grant = menjin.store.grant(token.grant()).await?.ok_or(Problem::TokenInvalid)?;
    let secret = menjin
        .sealer
        .open(Sealed::GrantSecret, &token.grant().to_bytes(), &grant.secret)
        .map_err(|error| Problem::Internal(error.into()))?;
    if !token.is_ours(&menjin.sealer, &secret) {
        return Err(Problem::TokenInvalid);
    }
    Ok(Believed { token, app: grant.app, session: grant.session })
}

fn end(menjin: &Menjin, session: SessionId, reason: EndReason) -> Problem {
    tracing::warn!(session.id = %session, reason = reason.code(), "a refresh ended its session");
    open::ended(menjin, &[session], reason, menjin.clock.now());
    Problem::Ended(reason)
}
