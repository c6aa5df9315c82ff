//! `/console/roles`: what people may be given: listed, defined, removed; and who has a role.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::frame::Frame;
use super::person::audiences;
use crate::admin::Right;
use crate::admin::api::page::parameters;
use crate::admin::pages::{At, Fields, page, see_other};
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::RoleName;
use crate::{Holders, NewRole, RoleView};

/// People on a page.
const PAGE: u32 = 50;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list, put)).routes(routes!(show)).routes(routes!(remove))
}

#[derive(Template)]
#[template(path = "console/pages/roles.html")]
struct RoleList {
    at: At,
    f: Frame,
    roles: Vec<RoleView>,
    audiences: Vec<String>,
}

/// Lists roles.
#[utoipa::path(get, path = "/console/roles", tag = "pages", responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn list(State(menjin): State<Menjin>, f: Frame) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let (roles, audiences) = (menjin.roles().await?, audiences(&menjin).await?);
    page(&RoleList { at: f.at(), f, roles, audiences })
}

/// Defines a role, or defines it anew.
#[utoipa::path(post, path = "/console/roles", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `role`, `audience`, `description`, `permissions` and `includes` with spaces between"), responses((status = 303, description = "Done"), (status = 409, description = "`role_cycle`", body = str, content_type = "text/html")))]
async fn put(State(menjin): State<Menjin>, f: Frame, fields: Fields) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    let words = |name: &str| fields.text_or_empty(name).split_whitespace().map(str::to_owned).collect();
    let new = NewRole {
        description: fields.text_or_empty("description").to_owned(),
        permissions: words("permissions"),
        includes: words("includes"),
    };
    let name = name(fields.text("role")?.trim(), fields.text_or_empty("audience"));
    menjin.put_role(&f.operator().actor(), &name, new).await?;
    Ok(see_other("/console/roles?done=role_saved"))
}

#[derive(Template)]
#[template(path = "console/pages/role.html")]
struct OneRole {
    at: At,
    f: Frame,
    role: RoleView,
    holders: Holders,
}

/// Shows a role and who has it.
#[utoipa::path(get, path = "/console/roles/{role}", tag = "pages", params(("role" = String, Path, description = "Its name"), ("audience" = Option<String>, Query, description = "The audience that it is for"), ("after" = Option<String>, Query, description = "Where the page begins")), responses((status = 200, description = "The page", body = str, content_type = "text/html"), (status = 404, description = "`role_unknown`", body = str, content_type = "text/html")))]
async fn show(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(role): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let asked = parameters(query.as_deref(), &["audience", "after", "done"])?;
    let name = name(&role, asked.get("audience").map_or("", String::as_str));
    let role = menjin.role(&name).await?;
    let holders = menjin.holders_of(&name, asked.get("after").map(String::as_str), PAGE).await?;
    page(&OneRole { at: f.at(), f, role, holders })
}

/// Removes a role.
#[utoipa::path(post, path = "/console/roles/{role}/remove", tag = "pages", params(("role" = String, Path, description = "Its name")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `audience`"), responses((status = 303, description = "Done"), (status = 404, description = "`role_unknown`", body = str, content_type = "text/html")))]
async fn remove(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(role): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    let name = name(&role, fields.text_or_empty("audience"));
    menjin.remove_role(&f.operator().actor(), &name).await?;
    Ok(see_other("/console/roles?done=role_removed"))
}

fn name(role: &str, audience: &str) -> RoleName {
    RoleName { name: role.to_owned(), audience: Some(audience.to_owned()).filter(|text| !text.is_empty()) }
}
