//! What `menjin dev` adds: the page that plays a phone, codes from the simulator, and a kick. Never mounted by `serve`.
//!
//! These routes sign anybody in, so they answer this machine alone: neither its neighbours nor the sites that somebody on it visits.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use menjin_token::{SessionId, dangerous};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use crate::config::{App, AppKind, PlatformName};
use crate::extract::{Json, authorization, caller};
use crate::origin::{is_loopback_name, is_own};
use crate::outbound::Simulator;
use crate::pages;
use crate::problem::{Fault, Problem};
use crate::sdk;
use crate::state::Menjin;
use crate::store::Actor;

/// How long ago the token of `/dev/expire` ended: longer than any clock is allowed to be wrong.
const OVER_SINCE: Duration = Duration::from_mins(10);

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
        .route("/dev/sign-in", get(pages::sign_in))
        .route("/dev/sign-in.js", get(pages::sign_in_script))
        .route("/dev/sign-in-page.js", get(pages::sign_in_page_script))
        .route("/dev/sign-in.css", get(pages::sign_in_style))
        .route("/dev/info", get(info))
        .route("/dev/people", get(people))
        .route("/dev/expire", post(expire))
        .route("/dev/wx/{call}", post(wx))
        .route("/dev/qq/{call}", post(qq))
        .route("/dev/tt/{call}", post(tt))
        .route("/dev/my/{call}", post(my))
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
    /// All that people can sign in from here, the first mini program first.
    apps: Vec<AppInfo<'a>>,
    issuer: &'a str,
    simulator: &'a Url,
    version: &'static str,
}

#[derive(Serialize)]
struct AppInfo<'a> {
    id: &'a str,
    appid: Option<&'a str>,
    audience: &'a str,
    platform: Option<PlatformName>,
    kind: AppKind,
}

impl<'a> From<&'a App> for AppInfo<'a> {
    fn from(app: &'a App) -> Self {
        let App { id, appid, platform, kind, .. } = app;
        Self { id, appid: appid.as_deref(), audience: audience(app), platform: *platform, kind: *kind }
    }
}

/// Tells the page what it shows. No secrets.
async fn info(State(menjin): State<Menjin>) -> Result<impl IntoResponse, Problem> {
    let dev = menjin.dev.as_ref().ok_or(Problem::RouteUnknown)?;
    let apps = &menjin.config.app;
    let app = demo(apps);
    let beside = |app: &App| apps.iter().find(|it| it.kind == AppKind::Backend && audience(it) == audience(app));
    let answer = serde_json::to_value(Info {
        app: app.map(AppInfo::from),
        backend: app.and_then(beside).map(|app| app.id.as_str()),
        apps: apps.iter().filter(|app| sdk::is_simulated(&menjin, app)).map(AppInfo::from).collect(),
        issuer: &menjin.issuer,
        simulator: dev.simulator.address(),
        version: env!("CARGO_PKG_VERSION"),
    });
    let answer = answer.map_err(|error| Problem::Internal(error.into()))?;
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)))
}

/// The mini program that the page plays.
fn demo(apps: &[App]) -> Option<&App> {
    demo_of(apps, PlatformName::Wechat)
}

/// The first mini program of a platform.
fn demo_of(apps: &[App], platform: PlatformName) -> Option<&App> {
    apps.iter().find(|app| app.kind == AppKind::MiniProgram && app.platform == Some(platform))
}

fn audience(app: &App) -> &str {
    app.audience.as_deref().unwrap_or(&app.id)
}

/// A platform's client on somebody's phone, as the simulator plays it.
struct Client {
    platform: PlatformName,
    /// Its part of the simulator's address.
    prefix: &'static str,
    calls: &'static [&'static str],
}

/// What a phone would ask of `WeChat`, asked of the simulator.
async fn wx(menjin: State<Menjin>, call: Path<String>, body: Json<Map<String, Value>>) -> Asked {
    let calls = &["login", "getUserProfile", "getPhoneNumber", "checkSession", "chooseAvatar"];
    Client { platform: PlatformName::Wechat, prefix: "wx", calls }.ask(menjin, call, body).await
}

/// The same of QQ.
async fn qq(menjin: State<Menjin>, call: Path<String>, body: Json<Map<String, Value>>) -> Asked {
    let calls = &["login", "getUserInfo", "checkSession"];
    Client { platform: PlatformName::Qq, prefix: "qq", calls }.ask(menjin, call, body).await
}

/// The same of Douyin.
async fn tt(menjin: State<Menjin>, call: Path<String>, body: Json<Map<String, Value>>) -> Asked {
    let calls = &["login", "getUserProfile", "getPhoneNumber", "checkSession"];
    Client { platform: PlatformName::Douyin, prefix: "tt", calls }.ask(menjin, call, body).await
}

/// The same of Alipay.
async fn my(menjin: State<Menjin>, call: Path<String>, body: Json<Map<String, Value>>) -> Asked {
    let calls = &["getAuthCode", "getPhoneNumber"];
    Client { platform: PlatformName::Alipay, prefix: "my", calls }.ask(menjin, call, body).await
}

type Asked = Result<(StatusCode, axum::Json<Value>), Problem>;

impl Client {
    async fn ask(
        &self,
        State(menjin): State<Menjin>,
        Path(call): Path<String>,
        Json(mut body): Json<Map<String, Value>>,
    ) -> Asked {
        let dev = menjin.dev.as_ref().ok_or(Problem::RouteUnknown)?;
        if !self.calls.contains(&call.as_str()) {
            return Err(Problem::RouteUnknown);
        }
        let names_app = ["appid", "openid"].iter().any(|member| body.contains_key(*member));
        let demo = demo_of(&menjin.config.app, self.platform).and_then(|app| app.appid.as_deref());
        if let (false, Some(appid)) = (names_app, demo) {
            body.insert("appid".to_owned(), appid.into());
        }
        let path = format!("_sim/{}/{call}", self.prefix);
        let (status, answer) = dev.simulator.ask(&path, &Value::Object(body)).await.map_err(Problem::Internal)?;
        Ok((StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), axum::Json(answer)))
    }
}

/// Whom the simulator has met, for whoever picks the owner of a phone.
async fn people(State(menjin): State<Menjin>) -> Result<axum::Json<Value>, Problem> {
    let dev = menjin.dev.as_ref().ok_or(Problem::RouteUnknown)?;
    let mut met = dev.simulator.look("_sim/people").await.map_err(Problem::Internal)?;
    let people = met["people"].as_array_mut().into_iter().flatten();
    let people: Vec<_> = people.map(|it| json!({ "person": it["person"], "phone": it["phone"] })).collect();
    Ok(axum::Json(json!({ "people": people })))
}

/// The caller's token as it will be when its time is over: well signed, and good for nothing.
async fn expire(State(menjin): State<Menjin>, headers: HeaderMap) -> Result<axum::Json<Value>, Problem> {
    caller(&menjin, &headers).await?;
    let token = authorization(&headers, false).ok_or(Problem::TokenMissing)?;
    let (header, mut claims) = dangerous::decode_unverified(token).map_err(|_| Problem::TokenInvalid)?;
    let over = menjin.clock.now().minus(OVER_SINCE);
    claims["exp"] = over.secs().into();
    claims["iat"] = over.minus(menjin.config.lifetimes.access_token).secs().into();
    let alg = header["alg"].as_str().and_then(|name| name.parse().ok()).ok_or(Problem::TokenInvalid)?;
    let key = menjin.ring.signing(alg, menjin.clock.now()).context("no signing key is active");
    let typ = header["typ"].as_str().unwrap_or_default();
    let expired = key.and_then(|key| menjin_token::sign(&key, typ, &claims).context("signing an access token"));
    Ok(axum::Json(json!({ "access_token": expired.map_err(Problem::Internal)? })))
}

#[derive(Deserialize)]
struct Kick {
    session_id: String,
}

/// Ends a session as an operator would.
async fn kick(State(menjin): State<Menjin>, Json(kick): Json<Kick>) -> Result<StatusCode, Problem> {
    let session: SessionId = kick.session_id.parse().map_err(|_| Problem::field("session_id", Fault::WrongType))?;
    let ended = menjin.end_session(&Actor::command(), session).await?;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::SessionUnknown) }
}

pub(crate) async fn only_from_here(request: Request, next: Next) -> Result<Response, Problem> {
    if is_from_here(&request) { Ok(next.run(request).await) } else { Err(Problem::OriginRefused) }
}

fn is_from_here(request: &Request) -> bool {
    let headers = request.headers();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let near = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback()) && !is_forwarded(headers);
    let Some(host) = host(request).filter(is_loopback_name) else { return false };
    // What is served here is plain http.
    let is_own_page = is_own(headers, (&host, false), &["same-origin", "none"]);
    near && (is_own_page || is_opened(request) || is_mini_program_tool(request))
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

/// Somebody followed a link to a page; the page then asks for itself, and nobody may frame it.
fn is_opened(request: &Request) -> bool {
    let is = |name: &str, expected: &str| request.headers().get(name).is_some_and(|value| value == expected);
    let path = request.uri().path();
    let is_page = matches!(path, "/" | "/dev" | "/dev/sign-in") || pages::is_operators(path);
    let opens = is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document");
    is_page && opens && request.method() == Method::GET
}

/// `WeChat`'s developer tool sends a mini program's requests as cross-site, with a `Referer` that no web page can set.
fn is_mini_program_tool(request: &Request) -> bool {
    let referer = request.headers().get(header::REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    request.uri().path().starts_with("/dev/wx/") && referer.starts_with("https://servicewechat.com/")
}
