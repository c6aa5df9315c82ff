//! `/v1/apps/{app}/platform-token`: back ends that call the platform themselves share menjin's token, and tell when it died.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use menjin_token::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::credentials::CallingApp;
use super::{App, broker};
use crate::config::PLATFORM_TOKEN;
use crate::extract::{Client, Json};
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::AuditLine;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(read)).routes(routes!(report_invalid))
}

/// The platform's access token of an app.
#[derive(Serialize, utoipa::ToSchema)]
struct PlatformToken {
    /// For calls of the platform's server API. Don't keep it for longer than a few minutes.
    access_token: String,
    /// Seconds until it dies; the next one is there five minutes before.
    expires_in: u64,
    /// When it dies.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A token that the platform refused.
#[derive(Deserialize, utoipa::ToSchema)]
struct Report {
    /// As it was read here.
    #[schema(value_type = String)]
    token: SecretString,
}

/// Gives the platform's access token of an app.
///
/// One token for everybody who asks, on all nodes: read it here each time, or keep it for a few minutes. Needs the scope
/// `platform-token:{app}`, which nobody has by default.
#[utoipa::path(get, path = "/v1/apps/{app}/platform-token", operation_id = "read_platform_token", tag = "back-end", security(("basic" = [])),
    params(("app" = String, Path, description = "The mini program's id", example = "shop")),
    responses(
        (status = 200, description = "The token; never cached", body = PlatformToken),
        (status = 401, description = "`client_invalid`: id or secret is wrong"),
        (status = 403, description = "`insufficient_scope`"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
        (status = 503, description = "`platform_unavailable`, `platform_quota`, `platform_misconfigured`"),
    ))]
async fn read(
    State(menjin): State<Menjin>,
    caller: CallingApp,
    Path(app): Path<String>,
    client: Client,
) -> Result<impl IntoResponse, Problem> {
    let app = granted(&menjin, &caller, &app)?;
    let held = broker::current(&menjin, &app).await?;
    audit(&menjin, &caller, ("platform_token.read", app.id.clone()), &client).await?;
    let expires_in = held.expires_at.since(menjin.clock.now()).as_secs();
    let access_token = held.token.expose().to_owned();
    let answer = PlatformToken { access_token, expires_in, expires_at: held.expires_at };
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)))
}

/// Tells that the platform refused a token, with 40001 or the like.
///
/// menjin asks the platform anew, and forces a new token if it still gives the same one: at most once a minute and ten
/// times a day. Read the token again afterwards. A token that was replaced already changes nothing.
#[utoipa::path(post, path = "/v1/apps/{app}/platform-token/report-invalid", operation_id = "report_platform_token", tag = "back-end", request_body = Report, security(("basic" = [])),
    params(("app" = String, Path, description = "The mini program's id", example = "shop")),
    responses(
        (status = 204, description = "There is another token now"),
        (status = 401, description = "`client_invalid`: id or secret is wrong"),
        (status = 403, description = "`insufficient_scope`"),
        (status = 429, description = "`platform_token_limit`: a new one may not be forced yet"),
        (status = 503, description = "`platform_unavailable`, `platform_quota`, `platform_misconfigured`"),
    ))]
async fn report_invalid(
    State(menjin): State<Menjin>,
    caller: CallingApp,
    Path(app): Path<String>,
    client: Client,
    Json(report): Json<Report>,
) -> Result<StatusCode, Problem> {
    let app = granted(&menjin, &caller, &app)?;
    audit(&menjin, &caller, ("platform_token.reported", app.id.clone()), &client).await?;
    broker::reported(&menjin, &app, report.token.expose_secret()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever lacks the scope learns nothing of which apps there are.
fn granted(menjin: &Menjin, caller: &CallingApp, app: &str) -> Result<Arc<App>, Problem> {
    caller.require(format!("{PLATFORM_TOKEN}{app}"))?;
    menjin.apps.by_id(app).ok_or(Problem::AppUnknown)
}

async fn audit(
    menjin: &Menjin,
    caller: &CallingApp,
    (action, of): (&'static str, String),
    client: &Client,
) -> Result<(), Problem> {
    let app = Some(caller.id().to_owned());
    let line = AuditLine { action, actor: "app", app, ip: client.ip_text(), detail: Some(of), ..AuditLine::default() };
    Ok(menjin.store.audit(line, menjin.clock.now()).await?)
}
