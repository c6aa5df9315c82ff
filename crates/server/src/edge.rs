//! The outermost layer of every request: its id, its time limit, its log line, its metrics, its headers, and the words of
//! its problem.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use crate::cors::{self, Origins};
use crate::envelope;
use crate::metrics::method_label;
use crate::pages;
use crate::problem::{self, Problem, Reader};
use crate::state::Menjin;
use crate::trace;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// On every answer (OWASP secure headers); pages set a policy of their own.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// Where people call menjin by https, they never call it by http again (RFC 6797).
const A_YEAR_OF_HTTPS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Of an answer that refuses in other words than a problem's: by which code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused(pub(crate) &'static str);

/// What the edge of a side knows.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) menjin: Menjin,
    /// Whose pages may call; the operator's side is no page's.
    pub(crate) origins: Option<Arc<Origins>>,
}

pub(crate) async fn around(State(edge): State<Edge>, request: Request, next: Next) -> Response<Body> {
    let page = edge.origins.as_ref().and_then(|origins| origins.asked(&request));
    let mut response = match page.as_ref().and_then(cors::Asked::preflight) {
        Some(preflight) => preflight,
        None => answered(edge.menjin, request, next).await,
    };
    if let Some(page) = page {
        page.tell(response.headers_mut());
    }
    response
}

async fn answered(menjin: Menjin, mut request: Request, next: Next) -> Response<Body> {
    let id = request_id(request.headers(), &menjin);
    let began = tokio::time::Instant::now();
    let path = menjin.config.server.path();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(|route| inside(path, route.as_str()));
    let (method, version) = (request.method().clone(), request.version());
    let language = request.headers().get(header::ACCEPT_LANGUAGE).cloned();
    let wants_message = is_old_path(&menjin, inside(path, request.uri().path()));
    let enveloped = envelope::asked(&menjin, route, &mut request);
    request.headers_mut().remove(REQUEST_ID);
    let span = tracing::info_span!(
        "request",
        request.id = id.as_str(),
        http.method = method_label(&method),
        http.route = route,
        app.id = tracing::field::Empty,
        http.status = tracing::field::Empty
    );
    trace::go_on(&span, &request, &menjin.config.server);
    let mut response = within_limits(&menjin, request, next).instrument(span.clone()).await;
    let shown = response.extensions_mut().remove::<pages::Shown>();
    if let Some(pages::Shown(problem)) = shown {
        span.in_scope(|| log(&problem));
    }
    let problem = response.extensions_mut().remove::<Arc<Problem>>().or_else(|| unnamed(&response));
    let accept_language = language.as_ref().and_then(|value| value.to_str().ok());
    let reader = Reader { accept_language, request_id: &id, wants_message, path };
    if let Some(problem) = &problem {
        span.in_scope(|| log(problem));
        let allow = response.headers_mut().remove(header::ALLOW);
        let is_page = pages::is_page(route);
        response = if is_page { pages::sorry(problem, &reader) } else { problem::answer(problem, &reader) };
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    if let Some(asked) = enveloped {
        response = asked.wrap(&menjin, response, (problem.as_deref(), &reader)).await;
    }
    finish(response.headers_mut(), &menjin, &id);
    menjin.answered.fetch_add(1, Ordering::Relaxed);
    if menjin.stopping() && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let status = response.status();
    let elapsed = began.elapsed();
    span.in_scope(|| {
        tracing::debug!(
            http.status = status.as_u16(),
            duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
    });
    trace::answered(&span, status.as_u16());
    menjin.answers.count(route.unwrap_or("unmatched"), &method, status, elapsed);
    if !route.is_some_and(is_beside) {
        let now = menjin.clock.now();
        menjin.hour.answered(now, elapsed);
        let told = response.extensions_mut().remove::<Refused>().map(|Refused(code)| code);
        if let Some(code) = problem.map(|problem| problem.spec().code).or(told) {
            menjin.hour.refused(now, code);
        }
    }
    response
}

async fn within_limits(menjin: &Menjin, request: Request, next: Next) -> Response<Body> {
    let answered =
        tokio::time::timeout(menjin.config.server.request_timeout, AssertUnwindSafe(next.run(request)).catch_unwind())
            .await;
    let problem = match answered {
        Ok(Ok(response)) => return response,
        Ok(Err(_)) => Problem::Internal(anyhow::anyhow!("a handler panicked")),
        Err(_) => Problem::TimedOut,
    };
    problem.into_response()
}

/// The framework's own refusals get words too.
fn unnamed(response: &Response<Body>) -> Option<Arc<Problem>> {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if content_type
        .is_some_and(|it| response.status() != StatusCode::BAD_REQUEST || !it.as_bytes().starts_with(b"text/plain"))
    {
        return None;
    }
    let problem = match response.status() {
        StatusCode::NOT_FOUND => Problem::RouteUnknown,
        StatusCode::METHOD_NOT_ALLOWED => Problem::MethodUnknown,
        StatusCode::BAD_REQUEST => Problem::field("path", crate::problem::Fault::NotText),
        _ => return None,
    };
    Some(Arc::new(problem))
}

fn finish(headers: &mut HeaderMap, menjin: &Menjin, id: &str) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    lead_below(menjin.config.server.path(), headers);
    if menjin.issuer.starts_with("https://") {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, A_YEAR_OF_HTTPS);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// A failure is counted and logged once, here, where it becomes an answer.
fn log(problem: &Problem) {
    metrics::counter!("menjin_problems_total", "code" => problem.spec().code).increment(1);
    problem::tell(problem);
}

/// What is left of a path or route below that of `server.public_url`: routes are both there and at `/`.
pub(crate) fn inside<'a>(path: &str, whole: &'a str) -> &'a str {
    whole.strip_prefix(path).filter(|rest| rest.starts_with('/')).unwrap_or(whole)
}

/// Handlers name their own routes; clients find them below the path of `server.public_url`.
fn lead_below(path: &str, headers: &mut HeaderMap) {
    let to = headers.get(header::LOCATION).and_then(|to| to.to_str().ok());
    let to = to.filter(|to| to.starts_with('/') && !to.starts_with("//")).map(|to| format!("{path}{to}"));
    if let Some(to) = to.and_then(|to| HeaderValue::try_from(to).ok()) {
        headers.insert(header::LOCATION, to);
    }
}

/// Whether a `[[compat]]` entry has this path.
fn is_old_path(menjin: &Menjin, path: &str) -> bool {
    menjin.config.compat.iter().any(|compat| compat.paths.iter().any(|old| old == path))
}

/// Whether it is no route of the people's: pages of operators and of `menjin dev`, what machines watch, and what waits for news.
fn is_beside(route: &str) -> bool {
    let starts = ["/console", "/admin", "/metrics", "/dev", "/healthz", "/readyz", "/v1/revocations", "/v1/events"];
    starts.iter().any(|start| route.starts_with(start))
}

/// The caller's own id when it is harmless, else a new one.
fn request_id(headers: &HeaderMap, menjin: &Menjin) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    if let Some(given) =
        given.filter(|id| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    {
        return given.to_owned();
    }
    format!("{:08x}{:08x}", menjin.run_id, NEXT.fetch_add(1, Ordering::Relaxed))
}
