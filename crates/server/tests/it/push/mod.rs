//! `/v1/push/{app}`: what WeChat tells by itself, sent by the simulator as WeChat would and as others might.

mod closed;
mod forgotten;
mod queued;
mod refused;
mod settings;

use menjin_sim::{PushFormat, PushMode, PushOrder, PushSettings, Pushed};
use serde_json::{Value, json};

use crate::broker::until;
use crate::harness::{APPID, Actor, Setup, TestServer};
use crate::rows::Rows;

pub(crate) const TOKEN: &str = "pamtest";
/// Its last character has spare bits that are set.
pub(crate) const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
pub(crate) const REVOKE: &str = "user_authorization_revoke";
pub(crate) const CLOSE: &str = "user_authorization_cancellation";
const NUMBER: &str = "13800001234";

/// App `shop` hears of WeChat.
pub(crate) fn hearing() -> Setup {
    let shop = format!("push_token = \"{TOKEN}\"\npush_aes_key = \"{AES_KEY}\"\n");
    Setup { shop, ..Setup::default() }
}

/// WeChat's console is told the address of `t`, and asks it.
pub(crate) async fn set_up(t: &TestServer, format: PushFormat, mode: PushMode) {
    t.freeze();
    t.sim.save_push(APPID, settings(t, format, mode)).await.unwrap();
}

pub(crate) fn settings(t: &TestServer, format: PushFormat, mode: PushMode) -> PushSettings {
    let (url, token) = (format!("{}/v1/push/shop", t.url), TOKEN.to_owned());
    PushSettings { url, token, aes_key: Some(AES_KEY.to_owned()), format, mode }
}

/// The usual server, in secure mode with JSON.
pub(crate) async fn start() -> TestServer {
    let t = TestServer::with(hearing()).await;
    set_up(&t, PushFormat::Json, PushMode::Secure).await;
    t
}

/// WeChat withdraws `items` of alice's.
pub(crate) fn revoke(t: &TestServer, items: &str) -> PushOrder {
    PushOrder::event(APPID, REVOKE, &t.sim.openid(APPID, "alice")).with("RevokeInfo", items)
}

pub(crate) fn close(t: &TestServer) -> PushOrder {
    PushOrder::event(APPID, CLOSE, &t.sim.openid(APPID, "alice"))
}

/// Sends it, and waits until nothing waits any more.
pub(crate) async fn told(t: &TestServer, order: &PushOrder) {
    let pushed = t.sim.push(order).await;
    assert!(pushed.accepted && pushed.attempts.len() == 1, "{pushed:?}");
    assert_eq!(pushed.attempts[0].answer, "success");
    is_carried_out(t).await;
}

pub(crate) async fn is_carried_out(t: &TestServer) {
    let mut rows = Rows::of(t).await;
    until(async || count(&mut rows, "due_at IS NOT NULL").await == 0).await;
}

/// How many pushes there are of which `that` holds.
pub(crate) async fn count(rows: &mut Rows, that: &str) -> i64 {
    rows.all(&format!("SELECT count(*) FROM pushes WHERE {that}")).await[0][0].int()
}

/// Alice, signed in with everything that a person brings.
pub(crate) async fn alice(t: &TestServer) -> Actor<'_> {
    t.sim.change_person("alice", |it| NUMBER.clone_into(&mut it.phone.number));
    let mut alice = t.phone_of("alice");
    let profile = json!({"nickname": "Alice Liddell", "avatar_url": "https://shop.example.com/alice.png"});
    let body = json!({"profile": profile, "phone_code": t.sim.phone_code(APPID, "alice")});
    let user = alice.login(body).await.ok(200)["user"].clone();
    assert_eq!(known(&user), (true, true, true));
    alice
}

/// Whether nickname, avatar and phone are there.
pub(crate) fn known(user: &Value) -> (bool, bool, bool) {
    let is_there = |member: &str| user[member].is_string();
    (is_there("nickname"), is_there("avatar_url"), is_there("phone_masked"))
}

async fn me(phone: &Actor<'_>) -> Value {
    phone.get("/v1/me").await.ok(200)["user"].clone()
}

/// Refused with 403 at each try, and nothing waits.
#[track_caller]
fn assert_refused(pushed: &Pushed) {
    assert!(!pushed.accepted, "{pushed:?}");
    for attempt in &pushed.attempts {
        assert_eq!(attempt.status, Some(403), "{pushed:?}");
        assert!(attempt.answer.contains("push_refused"), "{pushed:?}");
    }
}
