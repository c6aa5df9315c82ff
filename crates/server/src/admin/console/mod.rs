//! `/console`: what operators do, as pages; a file a noun.
//!
//! A page is rendered here and works without scripts; only the charts of the overview move by one. Does not: a rule about people,
//! apps or keys: each act is the method of `Menjin` that commands and `/admin/v1` call, too.

mod apps;
mod audit;
mod charts;
mod events;
mod filters;
mod frame;
mod keys;
mod merging;
mod notices;
mod operators;
mod overview;
mod people;
mod person;
mod person_acts;
mod refused;
mod roles;
mod sessions;
mod simulator;

use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use utoipa_axum::router::OpenApiRouter;

use super::pages::{HOME, see_other};
use crate::problem::Problem;
use crate::state::Menjin;
pub(super) use refused::in_words;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new()
        .merge(overview::routes())
        .merge(people::routes())
        .merge(person::routes())
        .merge(person_acts::routes())
        .merge(merging::routes())
        .merge(sessions::routes())
        .merge(apps::routes())
        .merge(keys::routes())
        .merge(roles::routes())
        .merge(audit::routes())
        .merge(events::routes())
        .merge(operators::routes())
        .route("/console/{*nowhere}", any(async || Problem::RouteUnknown))
        .route("/console/", get(async || see_other(HOME)))
        .route("/console/console.css", get(async || file("text/css; charset=utf-8", include_str!("console.css"))))
        .route("/console/console.js", get(async || file("text/javascript; charset=utf-8", include_str!("console.js"))))
        .route("/console/icon.svg", get(async || file("image/svg+xml", include_str!("../../pages/dev/icon.svg"))))
}

fn file(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type)], text)
}
