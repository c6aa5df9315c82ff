//! `/admin/v1/users/{user}/export`, `DELETE /admin/v1/users/{user}` and `…/undelete`: people who leave, and what is kept of them.

use axum::Json as Answer;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use menjin_token::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::named;
use super::page::parameters;
use crate::admin::{Operator, Right};
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::{Deletion, Export, WhenToDelete};

const DELETING: &[&str] = &["now"];
const TRUTHS: &[&str] = &["true", "false"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(delete)).routes(routes!(undelete))
}

/// Gives everything that is kept of somebody; the audit tells that it was read.
///
/// It holds what no other answer does, such as the whole phone number and what platforms call them.
#[utoipa::path(get, path = "/admin/v1/users/{user}/export", operation_id = "export_user", tag = "users", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
), responses(
    (status = 200, description = "Everything", body = Export),
    (status = 403, description = "`reauth_required`"),
    (status = 404, description = "`user_unknown`"),
    (status = 409, description = "`user_erased`"),
))]
async fn export(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    operator.may(Right::Admin)?;
    operator.reauthenticated()?;
    let user = named::user(&menjin, &user).await?;
    let export = menjin.export_user(&operator.actor(), user).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Answer(export)))
}

/// Deletes somebody after the cooling-off (`lifetimes.deletion_cooling_off`), or with `now=true` at once and for good.
#[utoipa::path(delete, path = "/admin/v1/users/{user}", operation_id = "delete_user", tag = "users", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
    ("now" = Option<String>, Query, description = "`true`: nothing brings them back", pattern = "^(true|false)$"),
), responses(
    (status = 202, description = "They are erased, or will be then", body = Deletion),
    (status = 403, description = "`reauth_required`"),
    (status = 404, description = "`user_unknown`"),
    (status = 409, description = "`user_erased`"),
))]
async fn delete(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<(StatusCode, Answer<Deletion>), Problem> {
    operator.may(Right::Admin)?;
    operator.reauthenticated()?;
    let when = match parameters(query.as_deref(), DELETING)?.get("now").map(String::as_str) {
        None | Some("false") => WhenToDelete::AfterCoolingOff,
        Some("true") => WhenToDelete::Now,
        Some(_) => return Err(Problem::field("now", Fault::NotOneOf(TRUTHS))),
    };
    let user = named::user(&menjin, &user).await?;
    Ok((StatusCode::ACCEPTED, Answer(menjin.delete_user(&operator.actor(), user, when).await?)))
}

/// Somebody who stays.
#[derive(Serialize, ToSchema)]
struct Stays {
    /// When they would have been erased.
    #[schema(value_type = String, format = DateTime)]
    would_have_been_erased_at: Timestamp,
}

/// Somebody who was to be deleted stays.
#[utoipa::path(post, path = "/admin/v1/users/{user}/undelete", operation_id = "undelete_user", tag = "users", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
), responses(
    (status = 200, description = "They stay", body = Stays),
    (status = 404, description = "`user_unknown`"),
    (status = 409, description = "`deletion_not_requested`, `user_erased`"),
))]
async fn undelete(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
) -> Result<Answer<Stays>, Problem> {
    operator.may(Right::Admin)?;
    let user = named::user(&menjin, &user).await?;
    let would_have_been_erased_at = menjin.undelete_user(&operator.actor(), user).await?;
    Ok(Answer(Stays { would_have_been_erased_at }))
}
