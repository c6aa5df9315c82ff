//! Old wire forms on the paths that old clients call (design §4.11): thin, and without a rule of their own.

mod hapi;

use axum::Router;
use axum::routing::post;

use crate::config::CompatKind;
use crate::state::Menjin;

/// The routes of every `[[compat]]` entry.
pub(crate) fn routes(menjin: &Menjin) -> Router<Menjin> {
    let mut router = Router::new();
    for (index, compat) in menjin.config.compat.iter().enumerate() {
        for path in &compat.paths {
            router = match compat.kind {
                CompatKind::Hapi => router.route(path, post(hapi::login).layer(axum::Extension(hapi::Entry(index)))),
            };
        }
    }
    router
}
