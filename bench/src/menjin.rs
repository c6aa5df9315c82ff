//! The menjin that is measured: its configuration on disk, and serving it as `menjin serve` does.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use menjin_server::config::Config;
use menjin_server::{Around, Listeners, Menjin};
use tokio::time::Instant;

use crate::process;
use crate::span_fields::SpanFields;

/// The app that people sign in to.
pub(crate) const APP: &str = "shop";
/// Whom its tokens are for.
pub(crate) const AUDIENCE: &str = "shop-api";
pub(crate) const APPID: &str = "wx0123456789abcdef";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Where old mini programs sign in to it, in the words of the hapi system that it replaces.
pub(crate) const OLD_LOGIN: &str = "/users/wxLogin";

/// The back end that keeps session data.
pub(crate) const BACK_END: &str = "back-end";

/// How the back end proves itself.
pub(crate) fn back_end_proof() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{BACK_END}:{SECRET}"))
}

/// The embedded store.
pub(crate) const SQLITE: &str = "sqlite://menjin.db";

/// Writes the configuration of a menjin at `listen` into `folder`; only the limits differ from a real one.
pub(crate) fn configure(
    folder: &Path,
    listen: SocketAddr,
    platform: SocketAddr,
    store: &str,
) -> anyhow::Result<PathBuf> {
    let text = format!(
        r#"secret_key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
[server]
listen = "{listen}"
public_url = "http://{listen}"
[store]
url = "{store}"
migrate = "auto"
[limits]
enabled = false
[wechat]
base_url = "http://{platform}"
[[app]]
id = "{APP}"
kind = "mini_program"
platform = "wechat"
appid = "{APPID}"
secret = "{SECRET}"
audience = "{AUDIENCE}"
[[app]]
id = "{BACK_END}"
kind = "backend"
audience = "{AUDIENCE}"
client_secret = "{SECRET}"
scopes = ["session-data", "revocations:read"]
[[compat]]
kind = "hapi"
app = "{APP}"
paths = ["{OLD_LOGIN}"]
alg = "HS256"
secret = "{SECRET}"
"#
    );
    std::fs::create_dir_all(folder)?;
    let path = folder.join("menjin.toml");
    std::fs::write(&path, text).context("writing the configuration")?;
    Ok(path)
}

/// Serves until standard input ends. The log goes to standard output as JSON, as an operator would have it. At `chores`
/// a GET sweeps at once, and is answered with the seconds that it took.
pub(crate) fn serve(config: &Path, chores: Option<SocketAddr>) -> anyhow::Result<()> {
    let config = Config::load(Some(config))?;
    let lines = tracing_subscriber::fmt().with_env_filter(&config.log.level).with_writer(std::io::stdout);
    lines.json().flatten_event(true).with_span_list(false).fmt_fields(SpanFields).init();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let public = TcpListener::bind(config.server.listen)?;
        let menjin = Box::pin(Menjin::new(config, Around::default())).await?;
        if let Some(address) = chores {
            let listener = tokio::net::TcpListener::bind(address).await?;
            let routes = Router::new().route("/sweep", get(sweep)).with_state(menjin.clone());
            tokio::spawn(async { axum::serve(listener, routes).await });
        }
        menjin.serve(Listeners { public, admin: None }, process::told_to_stop()).await
    })
}

async fn sweep(State(menjin): State<Menjin>) -> Result<String, (StatusCode, String)> {
    let began = Instant::now();
    menjin.upkeep().await.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")))?;
    Ok(began.elapsed().as_secs_f64().to_string())
}
