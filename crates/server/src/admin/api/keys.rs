//! `/admin/v1/keys`: signing keys listed, rotated, revoked. Moving to another master key is a command's (`menjin key rewrap`).

use axum::Json as Answer;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{Asked, Page};
use crate::KeyView;
use crate::admin::{Operator, Right};
use crate::problem::Problem;
use crate::state::Menjin;

const FILTERS: &[&str] = &["limit", "cursor"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(rotate)).routes(routes!(revoke))
}

/// Lists the signing keys, the oldest first; never what they sign with.
#[utoipa::path(get, path = "/admin/v1/keys", operation_id = "list_keys", tag = "keys", params(
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<KeyView>)))]
async fn list(
    State(menjin): State<Menjin>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<KeyView>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    let mut keys = menjin.signing_keys();
    let place = |key: &KeyView| format!("{:020} {:020} {}", key.created_at.millis(), key.active_at.millis(), key.kid);
    keys.sort_by_key(place);
    Ok(Answer(Page::among(keys, &asked, place)?))
}

/// Keys that were published.
#[derive(Serialize, ToSchema)]
struct Rotated {
    /// A key of each algorithm in use.
    #[schema(example = json!(["Xv0cZ8pJ1mQe3bTn"]))]
    kids: Vec<String>,
}

/// Publishes a new signing key of each algorithm in use; it signs once verifiers have seen it.
#[utoipa::path(post, path = "/admin/v1/keys/rotate", operation_id = "rotate_keys", tag = "keys", responses(
    (status = 201, description = "Published", body = Rotated),
    (status = 403, description = "`reauth_required`"),
))]
async fn rotate(State(menjin): State<Menjin>, operator: Operator) -> Result<(StatusCode, Answer<Rotated>), Problem> {
    operator.may(Right::Admin)?;
    operator.reauthenticated()?;
    let kids = menjin.rotate_key(&operator.actor()).await?;
    Ok((StatusCode::CREATED, Answer(Rotated { kids: kids.split(", ").map(str::to_owned).collect() })))
}

/// Refuses every token that a key has signed, on every node within a second.
#[utoipa::path(post, path = "/admin/v1/keys/{kid}/revoke", operation_id = "revoke_key", tag = "keys", params(
    ("kid" = String, Path, description = "The key's name"),
), responses(
    (status = 204, description = "Revoked"),
    (status = 403, description = "`reauth_required`"),
    (status = 404, description = "`signing_key_unknown`"),
))]
async fn revoke(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(kid): Path<String>,
) -> Result<StatusCode, Problem> {
    operator.may(Right::Admin)?;
    operator.reauthenticated()?;
    menjin.revoke_key(&operator.actor(), &kid).await?;
    Ok(StatusCode::NO_CONTENT)
}
