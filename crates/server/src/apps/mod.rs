//! What people sign in from: the registry of apps, their platforms, what their tokens hold, and the broker of platform tokens.
//!
//! Does not: signing anybody in (`login`), rows (`store`).

mod broker;
mod registry;
mod shape;

pub(crate) use broker::{Broker, phone};
pub(crate) use registry::{App, Registry};
