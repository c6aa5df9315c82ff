//! The answer that lets a request pass: every header that says who sends it, so that none of a stranger's stays.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response};

use super::asked::Names;
use super::comer::Comer;
use crate::problem::Problem;

const MENJIN: [HeaderName; 6] = [
    HeaderName::from_static("x-menjin-user"),
    HeaderName::from_static("x-menjin-number"),
    HeaderName::from_static("x-menjin-session"),
    HeaderName::from_static("x-menjin-client"),
    HeaderName::from_static("x-menjin-scope"),
    HeaderName::from_static("x-menjin-roles"),
];
/// The names that other gates have made usual, and ours in their manner.
const REMOTE: [HeaderName; 6] = [
    HeaderName::from_static("remote-user"),
    HeaderName::from_static("remote-number"),
    HeaderName::from_static("remote-session"),
    HeaderName::from_static("remote-client"),
    HeaderName::from_static("remote-scope"),
    HeaderName::from_static("remote-groups"),
];
const ASSERTION: HeaderName = HeaderName::from_static("x-menjin-assertion");
const NOTHING: HeaderValue = HeaderValue::from_static("");

/// It may pass, and this is who sends it.
pub(super) fn passes(comer: &Comer, names: Names, assertion: Option<HeaderValue>) -> Result<Response<Body>, Problem> {
    let mut values = [const { NOTHING }; 6];
    values[0] = text(&comer.user.to_string())?;
    values[1] = comer.number.map_or(NOTHING, HeaderValue::from);
    if let Some(caller) = &comer.caller {
        values[2] = text(&caller.session.to_string())?;
        values[3] = text(&caller.client_id)?;
        values[4] = list(&caller.scopes, " ")?;
        // As the token names them: where that has not room for all, a header has not either.
        values[5] = list(&caller.claims.roles, ",")?;
    }
    let names = match names {
        Names::Menjin => MENJIN,
        Names::Remote => REMOTE,
    };
    let mut response = Response::new(Body::empty());
    response.headers_mut().reserve(16);
    response.headers_mut().extend(names.into_iter().zip(values));
    response.headers_mut().insert(ASSERTION, assertion.unwrap_or(NOTHING));
    Ok(response)
}

fn list(words: &[String], between: &str) -> Result<HeaderValue, Problem> {
    match words {
        [] => Ok(NOTHING),
        // What holds what stands between two would be read as two.
        words if words.iter().any(|word| word.is_empty() || word.contains([' ', ','])) => Err(unspeakable()),
        words => text(&words.join(between)),
    }
}

fn text(text: &str) -> Result<HeaderValue, Problem> {
    if text.is_ascii() { HeaderValue::from_str(text).map_err(|_| unspeakable()) } else { Err(unspeakable()) }
}

fn unspeakable() -> Problem {
    Problem::Internal(anyhow::anyhow!("a name in the token can't stand in a header"))
}
