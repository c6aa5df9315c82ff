//! Errors as OAuth's clients read them: `{error, error_description}` (RFC 6749 §5.2), in English, as the RFC wants ASCII.
//!
//! Does not: the catalogue (`problem`), which this room's handlers fail with too, in these words.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::edge::Refused;
use crate::problem::{self, Problem};

/// Why an endpoint of OAuth refused.
#[derive(Debug)]
pub(super) enum OAuthError {
    /// The request is not one that the RFC knows: what is wrong with it.
    InvalidRequest(&'static str),
    /// No such grant type.
    UnsupportedGrantType,
    /// More than was granted.
    InvalidScope,
    /// The token is another client's.
    InvalidGrant,
    /// The token can't be revoked by itself.
    UnsupportedTokenType,
    /// Whatever any route may fail with.
    Problem(Problem),
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<crate::store::StoreError> for OAuthError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Problem(error.into())
    }
}

const BASIC: &str = "Basic realm=\"menjin\", charset=\"UTF-8\"";
const BEARER: &str = "Bearer realm=\"menjin\", error=\"invalid_token\"";

/// As it is answered: status, code, words, challenge.
struct Answer(StatusCode, &'static str, &'static str, Option<&'static str>);

impl OAuthError {
    fn answer(&self) -> Answer {
        let bad = |error, description| Answer(StatusCode::BAD_REQUEST, error, description, None);
        match self {
            Self::InvalidRequest(why) => bad("invalid_request", why),
            Self::UnsupportedGrantType => bad("unsupported_grant_type", "client_credentials is supported"),
            Self::InvalidScope => bad("invalid_scope", "the app was not granted all of this scope, or it is malformed"),
            Self::InvalidGrant => bad("invalid_grant", "the token was issued to another client"),
            Self::UnsupportedTokenType => bad(
                "unsupported_token_type",
                "a token of client credentials ends by itself, or with the secret that it was given for",
            ),
            Self::Problem(problem) => of_problem(problem),
        }
    }
}

fn of_problem(problem: &Problem) -> Answer {
    const NO_CLIENT: &str = "no app has this id and secret, or none were sent";
    if matches!(problem, Problem::ClientInvalid | Problem::BackendOnly) {
        return Answer(StatusCode::UNAUTHORIZED, "invalid_client", NO_CLIENT, Some(BASIC));
    }
    let status = problem.spec().status;
    let (status, error, description) = match status {
        StatusCode::UNAUTHORIZED => {
            return Answer(status, "invalid_token", "the app's token is not valid any more", Some(BEARER));
        }
        StatusCode::TOO_MANY_REQUESTS => {
            (status, "temporarily_unavailable", "too many wrong secrets from this address")
        }
        StatusCode::SERVICE_UNAVAILABLE => (status, "temporarily_unavailable", "the same request may come again"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (StatusCode::BAD_REQUEST, "invalid_request", "the body must be application/x-www-form-urlencoded")
        }
        StatusCode::PAYLOAD_TOO_LARGE => (status, "invalid_request", "the body is too large"),
        _ if status.is_client_error() => (status, "invalid_request", "the body did not arrive whole"),
        _ => (status, "server_error", "menjin failed; its log says why"),
    };
    Answer(status, error, description, None)
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let Answer(status, error, description, challenge) = self.answer();
        metrics::counter!("menjin_oauth_errors_total", "error" => error).increment(1);
        let mut headers = axum::http::HeaderMap::new();
        let mut refused = Refused(error);
        if let Self::Problem(problem) = &self {
            problem::tell(problem);
            refused = Refused(problem.spec().code);
            if let Some(seconds) = problem.retry_after() {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
        } else {
            tracing::debug!(oauth.error = error, description, "refused");
        }
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        let body = json!({"error": error, "error_description": description});
        (status, headers, axum::Extension(refused), axum::Json(body)).into_response()
    }
}

/// Why a request was refused (RFC 6749 §5.2).
#[derive(utoipa::ToSchema)]
#[schema(as = OAuthError)]
#[expect(dead_code, reason = "says in the document what `OAuthError` is answered as")]
pub(super) struct OAuthErrorView {
    /// The stable name.
    #[schema(example = "invalid_client")]
    error: String,
    /// What is wrong, for developers.
    #[schema(example = "no app has this id and secret, or none were sent")]
    error_description: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_no_character_that_the_rfc_forbids() {
        let all = [
            OAuthError::UnsupportedGrantType,
            OAuthError::InvalidScope,
            OAuthError::InvalidGrant,
            OAuthError::UnsupportedTokenType,
            Problem::ClientInvalid.into(),
            Problem::TokenInvalid.into(),
            Problem::TimedOut.into(),
            Problem::BodyTooSlow.into(),
            Problem::BodyTooLarge.into(),
            Problem::BadContentType.into(),
            Problem::Internal(anyhow::anyhow!("a bug")).into(),
        ];
        for error in all {
            let Answer(_, error, description, _) = error.answer();
            let fits = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
            assert!(error.chars().chain(description.chars()).all(fits), "{error}: {description}");
        }
    }
}
