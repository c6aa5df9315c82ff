//! Where a token stands in a request: one `Authorization` header, scheme `Bearer` or `JWT` (RFC 6750 section 2.1); and
//! where a route opts in, a cookie, a query parameter or a field of the body. Never two at once.
//!
//! Does not: read bodies. Who takes a token from one hands it over: [`header_or`].

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use menjin_token::{Invalid, MAX_TOKEN};
use reqwest::Url;

use crate::Refusal;

/// Optional white space (RFC 9110 section 5.6.3).
const BLANK: [char; 2] = [' ', '\t'];

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
    bounded(token)
}

/// The token of a request that may bring one in a field of its form or JSON body, with `JWT ` before it or not.
pub fn header_or<'r>(headers: &'r HeaderMap, field: Option<&'r str>) -> Result<&'r str, Refusal> {
    match (token(headers), field.map(without_scheme).filter(|token| !token.is_empty())) {
        (Ok(_), Some(_)) => Err(Refusal::Twice),
        (Err(Refusal::Missing), Some(token)) => bounded(token),
        (in_header, _) => in_header,
    }
}

/// Where else than in the header the tokens of a route may stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    cookie: Option<String>,
    query: Option<String>,
}

impl Places {
    /// In this cookie. A browser sends it by itself: set it `HttpOnly`, `Secure` and `SameSite`, and let nothing but GET
    /// pass from other sites.
    #[must_use]
    pub fn cookie(mut self, name: impl Into<String>) -> Self {
        self.cookie = Some(name.into());
        self
    }

    /// In this parameter of the query. Addresses end up in logs: for downloads and sockets that can't send a header.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>) -> Self {
        self.query = Some(name.into());
        self
    }

    /// The token of a request; [`Refusal::Twice`] when there is more than one, be they the same or not.
    pub fn token<'r>(&self, headers: &'r HeaderMap, query: Option<&str>) -> Result<Cow<'r, str>, Refusal> {
        let mut found = match token(headers) {
            Ok(token) => Some(Cow::Borrowed(token)),
            Err(Refusal::Missing) => None,
            Err(refusal) => return Err(refusal),
        };
        let in_cookies = self.cookie.as_deref().into_iter().flat_map(|name| cookies(headers, name)).map(Cow::Borrowed);
        let in_query = self.query.as_deref().zip(query).into_iter().flat_map(|(name, query)| parameters(query, name));
        for token in in_cookies.chain(in_query.map(Cow::Owned)) {
            if found.replace(token).is_some() {
                return Err(Refusal::Twice);
            }
        }
        let token = found.ok_or(Refusal::Missing)?;
        bounded(&token)?;
        Ok(token)
    }
}

fn bounded(token: &str) -> Result<&str, Refusal> {
    if token.len() > MAX_TOKEN { Err(Refusal::Invalid(Invalid::TooLarge)) } else { Ok(token) }
}

/// Old clients keep the scheme with the token; a cookie can't hold its space.
fn without_scheme(text: &str) -> &str {
    let text = text.trim_matches(' ');
    let scheme = ["JWT ", "JWT%20"]
        .into_iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    text[scheme.map_or(0, str::len)..].trim_matches(' ')
}

/// The tokens in cookies of this name (RFC 6265 section 4.2.1). White space is the RFC's own: a browser guards the name
/// `__Host-jwt`, and must not be passed by one with a space of Unicode's before it.
fn cookies<'r>(headers: &'r HeaderMap, name: &str) -> impl Iterator<Item = &'r str> {
    let pairs = headers.get_all(COOKIE).into_iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b';'));
    pairs.filter_map(move |pair| {
        let (key, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        let value = || without_scheme(value.trim_matches(BLANK).trim_matches('"'));
        (key.trim_matches(BLANK) == name).then(value).filter(|token| !token.is_empty())
    })
}

/// The tokens in parameters of this name.
fn parameters(query: &str, name: &str) -> Vec<String> {
    // Only a URL is taken apart by the parser at hand.
    let Ok(mut url) = Url::parse("http://localhost/") else { return Vec::new() };
    url.set_query(Some(query));
    let values = url.query_pairs().filter(|(key, _)| key == name);
    values.map(|(_, value)| without_scheme(&value).to_owned()).filter(|token| !token.is_empty()).collect()
}
