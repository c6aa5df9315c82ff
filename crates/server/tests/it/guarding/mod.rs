//! What back ends and operators decide about sessions: opened for somebody, limited, banned, and told to guards elsewhere.

mod bans;
mod guards;
mod policy;
mod revocations;
mod streams;
mod vouched;

use reqwest::Method;
use serde_json::Value;

use crate::broker::basic;
use crate::harness::{Answer, Setup, TestServer};

pub(crate) const SECRET: &str = "gate-secret-0123456789abcdef0123456789abcdef";

/// A back end `gate` for the tokens of `shop`, which may open sessions and read what has ended; and `porter`, which has the
/// same secret and no scope.
pub(crate) fn with_gate() -> Setup {
    let toml = format!(
        r#"
[[app]]
id = "gate"
kind = "backend"
audience = "shop-api"
client_secret = "{SECRET}"
scopes = ["sessions:open", "revocations:read"]
[[app]]
id = "porter"
kind = "backend"
audience = "shop-api"
client_secret = "{SECRET}"
"#
    );
    Setup { toml, ..Setup::default() }
}

/// A request of a back end.
async fn by(t: &TestServer, app: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let proof = basic(app, SECRET);
    t.anon().send(method, path, body.map(|body| body.to_string()), &[("authorization", &proof)]).await
}

/// Opens a session as `gate` does.
async fn open(t: &TestServer, body: Value) -> Answer {
    by(t, "gate", Method::POST, "/v1/sessions", Some(body)).await
}
