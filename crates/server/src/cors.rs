//! Pages of other origins: whom a browser lets call menjin (`server.allowed_origins`), and what it may read of the answer.
//!
//! Never with credentials: a page proves itself by a token in a header, and menjin's cookies are its own pages'.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::{AllowOrigin, CorsLayer};
use url::Url;

use crate::state::Menjin;

/// What clients send, and what they decide by.
const SENT: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT_LANGUAGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-request-id"),
];
const READ: [HeaderName; 5] = [
    header::DATE,
    header::ETAG,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("x-request-id"),
];

/// As long as browsers keep it at most.
const REMEMBERED: Duration = Duration::from_hours(2);

/// What everybody may read: keys, metadata, the SDK.
const FOR_ALL: [&str; 2] = ["/.well-known/", "/sdk/"];
/// What pages of allowed origins may call. Pages, forward-auth and the operator's side are not among them.
const FOR_ALLOWED: [&str; 3] = ["/v1/", "/oauth2/", "/avatars/"];

/// The outermost layer of the public side. What comes from nobody's page, or from a page that may not call, goes on as it is.
pub(crate) async fn around(State(menjin): State<Menjin>, request: Request, next: Next) -> Response {
    if !is_allowed(&menjin, &request) {
        return next.run(request).await;
    }
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(SENT)
        .expose_headers(READ)
        .max_age(REMEMBERED);
    match layer.layer(next).oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}

fn is_allowed(menjin: &Menjin, request: &Request) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) else {
        return false;
    };
    let is_preflight = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let path = crate::edge::inside(menjin.config.server.path(), request.uri().path());
    let below = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
    let may_call = below(&FOR_ALL) || below(&FOR_ALLOWED) && is_listed(menjin, origin);
    may_call && (is_preflight || request.method() != Method::OPTIONS)
}

/// In `menjin dev` a page that is served on this machine is the developer's own.
fn is_listed(menjin: &Menjin, origin: &str) -> bool {
    let is_same = |url: &Url| url.origin().ascii_serialization() == origin;
    menjin.config.server.allowed_origins.iter().any(is_same) || menjin.dev.is_some() && is_on_this_machine(origin)
}

fn is_on_this_machine(origin: &str) -> bool {
    let host = Url::parse(origin).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"))
}
