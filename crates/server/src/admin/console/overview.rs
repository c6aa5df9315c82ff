//! `/console`: what this node did in the last hour, as charts that move; and what else is to be known at a glance.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::charts::{Chart, charts};
use super::frame::Frame;
use super::simulator::{SimulatorFacts, facts};
use crate::admin::Right;
use crate::admin::pages::{At, page};
use crate::config::StorePlace;
use crate::problem::{Problem, catalogue};
use crate::state::Menjin;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(now))
}

/// A refusal, or an error of a platform, and how often it came.
#[derive(Serialize)]
struct Often {
    name: String,
    /// What it is called; a platform's errcode has no words here.
    words: String,
    count: u32,
}

#[derive(Template)]
#[template(path = "console/pages/overview.html")]
struct Overview {
    at: At,
    f: Frame,
    charts: Vec<Chart>,
    often: Vec<Often>,
    node: Node,
    simulator: Option<SimulatorFacts>,
}

/// What is to be known of this node.
struct Node {
    version: &'static str,
    store: &'static str,
    issuer: String,
    has_others: bool,
}

/// The overview.
#[utoipa::path(get, path = "/console", tag = "pages", responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn show(State(menjin): State<Menjin>, f: Frame) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let (charts, often) = looked(&menjin, &f);
    let simulator = facts(&menjin).await;
    let store = match menjin.config.store.place() {
        StorePlace::Sqlite(_) => "SQLite",
        StorePlace::Postgres(_) => "PostgreSQL",
        StorePlace::MySql(_) => "MySQL",
    };
    let issuer = menjin.issuer.clone();
    let node = Node { version: env!("CARGO_PKG_VERSION"), store, issuer, has_others: store != "SQLite" };
    page(&Overview { at: f.at(), f, charts, often, node, simulator })
}

/// The charts as they are now.
#[derive(Serialize)]
struct Now {
    charts: Vec<Chart>,
    often: Vec<Often>,
}

/// What the charts show now, for the page's script.
#[utoipa::path(get, path = "/console/now", tag = "pages", responses((status = 200, description = "Figures and paths", body = serde_json::Value)))]
async fn now(State(menjin): State<Menjin>, f: Frame) -> Result<Json<Now>, Problem> {
    f.operator().may(Right::Read)?;
    let (charts, often) = looked(&menjin, &f);
    Ok(Json(Now { charts, often }))
}

fn looked(menjin: &Menjin, f: &Frame) -> (Vec<Chart>, Vec<Often>) {
    let look = menjin.hour.look(menjin.clock.now());
    let language = f.at().language();
    let problems = look.problems.iter().map(|(code, count)| Often {
        name: (*code).to_owned(),
        words: catalogue().get(*code).map_or("OAuth", |words| words.title_in(language)).to_owned(),
        count: *count,
    });
    let platforms = look.platforms.iter().map(|(platform, errcode, count)| Often {
        name: format!("{platform} {errcode}"),
        words: f.say("平台应答的错误码", "errcode of the platform").to_owned(),
        count: *count,
    });
    let mut often: Vec<_> = problems.chain(platforms).collect();
    often.sort_by_key(|it| std::cmp::Reverse(it.count));
    often.truncate(12);
    (charts(f, &look), often)
}
