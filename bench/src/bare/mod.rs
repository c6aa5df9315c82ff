//! The baselines: what somebody would write by hand with axum, with menjin's headers, bodies, platform call and rows,
//! and without what menjin adds. The guarded route is here too: it is such a program with a guard.

mod login;
mod writer;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::FromRef;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use menjin_guard::{Caller, Guard};
use serde::{Deserialize, Serialize};

use crate::ask::Answer;
use crate::{menjin, process};
use login::Login;

const JSON: [(HeaderName, HeaderValue); 1] = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
/// What the guarded route and its baseline answer.
const ORDERS: &str = r#"{"orders":[{"id":1,"item":"tea","cents":1200}]}"#;

/// What the baselines imitate.
#[derive(Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Whose tokens the guarded route takes.
    pub(crate) issuer: String,
    /// Whom they must be for.
    pub(crate) audience: String,
    /// Where the platform is.
    pub(crate) platform: SocketAddr,
    /// The file of the login baseline.
    pub(crate) database: PathBuf,
    /// menjin's answer to a login.
    pub(crate) login: Copied,
    /// menjin's answers that are given as they are, by path.
    pub(crate) copied: Vec<(String, Copied)>,
}

/// An answer of menjin's, to be given with the same headers and a body of the same size.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Copied {
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Copied {
    /// Without what belongs to the one connection that it came over.
    pub(crate) fn of(answer: Answer) -> Self {
        const OF_THE_CONNECTION: [&str; 4] = ["connection", "content-length", "date", "transfer-encoding"];
        let own = |(name, _): &(String, String)| !OF_THE_CONNECTION.contains(&name.to_ascii_lowercase().as_str());
        Self { headers: answer.headers.into_iter().filter(own).collect(), body: answer.body }
    }

    fn headers(&self) -> anyhow::Result<HeaderMap> {
        let parsed = self
            .headers
            .iter()
            .map(|(name, value)| Ok((HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?)));
        parsed.collect::<anyhow::Result<_>>().context("menjin's headers")
    }
}

#[derive(Clone)]
struct Guarded(Guard);

impl FromRef<Guarded> for Guard {
    fn from_ref(guarded: &Guarded) -> Self {
        guarded.0.clone()
    }
}

/// Serves until standard input ends.
pub(crate) fn serve(listen: SocketAddr, plan: &Path) -> anyhow::Result<()> {
    let plan: Plan = serde_json::from_str(&std::fs::read_to_string(plan)?)?;
    process::serve_router(listen, || router(&plan))
}

fn router(plan: &Plan) -> anyhow::Result<Router> {
    let mut router = Router::new();
    for (path, copied) in &plan.copied {
        let (headers, body) = (copied.headers()?, Bytes::from(copied.body.clone()));
        router = router.route(path, get(async move || (headers.clone(), body.clone())));
    }
    let login = Arc::new(Login::new(plan)?);
    let logins = Router::new()
        .route("/login", post(login::login))
        .route("/login-claiming", post(login::claim_and_login))
        .with_state(login);
    let guarded = Router::new().route("/guarded", get(guarded)).with_state(Guarded(guard(plan)?));
    Ok(router.route("/orders", get(orders)).merge(logins).merge(guarded))
}

/// A guard as another program has it: keys over HTTP, and menjin's feed of endings.
fn guard(plan: &Plan) -> anyhow::Result<Guard> {
    let guard = Guard::remote(&plan.issuer, &plan.audience).as_app(menjin::BACK_END, menjin::SECRET);
    Ok(guard.build()?)
}

async fn orders() -> impl IntoResponse {
    (JSON, ORDERS)
}

/// The same for who is signed in.
async fn guarded(_caller: Caller) -> impl IntoResponse {
    (JSON, ORDERS)
}
