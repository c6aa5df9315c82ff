//! OAuth 2.0 as other people's libraries speak it: apps get tokens of their own, ask about tokens and revoke them.
//!
//! Lives here: the endpoints, their forms, their errors (RFC 6749, 7009, 7662, 8414). Does not: who an app is (`apps`), what
//! a session is (`session`).

mod client;
mod form;
mod introspect;
mod metadata;
mod problem;
mod revoke;
mod token;
mod tokens;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    token::routes().merge(introspect::routes()).merge(revoke::routes()).merge(metadata::routes())
}
