//! `/admin/v1/roles`: roles defined and removed; `/admin/v1/users/{user}/roles`: who has which.
//!
//! A role is named by its name and, where it is one audience's own, `?audience=`.

use axum::Json as Answer;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::named;
use super::page::{Asked, Page, parameters};
use crate::admin::{Operator, Right};
use crate::extract::Json;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::RoleName;
use crate::{HeldRoleView, HolderView, NewRole, RoleView};

const FILTERS: &[&str] = &["limit", "cursor"];
const OF_HOLDERS: &[&str] = &["audience", "limit", "cursor"];
const NAMING: &[&str] = &["audience"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, put, remove))
        .routes(routes!(holders))
        .routes(routes!(held))
        .routes(routes!(grant, revoke))
}

/// Lists all roles, by name and audience.
#[utoipa::path(get, path = "/admin/v1/roles", operation_id = "list_roles", tag = "roles", params(
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<RoleView>)))]
async fn list(
    State(menjin): State<Menjin>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<RoleView>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    let mut roles = menjin.roles().await?;
    let place = |role: &RoleView| format!("{} {}", role.name, role.audience.as_deref().unwrap_or_default());
    roles.sort_by_key(place);
    Ok(Answer(Page::among(roles, &asked, place)?))
}

/// Which role a request means.
fn name(role: String, query: Option<&str>) -> Result<RoleName, Problem> {
    Ok(RoleName { name: role, audience: parameters(query, NAMING)?.remove("audience") })
}

/// Shows a role.
#[utoipa::path(get, path = "/admin/v1/roles/{role}", operation_id = "get_role", tag = "roles", params(
    ("role" = String, Path, description = "Its name"),
    ("audience" = Option<String>, Query, description = "The audience that it is for; every one when left out"),
), responses((status = 200, description = "The role", body = RoleView), (status = 404, description = "`role_unknown`")))]
async fn show(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(role): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Answer<RoleView>, Problem> {
    operator.may(Right::Read)?;
    Ok(Answer(menjin.role(&name(role, query.as_deref())?).await?))
}

/// What a role shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRole)]
struct Putting {
    /// What it is for, in one line.
    #[serde(default)]
    #[schema(example = "Answers customers")]
    description: String,
    /// What it allows by itself.
    #[serde(default)]
    #[schema(example = json!(["orders:read", "customers:*"]))]
    permissions: Vec<String>,
    /// Names of roles that it has in it: of its own audience, else of every one.
    #[serde(default)]
    #[schema(example = json!([]))]
    includes: Vec<String>,
}

/// Defines a role, or defines it anew; who has it has it so at once, everywhere.
#[utoipa::path(put, path = "/admin/v1/roles/{role}", operation_id = "put_role", tag = "roles", params(
    ("role" = String, Path, description = "Its name"),
    ("audience" = Option<String>, Query, description = "The audience that it is for; every one when left out"),
), request_body = Putting, responses(
    (status = 200, description = "The role, as it is", body = RoleView),
    (status = 400, description = "`role_name_invalid`, `permission_invalid`"),
    (status = 404, description = "`role_unknown`: one that it shall have in it; `audience_unknown`"),
    (status = 409, description = "`role_cycle`, `too_many_roles`, `too_many_permissions`"),
))]
async fn put(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(role): Path<String>,
    RawQuery(query): RawQuery,
    Json(putting): Json<Putting>,
) -> Result<Answer<RoleView>, Problem> {
    operator.may(Right::Admin)?;
    let Putting { description, permissions, includes } = putting;
    let name = name(role, query.as_deref())?;
    Ok(Answer(menjin.put_role(&operator.actor(), &name, NewRole { description, permissions, includes }).await?))
}

/// Removes a role: nobody has it any more, at once, everywhere.
#[utoipa::path(delete, path = "/admin/v1/roles/{role}", operation_id = "remove_role", tag = "roles", params(
    ("role" = String, Path, description = "Its name"),
    ("audience" = Option<String>, Query, description = "The audience that it is for; every one when left out"),
), responses((status = 204, description = "Removed"), (status = 404, description = "`role_unknown`")))]
async fn remove(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(role): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    operator.may(Right::Admin)?;
    menjin.remove_role(&operator.actor(), &name(role, query.as_deref())?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists who has a role, in the order in which they got it.
#[utoipa::path(get, path = "/admin/v1/roles/{role}/users", operation_id = "list_role_holders", tag = "roles", params(
    ("role" = String, Path, description = "Its name"),
    ("audience" = Option<String>, Query, description = "The audience that it is for; every one when left out"),
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<HolderView>), (status = 404, description = "`role_unknown`")))]
async fn holders(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(role): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<HolderView>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), OF_HOLDERS)?;
    let name = RoleName { name: role, audience: asked.filter("audience").map(str::to_owned) };
    let after: Option<String> = asked.place()?;
    let found = menjin.holders_of(&name, after.as_deref(), asked.limit).await?;
    Ok(Answer(Page::found(found.items, found.next)))
}

/// Lists the roles of somebody.
#[utoipa::path(get, path = "/admin/v1/users/{user}/roles", operation_id = "list_user_roles", tag = "roles", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<HeldRoleView>), (status = 404, description = "`user_unknown`")))]
async fn held(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<HeldRoleView>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    let mut held = menjin.roles_of(named::user(&menjin, &user).await?).await?;
    let place = |held: &HeldRoleView| {
        let text = |audience: &Option<String>| audience.clone().unwrap_or_default();
        format!("{} {} {}", held.role, text(&held.defined_for), text(&held.audience))
    };
    held.sort_by_key(place);
    Ok(Answer(Page::among(held, &asked, place)?))
}

/// Whether it was otherwise before.
#[derive(Serialize, ToSchema)]
#[schema(as = RoleChanged)]
struct Changed {
    /// False where it was so before.
    changed: bool,
}

/// Gives somebody a role, at once, everywhere.
#[utoipa::path(put, path = "/admin/v1/users/{user}/roles/{role}", operation_id = "grant_role", tag = "roles", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
    ("role" = String, Path, description = "The audience's own role of this name, else that of every audience"),
    ("audience" = Option<String>, Query, description = "For which audience they get it; for every one when left out"),
), responses(
    (status = 200, description = "They have it", body = Changed),
    (status = 404, description = "`user_unknown`, `role_unknown`, `audience_unknown`"),
    (status = 409, description = "`too_many_roles`"),
))]
async fn grant(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path((user, role)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Answer<Changed>, Problem> {
    operator.may(Right::Admin)?;
    let RoleName { name, audience } = name(role, query.as_deref())?;
    let user = named::user(&menjin, &user).await?;
    let changed = menjin.grant_role(&operator.actor(), user, &name, audience.as_deref()).await?;
    Ok(Answer(Changed { changed }))
}

/// Takes a role from somebody, at once, everywhere.
#[utoipa::path(delete, path = "/admin/v1/users/{user}/roles/{role}", operation_id = "revoke_role", tag = "roles", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
    ("role" = String, Path, description = "Its name"),
    ("audience" = Option<String>, Query, description = "For which audience they have it; for every one when left out"),
), responses(
    (status = 200, description = "They have it no more", body = Changed),
    (status = 404, description = "`user_unknown`, `role_unknown`"),
))]
async fn revoke(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path((user, role)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Answer<Changed>, Problem> {
    operator.may(Right::Admin)?;
    let RoleName { name, audience } = name(role, query.as_deref())?;
    let user = named::user(&menjin, &user).await?;
    let changed = menjin.revoke_role(&operator.actor(), user, &name, audience.as_deref()).await?;
    Ok(Answer(Changed { changed }))
}
