//! What `menjin dev` adds: the page that plays a phone, codes from the simulator, and a kick. Never mounted by `serve`.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use menjin_token::SessionId;
use serde::Deserialize;
use serde_json::Value;

use crate::extract::Json;
use crate::outbound::Simulator;
use crate::pages;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{AuditLine, EndReason, Ending, Ends};

/// The surroundings of a `menjin dev`.
#[derive(Debug, Clone)]
pub struct Dev {
    /// Where the simulator is.
    pub simulator: Simulator,
    /// Whether the public side is open to the local network: then `/dev` and the operator's side stay on the other listener.
    pub lan: bool,
}

pub(crate) fn routes() -> Router<Menjin> {
    Router::new()
        .route("/", get(pages::to_dev))
        .route("/dev", get(pages::dev))
        .route("/dev/{file}", get(pages::dev_file))
        .route("/dev/wx/{call}", post(wx))
        .route("/dev/kick", post(kick))
}

/// What a phone would ask of `WeChat`, asked of the simulator.
async fn wx(
    State(menjin): State<Menjin>,
    Path(call): Path<String>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, axum::Json<Value>), Problem> {
    let dev = menjin.dev.as_ref().ok_or(Problem::RouteUnknown)?;
    if !["login", "getUserProfile", "getPhoneNumber", "checkSession"].contains(&call.as_str()) {
        return Err(Problem::RouteUnknown);
    }
    let (status, answer) = dev.simulator.ask(&format!("_sim/wx/{call}"), &body).await.map_err(Problem::Internal)?;
    Ok((StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), axum::Json(answer)))
}

#[derive(Deserialize)]
struct Kick {
    session_id: String,
}

/// Ends a session as an operator would.
async fn kick(State(menjin): State<Menjin>, Json(kick): Json<Kick>) -> Result<StatusCode, Problem> {
    let session: SessionId = kick.session_id.parse().map_err(|_| Problem::field("session_id", Fault::WrongType))?;
    let now = menjin.clock.now();
    let audit = AuditLine { action: "session.kicked", actor: "operator", ..AuditLine::default() };
    let ending = Ending {
        which: Ends::Session(session),
        reason: EndReason::Kicked,
        now,
        tokens_until: menjin.tokens_until(now),
        audit,
    };
    let ended = menjin.store.end_sessions(ending).await?;
    for session in &ended {
        menjin.ended.end_session(*session, EndReason::Kicked.code(), now, menjin.tokens_until(now));
    }
    if ended.is_empty() { Err(Problem::SessionUnknown) } else { Ok(StatusCode::NO_CONTENT) }
}
