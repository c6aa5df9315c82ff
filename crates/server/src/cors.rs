//! Pages of other origins: whom a browser lets call menjin (`server.allowed_origins`), and what it may read of the answer.
//!
//! Never with credentials: a page proves itself by a token in a header, and menjin's cookies are its own pages'.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use url::Url;

use crate::config;
use crate::edge::inside;
use crate::pages;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
/// What clients send, and what they decide by.
const SENT: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, accept-language, if-match, if-none-match, idempotency-key, menjin-app, x-request-id",
);
const READ: HeaderValue = HeaderValue::from_static("date, etag, retry-after, www-authenticate, x-request-id");
/// Seconds: as long as browsers keep it at most.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");

const EVERYBODY: HeaderValue = HeaderValue::from_static("*");
/// Whoever keeps an answer keeps one for each origin.
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");

/// What everybody may read: keys, metadata, the SDK.
const FOR_ALL: [&str; 2] = ["/.well-known/", "/sdk/"];
/// What pages of allowed origins may call. Pages, forward-auth and the operator's side are not among them.
const FOR_ALLOWED: [&str; 3] = ["/v1/", "/oauth2/", "/avatars/"];

/// Whose pages may call, ready to be compared.
#[derive(Debug)]
pub(crate) struct Origins {
    /// Of `server.public_url`.
    path: String,
    listed: Vec<HeaderValue>,
    /// In `menjin dev` a page that is served on this machine is the developer's own.
    with_this_machine: bool,
}

/// Which pages may read an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    Everybody,
    Allowed,
}

impl Origins {
    pub(crate) fn new(server: &config::Server, with_this_machine: bool) -> Self {
        let listed = server.allowed_origins.iter().map(|url| url.origin().ascii_serialization());
        Self {
            path: server.path().to_owned(),
            listed: listed.filter_map(|origin| HeaderValue::try_from(origin).ok()).collect(),
            with_this_machine,
        }
    }

    /// What a page gets; `None` for what is no page's to call, or where there are no such pages.
    pub(crate) fn asked(&self, request: &Request) -> Option<Asked> {
        let readers = self.readers(request)?;
        let origin = request.headers().get(header::ORIGIN);
        let is_preflight = request.method() == Method::OPTIONS
            && origin.is_some()
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let allowed = match readers {
            Readers::Everybody => Some(EVERYBODY),
            Readers::Allowed => origin.filter(|origin| self.has(origin)).cloned(),
        };
        Some(Asked { readers, allowed, is_preflight })
    }

    fn readers(&self, request: &Request) -> Option<Readers> {
        let path = inside(&self.path, request.uri().path());
        let below = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
        if below(&FOR_ALL) {
            return Some(Readers::Everybody);
        }
        // People go to these by themselves; what they show is no other page's to read.
        let route = request.extensions().get::<MatchedPath>().map(|route| inside(&self.path, route.as_str()));
        let has_some = self.with_this_machine || !self.listed.is_empty();
        (has_some && below(&FOR_ALLOWED) && !pages::is_page(route)).then_some(Readers::Allowed)
    }

    fn has(&self, origin: &HeaderValue) -> bool {
        self.listed.contains(origin) || self.with_this_machine && is_on_this_machine(origin)
    }
}

fn is_on_this_machine(origin: &HeaderValue) -> bool {
    let url = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok());
    let host = url.as_ref().and_then(Url::host_str);
    host.is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"))
}

/// A request that a page may send.
pub(crate) struct Asked {
    readers: Readers,
    /// The origin that may read the answer.
    allowed: Option<HeaderValue>,
    is_preflight: bool,
}

impl Asked {
    /// The answer to a preflight of a page that may call; that of another one goes on as any request.
    pub(crate) fn preflight(&self) -> Option<Response> {
        (self.is_preflight && self.allowed.is_some()).then(|| {
            let headers = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
                (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED),
            ];
            (StatusCode::NO_CONTENT, headers).into_response()
        })
    }

    /// Says on an answer who may read it. Problems are read by pages, too.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        if self.readers == Readers::Allowed {
            headers.append(header::VARY, BY_ORIGIN);
        }
        if let Some(allowed) = self.allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READ);
        }
    }
}
