//! The one caller: every request to a platform goes through here, once, with a deadline and a bound on its answer.
//!
//! Not here: what an answer means (each platform's folder). Nothing here retries, follows a redirect, keeps a cookie, or lets a URL
//! into an error: URLs carry the AppSecret.

use std::error::Error as _;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Request, RequestBuilder, redirect, retry, tls};
use secrecy::zeroize::Zeroizing;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use url::{Host, Url};

use crate::Error;

const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// Shorter than the platforms' own: a connection that they close while we write costs a login code.
const IDLE: Duration = Duration::from_secs(15);
const IDLE_CONNECTIONS: usize = 64;
const LONGEST_ANSWER: usize = 1 << 20;
const LONGEST_REASON: usize = 300;
/// A sign-in waits for a profile behind the exchange of its code, which may take all of the deadline.
pub(crate) const PROFILE_WITHIN: Duration = Duration::from_secs(2);

/// The target of spans that are for traces alone, not for logs: they are at the level `TRACE`.
const TRACE: &str = "menjin_trace";
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the present span is called elsewhere; of the process, as its subscriber is.
static CARRY: OnceLock<fn() -> Option<String>> = OnceLock::new();

/// Lets each call carry the trace that it belongs to: `carry` gives the `traceparent` of the present span (W3C Trace Context). Of
/// several calls the first one counts.
pub fn carry_trace(carry: fn() -> Option<String>) {
    CARRY.get_or_init(|| carry);
}

/// Speaks HTTP to one platform's servers. Cheap to clone; clones share their connections, so apps of one platform
/// should share a caller.
#[derive(Clone)]
pub struct Caller {
    client: reqwest::Client,
    base: Url,
    reads_refusals: bool,
    limit: Option<Duration>,
}

/// A caller that can't be built: the base URL is no http(s) URL, or the system has no certificates to trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no connection to the platform can be set up: {0}")]
pub struct NotReady(String);

/// One request. Query values are escaped on the way.
pub(crate) struct Call<'a> {
    /// Below the base URL, with a leading slash.
    pub(crate) path: &'static str,
    pub(crate) query: &'a [(&'static str, &'a str)],
    /// JSON to POST; without it the request is a GET.
    pub(crate) body: Option<Vec<u8>>,
}

/// What a body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Json,
    Form,
}

impl Caller {
    /// Sets up connections to `base_url`; `deadline` is for a whole exchange, connecting included.
    ///
    /// `HTTPS_PROXY` and its relatives are honoured, except towards loopback.
    pub fn new(base_url: &Url, deadline: Duration) -> Result<Self, NotReady> {
        if !matches!(base_url.scheme(), "http" | "https") || !base_url.has_host() {
            return Err(NotReady("the base URL must be http or https".to_owned()));
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("menjin/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .retry(retry::never())
            .redirect(redirect::Policy::none())
            .referer(false)
            .tls_version_min(tls::Version::TLS_1_2)
            .connect_timeout(CONNECT_DEADLINE.min(deadline / 2))
            .timeout(deadline)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS);
        if is_loopback(base_url) {
            builder = builder.no_proxy();
            if base_url.scheme() == "http" {
                // Trusts nobody instead of reading the system's certificates, which a small container may lack.
                builder = builder.tls_certs_only([]);
            }
        }
        let client = builder.build().map_err(|error| NotReady(reason(error)))?;
        let mut base = base_url.clone();
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self { client, base, reads_refusals: false, limit: None })
    }

    /// The same for a platform whose refusals may come with a status of 400 to 499: they are read like any other answer.
    #[must_use]
    pub fn reading_refusals(self) -> Self {
        Self { reads_refusals: true, ..self }
    }

    /// The same for calls that may take so long instead of the deadline.
    pub(crate) fn within(&self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self.clone() }
    }

    /// Sends the request once and returns the body of a 2xx answer, whatever its `Content-Type`.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.answer(self.request(call, Body::Json)).await
    }

    /// The same with a secret in a header.
    pub(crate) async fn send_with(
        &self,
        call: Call<'_>,
        (name, secret): (&'static str, &str),
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut value = HeaderValue::from_str(secret)
            .map_err(|_| Error::Unreachable { reason: "a header can't hold the token".to_owned() })?;
        value.set_sensitive(true);
        self.answer(self.request(call, Body::Json).header(HeaderName::from_static(name), value)).await
    }

    /// The same with a body that is a form, percent-encoded already.
    pub(crate) async fn send_form(&self, call: Call<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.answer(self.request(call, Body::Form)).await
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Zeroizing<Vec<u8>>, Error> {
        let request = if let Some(limit) = self.limit { request.timeout(limit) } else { request };
        let request = request.build().map_err(not_sent_or_not_answered)?;
        let (host, path) = (request.url().host_str(), request.url().path());
        let span = tracing::trace_span!(target: TRACE, "platform", server.address = host, url.path = path, http.status = Empty);
        self.answer_to(request).instrument(span).await
    }

    async fn answer_to(&self, mut request: Request) -> Result<Zeroizing<Vec<u8>>, Error> {
        let trace = CARRY.get().and_then(|carry| carry()).and_then(|trace| HeaderValue::try_from(trace).ok());
        if let Some(trace) = trace {
            request.headers_mut().insert(TRACEPARENT, trace);
        }
        let mut response = self.client.execute(request).await.map_err(not_sent_or_not_answered)?;
        let status = response.status();
        Span::current().record("http.status", status.as_u16());
        let malformed = |why| Error::Malformed { status: status.as_u16(), why };
        if !(status.is_success() || self.reads_refusals && status.is_client_error()) {
            return Err(malformed("the status is not 2xx"));
        }
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if announced > LONGEST_ANSWER {
            return Err(malformed("the body is too long"));
        }
        let mut body = Zeroizing::new(Vec::with_capacity(announced));
        while let Some(chunk) = response.chunk().await.map_err(|error| Error::NoAnswer { reason: reason(error) })? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(malformed("the body is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn request(&self, call: Call<'_>, kind: Body) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), call.path));
        url.query_pairs_mut().extend_pairs(call.query);
        match call.body {
            None => self.client.get(url),
            Some(body) => {
                let kind = HeaderValue::from_static(match kind {
                    Body::Json => "application/json",
                    Body::Form => "application/x-www-form-urlencoded;charset=utf-8",
                });
                self.client.post(url).header(CONTENT_TYPE, kind).body(body)
            }
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn not_sent_or_not_answered(error: reqwest::Error) -> Error {
    let unsent = error.is_connect() || error.is_builder();
    let reason = reason(error);
    if unsent { Error::Unreachable { reason } } else { Error::NoAnswer { reason } }
}

/// The error and its causes in one line, without the URL.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        cause = error.source();
    }
    reason.chars().filter(|character| !character.is_control()).take(LONGEST_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(base: &str) -> Result<Caller, NotReady> {
        Caller::new(&Url::parse(base).unwrap(), Duration::from_secs(1))
    }

    fn url_of(base: &str, query: &[(&'static str, &str)]) -> String {
        let call = Call { path: "/sns/jscode2session", query, body: None };
        caller(base).unwrap().request(call, Body::Json).build().unwrap().url().to_string()
    }

    #[test]
    fn query_values_are_escaped() {
        assert_eq!(
            url_of("http://127.0.0.1:1", &[("appid", "wx1"), ("js_code", "a&appid=wx2#b+c/d=")]),
            "http://127.0.0.1:1/sns/jscode2session?appid=wx1&js_code=a%26appid%3Dwx2%23b%2Bc%2Fd%3D"
        );
    }

    #[test]
    fn a_base_url_may_have_a_path() {
        for base in ["http://127.0.0.1:1/wx", "http://127.0.0.1:1/wx/", "http://127.0.0.1:1/wx/?x=1#y"] {
            assert_eq!(url_of(base, &[("a", "b")]), "http://127.0.0.1:1/wx/sns/jscode2session?a=b");
        }
    }

    #[test]
    fn only_http_and_https_can_be_called() {
        assert!(caller("ftp://127.0.0.1/").is_err());
        assert!(caller("data:text/plain,hello").is_err());
    }

    #[test]
    fn loopback_is_known_by_name_and_by_address() {
        for here in ["http://localhost:1", "http://sim.localhost", "http://127.8.9.1", "http://[::1]:80"] {
            assert!(is_loopback(&Url::parse(here).unwrap()), "{here}");
        }
        for away in ["https://api.weixin.qq.com", "http://10.0.0.1", "http://localhost.example.com", "http://[fe80::1]"]
        {
            assert!(!is_loopback(&Url::parse(away).unwrap()), "{away}");
        }
    }
}
