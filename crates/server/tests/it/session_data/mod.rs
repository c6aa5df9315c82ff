//! `/v1/session/data[/{key}]`: what back ends keep about a session or its user.

mod bounds;
mod keys;
mod own;
mod races;
mod versions;
mod who;

use std::time::Duration;

use menjin_server::Clock as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::broker::basic;
use crate::harness::{Actor, Answer, OTHER_APPID, Setup, TestServer};
use crate::log::Log;

pub(crate) const DATA: &str = "/v1/session/data";
const SECRET: &str = "a-back-end-secret-0123456789abcdef";

/// Back ends `api` for the audience of app `shop`, and `club-api` for that of app `club`; both may keep session data.
fn with_back_ends() -> Setup {
    let back_end = |id: &str, audience: &str| {
        format!(
            "[[app]]\nid = \"{id}\"\nkind = \"backend\"\naudience = \"{audience}\"\nclient_secret = \"{SECRET}\"\nscopes = [\"session-data\"]\n"
        )
    };
    let server = r#"request_timeout = "60s""#.to_owned();
    Setup { toml: back_end("api", "shop-api") + &back_end("club-api", "club"), server, ..Setup::default() }
}

async fn server() -> TestServer {
    TestServer::with(with_back_ends()).await
}

/// A back end that asks about the person who holds a phone.
#[derive(Clone, Copy)]
struct BackEnd<'a> {
    t: &'a TestServer,
    id: &'static str,
    phone: &'a Actor<'a>,
    /// `session` or `user`.
    scope: &'static str,
}

impl<'a> BackEnd<'a> {
    fn of(t: &'a TestServer, phone: &'a Actor<'a>) -> Self {
        Self { t, id: "api", phone, scope: "session" }
    }

    /// About the user instead of the session.
    fn user(self) -> Self {
        Self { scope: "user", ..self }
    }

    /// The same at another node.
    fn at(self, t: &'a TestServer) -> Self {
        Self { t, ..self }
    }

    async fn send(self, method: Method, key: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let path = if key.is_empty() { DATA.to_owned() } else { format!("{DATA}/{key}") };
        let path = if self.scope == "session" { path } else { format!("{path}?scope={}", self.scope) };
        let (proof, subject) = (basic(self.id, SECRET), self.phone.access_token());
        let own = [("authorization", proof.as_str()), ("menjin-subject-token", &subject)];
        let body = body.map(|body| body.to_string());
        self.t.anon().send(method, &path, body, &[&own[..], headers].concat()).await
    }

    async fn get(self, key: &str) -> Answer {
        self.send(Method::GET, key, None, &[]).await
    }

    async fn put(self, key: &str, body: Value) -> Answer {
        self.send(Method::PUT, key, Some(body), &[]).await
    }

    async fn delete(self, key: &str) -> Answer {
        self.send(Method::DELETE, key, None, &[]).await
    }

    /// All that is kept.
    async fn all(self) -> Value {
        self.get("").await.ok(200)["data"].take()
    }
}

#[tokio::test]
async fn a_back_end_keeps_what_it_likes_about_a_session() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    let empty = api.get("").await;
    assert_eq!((empty.header("etag"), empty.header("cache-control")), ("\"0\"", "no-store"));
    assert_eq!(empty.ok(200), json!({"data": {}}));
    api.get("cart").await.problem(404, "key_unknown");

    let cart = json!([1, {"名": "🐼", "n": null, "on": false}, 2.50, "\u{0}"]);
    let put = api.put("cart", json!({"value": cart})).await;
    assert_eq!((put.header("etag"), put.header("cache-control")), ("\"1\"", "no-store"));
    assert_eq!(put.ok(200), json!({"value": cart}));
    let got = api.get("cart").await;
    assert_eq!((got.header("etag"), got.header("content-type")), ("\"1\"", "application/json"));
    assert_eq!(got.ok(200), json!({"value": cart}));
    for (key, value) in [("step", json!("pay")), ("nothing", Value::Null), ("a.b:c-D_9", json!({}))] {
        api.put(key, json!({"value": value})).await.ok(200);
    }
    let whole = api.get("").await;
    assert_eq!(whole.header("etag"), "\"4\"");
    assert_eq!(whole.ok(200), json!({"data": {"cart": cart, "step": "pay", "nothing": null, "a.b:c-D_9": {}}}));
    assert_eq!(api.get("cart").await.header("etag"), "\"1\"", "the others were written, not this one");

    for _ in 0..2 {
        api.delete("step").await.ok(204);
        api.get("step").await.problem(404, "key_unknown");
    }
    let replaced = api.put("", json!({"data": {"cart": cart, "name": "Zoe"}})).await;
    assert_eq!(replaced.header("etag"), "\"6\"");
    assert_eq!(replaced.ok(200), json!({"data": {"cart": cart, "name": "Zoe"}}));
    let etags = [api.get("cart").await, api.get("name").await].map(|answer| answer.header("etag").to_owned());
    assert_eq!(etags, ["\"1\"", "\"6\""], "what stays the same keeps its version");

    api.delete("").await.ok(204);
    let flushed = api.get("").await;
    assert_eq!(flushed.header("etag"), "\"7\"", "versions go on");
    assert_eq!(flushed.ok(200), json!({"data": {}}));
}

#[tokio::test]
async fn values_come_back_as_they_were_written() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    for text in ["12345678901234567890123", "0.1000000000000000055511151231257827", "1e2", "-0.0", r#""\u4f60\/""#] {
        let (proof, subject) = (basic("api", SECRET), phone.access_token());
        let headers = [("authorization", proof.as_str()), ("menjin-subject-token", &subject)];
        let body = Some(format!(" {{ \"value\" : {text} }} "));
        t.anon().send(Method::PUT, &format!("{DATA}/n"), body, &headers).await.ok(200);
        assert_eq!(api.get("n").await.text, format!("{{\"value\":{text}}}"));
        assert_eq!(api.get("").await.text, format!("{{\"data\":{{\"n\":{text}}}}}"));
    }
}

#[tokio::test]
async fn two_devices_never_overwrite_each_other() {
    let t = server().await;
    let (phone, tablet) = (t.phone("alice").await, t.phone("alice").await);
    assert_eq!(phone.user_id(), tablet.user_id());
    let (of_phone, of_tablet) = (BackEnd::of(&t, &phone), BackEnd::of(&t, &tablet));
    of_phone.put("cart", json!({"value": "of the phone"})).await.ok(200);
    of_tablet.put("cart", json!({"value": "of the tablet"})).await.ok(200);
    of_tablet.put("", json!({"data": {"cart": "of the tablet", "more": 1}})).await.ok(200);
    assert_eq!(of_phone.all().await, json!({"cart": "of the phone"}));
    of_phone.delete("").await.ok(204);
    assert_eq!(of_tablet.all().await, json!({"cart": "of the tablet", "more": 1}));
}

#[tokio::test]
async fn data_stays_through_refreshes_and_is_the_sessions_alone() {
    let t = server().await;
    let mut phone = t.phone("alice").await;
    BackEnd::of(&t, &phone).put("cart", json!({"value": 1})).await.ok(200);
    t.advance(Duration::from_mins(20));
    phone.refresh().await.ok(200);
    assert_eq!(BackEnd::of(&t, &phone).all().await, json!({"cart": 1}));
    phone.login(json!({})).await.ok(200);
    assert_eq!(BackEnd::of(&t, &phone).all().await, json!({}), "a new sign-in is a new session");
}

#[tokio::test]
async fn what_is_the_users_survives_their_sessions() {
    let t = server().await;
    let (phone, tablet, bob) = (t.phone("alice").await, t.phone("alice").await, t.phone("bob").await);
    let api = BackEnd::of(&t, &phone).user();
    api.put("theme", json!({"value": "dark"})).await.ok(200);
    BackEnd::of(&t, &phone).put("theme", json!({"value": "of the session"})).await.ok(200);
    assert_eq!(BackEnd::of(&t, &tablet).user().all().await, json!({"theme": "dark"}));
    assert_eq!(BackEnd::of(&t, &tablet).all().await, json!({}));
    assert_eq!(BackEnd::of(&t, &bob).user().all().await, json!({}));
    phone.post("/v1/logout", json!({"scope": "all"})).await.ok(204);
    api.get("theme").await.problem(401, "session_ended");
    let again = t.phone("alice").await;
    assert_eq!(BackEnd::of(&t, &again).user().all().await, json!({"theme": "dark"}));
    assert_eq!(BackEnd::of(&t, &again).all().await, json!({}));
}

#[tokio::test]
async fn each_back_end_reaches_what_its_own_audience_keeps() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    assert_eq!(phone.user_id(), club.user_id(), "one person");
    let shop_api = BackEnd::of(&t, &phone);
    let club_api = BackEnd { id: "club-api", ..BackEnd::of(&t, &club) };
    for api in [shop_api, shop_api.user()] {
        api.put("cart", json!({"value": "of the shop"})).await.ok(200);
    }
    for api in [club_api, club_api.user()] {
        assert_eq!(api.all().await, json!({}));
        api.put("", json!({"data": {"cart": "of the club"}})).await.ok(200);
        api.delete("").await.ok(204);
    }
    for api in [shop_api, shop_api.user()] {
        assert_eq!(api.all().await, json!({"cart": "of the shop"}));
    }
    // A token for one back end opens nothing to another.
    for (id, phone) in [("club-api", &phone), ("api", &club)] {
        for api in [BackEnd { id, ..BackEnd::of(&t, phone) }, BackEnd { id, ..BackEnd::of(&t, phone) }.user()] {
            api.get("").await.problem(401, "token_invalid");
            api.get("cart").await.problem(401, "token_invalid");
            api.put("cart", json!({"value": 1})).await.problem(401, "token_invalid");
            api.delete("").await.problem(401, "token_invalid");
        }
    }
}

#[tokio::test]
async fn keys_with_a_ttl_expire_at_their_time() {
    let t = server().await;
    t.freeze();
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    let end = |secs| serde_json::to_value(t.clock.now().plus(Duration::from_secs(secs))).unwrap();
    let (soon, later) = (end(60), end(600));
    let put = api.put("code", json!({"value": 1, "ttl": 60})).await.ok(200);
    assert_eq!(put, json!({"value": 1, "expires_at": soon}));
    api.put("step", json!({"value": 2, "ttl": 600})).await.ok(200);
    api.put("cart", json!({"value": 3})).await.ok(200);
    let whole = api.get("").await;
    assert_eq!(whole.header("etag"), "\"3\"");
    let ends = json!({"code": soon, "step": later});
    assert_eq!(whole.ok(200), json!({"data": {"code": 1, "step": 2, "cart": 3}, "expires_at": ends}));
    // What stays the same keeps its end; what changes has none, unless one is given.
    let replaced = api.put("", json!({"data": {"code": 1, "step": 9, "cart": 3}})).await.ok(200);
    assert_eq!(replaced["expires_at"], json!({"code": soon}));
    t.advance(Duration::from_secs(59));
    api.get("code").await.ok(200);
    t.advance(Duration::from_secs(1));
    api.get("code").await.problem(404, "key_unknown");
    let after = api.get("").await;
    assert_eq!(after.header("etag"), "\"5\"", "an end is a change");
    assert_eq!(after.ok(200), json!({"data": {"step": 9, "cart": 3}}));
    t.menjin.upkeep().await.unwrap();
    let swept = api.get("").await;
    assert_eq!((swept.header("etag"), &swept.json), ("\"5\"", &json!({"data": {"step": 9, "cart": 3}})));
    let all = api.put("", json!({"data": {"step": 9}, "ttl": 5})).await;
    assert_eq!(all.header("etag"), "\"6\"");
    assert_eq!(
        all.ok(200)["expires_at"],
        json!({"step": serde_json::to_value(t.clock.now().plus(Duration::from_secs(5))).unwrap()})
    );
    let put = api.put("step", json!({"value": 9})).await.ok(200);
    assert_eq!(put, json!({"value": 9}), "a value that is put anew has the end that it is given, or none");
    t.advance(Duration::from_secs(5));
    assert_eq!(api.all().await, json!({"step": 9}));
}

#[tokio::test]
async fn no_value_and_no_token_is_logged() {
    let log = Log::start();
    let t = server().await;
    let phone = t.phone("alice").await;
    let api = BackEnd::of(&t, &phone);
    api.put("cart", json!({"value": "a-secret-in-a-value"})).await.ok(200);
    api.send(Method::PUT, "cart", Some(json!({"value": 1})), &[("if-match", "\"9\"")])
        .await
        .problem(412, "version_mismatch");
    api.put("cart", json!({"value": "a-secret-in-a-value".repeat(200)})).await.problem(413, "session_data_full");
    api.put("", json!({"data": {"a secret in a key": 1}})).await.problem(400, "field_invalid");
    for secret in ["a-secret-in-a-value", "a secret in a key", SECRET, &phone.access_token()] {
        assert!(!log.text().contains(secret), "{secret}");
    }
    assert!(log.text().contains("session/data"), "the log was read");
}
