//! `GET /.well-known/oauth-authorization-server`: what there is of OAuth, for libraries that look it up (RFC 8414).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::SCOPES;
use crate::problem::Problem;
use crate::state::Menjin;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    // For an issuer with a path the RFC puts it behind the well-known part; libraries ask at either place.
    OpenApiRouter::new()
        .routes(routes!(metadata))
        .route("/.well-known/oauth-authorization-server/{*path}", get(metadata_behind))
}

/// What there is, and where.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = OAuthMetadata)]
struct Metadata {
    /// `iss` of every token.
    #[schema(format = "uri")]
    issuer: String,
    /// Where apps get tokens of their own.
    #[schema(format = "uri")]
    token_endpoint: String,
    /// The public keys.
    #[schema(format = "uri")]
    jwks_uri: String,
    /// Where apps ask about tokens.
    #[schema(format = "uri")]
    introspection_endpoint: String,
    /// Where apps give up tokens.
    #[schema(format = "uri")]
    revocation_endpoint: String,
    /// For people.
    #[schema(format = "uri")]
    service_documentation: String,
    /// What an app may be granted; beside these `platform-token:<app>` for each app of a platform.
    scopes_supported: [&'static str; 4],
    /// None: nobody signs in at an authorization endpoint.
    response_types_supported: [&'static str; 0],
    /// `client_credentials`.
    grant_types_supported: [&'static str; 1],
    /// How an app proves itself.
    token_endpoint_auth_methods_supported: [&'static str; 2],
    /// The same for introspection, where a token of the app's own will do, too.
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    /// The same for revocation.
    revocation_endpoint_auth_methods_supported: [&'static str; 2],
}

const BY_SECRET: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// What there is of OAuth, and where.
///
/// Authorization server metadata. It names nothing that is not there.
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", operation_id = "oauth_metadata", tag = "oauth", responses((status = 200, description = "The metadata; keep it for as long as Cache-Control says", body = Metadata)))]
async fn metadata(State(menjin): State<Menjin>) -> impl IntoResponse {
    let issuer = &menjin.issuer;
    let metadata = Metadata {
        issuer: issuer.clone(),
        token_endpoint: format!("{issuer}/oauth2/token"),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        introspection_endpoint: format!("{issuer}/oauth2/introspect"),
        revocation_endpoint: format!("{issuer}/oauth2/revoke"),
        service_documentation: format!("{issuer}/docs"),
        scopes_supported: SCOPES,
        response_types_supported: [],
        grant_types_supported: ["client_credentials"],
        token_endpoint_auth_methods_supported: BY_SECRET,
        introspection_endpoint_auth_methods_supported: [BY_SECRET[0], BY_SECRET[1], "Bearer"],
        revocation_endpoint_auth_methods_supported: BY_SECRET,
    };
    let max_age = menjin.config.lifetimes.jwks_max_age.as_secs();
    ([(header::CACHE_CONTROL, format!("public, max-age={max_age}"))], Json(metadata))
}

async fn metadata_behind(State(menjin): State<Menjin>, Path(path): Path<String>) -> Result<impl IntoResponse, Problem> {
    let own = menjin.config.server.path();
    if own.is_empty() || own.trim_start_matches('/') != path {
        return Err(Problem::RouteUnknown);
    }
    Ok(metadata(State(menjin)).await)
}
