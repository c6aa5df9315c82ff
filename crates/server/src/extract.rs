//! What handlers take: JSON with errors that name the field, the caller, and where a request came from. And give: JSON.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use ipnet::IpNet;
use menjin_guard::{Caller, Refusal};
use menjin_token::Claims;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::entropy::sha256;
use crate::problem::{Fault, Problem};
use crate::replaced;
use crate::state::Menjin;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // Into a plain vector: what grows in small steps is slow to write to otherwise.
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Problem::Internal(error.into()).into_response(),
        }
    }
}

/// A JSON body, and SHA-256 of its bytes.
pub(crate) struct JsonAndDigest<T>(pub(crate) T, pub(crate) [u8; 32]);

/// A JSON body, or none at all.
pub(crate) struct OptionalJson<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned> FromRequest<Menjin> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Menjin) -> Result<Self, Problem> {
        JsonAndDigest::from_request(request, state).await.map(|JsonAndDigest(value, _)| Self(value))
    }
}

impl<T: DeserializeOwned> FromRequest<Menjin> for JsonAndDigest<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Menjin) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::BadContentType);
        }
        let bytes = body(request, state).await?;
        Ok(Self(parse(&bytes)?, sha256(&bytes)))
    }
}

impl<T: DeserializeOwned> FromRequest<Menjin> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Menjin) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = body(request, state).await?;
        match (bytes.is_empty(), json) {
            (true, _) => Ok(Self(None)),
            (false, false) => Err(Problem::BadContentType),
            (false, true) => parse(&bytes).map(Some).map(Self),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5 && essence.to_ascii_lowercase().ends_with("+json"))
}

/// What is left of a body that is too large is read up to so many times `server.max_body`: a client that is still
/// writing hears the answer instead of a reset connection.
const LINGER: usize = 16;

/// A whole body.
pub(crate) async fn body(request: Request, state: &Menjin) -> Result<Bytes, Problem> {
    body_within(request, state, state.config.server.max_body).await
}

/// A body of at most so many bytes. It gets half of the request's time at most: a client that is too slow shall hear of itself,
/// not of a slow server.
pub(crate) async fn body_within(request: Request, state: &Menjin, limit: usize) -> Result<Bytes, Problem> {
    let server = &state.config.server;
    let patience = server.header_timeout.min(server.request_timeout / 2);
    if asks_first(request.headers(), limit) {
        return Err(Problem::BodyTooLarge);
    }
    let whole = read(request.into_body(), limit);
    tokio::time::timeout(patience, whole).await.unwrap_or(Err(Problem::BodyTooSlow))
}

/// Whether the client waits to hear if it may send a body that is too large (RFC 9110 §10.1.1): no byte of it is asked for.
fn asks_first(headers: &HeaderMap, limit: usize) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    text(header::EXPECT).is_some() && length.is_some_and(|length| length > limit as u64)
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(&mut body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let mut left = limit.saturating_mul(LINGER);
            while let Some(Ok(frame)) = body.frame().await {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                if left == 0 {
                    break;
                }
            }
            Err(Problem::BodyTooLarge)
        }
        Err(_) => Err(Problem::BadJson(Fault::CutShort)),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii().is_empty() {
        return Err(Problem::BadJson(Fault::EmptyBody));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // For an enum that meets a number or null, the parser blames the syntax.
        let is_json = error.inner().is_data() || serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
        bad_json(&path, error.inner(), is_json)
    })?;
    reader.end().map_err(|_| Problem::BadJson(Fault::Trailing))?;
    Ok(value)
}

/// A JSON object and nothing else: by itself a derived `Deserialize` takes an array of the members, too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

/// For requests that take no body: there is none, or an object without members.
pub(crate) fn no_members(bytes: &[u8]) -> Result<(), Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    parse(bytes).map(|Nothing {}| ())
}

/// For members that are objects themselves: an object, `null` or nothing.
pub(crate) fn object_or_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(value)| value))
}

/// The parser's words may quote what was sent, so only their kind and the field's name are kept.
fn bad_json(path: &str, error: &serde_json::Error, is_json: bool) -> Problem {
    if !is_json {
        return Problem::BadJson(Fault::NotJson { line: error.line(), column: error.column() });
    }
    let text = error.to_string();
    if text.starts_with("unknown field `") {
        return Problem::field(told_back(path, "body"), Fault::NotTaken);
    }
    let prefix = if path == "." { String::new() } else { format!("{path}.") };
    for (start, fault) in [("missing field `", Fault::Missing), ("duplicate field `", Fault::Twice)] {
        if let Some(name) = text.strip_prefix(start).and_then(|rest| rest.split('`').next()) {
            return Problem::field(format!("{prefix}{name}"), fault);
        }
    }
    if path == "." { Problem::BadJson(Fault::NotAnObject) } else { Problem::field(path, Fault::WrongType) }
}

/// Letters of a name that is told back.
const LONGEST_NAME: usize = 40;

/// What is certainly a mistyped name and nothing else is said back; of all else only where it stood.
pub(crate) fn told_back(name: &str, place: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if is_plain && !name.is_empty() && name.len() <= LONGEST_NAME { name.to_owned() } else { place.to_owned() }
}

/// Where a request came from.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The rightmost hop that is no trusted proxy.
    pub(crate) ip: Option<IpAddr>,
    /// What the client calls itself, bounded.
    pub(crate) user_agent: Option<String>,
}

impl Client {
    pub(crate) fn ip_text(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }
}

impl FromRequestParts<Menjin> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Menjin) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            ip: peer.map(|peer| client_ip(peer, &parts.headers, &state.config.server.trusted_proxies)),
            user_agent: agent.map(|text| text.chars().filter(|c| !c.is_control()).take(256).collect()),
        })
    }
}

/// Walks `X-Forwarded-For` from the right for as long as the hops are trusted proxies.
fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(&ip.to_canonical()));
    let mut client = peer.to_canonical();
    let hops: Vec<&[u8]> = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        let Some(ip) = std::str::from_utf8(hop).ok().and_then(|hop| address(hop.trim())) else { break };
        client = ip.to_canonical();
    }
    client
}

/// A hop's address: some proxies add the port.
fn address(hop: &str) -> Option<IpAddr> {
    hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

/// The token in `Authorization`: after `Bearer` or `JWT`, or bare where an old client's form is switched on.
pub(crate) fn authorization(headers: &HeaderMap, bare: bool) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let text = value.to_str().ok()?.trim();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("jwt") => {
            Some(token.trim())
        }
        None if bare => Some(text),
        Some(_) | None => None,
    }
}

/// A request waits for the feed no longer.
const FEED_PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// Who calls, by access token alone.
pub(crate) async fn caller(menjin: &Menjin, headers: &HeaderMap) -> Result<Caller, Problem> {
    caller_by(menjin, menjin_guard::source::token(headers)?).await
}

/// Whom an access token names, wherever it stood.
pub(crate) async fn caller_by(menjin: &Menjin, token: &str) -> Result<Caller, Problem> {
    let checked = match menjin.guard.check_token(token).await {
        Err(Refusal::FeedStale) => {
            read_feed_now(menjin).await?;
            menjin.guard.check_token(token).await
        }
        checked => checked,
    };
    match checked {
        Ok(caller) => Ok(caller),
        Err(refusal) => Err(replaced::told_of_token(menjin, refusal.into(), token).await),
    }
}

/// What a good access token says, a person's or an app's own.
pub(crate) async fn claims(menjin: &Menjin, token: &str) -> Result<Arc<Claims>, Problem> {
    match menjin.guard.check_claims(token).await {
        Err(Refusal::FeedStale) => {
            read_feed_now(menjin).await?;
            Ok(menjin.guard.check_claims(token).await?)
        }
        checked => Ok(checked?),
    }
}

/// A stalled or jumping clock makes the feed look old: it is read at once, rather than a good token refused.
pub(crate) async fn read_feed_now(menjin: &Menjin) -> Result<(), Problem> {
    // All who ask meanwhile read one after the other: nobody stands in that line for long.
    let read = tokio::time::timeout(FEED_PATIENCE, menjin.read_feed()).await;
    read.map_err(drop).and_then(|read| read.map_err(drop)).map_err(|()| Problem::RevocationsStale)
}

/// A caller with a good access token.
pub(crate) struct SignedIn(pub(crate) Caller);

impl FromRequestParts<Menjin> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Menjin) -> Result<Self, Problem> {
        caller(state, &parts.headers).await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_rightmost_untrusted_hop() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let cases = [
            ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
            ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
            ("10.0.0.1", "198.51.100.1:52011", "198.51.100.1"),
            ("10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ];
        for (peer, forwarded, expected) in cases {
            let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), forwarded.parse().unwrap())]);
            assert_eq!(
                client_ip(peer.parse().unwrap(), &headers, &trusted),
                expected.parse::<IpAddr>().unwrap(),
                "{peer} {forwarded}"
            );
        }
    }
}
