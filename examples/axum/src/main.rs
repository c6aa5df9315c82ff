//! Runs the orders service: `orders [PORT]`, with `MENJIN_ISSUER`, `MENJIN_AUDIENCE`, `MENJIN_APP` and `MENJIN_SECRET` from
//! the environment. It logs as `RUST_LOG` says.

use anyhow::Context as _;
use orders::{App, Settings, router};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The guard says here why it can't hear menjin, and with `RUST_LOG=menjin_guard=debug` why it refuses a token.
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).init();
    let port = std::env::args().nth(1).or_else(|| setting("PORT")).unwrap_or_else(|| "7700".to_owned());
    let port: u16 = port.parse().context("the port must be a number")?;
    let app = setting("MENJIN_APP").unwrap_or_else(|| "demo-backend".to_owned());
    let settings = Settings {
        issuer: setting("MENJIN_ISSUER").unwrap_or_else(|| "http://127.0.0.1:7600".to_owned()),
        audience: setting("MENJIN_AUDIENCE").unwrap_or_else(|| "demo".to_owned()),
        app: setting("MENJIN_SECRET").map(|secret| (app, secret)),
        old_system: None,
    };
    let app = App::new(settings)?;

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    announce(&listener.local_addr()?.to_string());
    axum::serve(listener, router(app)).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this program's whole configuration is a few variables")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::print_stdout, reason = "a person who starts it wants to know where it is")]
fn announce(address: &str) {
    println!("orders: http://{address}/orders");
}
