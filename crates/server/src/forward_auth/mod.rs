//! Forward-auth (design §4.12): a proxy asks about each request whether it may pass, and who sends it.
//!
//! Lives here: what the proxy's address asks for, who comes, and the headers that say so. Does not: cookies, redirects,
//! a look at what is asked of the upstream: whatever a stranger can write decides nothing.

mod answer;
mod asked;
mod assertion;
mod comer;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::any;
use utoipa::Path as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::state::Menjin;

use asked::Asked;
use comer::Comer;
pub(crate) use comer::Memory;

/// Where Envoy asks: what it asks for, then whatever the stranger's request names.
const ENVOY: &str = "/auth/envoy/";

/// Proxies pass on methods that no document can list.
pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    let (nginx_schemas, nginx, _) = routes!(by_nginx);
    let (forward_schemas, forward, _) = routes!(by_forwarding);
    let mut routes = OpenApiRouter::new()
        .routes((nginx_schemas, nginx, any(by_nginx)))
        .routes((forward_schemas, forward, any(by_forwarding)))
        .route("/auth/envoy/{*all}", any(by_envoy));
    // What is behind the first segment has segments of its own, and no document can say that.
    let mut operation = __path_by_envoy::operation();
    operation.tags = Some(vec!["forward-auth".to_owned()]);
    let paths = &mut routes.get_openapi_mut().paths;
    paths.add_path_operation(__path_by_envoy::path(), __path_by_envoy::methods(), operation);
    routes
}

/// Whether a request may pass, for nginx' `auth_request`.
///
/// Every method is answered alike. The headers of a 200 are all there, and empty where there is nothing to say.
#[utoipa::path(get, path = "/auth/nginx", operation_id = "forward_auth_nginx", tag = "forward-auth", security(("bearer" = [])),
    params(
        ("audience" = String, Query, description = "The back end that the token must be for"),
        ("require" = Option<String>, Query, description = "What else the token must hold: `role:admin`, `perm:orders:read`, `scope:x`, with commas between; all of them"),
        ("headers" = Option<String>, Query, description = "`remote`: the headers are `Remote-User`, `Remote-Groups` …"),
        ("assertion" = Option<String>, Query, description = "The upstream for which `X-Menjin-Assertion` is signed"),
    ),
    responses(
        (status = 200, description = "It may pass", headers(
            ("X-Menjin-User" = String, description = "`usr_…`"),
            ("X-Menjin-Number" = String, description = "The user's number; empty while the store can't tell"),
            ("X-Menjin-Session" = String, description = "`ses_…`"),
            ("X-Menjin-Client" = String, description = "The app"),
            ("X-Menjin-Scope" = String, description = "The token's scopes, with spaces between"),
            ("X-Menjin-Roles" = String, description = "The roles for this audience, with commas between"),
            ("X-Menjin-Assertion" = String, description = "A JWT of `typ: menjin-assertion+jwt` for the named upstream"),
        )),
        (status = 403, description = "`forbidden`, `insufficient_scope`: the token lacks what `require` names"),
        (status = 500, description = "`forward_auth_misconfigured`: the proxy's address can't stand, and nobody passes"),
    ))]
async fn by_nginx(State(menjin): State<Menjin>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    decide(&menjin, uri.query().unwrap_or_default(), &headers).await
}

/// Whether a request may pass, for proxies that show the refusal to the client: Traefik, Caddy and others.
///
/// As `/auth/nginx`.
#[utoipa::path(get, path = "/auth/forward", operation_id = "forward_auth", tag = "forward-auth", security(("bearer" = [])),
    params(("audience" = String, Query, description = "As for `/auth/nginx`, like the other parameters")),
    responses((status = 200, description = "It may pass; the headers are those of `/auth/nginx`"), (status = 403, description = "`forbidden`, `insufficient_scope`"), (status = 500, description = "`forward_auth_misconfigured`")))]
async fn by_forwarding(State(menjin): State<Menjin>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    decide(&menjin, uri.query().unwrap_or_default(), &headers).await
}

/// Whether a request may pass, for Envoy's `ext_authz` over HTTP.
///
/// Envoy puts the path and the query of the stranger's request behind its own, so what is asked for stands before them, as
/// one segment: `path_prefix: /auth/envoy/audience=shop-api&require=role:admin`.
#[utoipa::path(get, path = "/auth/envoy/{asked}/{rest}", operation_id = "forward_auth_envoy", tag = "forward-auth", security(("bearer" = [])),
    params(
        ("asked" = String, Path, description = "What `/auth/nginx` has as its query", example = "audience=shop-api"),
        ("rest" = String, Path, description = "Whatever the stranger asked for; it is not looked at"),
    ),
    responses((status = 200, description = "It may pass; the headers are those of `/auth/nginx`"), (status = 403, description = "`forbidden`, `insufficient_scope`"), (status = 500, description = "`forward_auth_misconfigured`")))]
async fn by_envoy(State(menjin): State<Menjin>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let behind = uri.path().strip_prefix(ENVOY).unwrap_or_default();
    decide(&menjin, behind.split('/').next().unwrap_or_default(), &headers).await
}

async fn decide(menjin: &Menjin, asked: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let asked = Asked::parse(asked)
        .and_then(|asked| asked.checked(menjin))
        .map_err(|why| menjin.forward_auth.complain(why, menjin.clock.now()))?;
    let comer = Comer::of(menjin, headers, &asked.audience).await?;
    asked.require.iter().try_for_each(|needed| comer.has(needed))?;
    let assertion = asked.assertion.as_ref().map(|upstream| assertion::of(menjin, &comer, upstream)).transpose()?;
    answer::passes(&comer, asked.names, assertion)
}
