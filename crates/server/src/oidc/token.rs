//! `POST /oauth2/token`: an app's id and secret for an access token of its own (RFC 6749 §4.4).

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client;
use super::form::Form;
use super::problem::{OAuthError, OAuthErrorView};
use crate::apps::{CallingApp, mint_app_token};
use crate::state::Menjin;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(token))
}

/// What is asked, as a form.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "says in the document what is read parameter by parameter")]
struct TokenRequest {
    /// `client_credentials`.
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// Of the scopes that the app was granted, with spaces between; all of them when left out.
    #[schema(nullable = false, example = "session-data")]
    scope: Option<String>,
    /// Instead of `Authorization: Basic`.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Beside `client_id`.
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// An app's own token.
#[derive(Serialize, utoipa::ToSchema)]
struct TokenAnswer {
    /// For `Authorization: Bearer`, on the routes of back ends alone.
    access_token: String,
    /// Always `Bearer`.
    #[schema(pattern = "^Bearer$", example = "Bearer")]
    token_type: &'static str,
    /// Seconds that it lives.
    #[schema(example = 900)]
    expires_in: u64,
    /// What it may be used for.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "session-data")]
    scope: String,
}

/// Gives an app an access token of its own.
///
/// The grant `client_credentials` of OAuth 2.0. Without a token an app may send its id and secret with each request
/// instead.
#[utoipa::path(post, path = "/oauth2/token", operation_id = "oauth_token", tag = "oauth", security(("basic" = []), ()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token; there is no refresh token, as the secret serves again", body = TokenAnswer),
        (status = 400, description = "`invalid_request`, `unsupported_grant_type`, `invalid_scope`", body = OAuthErrorView),
        (status = 401, description = "`invalid_client`", body = OAuthErrorView, headers(("WWW-Authenticate" = String, description = "`Basic`"))),
        (status = 408, description = "`invalid_request`: the body did not arrive in time", body = OAuthErrorView),
        (status = 413, description = "`invalid_request`: the body is too large", body = OAuthErrorView),
        (status = 429, description = "`temporarily_unavailable`: too many wrong secrets from this address", body = OAuthErrorView, headers(("Retry-After" = u64, description = "When to ask again, in seconds"))),
        (status = 500, description = "`server_error`", body = OAuthErrorView),
        (status = 503, description = "`temporarily_unavailable`", body = OAuthErrorView, headers(("Retry-After" = u64, description = "When to ask again, in seconds"))),
    ))]
async fn token(State(menjin): State<Menjin>, request: Request) -> Result<impl IntoResponse, OAuthError> {
    let (mut parts, form) = Form::read(&menjin, request).await?;
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err(OAuthError::UnsupportedGrantType),
        None => return Err(OAuthError::InvalidRequest("grant_type is missing")),
    }
    let caller = client::by_secret(&menjin, &mut parts, &form).await?;
    let scope = scope(&caller, form.get("scope"))?;
    let secret = caller.secret().ok_or(crate::problem::Problem::ClientInvalid)?;
    let access_token = mint_app_token(&menjin, caller.app(), secret, &scope, menjin.clock.now())?;
    metrics::counter!("menjin_app_tokens_total", "app" => caller.id().to_owned()).increment(1);
    let expires_in = menjin.config.lifetimes.access_token.as_secs();
    let answer = TokenAnswer { access_token, token_type: "Bearer", expires_in, scope };
    Ok(([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], axum::Json(answer)))
}

/// What was asked of what was granted, each once; all of it when nothing was asked.
fn scope(caller: &CallingApp, asked: Option<&str>) -> Result<String, OAuthError> {
    let granted = &caller.app().scopes;
    let Some(asked) = asked else { return Ok(granted.join(" ")) };
    let mut scopes: Vec<&str> = Vec::new();
    for one in asked.split(' ') {
        if !granted.iter().any(|granted| granted == one) {
            return Err(OAuthError::InvalidScope);
        }
        if !scopes.contains(&one) {
            scopes.push(one);
        }
    }
    Ok(scopes.join(" "))
}
