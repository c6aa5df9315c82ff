//! What programs on phones fetch of menjin itself: which one it is, and the mini-program SDK as one file.
//!
//! Not here: the SDK's sources, which are in `clients/miniprogram`; `cargo xtask gen` builds the file from them.

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::{App, AppKind, PlatformName};
use crate::state::Menjin;

const MINI_PROGRAM: &str = include_str!("../../../clients/miniprogram/dist/menjin.js");

/// Short, so that a page that embeds it has the next version soon.
const FIVE_MINUTES: &str = "public, max-age=300";

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(about)).routes(routes!(mini_program))
}

/// Marks routers that have `/dev` too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WithDev;

/// Which menjin this is.
#[derive(Serialize, utoipa::ToSchema)]
struct About<'a> {
    /// Who signs the tokens: the `iss` in them.
    #[schema(example = "https://login.example.com")]
    issuer: &'a str,
    /// Of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Whether `/dev` is here: a `menjin dev`, never a server in production.
    dev: bool,
    /// The mini programs for which the simulator answers; none in production.
    #[schema(example = json!([]))]
    simulated: Vec<&'a str>,
}

/// Tells which menjin this is.
///
/// For the SDKs: in a developer tool without an AppID the platform gives no code, and the simulator of a `menjin dev` may.
#[utoipa::path(get, path = "/.well-known/menjin", operation_id = "about_menjin", tag = "sdk", responses((status = 200, description = "This menjin", body = About)))]
async fn about(State(menjin): State<Menjin>, dev: Option<Extension<WithDev>>) -> impl IntoResponse {
    let dev = dev.is_some();
    let apps = menjin.config.app.iter().filter(|app| dev && app.kind == AppKind::MiniProgram);
    let simulated = apps.filter(|app| is_simulated(&menjin, app)).map(|app| app.id.as_str()).collect();
    axum::Json(About { issuer: &menjin.issuer, version: env!("CARGO_PKG_VERSION"), dev, simulated }).into_response()
}

/// Whether the simulator of a `menjin dev` plays the platform of an app.
pub(crate) fn is_simulated(menjin: &Menjin, app: &App) -> bool {
    let simulator = menjin.dev.as_ref().map(|dev| dev.simulator.address().as_str());
    app.appid.is_some() && simulator.is_some_and(|simulator| platform_of(menjin, app).starts_with(simulator))
}

/// Where the platform of an app is.
fn platform_of<'a>(menjin: &'a Menjin, app: &'a App) -> &'a str {
    let config = &menjin.config;
    let usual = match app.platform {
        Some(PlatformName::Qq) => &config.qq.base_url,
        Some(PlatformName::Douyin) => &config.douyin.base_url,
        Some(PlatformName::Alipay) => &config.alipay.gateway_url,
        Some(PlatformName::Wechat) | None => &config.wechat.base_url,
    };
    app.base_url.as_ref().unwrap_or(usual).as_str()
}

/// The mini-program SDK as one file.
///
/// `clients/miniprogram`, built: for `utils/` of a mini program, where it is a `CommonJS` module, or for a page, where it is the
/// global `menjin`.
#[utoipa::path(get, path = "/sdk/miniprogram.js", operation_id = "mini_program_sdk", tag = "sdk", responses((status = 200, description = "The script", body = String, content_type = "text/javascript")))]
async fn mini_program() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, FIVE_MINUTES)];
    (headers, MINI_PROGRAM)
}
