//! What `menjin dev` adds: the page that plays a phone, codes from the simulator, and a kick. Never mounted by `serve`.
//!
//! These routes sign anybody in, so they answer this machine alone: neither its neighbours nor the sites that somebody on it visits.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use menjin_token::SessionId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::config::{App, AppKind};
use crate::extract::Json;
use crate::outbound::Simulator;
use crate::pages;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{AuditLine, EndReason, Ending, Ends};

/// The surroundings of a `menjin dev`.
#[derive(Debug, Clone)]
pub struct Dev {
    /// Where the simulator is.
    pub simulator: Simulator,
    /// Whether the public side is open to the local network: then `/dev` and the operator's side stay on the other listener.
    pub lan: bool,
}

pub(crate) fn routes() -> Router<Menjin> {
    Router::new()
        .route("/", get(pages::to_dev))
        .route("/dev", get(pages::dev))
        .route("/dev/{file}", get(pages::dev_file))
        .route("/dev/info", get(info))
        .route("/dev/wx/{call}", post(wx))
        .route("/dev/kick", post(kick))
        .route_layer(from_fn(only_from_here))
}

/// Where things are, for the page.
#[derive(Serialize)]
struct Info<'a> {
    /// The mini program that the page plays.
    app: Option<AppInfo<'a>>,
    /// The back end that is registered for its tokens.
    backend: Option<&'a str>,
    issuer: &'a str,
    simulator: &'a Url,
    version: &'static str,
}

#[derive(Serialize)]
struct AppInfo<'a> {
    id: &'a str,
    appid: Option<&'a str>,
    audience: &'a str,
}

/// Tells the page what it shows. No secrets.
async fn info(State(menjin): State<Menjin>) -> Result<impl IntoResponse, Problem> {
    let dev = menjin.dev.as_ref().ok_or(Problem::RouteUnknown)?;
    let apps = &menjin.config.app;
    let app = demo(apps);
    let beside = |app: &App| apps.iter().find(|it| it.kind == AppKind::Backend && audience(it) == audience(app));
    let answer = serde_json::to_value(Info {
        app: app.map(|app| AppInfo { id: &app.id, appid: app.appid.as_deref(), audience: audience(app) }),
        backend: app.and_then(beside).map(|app| app.id.as_str()),
        issuer: &menjin.issuer,
        simulator: dev.simulator.address(),
        version: env!("CARGO_PKG_VERSION"),
    });
    let answer = answer.map_err(|error| Problem::Internal(error.into()))?;
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)))
}

/// The mini program that the page plays.
fn demo(apps: &[App]) -> Option<&App> {
    apps.iter().find(|app| app.kind == AppKind::MiniProgram)
}

fn audience(app: &App) -> &str {
    app.audience.as_deref().unwrap_or(&app.id)
}

/// What a phone would ask of `WeChat`, asked of the simulator.
async fn wx(
    State(menjin): State<Menjin>,
    Path(call): Path<String>,
    Json(mut body): Json<Value>,
) -> Result<(StatusCode, axum::Json<Value>), Problem> {
    let dev = menjin.dev.as_ref().ok_or(Problem::RouteUnknown)?;
    if !["login", "getUserProfile", "getPhoneNumber", "checkSession"].contains(&call.as_str()) {
        return Err(Problem::RouteUnknown);
    }
    let names_app = ["appid", "openid"].iter().any(|member| body.get(member).is_some());
    if let (false, Some(appid)) = (names_app, demo(&menjin.config.app).and_then(|app| app.appid.as_deref())) {
        body["appid"] = appid.into();
    }
    let (status, answer) = dev.simulator.ask(&format!("_sim/wx/{call}"), &body).await.map_err(Problem::Internal)?;
    Ok((StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), axum::Json(answer)))
}

#[derive(Deserialize)]
struct Kick {
    session_id: String,
}

/// Ends a session as an operator would.
async fn kick(State(menjin): State<Menjin>, Json(kick): Json<Kick>) -> Result<StatusCode, Problem> {
    let session: SessionId = kick.session_id.parse().map_err(|_| Problem::field("session_id", Fault::WrongType))?;
    let now = menjin.clock.now();
    let audit = AuditLine { action: "session.kicked", actor: "operator", ..AuditLine::default() };
    let ending = Ending {
        which: Ends::Session(session),
        reason: EndReason::Kicked,
        now,
        tokens_until: menjin.tokens_until(now),
        audit,
    };
    let ended = menjin.store.end_sessions(ending).await?;
    for session in &ended {
        menjin.ended.end_session(*session, EndReason::Kicked.code(), now, menjin.tokens_until(now));
    }
    if ended.is_empty() { Err(Problem::SessionUnknown) } else { Ok(StatusCode::NO_CONTENT) }
}

async fn only_from_here(request: Request, next: Next) -> Result<Response, Problem> {
    if is_from_here(&request) { Ok(next.run(request).await) } else { Err(Problem::OriginRefused) }
}

fn is_from_here(request: &Request) -> bool {
    let headers = request.headers();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let near = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback()) && !is_forwarded(headers);
    let Some(host) = host(request).filter(is_loopback_name) else { return false };
    near && (is_own_page(headers, &host) || is_opened(request) || is_mini_program_tool(request))
}

/// A proxy or tunnel on this machine speaks for somebody who may be anywhere.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-host"].iter().any(|name| headers.contains_key(*name))
}

/// The name that the client calls us.
fn host(request: &Request) -> Option<Authority> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.clone());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    host.to_str().ok()?.parse().ok()
}

/// A name that a stranger's DNS can't point here.
fn is_loopback_name(host: &Authority) -> bool {
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host.host().eq_ignore_ascii_case(name))
}

/// Asked by a page of this very origin, or by no page at all.
fn is_own_page(headers: &HeaderMap, host: &Authority) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let own = |origin: &str| {
        let origin = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host.as_str()))
    };
    text("origin").is_none_or(own) && text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"))
}

/// Somebody followed a link to a page; the page then asks for itself, and nobody may frame it.
fn is_opened(request: &Request) -> bool {
    let is = |name: &str, expected: &str| request.headers().get(name).is_some_and(|value| value == expected);
    let is_page = matches!(request.uri().path(), "/" | "/dev");
    let opens = is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document");
    is_page && opens && request.method() == Method::GET
}

/// `WeChat`'s developer tool sends a mini program's requests as cross-site, with a `Referer` that no web page can set.
fn is_mini_program_tool(request: &Request) -> bool {
    let referer = request.headers().get(header::REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    request.uri().path().starts_with("/dev/wx/") && referer.starts_with("https://servicewechat.com/")
}
