//! Runs the orders service: `orders [PORT]`, with `MENJIN_ISSUER` and `MENJIN_AUDIENCE` from the environment.

use anyhow::Context as _;
use menjin_guard::Guard;
use orders::{App, router};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let issuer = setting("MENJIN_ISSUER", "http://127.0.0.1:7600");
    let audience = setting("MENJIN_AUDIENCE", "demo");
    let port = std::env::args().nth(1).unwrap_or_else(|| setting("PORT", "7700"));
    let port: u16 = port.parse().context("the port must be a number")?;

    // Without a feed of endings, who signs out stays in until the token expires: 15 minutes at most.
    let guard = Guard::remote(issuer, audience).feed(false).build()?;

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    announce(&listener.local_addr()?.to_string());
    axum::serve(listener, router(App { guard })).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this program's whole configuration is three variables")]
fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[expect(clippy::print_stdout, reason = "a person who starts it wants to know where it is")]
fn announce(address: &str) {
    println!("orders: http://{address}/orders");
}
