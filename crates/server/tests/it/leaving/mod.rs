//! People's own data: a copy of it, consent, and the way out, after which nothing of them is anywhere.

mod consents;
mod export;
mod failing;
mod gone;
mod nothing_left;

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Actor, Setup, TestServer};

/// What is kept of alice that nobody else has.
const NICKNAME: &str = "Alice Liddell <b>&\"";
const NUMBER: &str = "13800009876";

const COOLING_OFF: Duration = Duration::from_hours(15 * 24);

/// Documents of app `shop`: one that is required, and one that is not; and one of `club`.
fn documents(version: &str) -> Setup {
    let one = |id: &str, version: &str, more: &str| {
        format!(
            "[[consent]]\nid = \"{id}\"\nversion = \"{version}\"\nurl = \"https://shop.example.com/{id}\"\n{more}\n"
        )
    };
    let toml = [
        one("privacy", version, ""),
        one("marketing", "7", "required = false\napps = [\"shop\"]"),
        one("rules", "1", "apps = [\"club\"]"),
    ];
    Setup { toml: toml.concat(), shop: "need = []".to_owned(), ..Setup::default() }
}

/// Alice, signed in with everything that a person brings.
async fn alice(t: &TestServer) -> Actor<'_> {
    t.sim.change_person("alice", |it| NUMBER.clone_into(&mut it.phone.number));
    let mut alice = t.phone_of("alice");
    let device = json!({"id": "device-of-alice", "name": "Alice's iPhone", "system": "iOS 20.1"});
    let profile = json!({"nickname": NICKNAME, "avatar_url": "https://shop.example.com/alice.png"});
    let phone_code = t.sim.phone_code(crate::harness::APPID, "alice");
    alice.login(json!({"profile": profile, "phone_code": phone_code, "device": device})).await.ok(200);
    alice
}

/// The cooling-off is over, and menjin has looked since.
async fn time_passes(t: &TestServer) {
    t.clock.advance(COOLING_OFF + Duration::from_secs(1));
    t.menjin.upkeep().await.unwrap();
}

async fn leaves(phone: &Actor<'_>) -> Value {
    phone.delete("/v1/me").await.ok(202)
}
