//! Tokens that an app asks about: a bad one is none at all, and only a failure of ours is an error.

use std::sync::Arc;

use axum::http::StatusCode;
use menjin_token::Claims;

use crate::apps::is_an_apps;
use crate::extract;
use crate::problem::Problem;
use crate::state::Menjin;

/// What a good access token says, a person's or an app's own; `None` for any other text.
pub(super) async fn good(menjin: &Menjin, token: &str) -> Result<Option<Arc<Claims>>, Problem> {
    match extract::claims(menjin, token).await {
        Ok(claims) => Ok(Some(claims).filter(|claims| claims.sid.is_some() || is_an_apps(claims))),
        Err(problem) if problem.spec().status == StatusCode::SERVICE_UNAVAILABLE => Err(problem),
        Err(_) => Ok(None),
    }
}
