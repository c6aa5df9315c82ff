//! `POST /oauth2/revoke`: an app gives up a token (RFC 7009): its session ends, with every token of it.
//!
//! A first-party session has one grant, so an access token takes its refresh token along, and the other way round.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use menjin_token::SessionId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::form::Form;
use super::introspect::TokenForm;
use super::problem::{OAuthError, OAuthErrorView};
use super::{client, tokens};
use crate::extract::Client;
use crate::session::{RefreshToken, end_for};
use crate::state::Menjin;
use crate::store::Ends;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(revoke))
}

/// Revokes a token.
///
/// A person's access or refresh token: the session that it belongs to ends at once. What is no token, or none any more, is
/// revoked already. An app revokes its own tokens only.
#[utoipa::path(post, path = "/oauth2/revoke", operation_id = "oauth_revoke", tag = "oauth", security(("basic" = []), ("bearer" = []), ()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is worth nothing any more"),
        (status = 400, description = "`invalid_request`; `invalid_grant`: it was issued to another app; `unsupported_token_type`: an app's own token", body = OAuthErrorView),
        (status = 401, description = "`invalid_client`, `invalid_token`", body = OAuthErrorView, headers(("WWW-Authenticate" = String, description = "`Basic`, or `Bearer` for an app's token"))),
        (status = 408, description = "`invalid_request`: the body did not arrive in time", body = OAuthErrorView),
        (status = 413, description = "`invalid_request`: the body is too large", body = OAuthErrorView),
        (status = 429, description = "`temporarily_unavailable`: too many wrong secrets from this address", body = OAuthErrorView, headers(("Retry-After" = u64, description = "When to ask again, in seconds"))),
        (status = 500, description = "`server_error`", body = OAuthErrorView),
        (status = 503, description = "`temporarily_unavailable`: the token may live on, ask again", body = OAuthErrorView, headers(("Retry-After" = u64, description = "When to ask again, in seconds"))),
    ))]
async fn revoke(State(menjin): State<Menjin>, request: Request) -> Result<StatusCode, OAuthError> {
    let (mut parts, form) = Form::read(&menjin, request).await?;
    let caller = client::by_secret_or_token(&menjin, &mut parts, &form).await?;
    let token = form.get("token").ok_or(OAuthError::InvalidRequest("token is missing"))?;
    let (holder, ends) = if let Some(refresh) = RefreshToken::of(&menjin, token).await? {
        (Some(refresh.app), Some(Ends::Grant(refresh.grant)))
    } else if let Some(claims) = tokens::good(&menjin, token).await? {
        let session = claims.sid.as_deref().and_then(|sid| sid.parse::<SessionId>().ok());
        (claims.client_id.clone(), session.map(Ends::Session))
    } else {
        return Ok(StatusCode::OK);
    };
    if holder.as_deref() != Some(caller.id()) {
        return Err(OAuthError::InvalidGrant);
    }
    let ends = ends.ok_or(OAuthError::UnsupportedTokenType)?;
    let client = Client::from_request_parts(&mut parts, &menjin).await?;
    end_for(&menjin, caller.id(), ends, &client).await?;
    Ok(StatusCode::OK)
}
