//! `/console/audit`: who did what, with the filters that `/admin/v1/audit` has.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filters::Filters;
use super::frame::Frame;
use crate::AuditLineView;
use crate::admin::Right;
use crate::admin::api::{AUDIT_FILTERS, audit_lines};
use crate::admin::pages::{At, page};
use crate::problem::Problem;
use crate::state::Menjin;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Template)]
#[template(path = "console/pages/audit.html")]
struct Audit {
    at: At,
    f: Frame,
    lines: Vec<AuditLineView>,
    /// Each filter and what it asks for.
    user: String,
    actor_id: String,
    action: String,
    app: String,
    since: String,
    until: String,
    /// The address of the next page.
    next: Option<String>,
}

/// Lists lines of the audit.
#[utoipa::path(get, path = "/console/audit", tag = "pages", params(("user" = Option<String>, Query, description = "As `GET /admin/v1/audit`, like the others")), responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn list(State(menjin): State<Menjin>, f: Frame, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let filters = Filters::read(query.as_deref(), AUDIT_FILTERS)?;
    let found = audit_lines(&menjin, f.operator(), filters.asked()).await?;
    page(&Audit {
        lines: found.items,
        user: filters.filter("user"),
        actor_id: filters.filter("actor_id"),
        action: filters.filter("action"),
        app: filters.filter("app"),
        since: filters.filter("since"),
        until: filters.filter("until"),
        next: filters.next("/console/audit", found.next),
        at: f.at(),
        f,
    })
}
