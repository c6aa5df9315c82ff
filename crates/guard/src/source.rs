//! Where a token stands in a request: one `Authorization` header, scheme `Bearer` or `JWT` (RFC 6750 section 2.1).
//!
//! Does not: cookies, query or body. Who opts in to those reads them himself and calls `Guard::check_token`.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use menjin_token::{Invalid, MAX_TOKEN};

use crate::Refusal;

/// The token of a request. A request without one, or with another scheme, is [`Refusal::Missing`];
/// two headers, odd bytes or too many of them are [`Refusal::Invalid`].
pub fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() {
        return Err(Refusal::Invalid(Invalid::Malformed));
    }
    let value = value.to_str().map_err(|_| Refusal::Invalid(Invalid::Malformed))?;
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let token = rest.trim_matches(' ');
    let ours = ["Bearer", "JWT"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
    if !ours || token.is_empty() {
        return Err(Refusal::Missing);
    }
    if token.len() > MAX_TOKEN {
        return Err(Refusal::Invalid(Invalid::TooLarge));
    }
    Ok(token)
}
