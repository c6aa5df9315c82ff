//! Keeps what is asked, in the order in which it came, up to a bound.
//!
//! Left out: what changes nothing, and pushes, which draw their randomness from a source of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;
use tokio::sync::Mutex;

use super::{Scenario, Step, VERSION};
use crate::apps::App;
use crate::policy::Policy;
use crate::{BODY_LIMIT, Sim, control, gateway};

const MOST_STEPS: usize = 10_000;
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// What every client says and no endpoint reads.
const UNREAD: [&str; 8] =
    ["host", "connection", "content-length", "user-agent", "accept", "accept-encoding", "accept-language", "origin"];

#[derive(Debug)]
pub(crate) struct Recorder {
    seed: u64,
    start: i64,
    steps: Vec<Step>,
    bytes: usize,
    truncated: bool,
    /// Held from a step's writing to its end: what is asked at once happens in the order in which it stands here.
    turn: Arc<Mutex<()>>,
}

impl Recorder {
    /// What there was from the beginning becomes the first steps.
    pub(crate) fn new(seed: u64, start: i64, apps: &[App], policy: &Policy) -> Self {
        let mut recorder = Self { seed, start, steps: Vec::new(), bytes: 0, truncated: false, turn: Arc::default() };
        let mut add = |ask: &str, body: Value| {
            recorder.add(Step {
                ask: ask.to_owned(),
                after: Some(0),
                headers: BTreeMap::new(),
                body: Some(body),
                status: None,
            });
        };
        let plain = |value: Result<Value, _>| value.unwrap_or(Value::Null);
        if *policy != Policy::default() {
            add("POST /_sim/policy", plain(serde_json::to_value(policy)));
        }
        for app in apps {
            add("POST /_sim/apps", plain(serde_json::to_value(app)));
        }
        recorder
    }

    /// The clock was set before anything happened.
    pub(super) fn restart(&mut self, start: i64) {
        self.start = start;
    }

    /// All of it so far.
    pub(crate) fn scenario(&self) -> Scenario {
        Scenario {
            version: VERSION,
            seed: Some(self.seed),
            start: Some(self.start),
            truncated: self.truncated,
            steps: self.steps.clone(),
        }
    }

    fn add(&mut self, step: Step) -> Option<usize> {
        let bytes = step.ask.len() + step.body.as_ref().map_or(0, |body| body.to_string().len());
        if self.truncated || self.steps.len() == MOST_STEPS || self.bytes + bytes > MOST_BYTES {
            self.truncated = true;
            return None;
        }
        self.bytes += bytes;
        self.steps.push(step);
        Some(self.steps.len() - 1)
    }
}

/// Around every request: those that may change something are kept.
pub(crate) async fn record(State(sim): State<Sim>, request: Request, next: Next) -> Response {
    gateway::in_time(recorded(&sim, request, next).await).await
}

async fn recorded(sim: &Sim, request: Request, next: Next) -> Response {
    let is_kept = changes_something(request.method(), request.uri().path());
    if !is_kept || sim.with(|world| world.recorder.truncated) {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return control::too_long(head.uri.path()) };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let step = Step {
        ask: format!("{} {path}", head.method),
        after: None,
        headers: headers(&head.headers),
        body: written(path, &body),
        status: None,
    };
    let turn = sim.with(|world| Arc::clone(&world.recorder.turn)).lock_owned().await;
    let number = sim.with(|world| {
        let after = world.now() - world.recorder.start;
        world.recorder.add(Step { after: Some(after), ..step })
    });
    let _turn = Some(turn).filter(|_| !asks_others(head.uri.path()));
    let answer = next.run(Request::from_parts(head, Body::from(body))).await;
    if let (Some(number), true) = (number, answer.status() != StatusCode::OK) {
        sim.with(|world| world.recorder.steps[number].status = Some(answer.status().as_u16()));
    }
    answer
}

/// The URL for pushes is asked before it is saved, and whoever answers there may ask here meanwhile.
fn asks_others(path: &str) -> bool {
    path == "/_sim/push/settings"
}

fn changes_something(method: &Method, path: &str) -> bool {
    match path.strip_prefix("/_sim") {
        Some(rest) => *method != Method::GET && rest != "/push",
        None => path != "/" && path != "/favicon.ico",
    }
}

fn headers(all: &HeaderMap) -> BTreeMap<String, String> {
    let read = all.iter().filter(|(name, _)| !UNREAD.contains(&name.as_str()) && !name.as_str().starts_with("sec-"));
    read.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect()
}

/// The control API's bodies are JSON, and nice to read as such; a platform's stay as they came.
fn written(path: &str, body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    let json = path.starts_with("/_sim").then(|| serde_json::from_slice(body).ok()).flatten();
    // A text would be taken for a body as it is.
    let json = json.filter(|json: &Value| !json.is_string());
    Some(json.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned().into()))
}
