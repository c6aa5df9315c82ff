//! `GET /v1/me/roles`: what the caller may do, for back ends whose token says that there is more, and for apps that show it.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::SignedIn;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::Whole;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(mine))
}

/// What the caller may do at the back end that the token is for.
#[derive(Serialize, utoipa::ToSchema)]
struct MyRoles {
    /// How far changes of roles had come: later than the `rv` of the token, or the same.
    #[schema(example = 1_795_000_000_000_i64)]
    version: i64,
    /// The roles, with those in them.
    #[schema(example = json!(["clerk"]))]
    roles: Vec<String>,
    /// What these allow, wildcards kept.
    #[schema(example = json!(["orders:*"]))]
    permissions: Vec<String>,
}

/// Tells what the caller may do at the back end that the token is for.
///
/// A token says so itself; one whose `more_roles` is true has not room for all of it. What is answered holds for as long as
/// that token does.
#[utoipa::path(get, path = "/v1/me/roles", operation_id = "my_roles", tag = "me", security(("bearer" = [])), responses(
    (status = 200, description = "Roles and permissions", body = MyRoles),
))]
async fn mine(State(menjin): State<Menjin>, SignedIn(caller): SignedIn) -> Result<impl IntoResponse, Problem> {
    let audience = caller.claims.aud.iter().find(|audience| **audience != menjin.issuer);
    let user = menjin.store.user(caller.user).await?.ok_or(Problem::TokenInvalid)?;
    let held = super::of(&menjin, &user, audience.map_or("", String::as_str)).await?.unwrap_or_default();
    let Whole { roles, permissions } = super::together(&held);
    let mine = MyRoles { version: held.version, roles, permissions };
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(mine)))
}
