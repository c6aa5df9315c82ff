//! `GET /.well-known/jwks.json`: the public keys, cacheable (RFC 7517).

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Menjin;

/// A JWK Set (RFC 7517).
#[derive(utoipa::ToSchema)]
#[schema(as = JwkSet)]
#[expect(dead_code, reason = "what the document says of `menjin_token::JwkSet`, which knows nothing of documents")]
struct JwkSetView {
    /// Public keys with `kid`, `kty`, `alg`, `use`, and the members of their kind (RFC 7518).
    keys: Vec<std::collections::BTreeMap<String, String>>,
}

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(jwks))
}

/// The keys that verify access tokens.
///
/// Current, next, and retired ones whose last token still lives.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "tokens", responses((status = 200, description = "A JWK Set (RFC 7517); keep it for as long as Cache-Control says, and fetch it again on an unknown `kid`, at most once a minute", body = JwkSetView)))]
async fn jwks(State(menjin): State<Menjin>) -> impl IntoResponse {
    let max_age = menjin.config.lifetimes.jwks_max_age.as_secs();
    ([(header::CACHE_CONTROL, format!("public, max-age={max_age}"))], Json(menjin.ring.jwks(menjin.clock.now())))
}
