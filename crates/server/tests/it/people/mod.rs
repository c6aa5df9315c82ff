//! Who somebody is, over HTTP: identities linked and unlinked, accounts merged and parted again, unionids that come late.

mod identities;
mod late_unionid;
mod merging;
mod operated;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menjin_sim::Platform;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{APP_SECRET, Actor, Answer, Setup, TestServer};
use crate::platforms::start_with;

const IDENTITIES: &str = "/v1/me/identities";
const MERGE: &str = "/v1/me/merge";
const QQ: &str = "1110000001";
const CLINIC: &str = "wx00000000000c1111";
const DOOR_SECRET: &str = "door-secret-door-secret-door-secret";

/// The usual platforms, a back end that vouches for people and asks about tokens, and an app that has nothing to do with the
/// others.
async fn start() -> TestServer {
    let toml = format!(
        r#"
[[app]]
id = "clinic"
kind = "mini_program"
platform = "wechat"
appid = "{CLINIC}"
secret = "{APP_SECRET}"
[[app]]
id = "door"
kind = "backend"
audience = "shop-api"
client_secret = "{DOOR_SECRET}"
scopes = ["sessions:open", "session-data"]
"#
    );
    let t = start_with(Setup { toml, ..Setup::default() }).await;
    t.sim.add_app(menjin_sim::App::mini_program(CLINIC, APP_SECRET));
    t
}

fn door() -> String {
    format!("Basic {}", STANDARD.encode(format!("door:{DOOR_SECRET}")))
}

/// A session that the back end opened.
async fn vouched(t: &TestServer, who: Value) -> Value {
    let mut body = json!({"app": "shop"});
    body.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
    let header = door();
    let headers = [("authorization", header.as_str())];
    t.anon().send(Method::POST, "/v1/sessions", Some(body.to_string()), &headers).await.ok(201)
}

/// What the back end is told of a token.
async fn introspected(t: &TestServer, token: &str) -> Value {
    let header = door();
    let headers = [("authorization", header.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    t.anon().send(Method::POST, "/oauth2/introspect", Some(format!("token={token}")), &headers).await.ok(200)
}

/// Somebody who is signed in to the QQ mini program.
async fn on_qq<'t>(t: &'t TestServer, person: &str) -> (Actor<'t>, Value) {
    let code = t.sim.code_of(Platform::Qq, QQ, person);
    let pair = t.anon().post("/v1/login/qq", json!({"code": code})).await.ok(200);
    (t.phone_with_token(pair["access_token"].as_str().unwrap()), pair)
}

async fn link_qq(t: &TestServer, phone: &Actor<'_>, person: &str) -> Answer {
    // What comes later is listed later.
    t.clock.advance(Duration::from_secs(1));
    phone.post(IDENTITIES, json!({"app": "qq", "code": t.sim.code_of(Platform::Qq, QQ, person)})).await
}

async fn identities(phone: &Actor<'_>) -> Vec<Value> {
    phone.get(IDENTITIES).await.ok(200)["identities"].as_array().unwrap().clone()
}

const LATER: Duration = Duration::from_secs(301);
