//! The platform's access token, shared by all nodes and by back ends that call the platform themselves.

mod reports;
mod routes;
mod sharing;

pub(crate) use sharing::storm;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menjin_sim::CallFilter;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Setup, TestServer};

pub(crate) const READ: &str = "/v1/apps/shop/platform-token";
pub(crate) const REPORT: &str = "/v1/apps/shop/platform-token/report-invalid";
pub(crate) const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
pub(crate) const SECRET: &str = "mailer-secret-0123456789abcdef0123456789";

/// A back end `mailer`, which may read the token of `shop`; slow machines get their time.
pub(crate) fn with_mailer() -> Setup {
    let toml = format!(
        r#"
[[app]]
id = "mailer"
kind = "backend"
client_secret = "{SECRET}"
scopes = ["platform-token:shop"]
"#
    );
    Setup { toml, server: r#"request_timeout = "60s""#.to_owned(), deadline: "20s", ..Setup::default() }
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub(crate) async fn read(t: &TestServer) -> Answer {
    let proof = basic("mailer", SECRET);
    t.anon().send(Method::GET, READ, None, &[("authorization", &proof)]).await
}

/// The token, as `mailer` reads it.
pub(crate) async fn token(t: &TestServer) -> String {
    read(t).await.ok(200)["access_token"].as_str().unwrap().to_owned()
}

pub(crate) async fn report(t: &TestServer, token: &str) -> Answer {
    let (proof, body) = (basic("mailer", SECRET), json!({"token": token}).to_string());
    t.anon().send(Method::POST, REPORT, Some(body), &[("authorization", &proof)]).await
}

/// How often the platform was asked for a token.
pub(crate) fn fetches(t: &TestServer) -> usize {
    calls(t, STABLE_TOKEN)
}

pub(crate) fn calls(t: &TestServer, path: &str) -> usize {
    t.sim.calls(&CallFilter { path: Some(path.to_owned()), ..CallFilter::default() }).len()
}

/// Looks until it is so.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(tokio::time::Instant::now() < patience, "it never came");
        tokio::task::yield_now().await;
    }
}
