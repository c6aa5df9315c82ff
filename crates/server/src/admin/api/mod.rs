//! `/admin/v1`: what operators do, as JSON; a file a noun.
//!
//! Lists are pages of `{items, next}` (`page`). Does not: a rule about anything: each act is a method of `Menjin` that commands
//! call, too.

mod apps;
mod audit;
mod events;
mod identities;
mod keys;
mod leaving;
pub(super) mod masked;
mod merging;
pub(super) mod named;
mod operators;
pub(super) mod page;
mod roles;
mod sessions;
pub(super) mod taken;
mod users;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;
pub(super) use apps::Adding;
pub(super) use audit::{FILTERS as AUDIT_FILTERS, lines as audit_lines};
pub(super) use sessions::{FILTERS as SESSION_FILTERS, found as sessions_found};
pub(super) use users::no_reset;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new()
        .merge(users::routes())
        .merge(identities::routes())
        .merge(merging::routes())
        .merge(leaving::routes())
        .merge(sessions::routes())
        .merge(roles::routes())
        .merge(apps::routes())
        .merge(keys::routes())
        .merge(audit::routes())
        .merge(events::routes())
        .merge(operators::routes())
}
