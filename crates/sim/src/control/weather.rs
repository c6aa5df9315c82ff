//! `/_sim/clock`, `/_sim/faults`, `/_sim/calls`: what befalls the platforms, and what they saw.

use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Complaint, INDEX, Input};
use crate::Sim;
use crate::calls::{Call, CallFilter};
use crate::faults::{Fault, FaultKind, Strikes};

/// Ten years; beyond, sums of times stop meaning anything.
const FURTHEST: i64 = 10 * 366 * 86_400;
/// The end of the year 9999.
const LATEST: i64 = 253_402_300_799;
const LONGEST_DELAY: u64 = 10 * 60 * 1000;

pub(super) fn routes() -> Router<Sim> {
    Router::new()
        .route("/clock", get(show_clock).post(change_clock))
        .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/calls", get(list_calls).delete(clear_calls))
        .route("/scenario/record", get(scenario))
}

#[derive(Serialize)]
struct ClockView {
    now: i64,
    frozen: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockRequest {
    set: Option<i64>,
    advance: Option<i64>,
    freeze: Option<bool>,
}

/// The control API's form of a fault.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultForm {
    #[serde(default, skip_deserializing)]
    id: u64,
    kind: Kind,
    next: Option<u32>,
    share: Option<f64>,
    path: Option<String>,
    appid: Option<String>,
    delay_ms: Option<u64>,
    errcode: Option<i64>,
    errmsg: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Busy,
    Slow,
    Dropped,
    Malformed,
    Html,
    Errcode,
}

#[derive(Serialize)]
struct CallList {
    calls: Vec<Call>,
    count: usize,
}

async fn show_clock(State(sim): State<Sim>) -> Json<ClockView> {
    Json(sim.with(|world| ClockView { now: world.now(), frozen: world.clock.is_frozen() }))
}

/// Freezes or thaws first, then sets, then advances.
async fn change_clock(State(sim): State<Sim>, Input(request): Input<ClockRequest>) -> Answer<ClockView> {
    let (set, advance) = (request.set.unwrap_or(0), request.advance.unwrap_or(0));
    if !(0..=LATEST).contains(&set) || !(0..=FURTHEST).contains(&advance) {
        return Err(Complaint::bad("bad time", "set is Unix seconds, advance is seconds and at most ten years"));
    }
    sim.with(|world| {
        if let Some(frozen) = request.freeze {
            world.clock.freeze(frozen);
        }
        if request.set.is_some() {
            world.clock.set(set);
        }
        world.clock.advance(advance);
    });
    Ok(show_clock(State(sim)).await)
}

async fn list_faults(State(sim): State<Sim>) -> Json<Value> {
    let faults: Vec<FaultForm> = sim.with(|world| world.faults.all().iter().map(FaultForm::of).collect());
    Json(json!({ "faults": faults }))
}

async fn add_fault(State(sim): State<Sim>, Input(form): Input<FaultForm>) -> Answer<Value> {
    let id = sim.add_fault(form.fault()?);
    Ok(Json(json!({ "id": id })))
}

async fn clear_faults(State(sim): State<Sim>) -> Json<Value> {
    sim.clear_faults();
    Json(json!({ "faults": [] }))
}

async fn list_calls(State(sim): State<Sim>, filter: Result<Query<CallFilter>, QueryRejection>) -> Answer<CallList> {
    let Query(filter) =
        filter.map_err(|error| Complaint::bad(error.body_text(), "filters are path, appid, code and openid"))?;
    let calls = sim.calls(&filter);
    Ok(Json(CallList { count: calls.len(), calls }))
}

async fn clear_calls(State(sim): State<Sim>) -> Json<CallList> {
    sim.clear_calls();
    Json(CallList { calls: Vec::new(), count: 0 })
}

/// What happened since the start, as a file for `menjin sim --scenario`.
async fn scenario(State(sim): State<Sim>) -> Response {
    let scenario = sim.with(|world| world.recorder.scenario());
    let text = serde_json::to_string_pretty(&scenario).expect("a scenario is plain data");
    let name = "attachment; filename=\"scenario.json\"";
    ([(header::CONTENT_TYPE, "application/json"), (header::CONTENT_DISPOSITION, name)], text + "\n").into_response()
}

impl FaultForm {
    fn fault(self) -> Result<Fault, Complaint> {
        let strikes = match (self.next, self.share) {
            (None, None) => Strikes::Next(1),
            (Some(next), None) if next > 0 => Strikes::Next(next),
            (None, Some(share)) if (0.0..=1.0).contains(&share) => Strikes::Share(share),
            (Some(_) | None, Some(_)) | (Some(_), None) => {
                return Err(Complaint::bad("how often?", "either next, at least 1, or share, between 0 and 1"));
            }
        };
        if self.path.as_deref().is_some_and(|path| !crate::answers_at(path)) {
            return Err(Complaint::bad("no platform answers at that path", INDEX));
        }
        Ok(Fault { kind: self.kind()?, strikes, path: self.path, appid: self.appid })
    }

    fn kind(&self) -> Result<FaultKind, Complaint> {
        let of_slow = self.delay_ms.is_some();
        let of_errcode = self.errcode.is_some() || self.errmsg.is_some();
        if of_slow && self.kind != Kind::Slow || of_errcode && self.kind != Kind::Errcode {
            return Err(Complaint::bad(
                "a member too many",
                "delay_ms goes with slow, errcode and errmsg with errcode",
            ));
        }
        Ok(match self.kind {
            Kind::Busy => FaultKind::Busy,
            Kind::Slow => FaultKind::Slow(Duration::from_millis(self.delay_ms.unwrap_or(10_000).min(LONGEST_DELAY))),
            Kind::Dropped => FaultKind::Dropped,
            Kind::Malformed => FaultKind::Malformed,
            Kind::Html => FaultKind::Html,
            Kind::Errcode => {
                let errcode = self.errcode.filter(|errcode| *errcode != 0);
                let errcode = errcode.ok_or_else(|| Complaint::bad("which errcode?", "give errcode, other than 0"))?;
                FaultKind::Errcode { errcode, errmsg: self.errmsg.clone() }
            }
        })
    }

    fn of((id, fault): &(u64, Fault)) -> Self {
        let (next, share) = match fault.strikes {
            Strikes::Next(next) => (Some(next), None),
            Strikes::Share(share) => (None, Some(share)),
        };
        let mut form = Self {
            id: *id,
            kind: Kind::Busy,
            next,
            share,
            path: fault.path.clone(),
            appid: fault.appid.clone(),
            delay_ms: None,
            errcode: None,
            errmsg: None,
        };
        match &fault.kind {
            FaultKind::Busy => {}
            FaultKind::Slow(delay) => {
                form.kind = Kind::Slow;
                form.delay_ms = u64::try_from(delay.as_millis()).ok();
            }
            FaultKind::Dropped => form.kind = Kind::Dropped,
            FaultKind::Malformed => form.kind = Kind::Malformed,
            FaultKind::Html => form.kind = Kind::Html,
            FaultKind::Errcode { errcode, errmsg } => {
                form.kind = Kind::Errcode;
                (form.errcode, form.errmsg) = (Some(*errcode), errmsg.clone());
            }
        }
        form
    }
}
