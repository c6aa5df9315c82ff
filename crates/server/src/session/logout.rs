//! `POST /v1/logout`: ends this session, this class of device, or all of them.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use menjin_token::SessionId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::carried::carried_through;
use super::{open, refresh};
use crate::envelope::RequestApp;
use crate::extract::{Client, OptionalJson, caller};
use crate::limits::Allowed;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{AuditLine, EndReason, Ending, Ends};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(logout))
}

/// How far a logout reaches.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Scope {
    /// This session.
    #[default]
    Session,
    /// All sessions of this device class.
    Device,
    /// All sessions.
    All,
}

/// No body, `{scope}`, or `{refresh_token}`.
#[derive(Deserialize, utoipa::ToSchema)]
struct LogoutRequest {
    /// `session` (default), `device` or `all`.
    scope: Option<Scope>,
    /// Instead of an access token: ends the session that it belongs to.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

/// Signs out: the session is refused at once, access tokens included.
///
/// By access token with an optional `scope`, or by refresh token alone; by refresh token, a session that is over already
/// is no error.
#[utoipa::path(post, path = "/v1/logout", tag = "sign-in", request_body(content = Option<LogoutRequest>), security((), ("bearer" = [])), responses(
    (status = 204, description = "Signed out"),
    (status = 400, description = "`scope` goes with an access token, not with `refresh_token`"),
))]
async fn logout(
    State(menjin): State<Menjin>,
    _allowed: Allowed,
    client: Client,
    (headers, of): (HeaderMap, RequestApp),
    OptionalJson(request): OptionalJson<LogoutRequest>,
) -> Result<StatusCode, Problem> {
    let request = request.unwrap_or(LogoutRequest { scope: None, refresh_token: None });
    carried_through(async move { sign_out(&menjin, &client, (&headers, &of), request).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn sign_out(
    menjin: &Menjin,
    client: &Client,
    (headers, of): (&HeaderMap, &RequestApp),
    request: LogoutRequest,
) -> Result<Vec<SessionId>, Problem> {
    let (which, line) = match request.refresh_token {
        Some(token) if request.scope.is_none() => {
            let believed = refresh::believe(menjin, token.expose_secret()).await?;
            of.is(&believed.app);
            (Ends::Grant(believed.token.grant()), AuditLine { app: Some(believed.app), ..AuditLine::default() })
        }
        Some(_) => return Err(Problem::field("scope", Fault::NotBeside("refresh_token"))),
        None => {
            let caller = caller(menjin, headers).await?;
            let which = match request.scope.unwrap_or_default() {
                Scope::Session => Ends::Session(caller.session),
                Scope::Device => Ends::DeviceClass(caller.user, device_class(menjin, caller.session).await?),
                Scope::All => Ends::All(caller.user),
            };
            (which, AuditLine { user: Some(caller.user), app: Some(caller.client_id.clone()), ..AuditLine::default() })
        }
    };
    let line = AuditLine { action: "session.logout", actor: "user", ip: client.ip_text(), ..line };
    end_now(menjin, which, EndReason::Logout, line).await
}

async fn device_class(menjin: &Menjin, session: SessionId) -> Result<crate::store::DeviceClass, Problem> {
    let row = menjin.store.session(session).await?.ok_or(Problem::Ended(EndReason::Logout))?;
    Ok(row.device.class)
}

/// Ends sessions in the store, then on this node: both, whoever still listens.
pub(super) async fn end(
    menjin: &Menjin,
    which: Ends,
    reason: EndReason,
    audit: AuditLine,
) -> Result<Vec<SessionId>, Problem> {
    let menjin = menjin.clone();
    carried_through(async move { end_now(&menjin, which, reason, audit).await }).await
}

async fn end_now(menjin: &Menjin, which: Ends, reason: EndReason, audit: AuditLine) -> Result<Vec<SessionId>, Problem> {
    let now = menjin.clock.now();
    let ending = Ending { which, reason, now, tokens_until: menjin.tokens_until(now), audit };
    let sessions = menjin.store.end_sessions(ending).await?;
    open::ended(menjin, &sessions, reason, now);
    Ok(sessions)
}
