//! `/console/sessions`: who is signed in and who was, of one user, of one app, or of all; with the filters of `/admin/v1/sessions`.
//!
//! Does not: ending one (`person_acts`).

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filters::Filters;
use super::frame::Frame;
use crate::SessionView;
use crate::admin::Right;
use crate::admin::api::{SESSION_FILTERS, sessions_found};
use crate::admin::pages::{At, page};
use crate::problem::Problem;
use crate::state::Menjin;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Template)]
#[template(path = "console/pages/sessions.html")]
struct SessionList {
    at: At,
    f: Frame,
    sessions: Vec<SessionView>,
    /// Each filter and what it asks for.
    user: String,
    app: String,
    state: String,
    /// The address of the next page.
    next: Option<String>,
}

/// Lists sessions, the newest first.
#[utoipa::path(get, path = "/console/sessions", tag = "pages", params(("user" = Option<String>, Query, description = "As `GET /admin/v1/sessions`, like the others")), responses((status = 200, description = "The page", body = str, content_type = "text/html"), (status = 404, description = "`user_unknown`", body = str, content_type = "text/html")))]
async fn list(State(menjin): State<Menjin>, f: Frame, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let filters = Filters::read(query.as_deref(), SESSION_FILTERS)?;
    let found = sessions_found(&menjin, f.operator(), filters.asked()).await?;
    page(&SessionList {
        sessions: found.items,
        user: filters.filter("user"),
        app: filters.filter("app"),
        state: filters.filter("state"),
        next: filters.next("/console/sessions", found.next),
        at: f.at(),
        f,
    })
}

impl SessionList {
    /// The choices of the form, each with its words.
    fn states(&self) -> [(&'static str, &str); 3] {
        let f = &self.f;
        [("", f.say("全部", "all")), ("live", f.say("有效", "alive")), ("ended", f.say("已结束", "over"))]
    }
}
