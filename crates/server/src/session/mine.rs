//! `GET|DELETE /v1/me/sessions[/{id}]`: where somebody is signed in, and ending it from another device.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use menjin_guard::Caller;
use menjin_token::{SessionId, Timestamp};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::logout;
use crate::extract::{Client, Json, SignedIn};
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::{AuditLine, DeviceClass, EndReason, Ends, SessionRow};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list, end_others)).routes(routes!(end_one))
}

/// One sign-in.
#[derive(Serialize, utoipa::ToSchema)]
struct SessionView {
    /// Its id.
    #[schema(value_type = String, example = "ses_01jd3v0000zzzzzzzzzzzzzzzz")]
    id: SessionId,
    /// The app that it came through.
    app: String,
    /// Whether it is the caller's own.
    current: bool,
    /// The device, as it calls itself.
    device: DeviceView,
    /// Address of the sign-in.
    ip: Option<String>,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    /// When it was last refreshed.
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A device as it calls itself; never trusted.
#[derive(Serialize, utoipa::ToSchema)]
struct DeviceView {
    /// Random id kept by the client.
    id: Option<String>,
    /// What kind.
    class: DeviceClass,
    /// Its model.
    name: Option<String>,
    /// Its system.
    system: Option<String>,
}

/// The caller's live sessions.
#[derive(Serialize, utoipa::ToSchema)]
struct SessionList {
    /// The newest first.
    sessions: Vec<SessionView>,
}

impl SessionView {
    fn of(row: SessionRow, caller: &Caller) -> Self {
        let device = row.device;
        Self {
            current: row.id == caller.session,
            id: row.id,
            app: row.app,
            ip: device.ip,
            device: DeviceView { id: device.id, class: device.class, name: device.name, system: device.system },
            opened_at: row.opened_at,
            seen_at: row.seen_at,
            expires_at: row.expires_at,
        }
    }
}

/// Lists where the caller is signed in.
#[utoipa::path(get, path = "/v1/me/sessions", operation_id = "list_sessions", tag = "me", security(("bearer" = [])), responses((status = 200, description = "All live sessions", body = SessionList)))]
async fn list(State(menjin): State<Menjin>, SignedIn(caller): SignedIn) -> Result<Json<SessionList>, Problem> {
    let rows = menjin.store.sessions_of(caller.user, menjin.clock.now()).await?;
    Ok(Json(SessionList { sessions: rows.into_iter().map(|row| SessionView::of(row, &caller)).collect() }))
}

/// Ends one of the caller's sessions; another device's learns `session_kicked`.
#[utoipa::path(delete, path = "/v1/me/sessions/{id}", operation_id = "end_session", tag = "me", security(("bearer" = [])), params(("id" = String, Path, description = "A session's id", example = "ses_01jd3v0000zzzzzzzzzzzzzzzz")), responses(
    (status = 204, description = "It has ended"),
    (status = 404, description = "`session_unknown`: the caller has no live session with this id"),
))]
async fn end_one(
    State(menjin): State<Menjin>,
    SignedIn(caller): SignedIn,
    client: Client,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::SessionUnknown)?;
    let reason = if id == caller.session { EndReason::Logout } else { EndReason::Kicked };
    let ended = logout::end(&menjin, Ends::SessionOf(caller.user, id), reason, line(&caller, &client)).await?;
    if ended.is_empty() { Err(Problem::SessionUnknown) } else { Ok(StatusCode::NO_CONTENT) }
}

/// Ends all of the caller's sessions but this one.
#[utoipa::path(delete, path = "/v1/me/sessions", operation_id = "end_other_sessions", tag = "me", security(("bearer" = [])), responses((status = 204, description = "All others have ended")))]
async fn end_others(
    State(menjin): State<Menjin>,
    SignedIn(caller): SignedIn,
    client: Client,
) -> Result<StatusCode, Problem> {
    let which = Ends::Others(caller.user, caller.session);
    logout::end(&menjin, which, EndReason::Kicked, line(&caller, &client)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn line(caller: &Caller, client: &Client) -> AuditLine {
    AuditLine {
        action: "session.ended",
        actor: "user",
        user: Some(caller.user),
        app: Some(caller.client_id.clone()),
        ip: client.ip_text(),
        ..AuditLine::default()
    }
}
