//! `/admin/v1/users/{user}/identities`: how somebody signs in by platforms.

use axum::Json as Answer;
use axum::extract::{Path, RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::named;
use super::page::{Asked, Page, parameters};
use crate::OperatedIdentity;
use crate::admin::{Operator, Right};
use crate::problem::{Fault, Problem};
use crate::state::Menjin;

const FILTERS: &[&str] = &["limit", "cursor"];
const UNLINKING: &[&str] = &["even_last"];
const TRUTHS: &[&str] = &["true", "false"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(unlink))
}

/// Lists somebody's identities, the oldest first; what platforms call them is not shown.
#[utoipa::path(get, path = "/admin/v1/users/{user}/identities", operation_id = "list_identities", tag = "identities", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<OperatedIdentity>), (status = 404, description = "`user_unknown`")))]
async fn list(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<OperatedIdentity>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    let identities = menjin.identities_of(named::user(&menjin, &user).await?).await?;
    Ok(Answer(Page::among(identities, &asked, |identity| identity.id.to_string())?))
}

/// What went with an identity.
#[derive(Serialize, ToSchema)]
struct Unlinked {
    /// How many sessions it had opened.
    sessions_ended: usize,
}

/// Takes an identity from somebody, and ends the sessions that it opened.
///
/// The last way to sign in goes only with `even_last=true`: nobody can sign in as them then.
#[utoipa::path(delete, path = "/admin/v1/users/{user}/identities/{identity}", operation_id = "unlink_identity", tag = "identities", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
    ("identity" = String, Path, description = "`idn_…`"),
    ("even_last" = Option<String>, Query, description = "`true`: also where it is the last one", pattern = "^(true|false)$"),
), responses(
    (status = 200, description = "It is gone", body = Unlinked),
    (status = 404, description = "`user_unknown`, `identity_unknown`"),
    (status = 409, description = "`last_identity`"),
))]
async fn unlink(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path((user, identity)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Answer<Unlinked>, Problem> {
    operator.may(Right::Support)?;
    let even_last = match parameters(query.as_deref(), UNLINKING)?.get("even_last").map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::field("even_last", Fault::NotOneOf(TRUTHS))),
    };
    let user = named::user(&menjin, &user).await?;
    let identity = named::id("identity", &identity, "idn_…")?;
    let sessions_ended = menjin.unlink_identity(&operator.actor(), user, identity, even_last).await?;
    Ok(Answer(Unlinked { sessions_ended }))
}
