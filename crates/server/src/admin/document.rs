//! The document of the operator's side: every route that stands here, with what operators prove themselves by.
//!
//! Does not: the public side's document (`openapi`).

use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::{before_the_door, behind_the_door};
use crate::openapi;

/// What stands above the routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "menjin, the operator's side", description = "What operators do, below `/admin/v1` as JSON and below `/console` as pages. Users' tokens open nothing here. A program sends `Authorization: Bearer mjo_…` (`menjin admin token create`); the console's own calls carry the cookie and `X-Menjin-Console: 1`. Errors are `application/problem+json` (RFC 9457)."),
    tags(
        (name = "users", description = "People: found, shown, disabled, merged, exported, deleted"),
        (name = "identities", description = "How they sign in by platforms"),
        (name = "sessions", description = "Sign-ins"),
        (name = "roles", description = "Roles and permissions, and who has them"),
        (name = "apps", description = "What people sign in from, and back ends"),
        (name = "keys", description = "Signing keys"),
        (name = "audit", description = "Who did what, and what others are told of it"),
        (name = "operators", description = "Who may, and programs' tokens"),
        (name = "pages", description = "For operators' browsers"),
    ),
    modifiers(&Proofs)
)]
struct Api;

struct Proofs;

impl utoipa::Modify for Proofs {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let token = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("mjo_…").build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let cookie =
            ApiKeyValue::with_description("menjin-operator", "Of a sign-in; by https `__Host-menjin-operator`.");
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// All routes but those of `menjin dev` alone.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let mut api = Api::openapi();
    for part in [behind_the_door(), before_the_door()] {
        api.merge(part.into_openapi());
    }
    openapi::complete_for_operators(&mut api);
    api
}

/// Serves it.
pub(super) async fn show(_: super::Operator) -> axum::Json<utoipa::openapi::OpenApi> {
    axum::Json(document())
}
