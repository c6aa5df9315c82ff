//! `POST /oauth2/introspect`: what a token is worth now (RFC 7662).
//!
//! An app learns of its own tokens and of those that are for it; all others are `{"active": false}`, like what never was a
//! token.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use menjin_token::{Claims, SessionId, UserId};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::form::Form;
use super::problem::{OAuthError, OAuthErrorView};
use super::{client, tokens};
use crate::apps::{CallingApp, app_of};
use crate::problem::Problem;
use crate::roles;
use crate::session::RefreshToken;
use crate::state::Menjin;
use crate::store::{LivingGrant, Whole};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(introspect))
}

/// A token, as a form.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "says in the document what is read parameter by parameter")]
pub(super) struct TokenForm {
    /// An access token or a refresh token.
    token: String,
    /// Not needed: a token says itself what it is.
    #[schema(nullable = false, example = "access_token")]
    token_type_hint: Option<String>,
    /// Instead of `Authorization`.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Beside `client_id`.
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// What a token is worth. Everything but `active` is there for an active one only.
#[derive(Default, Serialize, utoipa::ToSchema)]
struct Introspection {
    /// Whether it is good now, and the caller's to know of.
    active: bool,
    /// What it may be used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<String>,
    /// The app that it was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "shop")]
    client_id: Option<String>,
    /// The user's id; of an app's own token the app's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sub: Option<String>,
    /// Former ids of the same user, by merges: whoever knew them by one of these finds them here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alias: Vec<String>,
    /// Whom it is for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aud: Vec<String>,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iss: Option<String>,
    /// When it dies, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    exp: Option<i64>,
    /// When it was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iat: Option<i64>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    jti: Option<String>,
    /// `Bearer`, for access tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Bearer")]
    token_type: Option<&'static str>,
    /// The session that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sid: Option<String>,
    /// The person's roles for the audience.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    /// What these allow, wildcards kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<String>,
    /// How far changes of roles had come when it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rv: Option<i64>,
}

/// Tells what a token is worth now.
///
/// For an app that can't verify tokens by itself, or must know at once that a session has ended. An app learns of tokens
/// that were issued to it, and of access tokens that are for its audience.
#[utoipa::path(post, path = "/oauth2/introspect", operation_id = "oauth_introspect", tag = "oauth", security(("basic" = []), ("bearer" = []), ()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What it is worth; `active: false` for whatever the caller may not know of", body = Introspection),
        (status = 400, description = "`invalid_request`", body = OAuthErrorView),
        (status = 401, description = "`invalid_client`, `invalid_token`", body = OAuthErrorView, headers(("WWW-Authenticate" = String, description = "`Basic`, or `Bearer` for an app's token"))),
        (status = 408, description = "`invalid_request`: the body did not arrive in time", body = OAuthErrorView),
        (status = 413, description = "`invalid_request`: the body is too large", body = OAuthErrorView),
        (status = 429, description = "`temporarily_unavailable`: too many wrong secrets from this address", body = OAuthErrorView, headers(("Retry-After" = u64, description = "When to ask again, in seconds"))),
        (status = 500, description = "`server_error`", body = OAuthErrorView),
        (status = 503, description = "`temporarily_unavailable`", body = OAuthErrorView, headers(("Retry-After" = u64, description = "When to ask again, in seconds"))),
    ))]
async fn introspect(State(menjin): State<Menjin>, request: Request) -> Result<impl IntoResponse, OAuthError> {
    let (mut parts, form) = Form::read(&menjin, request).await?;
    let caller = client::by_secret_or_token(&menjin, &mut parts, &form).await?;
    let token = form.get("token").ok_or(OAuthError::InvalidRequest("token is missing"))?;
    let found = match RefreshToken::of(&menjin, token).await? {
        Some(refresh) => of_refresh_token(&menjin, &caller, &refresh).await?,
        None => of_access_token(&menjin, &caller, token).await?,
    };
    let answer = found.unwrap_or_default();
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)))
}

async fn of_refresh_token(
    menjin: &Menjin,
    caller: &CallingApp,
    token: &RefreshToken,
) -> Result<Option<Introspection>, Problem> {
    if token.app != caller.id() {
        return Ok(None);
    }
    let Some(LivingGrant { app, rotated_at, until, session, user, .. }) = token.living(menjin).await? else {
        return Ok(None);
    };
    Ok(Some(Introspection {
        active: true,
        client_id: Some(app),
        sub: Some(user.to_string()),
        alias: aliases(menjin, user).await?,
        iss: Some(menjin.issuer.clone()),
        exp: Some(until.secs()),
        iat: Some(rotated_at.secs()),
        sid: Some(session.to_string()),
        ..Introspection::default()
    }))
}

async fn of_access_token(menjin: &Menjin, caller: &CallingApp, token: &str) -> Result<Option<Introspection>, Problem> {
    let Some(claims) = tokens::good(menjin, token).await? else { return Ok(None) };
    if !may_see(menjin, caller, &claims) || !lives(menjin, &claims).await? {
        return Ok(None);
    }
    let Whole { roles, permissions } = allowed(menjin, &claims).await?;
    let alias = match claims.sid.as_ref().and(claims.sub.as_ref()).and_then(|sub| sub.parse().ok()) {
        Some(user) => aliases(menjin, user).await?,
        None => Vec::new(),
    };
    Ok(Some(Introspection {
        active: true,
        alias,
        roles,
        permissions,
        rv: claims.roles_version,
        scope: claims.scope.clone(),
        client_id: claims.client_id.clone(),
        sub: claims.sub.clone(),
        aud: claims.aud.clone(),
        iss: claims.iss.clone(),
        exp: Some(claims.exp.secs()),
        iat: claims.iat.map(menjin_token::Timestamp::secs),
        jti: claims.jti.clone(),
        token_type: Some("Bearer"),
        sid: claims.sid.clone(),
    }))
}

async fn aliases(menjin: &Menjin, user: UserId) -> Result<Vec<String>, Problem> {
    let aliases = menjin.store.aliases_of(user).await?;
    Ok(aliases.into_iter().map(|alias| alias.to_string()).collect())
}

/// What the token's person may do, also where the token has not room for it.
async fn allowed(menjin: &Menjin, claims: &Claims) -> Result<Whole, Problem> {
    let id = claims.sub.as_deref().and_then(|sub| sub.parse::<UserId>().ok());
    let audience = claims.aud.iter().find(|audience| **audience != menjin.issuer);
    match id.zip(audience).filter(|_| claims.has_more_roles) {
        None => Ok(Whole { roles: claims.roles.clone(), permissions: claims.permissions.clone() }),
        Some((id, audience)) => roles::whole(menjin, id, audience).await,
    }
}

/// Every first-party token is for menjin, too: that audience is nobody else's.
fn may_see(menjin: &Menjin, caller: &CallingApp, claims: &Claims) -> bool {
    let is_for_caller = |audience: &String| *audience == caller.audience() && *audience != menjin.issuer;
    claims.client_id.as_deref() == Some(caller.id()) || claims.aud.iter().any(is_for_caller)
}

/// The store knows of an end before the feed tells it.
async fn lives(menjin: &Menjin, claims: &Claims) -> Result<bool, Problem> {
    let Some(sid) = &claims.sid else { return Ok(app_of(menjin, claims).is_some()) };
    let Ok(id) = sid.parse::<SessionId>() else { return Ok(false) };
    let session = menjin.store.session(id).await?;
    Ok(session.is_some_and(|session| session.ended.is_none() && menjin.clock.now() < session.expires_at))
}
