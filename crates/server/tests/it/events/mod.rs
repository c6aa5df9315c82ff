//! What other programs are told of people: `GET /v1/events`, and webhooks with a receiver of the test's own.

mod by_standard;
mod commits;
mod list;
mod people;
pub(crate) mod receiver;
mod sent;

use serde_json::Value;

use crate::broker::basic;
use crate::harness::{Answer, Setup, TestServer};

/// The secret of the back ends that read.
const SECRET: &str = "crm-secret-0123456789abcdef0123456789abcdef";
/// What webhooks are signed with.
pub(crate) const SIGNED_WITH: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Back ends of both audiences that may read, one that may not, and more.
fn reading(more: &str) -> Setup {
    let entry = |id: &str, audience: &str, scopes: &str| {
        format!(
            "[[app]]\nid = \"{id}\"\nkind = \"backend\"\naudience = \"{audience}\"\nclient_secret = \"{SECRET}\"\nscopes = {scopes}\n"
        )
    };
    let may = "[\"events:read\"]";
    let toml =
        [entry("crm", "shop-api", may), entry("club-crm", "club", may), entry("poor", "shop-api", "[]")].concat();
    Setup { toml: toml + more, ..Setup::default() }
}

/// Asks for events as a back end.
async fn ask(t: &TestServer, id: &str, query: &str) -> Answer {
    let proof = basic(id, SECRET);
    t.anon().send(reqwest::Method::GET, &format!("/v1/events{query}"), None, &[("authorization", &proof)]).await
}

/// Everything that a back end is told from the beginning.
async fn all(t: &TestServer, id: &str) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let page = ask(t, id, &format!("?after={after}")).await.ok(200);
        items.extend(page["items"].as_array().unwrap().clone());
        page["next"].as_str().unwrap().clone_into(&mut after);
        if page["more"] == false {
            return items;
        }
    }
}

/// Their types.
fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}
