//! `/_sim/…`: how tests, tools and people steer the simulator. JSON in and out, whatever the Content-Type says.
//!
//! `phone` acts as WeChat's client on somebody's phone, `registry` changes what exists, `weather` is time, faults and calls.

mod client;
mod others;
mod phone;
mod push;
mod registry;
mod tap;
mod weather;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::gateway::page;
use crate::{BODY_LIMIT, Sim};

pub(crate) fn routes() -> Router<Sim> {
    let index = || get(|headers: HeaderMap| async move { Html(index(&headers)) });
    let all = Router::new()
        .route("/", index())
        .merge(phone::routes())
        .merge(client::routes())
        .merge(others::routes())
        .merge(push::routes())
        .merge(registry::routes())
        .merge(weather::routes())
        .method_not_allowed_fallback(|| async {
            Complaint::new(StatusCode::METHOD_NOT_ALLOWED, "no such method here", INDEX)
        })
        .fallback(|| async { Complaint::new(StatusCode::NOT_FOUND, "no such path", INDEX) });
    Router::new().nest("/_sim", all).route("/_sim/", index())
}

/// The list of everything, with the address that the reader called us by.
fn index(headers: &HeaderMap) -> String {
    let paths: Vec<_> = crate::paths().map(|path| format!("<code>{path}</code>")).collect();
    let page = include_str!("index.html").replace("PATHS", &paths.join(" "));
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte));
    if host.is_empty() || !is_plain { page } else { page.replace("127.0.0.1:PORT", host) }
}

/// A body that nobody reads to its end, on either side of the simulator.
pub(crate) fn too_long(path: &str) -> Response {
    if path.starts_with("/_sim") { too_long_to_read().into_response() } else { page(StatusCode::PAYLOAD_TOO_LARGE, "") }
}

fn too_long_to_read() -> Complaint {
    Complaint::new(StatusCode::PAYLOAD_TOO_LARGE, "length limit exceeded", "a body has at most 64 KiB")
}

const INDEX: &str = "GET /_sim/ lists the control API";

/// What went wrong with a request to the control API, and what to do about it.
#[derive(Debug, Serialize)]
struct Complaint {
    #[serde(skip)]
    status: StatusCode,
    error: String,
    hint: String,
}

impl Complaint {
    fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status, error: error.into(), hint: hint.into() }
    }

    fn bad(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }
}

impl IntoResponse for Complaint {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

type Answer<T> = Result<Json<T>, Complaint>;

/// The JSON body; an empty one counts as `{}`.
struct Input<T>(T);

impl<T: DeserializeOwned> FromRequest<Sim> for Input<T> {
    type Rejection = Complaint;

    async fn from_request(request: Request, _: &Sim) -> Result<Self, Complaint> {
        let body = to_bytes(request.into_body(), BODY_LIMIT).await.map_err(|_| too_long_to_read())?;
        let json = if body.is_empty() { b"{}" } else { body.as_ref() };
        serde_json::from_slice(json).map(Self).map_err(|error| Complaint::bad(error.to_string(), INDEX))
    }
}

/// A name that somebody chose: of a person, an app, a nickname.
fn checked(what: &str, name: String) -> Result<String, Complaint> {
    let length = name.chars().count();
    if (1..=64).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(Complaint::bad(format!("bad {what}"), "1 to 64 characters, none of them a control character"))
}
