//! Two users who are one person: what a merge would do, shown first; done; undone.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::frame::Frame;
use super::person_acts::back;
use crate::admin::Right;
use crate::admin::api::named;
use crate::admin::api::page::parameters;
use crate::admin::pages::{At, Fields, page};
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::{MergeView, SideView};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(preview, merge)).routes(routes!(unmerge))
}

#[derive(Template)]
#[template(path = "console/pages/merge.html")]
struct Preview {
    at: At,
    f: Frame,
    merge: MergeView,
}

impl Preview {
    /// The two, and which of them stays.
    fn sides(&self) -> [(&SideView, bool); 2] {
        [(&self.merge.from, false), (&self.merge.into, true)]
    }
}

/// Tells what a merge would do.
#[utoipa::path(get, path = "/console/people/{user}/merge", tag = "pages", params(("user" = String, Path, description = "Who stays: `usr_…`"), ("from" = String, Query, description = "Who becomes another name of them: `usr_…`, or a number")), responses((status = 200, description = "The page", body = str, content_type = "text/html"), (status = 409, description = "`already_merged`, `merge_refused`", body = str, content_type = "text/html")))]
async fn preview(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(user): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    f.operator().may(Right::Support)?;
    let asked = parameters(query.as_deref(), &["from"])?;
    let from = asked.get("from").ok_or_else(|| Problem::field("from", Fault::Missing))?;
    let from = named::exactly(&menjin, "from", from.trim()).await?;
    let into = named::exactly(&menjin, "user", &user).await?;
    let merge = menjin.merge_users(&f.operator().actor(), (from, into), true).await?;
    page(&Preview { at: f.at(), f, merge })
}

/// Merges.
#[utoipa::path(post, path = "/console/people/{user}/merge", tag = "pages", params(("user" = String, Path, description = "Who stays: `usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `from`"), responses((status = 303, description = "Done"), (status = 409, description = "`already_merged`, `merge_refused`", body = str, content_type = "text/html")))]
async fn merge(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(user): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    f.operator().may(Right::Support)?;
    // The very two that the preview showed, whoever else they may be by now.
    let into = named::exactly(&menjin, "user", &user).await?;
    let from = named::id("from", fields.text("from")?, "usr_…")?;
    menjin.merge_users(&f.operator().actor(), (from, into), false).await?;
    Ok(back(into, "merged"))
}

/// Undoes a merge.
#[utoipa::path(post, path = "/console/people/{user}/unmerge", tag = "pages", params(("user" = String, Path, description = "The id that became another name")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done"), (status = 409, description = "`not_merged`, `merge_covered`, `merge_final`", body = str, content_type = "text/html")))]
async fn unmerge(State(menjin): State<Menjin>, f: Frame, Path(user): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Support)?;
    let alias = named::id("user", &user, "usr_…")?;
    let undone = menjin.unmerge_user(&f.operator().actor(), alias).await?;
    Ok(back(undone.user, "unmerged"))
}
