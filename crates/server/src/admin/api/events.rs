//! `/admin/v1/events`: what other programs are told of people, of every audience.

use axum::Json as Answer;
use axum::extract::{RawQuery, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::named;
use super::page::{Asked, Page};
use crate::admin::{Operator, Right};
use crate::config::EVENT_TYPES;
use crate::events::{Event, EventsAsked};
use crate::problem::{Fault, Problem};
use crate::state::Menjin;

const FILTERS: &[&str] = &["user", "type", "limit", "cursor"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists events of every audience, the newest first: what webhooks and `GET /v1/events` tell.
///
/// They are looked for among 2000 lines of the audit a page: a page may be short, or empty, and have a `next` all the same.
#[utoipa::path(get, path = "/admin/v1/events", operation_id = "list_all_events", tag = "audit", params(
    ("user" = Option<String>, Query, description = "About them: `usr_…`, or a number"),
    ("type" = Option<String>, Query, description = "Of this type, e.g. `user.created`"),
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<Event>), (status = 404, description = "`user_unknown`")))]
async fn list(
    State(menjin): State<Menjin>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<Event>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    let user = match asked.filter("user") {
        Some(user) => Some(named::user(&menjin, user).await?),
        None => None,
    };
    let known = |text: &str| EVENT_TYPES.iter().find(|it| **it == text).copied();
    let kind = asked.parsed("type", known, Fault::NotOneOf(&EVENT_TYPES))?;
    let (found, next) = menjin.events(&EventsAsked { user, kind, behind: asked.place()?, limit: asked.limit }).await?;
    Ok(Answer(Page::found(found, next)))
}
