//! What people sign in from: the registry of apps, their platforms, what their tokens hold, the broker of platform tokens,
//! and back ends that prove which app they are.
//!
//! Does not: signing anybody in (`login`), rows (`store`).

mod broker;
mod credentials;
mod fetch;
mod flights;
mod platform_token;
mod ration;
mod registry;
mod shape;

use utoipa_axum::router::OpenApiRouter;

pub(crate) use broker::{Broker, phone};
pub(crate) use registry::{App, Registry};

use crate::state::Menjin;

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    platform_token::routes()
}
