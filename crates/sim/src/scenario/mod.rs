//! Scenarios: what was asked of the simulator, in a file, so that it can be had again.
//!
//! A file is written by hand, or is what `GET /_sim/scenario/record` gives. With its seed and its start, the same steps lead to
//! the same world, to the last token. Recording is in `recorder`.

mod recorder;

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, ensure};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) use self::recorder::{Recorder, record};
use crate::{BODY_LIMIT, Sim};

/// The one form that there is yet.
const VERSION: u32 = 1;

/// What is to happen before the simulator is asked anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    version: u32,
    /// `--seed` goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Unix seconds; without it the scenario begins now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<i64>,
    /// There was more, which was not kept.
    #[serde(default, skip_serializing_if = "is_false")]
    truncated: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// `POST /_sim/people`, or a platform's path with its query.
    ask: String,
    /// Seconds from the start; without it, whatever the clock says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<i64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// A text is sent as it is, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    /// The status of the answer, where it is not 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Scenario {
    /// Reads a file's text.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let scenario: Self = serde_json::from_str(text).context("not a scenario")?;
        ensure!(scenario.version == VERSION, "version {} is not known, {VERSION} is", scenario.version);
        Ok(scenario)
    }

    /// Whether it brings apps of its own.
    pub fn makes_apps(&self) -> bool {
        self.steps.iter().any(|step| step.ask == "POST /_sim/apps")
    }
}

/// Marks a request that comes out of a scenario: an ordered delay is not waited for.
#[derive(Clone, Copy)]
pub(crate) struct Replayed;

impl Sim {
    /// Lets a scenario happen. The error names the step that did not go as it says.
    pub async fn replay(&self, scenario: &Scenario) -> anyhow::Result<()> {
        if let Some(start) = scenario.start {
            self.with(|world| {
                world.clock.set(start);
                world.recorder.restart(start);
            });
        }
        let start = self.now();
        for (number, step) in scenario.steps.iter().enumerate() {
            self.with(|world| world.clock.pin(step.after.map(|after| start.saturating_add(after))));
            let took = self.take(step).await;
            self.with(|world| world.clock.pin(None));
            took.with_context(|| format!("step {} of the scenario, {}", number + 1, step.ask))?;
        }
        Ok(())
    }

    async fn take(&self, step: &Step) -> anyhow::Result<()> {
        let (method, path) = step.ask.split_once(' ').context("ask is a method and a path: POST /_sim/people")?;
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &step.headers {
            request = request.header(name, value);
        }
        let body = match &step.body {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(json) => json.to_string(),
        };
        let mut request = request.body(Body::from(body)).context("this can't be asked")?;
        request.extensions_mut().insert(Replayed);
        let Ok(answer) = self.router().oneshot(request).await;
        let expected = step.status.unwrap_or(200);
        if answer.status().as_u16() == expected {
            return Ok(());
        }
        let status = answer.status();
        let said = to_bytes(answer.into_body(), BODY_LIMIT).await.unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        let wanted = StatusCode::from_u16(expected).map_or_else(|_| expected.to_string(), |status| status.to_string());
        Err(anyhow!("{status} instead of {wanted}: {said}"))
    }
}
