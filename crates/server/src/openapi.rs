//! `/openapi.json`, made from the handlers, and `/docs`, which shows it without the internet.

use axum::Router;
use axum::http::{HeaderValue, header};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::state::Menjin;

/// What stands above the routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "menjin", description = "The login system for mini programs: a `code` goes in; a user, a session and tokens come out. Errors are `application/problem+json` (RFC 9457) with a stable `code` and an `action`."),
    tags(
        (name = "sign-in", description = "From a code to tokens, and back out"),
        (name = "me", description = "The caller"),
        (name = "tokens", description = "What back ends verify with"),
        (name = "operation", description = "For operators"),
    ),
    modifiers(&Bearer)
)]
pub(crate) struct Api;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build());
        api.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

/// Swagger UI's own files alone; it sets styles by script only, and draws its pictures from `data:`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page and the document. No validator, as that is somebody else's server, and no bar above it: this is the only
/// document, and the bar's logo brings an inline style.
pub(crate) fn routes(api: utoipa::openapi::OpenApi) -> Router<Menjin> {
    let config = Config::default().validator_url("none").use_base_layout();
    let page = Router::new().merge(SwaggerUi::new("/docs").url("/openapi.json", api).config(config));
    page.layer(tower_http::set_header::SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, POLICY))
}
