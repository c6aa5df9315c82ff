//! The envelope `{code, msg, data}` around the answers to an app that asks for it (`[[app]] envelope = true`, design §5.2).
//!
//! Lives here: which answers, and of which app. Does not: what OAuth clients, back ends and verifiers of keys read, and whatever
//! has no body or is no JSON. Status and headers stay.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, header};
use serde_json::Value;

use crate::extract::authorization;
use crate::problem::{Language, Problem, Reader, for_programs, short};
use crate::state::Menjin;

/// Where a client says which app it is, when neither path nor token does.
const APP: &str = "menjin-app";
/// Who names a person by their token is a back end.
const SUBJECT: &str = "menjin-subject-token";
/// Answers to clients are far smaller.
const LARGEST: u64 = 1024 * 1024;

/// The app that a request turned out to be of, once its handler knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestApp(Arc<OnceLock<String>>);

impl RequestApp {
    /// It is of this one.
    pub(crate) fn is(&self, app: &str) {
        self.0.get_or_init(|| app.to_owned());
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestApp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// A request whose answer may get an envelope.
pub(crate) struct Asked {
    app: RequestApp,
    /// What the client calls itself.
    named: Option<String>,
}

/// Looks at a request before it is handled; `route` is below the path of `server.public_url`.
pub(crate) fn asked(menjin: &Menjin, route: Option<&str>, request: &mut Request) -> Option<Asked> {
    if !menjin.apps.has_envelopes() || request.method() == Method::HEAD {
        return None;
    }
    let app = RequestApp::default();
    match route? {
        "/v1/login/{app}" => app.is(request.uri().path().rsplit('/').next().unwrap_or_default()),
        "/v1/token/refresh" | "/v1/token/exchange" => {}
        route if is_a_persons(route) => {
            let back_end = request.headers().contains_key(SUBJECT) || is_basic(request.headers());
            if route.starts_with("/v1/session/") && back_end {
                return None;
            }
            if let Some(token) = authorization(request.headers(), false) {
                match app_of(token) {
                    Some(Ok(client)) => app.is(&client),
                    Some(Err(IsAnApps)) => return None,
                    None => {}
                }
            }
        }
        _ => return None,
    }
    let named = request.headers().get(APP).and_then(|name| name.to_str().ok()).map(str::to_owned);
    request.extensions_mut().insert(app.clone());
    Some(Asked { app, named })
}

/// Whether people's own programs call it, by their tokens.
fn is_a_persons(route: &str) -> bool {
    let is_below = |start: &str| route.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    route == "/v1/logout" || is_below("/v1/me") || is_below("/v1/session/data")
}

fn is_basic(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "))
}

/// A token of an app itself comes from a back end.
struct IsAnApps;

/// The app that a token says it was issued to. Nobody has verified it: it only says in which form its bearer is answered.
fn app_of(token: &str) -> Option<Result<String, IsAnApps>> {
    let (_, claims) = menjin_token::dangerous::decode_unverified(token).ok()?;
    let client = claims.get("client_id")?.as_str()?.to_owned();
    Some(if claims.get("sid").is_some() { Ok(client) } else { Err(IsAnApps) })
}

impl Asked {
    /// The answer as its app wants it.
    pub(crate) async fn wrap(
        self,
        menjin: &Menjin,
        response: Response<Body>,
        (problem, reader): (Option<&Problem>, &Reader<'_>),
    ) -> Response<Body> {
        let app = self.app.0.get().or(self.named.as_ref());
        if !app.and_then(|id| menjin.apps.by_id(id)).is_some_and(|app| app.envelope) {
            return response;
        }
        if let Some(problem) = problem {
            // Beside the three stands what clients decide by: one code may have two actions.
            let mut whole = for_programs(problem, reader);
            whole.insert("msg".to_owned(), short(problem, reader).into());
            whole.insert("data".to_owned(), Value::Null);
            return with_body(response, Value::Object(whole).to_string().into_bytes());
        }
        let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
        let fits = response.body().size_hint().exact().is_some_and(|size| (1..=LARGEST).contains(&size));
        if !fits || !response.headers().get(header::CONTENT_TYPE).is_some_and(is_json) {
            return response;
        }
        let language = Language::accepted(reader.accept_language);
        let (parts, body) = response.into_parts();
        let Ok(data) = to_bytes(body, usize::try_from(LARGEST).unwrap_or(usize::MAX)).await else {
            // It was all there: its size was known.
            return Response::from_parts(parts, Body::empty());
        };
        let msg = match language {
            Language::Chinese => "成功",
            Language::English => "ok",
        };
        let start = format!("{{\"code\":0,\"msg\":\"{msg}\",\"data\":");
        let whole = [start.as_bytes(), data.as_ref(), b"}"].concat();
        with_body(Response::from_parts(parts, Body::empty()), whole)
    }
}

fn with_body(response: Response<Body>, whole: Vec<u8>) -> Response<Body> {
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(whole))
}
