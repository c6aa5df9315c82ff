//! Events: what other programs are told of people, made of lines of the audit (docs/events.md).
//!
//! Lives here: which lines are told, to whom, and in which order; `GET /v1/events`; webhooks. Does not: the feed of ends, which
//! guards read (`session`), the audit itself (`store`).

mod delivery;
mod horizon;
mod list;
mod operated;
mod page;
mod signature;
mod standing;
mod told;

use utoipa_axum::router::OpenApiRouter;

pub(crate) use delivery::follow;
pub(crate) use horizon::Horizon;
pub(crate) use operated::EventsAsked;
pub use standing::WebhookView;
pub(crate) use told::Event;

use crate::state::Menjin;

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    list::routes()
}
