//! Old wire forms on the paths that old clients call (design §4.11): thin, and without a rule of their own.

mod drf_jwt;
mod hapi;

use axum::Router;
use axum::routing::{MethodRouter, post};

use crate::config::{Compat, CompatKind};
use crate::state::Menjin;

/// Which `[[compat]]` entry a path belongs to.
#[derive(Clone, Copy)]
struct Entry(usize);

/// The routes of every `[[compat]]` entry.
pub(crate) fn routes(menjin: &Menjin) -> Router<Menjin> {
    let mut router = Router::new();
    for (index, compat) in menjin.config.compat.iter().enumerate() {
        for (path, route) in compat.paths.iter().zip(of(compat)) {
            router = router.route(path, route.layer(axum::Extension(Entry(index))));
        }
    }
    router
}

/// What stands on the paths of an entry, in their order.
fn of(compat: &Compat) -> Vec<MethodRouter<Menjin>> {
    match compat.kind {
        CompatKind::Hapi => compat.paths.iter().map(|_| post(hapi::login)).collect(),
        CompatKind::DrfJwt => [post(drf_jwt::obtain), post(drf_jwt::refresh), post(drf_jwt::verify)]
            .map(|route| route.fallback(drf_jwt::no_such_method))
            .into(),
    }
}
