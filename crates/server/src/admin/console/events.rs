//! `/console/events`: what other programs are told of people, and how far each webhook has come.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::frame::Frame;
use crate::WebhookView;
use crate::admin::Right;
use crate::admin::api::page::{Asked, Page};
use crate::admin::pages::{At, page};
use crate::events::{Event, EventsAsked};
use crate::problem::Problem;
use crate::state::Menjin;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Template)]
#[template(path = "console/pages/events.html")]
struct EventList {
    at: At,
    f: Frame,
    webhooks: Vec<WebhookView>,
    events: Vec<Event>,
    next: Option<String>,
}

/// Lists webhooks and events.
#[utoipa::path(get, path = "/console/events", tag = "pages", params(("cursor" = Option<String>, Query, description = "Where the page begins")), responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn list(State(menjin): State<Menjin>, f: Frame, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), &["limit", "cursor"])?;
    let events = EventsAsked { user: None, kind: None, behind: asked.place()?, limit: asked.limit };
    let (events, next) = menjin.events(&events).await?;
    let Page { items: events, next } = Page::found(events, next);
    page(&EventList { at: f.at(), f, webhooks: menjin.webhooks().await?, events, next })
}
