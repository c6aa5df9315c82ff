//! Which app asks: `client_secret_basic`, `client_secret_post`, or a token of the app's own where that will do
//! (RFC 6749 §2.3, RFC 7662 §2.1).
//!
//! Does not: comparing secrets (`apps`).

use axum::http::header;
use axum::http::request::Parts;

use super::form::Form;
use super::problem::OAuthError;
use crate::apps::{CallingApp, Credentials};
use crate::extract::authorization;
use crate::problem::Problem;
use crate::state::Menjin;

/// The app, by its id and secret.
pub(super) async fn by_secret(menjin: &Menjin, parts: &mut Parts, form: &Form) -> Result<CallingApp, OAuthError> {
    let credentials = credentials(parts, form)?;
    Ok(credentials.ok_or(Problem::ClientInvalid)?.prove(menjin, parts).await?)
}

/// The app, by its id and secret or by a token of its own.
pub(super) async fn by_secret_or_token(
    menjin: &Menjin,
    parts: &mut Parts,
    form: &Form,
) -> Result<CallingApp, OAuthError> {
    match authorization(&parts.headers, false) {
        None => by_secret(menjin, parts, form).await,
        Some(_) if form.get("client_secret").is_some() => Err(TWO_WAYS),
        Some(token) => Ok(CallingApp::by_token(menjin, token).await?),
    }
}

const TWO_WAYS: OAuthError = OAuthError::InvalidRequest("the client authenticates in more than one way");

/// What was presented, in one way alone.
fn credentials(parts: &Parts, form: &Form) -> Result<Option<Credentials>, OAuthError> {
    let (id, secret) = (form.get("client_id"), form.get("client_secret"));
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        return Ok(id.zip(secret).map(|(id, secret)| Credentials::posted(id, secret)));
    }
    if secret.is_some() {
        return Err(TWO_WAYS);
    }
    let basic = Credentials::basic(&parts.headers);
    match (&basic, id) {
        (Some(basic), Some(id)) if basic.id() != id => {
            Err(OAuthError::InvalidRequest("client_id is another one than that of the Authorization header"))
        }
        _ => Ok(basic),
    }
}
