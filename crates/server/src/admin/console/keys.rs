//! `/console/keys`: what tokens are signed with: shown, rotated, revoked.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::frame::Frame;
use crate::KeyView;
use crate::admin::Right;
use crate::admin::pages::{At, Fields, page, see_other};
use crate::problem::Problem;
use crate::state::Menjin;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(rotate)).routes(routes!(revoke))
}

#[derive(Template)]
#[template(path = "console/pages/keys.html")]
struct KeyList {
    at: At,
    f: Frame,
    keys: Vec<KeyView>,
}

/// Lists the signing keys, the newest first.
#[utoipa::path(get, path = "/console/keys", tag = "pages", responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn list(State(menjin): State<Menjin>, f: Frame) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let mut keys = menjin.signing_keys();
    keys.reverse();
    page(&KeyList { at: f.at(), f, keys })
}

/// Publishes a new key.
#[utoipa::path(post, path = "/console/keys/rotate", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done, or to `/admin/confirm`")))]
async fn rotate(State(menjin): State<Menjin>, f: Frame) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    f.operator().reauthenticated()?;
    menjin.rotate_key(&f.operator().actor()).await?;
    Ok(see_other("/console/keys?done=key_rotated"))
}

/// Refuses every token that a key signed.
#[utoipa::path(post, path = "/console/keys/{kid}/revoke", tag = "pages", params(("kid" = String, Path, description = "The key's name")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `certain`: `yes`"), responses((status = 303, description = "Done, or to `/admin/confirm`"), (status = 404, description = "`signing_key_unknown`", body = str, content_type = "text/html")))]
async fn revoke(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(kid): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    f.operator().reauthenticated()?;
    fields.certain()?;
    menjin.revoke_key(&f.operator().actor(), &kid).await?;
    Ok(see_other("/console/keys?done=key_revoked"))
}
