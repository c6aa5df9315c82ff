//! What the simulator of `menjin dev` has met so far, for the overview.

use serde_json::Value;

use crate::state::Menjin;

/// The simulator, as the overview shows it.
pub(super) struct SimulatorFacts {
    pub(super) address: String,
    /// What it answered; `None` while it is away.
    pub(super) met: Option<Met>,
}

pub(super) struct Met {
    /// Each person's name, at most a few.
    pub(super) people: Vec<String>,
    pub(super) count: usize,
    pub(super) faults: usize,
}

/// Asks it, in `menjin dev` alone.
pub(super) async fn facts(menjin: &Menjin) -> Option<SimulatorFacts> {
    let simulator = &menjin.dev.as_ref()?.simulator;
    let asked = tokio::join!(simulator.look("_sim/people"), simulator.look("_sim/faults"));
    let met = if let (Ok(people), Ok(faults)) = asked { Some(met(&people, &faults)) } else { None };
    Some(SimulatorFacts { address: simulator.address().to_string(), met })
}

fn met(people: &Value, faults: &Value) -> Met {
    let people = people["people"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = people.iter().filter_map(|it| it["person"].as_str().map(str::to_owned)).take(12);
    let faults = faults["faults"].as_array().map_or(0, Vec::len);
    Met { people: names.collect(), count: people.len(), faults }
}
