//! menjin as the guarded program sees it: one address and the program's own app, asked over HTTP, bounded in time and size.
//!
//! Does not: what is asked (`feed`, `session`, `introspect`), or the public keys (`remote`), which need no credentials.

use std::error::Error;
use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use serde::Deserialize;
use zeroize::Zeroizing;

/// No answer takes longer, but for a stream.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);
/// menjin says something on a stream at least each five seconds.
pub(crate) const SILENCE: Duration = Duration::from_secs(12);
/// A thousand endings take a quarter of it.
pub(crate) const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The id and secret of the program's own app, as `[[app]]` or `menjin app add` has them.
pub(crate) struct Credentials {
    id: String,
    /// As a form has it (RFC 6749 section 2.3.1).
    secret: Zeroizing<String>,
}

/// menjin, and who we are to it.
pub(crate) struct Menjin {
    base: Url,
    client: Client,
    app: Credentials,
}

/// What menjin said.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("no answer: {}", root(.0))]
    Unreachable(#[source] reqwest::Error),
    #[error("the answer is too large")]
    TooLarge,
    #[error("menjin refuses: {status} {code}{}", remedy(*.status))]
    Refused { status: u16, code: String },
    #[error("the answer can't be read: {0}")]
    Malformed(#[source] serde_json::Error),
    #[error("the answer is not what menjin says: {0}")]
    Odd(&'static str),
}

/// What it comes from: reqwest itself says no more than that something was sent.
pub(crate) fn root(error: &reqwest::Error) -> String {
    let mut root = error.source();
    while let Some(deeper) = root.and_then(Error::source) {
        root = Some(deeper);
    }
    root.map_or_else(|| error.to_string(), |root| format!("{error}: {root}"))
}

/// For who sets a guard up.
const fn remedy(status: u16) -> &'static str {
    match status {
        401 => " (are the id and secret of as_app those of an [[app]] of kind backend?)",
        403 => " (the [[app]] of as_app needs its scope: revocations:read for the feed, session-data for sessions)",
        404 => " (is this menjin's address?)",
        _ => "",
    }
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error.without_url())
    }
}

impl Credentials {
    pub(crate) fn new(id: &str, secret: &Zeroizing<String>) -> Self {
        Self { id: escaped(id).to_string(), secret: escaped(secret) }
    }
}

/// One value, as `application/x-www-form-urlencoded` has it.
fn escaped(text: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(text.len() * 3));
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => escaped.push(char::from(byte)),
            b' ' => escaped.push('+'),
            byte => escaped.extend(['%', hex(byte >> 4), hex(byte & 15)]),
        }
    }
    escaped
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or_default().to_ascii_uppercase()
}

impl Menjin {
    pub(crate) fn new(base: Url, app: Credentials) -> Result<Self, reqwest::Error> {
        let client = bare_client(&base).connect_timeout(DEADLINE).read_timeout(SILENCE).build()?;
        Ok(Self { base, client, app })
    }

    /// A request to a route of menjin's, with the app's credentials.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.client.request(method, url).basic_auth(&self.app.id, Some(&*self.app.secret))
    }

    /// An endless answer.
    pub(crate) async fn stream(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Response, Trouble> {
        let request = self.request(Method::GET, path).query(query).header(ACCEPT, "text/event-stream");
        let response = tokio::time::timeout(DEADLINE, request.send()).await;
        Ok(response.map_err(|_| Trouble::Odd("no headers in time"))??)
    }
}

/// A client that follows no redirect, and asks this machine without a proxy.
pub(crate) fn bare_client(url: &Url) -> reqwest::ClientBuilder {
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let client = Client::builder().redirect(redirect::Policy::none());
    // A proxy of the environment is right for the world and never for this machine.
    if loopback { client.no_proxy() } else { client }
}

/// The whole answer, whatever its status.
pub(crate) async fn answer(request: RequestBuilder) -> Result<Answer, Trouble> {
    let mut response = request.timeout(DEADLINE).send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Trouble::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

impl Answer {
    pub(crate) fn json<'b, T: Deserialize<'b>>(&'b self) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body).map_err(Trouble::Malformed)
    }

    /// The code of a problem, or the error of an OAuth route.
    pub(crate) fn code(&self) -> String {
        #[derive(Deserialize)]
        struct Said {
            #[serde(alias = "error")]
            code: String,
        }
        self.json::<Said>().map(|said| said.code).unwrap_or_default()
    }

    /// Goes on with a 200 only.
    pub(crate) fn ok(self) -> Result<Self, Trouble> {
        if self.status == StatusCode::OK {
            return Ok(self);
        }
        let code = self.code().chars().filter(char::is_ascii_graphic).take(64).collect();
        Err(Trouble::Refused { status: self.status.as_u16(), code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_and_a_secret_are_escaped_as_in_a_form() {
        assert_eq!(*escaped("orders-1.a_b*"), "orders-1.a_b*");
        assert_eq!(*escaped("a b+c:d/é"), "a+b%2Bc%3Ad%2F%C3%A9");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let said = |status, code: &str| Trouble::Refused { status, code: code.to_owned() }.to_string();
        assert!(said(401, "client_invalid").contains("as_app"));
        assert!(said(403, "insufficient_scope").contains("revocations:read"));
        assert_eq!(said(503, "revocations_stale"), "menjin refuses: 503 revocations_stale");
    }

    #[tokio::test]
    async fn where_nobody_listens_the_cause_is_told() {
        let url = format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        let menjin = Menjin::new(url.parse().unwrap(), Credentials::new("a", &Zeroizing::default())).unwrap();
        let trouble = answer(menjin.request(Method::GET, &["x"])).await.err().unwrap();
        assert!(trouble.to_string().to_lowercase().contains("refused"), "{trouble}");
    }

    #[test]
    fn a_route_stands_below_the_address_with_its_path() {
        let route = |base: &str, path: &[&str]| {
            let menjin = Menjin::new(base.parse().unwrap(), Credentials::new("a", &Zeroizing::default())).unwrap();
            menjin.request(Method::GET, path).build().unwrap().url().to_string()
        };
        assert_eq!(route("https://a.example", &["v1", "revocations"]), "https://a.example/v1/revocations");
        assert_eq!(route("https://a.example/in", &["v1", "x"]), "https://a.example/in/v1/x");
        assert_eq!(route("https://a.example/in/", &["v1", "a/../b?c"]), "https://a.example/in/v1/a%2F..%2Fb%3Fc");
    }
}
