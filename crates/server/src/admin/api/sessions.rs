//! `/admin/v1/sessions`: sign-ins listed, shown, ended.

use axum::Json as Answer;
use axum::extract::{Path, RawQuery, State};
use menjin_token::SessionId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{Asked, Page};
use super::{masked, named};
use crate::admin::{Operator, Right};
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::{SessionView, SessionsAsked};

pub(in crate::admin) const FILTERS: &[&str] = &["user", "app", "state", "limit", "cursor"];
const STATES: &[&str] = &["live", "ended"];
const FORM: &str = "ses_…";

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, end))
}

/// Lists sessions, the newest first; of one user or of everybody.
///
/// Ended ones are kept for a while (`lifetimes.ended_sessions`). `app` and `state` choose among what is looked at, 2000 sessions a
/// page: a page may be short and have a `next` all the same.
#[utoipa::path(get, path = "/admin/v1/sessions", operation_id = "list_sessions", tag = "sessions", params(
    ("user" = Option<String>, Query, description = "`usr_…`, or a number"),
    ("app" = Option<String>, Query, description = "The app that they came through"),
    ("state" = Option<String>, Query, description = "`live` or `ended`", pattern = "^(live|ended)$"),
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<SessionView>), (status = 404, description = "`user_unknown`")))]
async fn list(
    State(menjin): State<Menjin>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<SessionView>>, Problem> {
    operator.may(Right::Read)?;
    Ok(Answer(found(&menjin, &operator, &Asked::read(query.as_deref(), FILTERS)?).await?))
}

/// What is asked for, as this operator may see it.
pub(in crate::admin) async fn found(
    menjin: &Menjin,
    operator: &Operator,
    asked: &Asked,
) -> Result<Page<SessionView>, Problem> {
    let live = |text: &str| STATES.contains(&text).then_some(text == "live");
    let user = match asked.filter("user") {
        Some(user) => Some(named::user(menjin, user).await?),
        None => None,
    };
    let (found, next) = menjin
        .sessions(&SessionsAsked {
            user,
            app: asked.filter("app").map(str::to_owned),
            live: asked.parsed("state", live, Fault::NotOneOf(STATES))?,
            behind: asked.place()?,
            limit: asked.limit,
        })
        .await?;
    let found = found.into_iter().map(|session| masked::session(operator, session)).collect();
    Ok(Page::found(found, next))
}

/// Shows a session, also one that has ended, and why.
#[utoipa::path(get, path = "/admin/v1/sessions/{session}", operation_id = "get_session", tag = "sessions", params(
    ("session" = String, Path, description = "`ses_…`"),
), responses((status = 200, description = "The session", body = SessionView), (status = 404, description = "`session_unknown`")))]
async fn show(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(session): Path<String>,
) -> Result<Answer<SessionView>, Problem> {
    operator.may(Right::Read)?;
    let session = menjin.session(named::id("session", &session, FORM)?).await?;
    Ok(Answer(masked::session(&operator, session)))
}

/// A session that is over.
#[derive(Serialize, ToSchema)]
struct Ended {
    /// False where it was over already.
    ended: bool,
}

/// Ends a session at once, on every node.
#[utoipa::path(delete, path = "/admin/v1/sessions/{session}", operation_id = "end_session", tag = "sessions", params(
    ("session" = String, Path, description = "`ses_…`"),
), responses((status = 200, description = "It is over", body = Ended), (status = 404, description = "`session_unknown`")))]
async fn end(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(session): Path<String>,
) -> Result<Answer<Ended>, Problem> {
    operator.may(Right::Support)?;
    let session: SessionId = named::id("session", &session, FORM)?;
    // An unknown one is refused by that.
    menjin.session(session).await?;
    Ok(Answer(Ended { ended: menjin.end_session(&operator.actor(), session).await? }))
}
