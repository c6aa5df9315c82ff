//! `/admin/v1/users/{user}/merge` and `…/unmerge`: two users that turn out to be one, and back.

use axum::Json as Answer;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::named;
use crate::admin::{Operator, Right};
use crate::extract::Json;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::{MergeView, UnmergeView};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(merge)).routes(routes!(unmerge))
}

/// Who stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Merging)]
struct Wanted {
    /// Who the user of the path becomes another name of: `usr_…`, or a number as text.
    #[schema(example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    into: String,
    /// Whether only to tell what it would do.
    #[serde(default)]
    #[schema(example = true)]
    preview: bool,
}

/// Merges somebody into another user, or tells what that would do (`preview`).
///
/// Their id stays as another name of the one who stays; their sessions end. It can be undone for a while (`lifetimes.unmerge`).
/// Neither of the two may be another name already, by id or by number: that is `already_merged`.
#[utoipa::path(post, path = "/admin/v1/users/{user}/merge", operation_id = "merge_users", tag = "users", params(
    ("user" = String, Path, description = "Who is no more: `usr_…`, or a number"),
), request_body = Wanted, responses(
    (status = 200, description = "What went over, or would", body = MergeView),
    (status = 404, description = "`user_unknown`"),
    (status = 409, description = "`already_merged`, `merge_refused`"),
))]
async fn merge(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Answer<MergeView>, Problem> {
    operator.may(Right::Support)?;
    let from = named::exactly(&menjin, "user", &user).await?;
    let into = named::exactly(&menjin, "into", &wanted.into).await?;
    Ok(Answer(menjin.merge_users(&operator.actor(), (from, into), wanted.preview).await?))
}

/// Undoes a merge: who was merged is themselves again, and all sessions end.
#[utoipa::path(post, path = "/admin/v1/users/{user}/unmerge", operation_id = "unmerge_user", tag = "users", params(
    ("user" = String, Path, description = "Who was merged: their own `usr_…`, or their own number"),
), responses(
    (status = 200, description = "There are two of them again", body = UnmergeView),
    (status = 404, description = "`user_unknown`"),
    (status = 409, description = "`not_merged`, `merge_covered`, `merge_final`"),
))]
async fn unmerge(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
) -> Result<Answer<UnmergeView>, Problem> {
    operator.may(Right::Support)?;
    let alias = named::exactly(&menjin, "user", &user).await?;
    Ok(Answer(menjin.unmerge_user(&operator.actor(), alias).await?))
}
