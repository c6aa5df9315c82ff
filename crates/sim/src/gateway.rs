//! The way of a request through any platform's endpoint: read, struck by a fault or answered, noted, delivered.
//!
//! What an endpoint answers is the platform's own module's affair.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;

use crate::calls::Call;
use crate::faults::FaultKind;
use crate::scenario::Replayed;
use crate::world::World;
use crate::{BODY_LIMIT, Sim};

/// One path of a platform.
pub(crate) trait Endpoint: Send + Sync + 'static {
    fn answer(&self, world: &mut World, asked: &Asked) -> Reply;
    /// The platform's words for a failure that was ordered.
    fn refuse(&self, world: &mut World, errcode: i64, errmsg: Option<&str>) -> Reply;
    /// Who asked about what, as far as the request tells.
    fn trace(&self, world: &World, asked: &Asked) -> Trace;
}

/// A request, read whole.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body, if it is JSON.
    pub(crate) json: Option<Value>,
}

impl Asked {
    async fn read(request: Request) -> Result<Self, Response> {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| page(StatusCode::PAYLOAD_TOO_LARGE, ""))?;
        let json = serde_json::from_slice(&body).ok();
        Ok(Self {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: pairs(&head.uri),
            headers: head.headers,
            body,
            json,
        })
    }

    /// A parameter of the query; an empty one counts as missing. Names are case-sensitive, the first of several holds.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, value) = self.query.iter().find(|(key, _)| key == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// All parameters of the query.
    pub(crate) fn query_pairs(&self) -> &[(String, String)] {
        &self.query
    }

    /// All parameters of a body that is a form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let body = std::str::from_utf8(&self.body).unwrap_or_default();
        format!("/?{body}").parse::<Uri>().map(|uri| pairs(&uri)).unwrap_or_default()
    }

    /// A header that is text and not empty.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
    }

    /// A text member of the JSON body; an empty one counts as missing.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.json.as_ref()?.get(name)?.as_str().filter(|value| !value.is_empty())
    }
}

fn pairs(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// An answer before it is put on the wire. Its status is 200, whatever it says.
pub(crate) struct Reply {
    content_type: &'static str,
    body: Bytes,
    errcode: i64,
    header: Option<(&'static str, String)>,
}

impl Reply {
    pub(crate) fn new(content_type: &'static str, body: impl Into<Bytes>, errcode: i64) -> Self {
        Self { content_type, body: body.into(), errcode, header: None }
    }

    /// The same answer, with one header more.
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.header = Some((name, value));
        self
    }
}

#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) appid: Option<String>,
    pub(crate) openid: Option<String>,
    pub(crate) code: Option<String>,
}

pub(crate) async fn ask(sim: Sim, endpoint: &'static dyn Endpoint, request: Request) -> Response {
    let is_replayed = request.extensions().get::<Replayed>().is_some();
    let asked = match Asked::read(request).await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let (reply, fault) = sim.with(|world| exchange(world, endpoint, &asked));
    tracing::debug!(
        path = asked.path,
        errcode = reply.errcode,
        fault = fault.as_ref().map(FaultKind::name),
        "answered"
    );
    let fault = fault.filter(|fault| !(is_replayed && matches!(fault, FaultKind::Slow(_))));
    deliver(reply, fault.as_ref())
}

fn exchange(world: &mut World, endpoint: &dyn Endpoint, asked: &Asked) -> (Reply, Option<FaultKind>) {
    let trace = endpoint.trace(world, asked);
    let fault = world.faults.strike(&asked.path, trace.appid.as_deref(), &mut world.entropy);
    let reply = match &fault {
        Some(FaultKind::Busy) => endpoint.refuse(world, -1, None),
        Some(FaultKind::Errcode { errcode, errmsg }) => endpoint.refuse(world, *errcode, errmsg.as_deref()),
        None | Some(FaultKind::Slow(_) | FaultKind::Dropped | FaultKind::Malformed | FaultKind::Html) => {
            endpoint.answer(world, asked)
        }
    };
    world.calls.note(Call {
        at: world.now(),
        method: asked.method.to_string(),
        path: asked.path.clone(),
        appid: trace.appid,
        openid: trace.openid,
        code: trace.code,
        errcode: reply.errcode,
        fault: fault.as_ref().map(FaultKind::name),
    });
    (reply, fault)
}

fn deliver(reply: Reply, fault: Option<&FaultKind>) -> Response {
    match fault {
        None | Some(FaultKind::Busy | FaultKind::Errcode { .. }) => whole(reply),
        Some(FaultKind::Slow(delay)) => late(reply, *delay),
        Some(FaultKind::Dropped) => broken(&reply),
        Some(FaultKind::Malformed) => cut(&reply),
        Some(FaultKind::Html) => page(StatusCode::BAD_GATEWAY, ""),
    }
}

fn whole(reply: Reply) -> Response {
    let more = reply.header.map(|header| [header]);
    ([(header::CONTENT_TYPE, reply.content_type)], more.map(AppendHeaders), reply.body).into_response()
}

/// An ordered delay, on the answer that is to be late.
#[derive(Clone, Copy)]
struct Late(Duration);

fn late(reply: Reply, delay: Duration) -> Response {
    let mut answer = whole(reply);
    answer.extensions_mut().insert(Late(delay));
    answer
}

/// Waits where a delay was ordered. The work is done by then, and nothing is held that others wait for.
pub(crate) async fn in_time(mut answer: Response) -> Response {
    if let Some(Late(delay)) = answer.extensions_mut().remove() {
        tokio::time::sleep(delay).await;
    }
    answer
}

fn cut(reply: &Reply) -> Response {
    let half = reply.body.slice(..reply.body.len() / 2);
    ([(header::CONTENT_TYPE, reply.content_type)], half).into_response()
}

/// The body fails before its first byte, so the server closes the connection on a client that was promised an answer.
fn broken(reply: &Reply) -> Response {
    let nothing =
        stream::iter([Err::<Bytes, _>(io::Error::new(io::ErrorKind::ConnectionReset, "a fault was ordered"))]);
    ([(header::CONTENT_LENGTH, reply.body.len())], Body::from_stream(nothing)).into_response()
}

/// What a gateway in front of the platform would show.
pub(crate) fn page(status: StatusCode, comment: &str) -> Response {
    let body =
        format!("<html>\n<head><title>{status}</title></head>\n<body><h1>{status}</h1></body>\n</html>\n{comment}");
    (status, Html(body)).into_response()
}
