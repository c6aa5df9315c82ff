//! The guard in axum: `caller: Caller` in a handler's arguments, and refusals as answers.

use axum::extract::{FromRef, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::header::ACCEPT_LANGUAGE;
use http::request::Parts;

use crate::{Caller, Guard, Refusal};

/// A refusal, with the languages that the client asked for.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// The request's `Accept-Language`.
    pub accept_language: Option<String>,
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Guard: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let guard = Guard::from_ref(state);
        guard.check(&parts.headers).await.map_err(|refusal| {
            let language = parts.headers.get(ACCEPT_LANGUAGE);
            let accept_language = language.and_then(|value| value.to_str().ok()).map(str::to_owned);
            Refused { refusal, accept_language }
        })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let language = self.accept_language.as_deref();
        self.refusal.into_response_for(language).into_response()
    }
}

/// For handlers that call `caller.require(…)?`. They don't know the request's languages, so the words are Chinese.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.into_response_for(None).into_response()
    }
}
