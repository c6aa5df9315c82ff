//! After somebody has closed their account at the platform, all that the store keeps is searched for them.

use reqwest::Method;
use serde_json::json;

use super::kept::{everything, tables};
use super::needles::{Class, Hay, Needle, text};
use crate::broker::basic;
use crate::harness::{APPID, Setup, TestServer};
use crate::log::Log;
use crate::push::{close, hearing, set_up, told};
use crate::rows::Rows;

const SECRET: &str = "a-back-end-secret-0123456789abcdef";
const DEVICE: [&str; 3] = ["alice-device-0001", "alice's own phone", "an odd system"];
const AGENT: &str = "AlicesBrowser/1.0";

/// Everything that menjin could know of a person, and each in several versions.
async fn live(t: &TestServer) -> Vec<Needle> {
    t.sim.change_policy(|policy| policy.session_key = menjin_sim::SessionKeyPolicy::Always);
    let mut needles = Vec::new();
    let mut note = |what, said: &str| needles.extend(text(Class::Kept, what, said));
    note("an openid", &t.sim.openid(APPID, "alice"));
    note("a unionid", &t.sim.unionid("company", "alice"));
    note("an external id", "employee-alice-0001");
    for (what, said) in ["a device's id", "a device's name", "a device's system"].into_iter().zip(DEVICE) {
        note(what, said);
    }
    note("a user agent", AGENT);
    for round in 0..3 {
        let (nickname, number) = (format!("alice {round} 的昵称很长"), format!("1380000{round}{round}{round}{round}"));
        let avatar = format!("https://thirdwx.qlogo.cn/mmopen/alice{round}/132");
        for (what, said) in [("a nickname", &nickname), ("a phone number", &number), ("an avatar", &avatar)] {
            note(what, said);
        }
        t.sim.change_person("alice", |it| it.phone.number.clone_from(&number));
        let profile = json!({"nickname": nickname, "avatar_url": avatar});
        let device = json!({"id": DEVICE[0], "name": DEVICE[1], "system": DEVICE[2]});
        let (code, phone_code) = (t.code("alice"), t.sim.phone_code(APPID, "alice"));
        let body = json!({"code": code, "phone_code": phone_code, "profile": profile, "device": device}).to_string();
        let answer = t.anon().send(Method::POST, "/v1/login/shop", Some(body), &[("user-agent", AGENT)]).await.ok(200);
        note("a session_key", &t.sim.session_key(APPID, "alice").unwrap());
        let value = format!("alice's data {round}");
        note("session data", &value);
        let basic = basic("api", SECRET);
        let headers =
            [("authorization", basic.as_str()), ("menjin-subject-token", answer["access_token"].as_str().unwrap())];
        for scope in ["session", "user"] {
            let (path, body) = (format!("/v1/session/data/cart?scope={scope}"), json!({"value": value}).to_string());
            let kept = t.anon().send(Method::PUT, &path, Some(body), &headers).await;
            assert!(kept.status.is_success(), "{}", kept.text);
        }
        t.advance(std::time::Duration::from_secs(1));
    }
    let mut rows = Rows::of(t).await;
    rows.run("UPDATE users SET external_id = 'employee-alice-0001'").await;
    needles
}

fn with_back_end() -> Setup {
    let toml = format!(
        "[[app]]\nid = \"api\"\nkind = \"backend\"\naudience = \"shop-api\"\nclient_secret = \"{SECRET}\"\nscopes = [\"session-data\"]\n"
    );
    Setup { toml, ..hearing() }
}

#[tokio::test]
async fn nothing_is_left_of_whoever_closed_their_account() {
    let log = Log::start();
    let t = TestServer::with(with_back_end()).await;
    set_up(&t, menjin_sim::PushFormat::Json, menjin_sim::PushMode::Secure).await;
    let needles = live(&t).await;
    let found = async |t: &TestServer| {
        let mut all = Vec::new();
        for (table, bytes) in tables(&t.folder).await {
            let found = Hay::new(&table, bytes, &[]).found(&needles);
            all.extend(found.into_iter().map(|what| format!("{what} in {table}")));
        }
        all
    };
    let before = found(&t).await;
    for what in ["an openid", "a unionid", "a nickname", "an avatar", "an external id", "a user agent", "session data"]
    {
        assert!(before.iter().any(|found| found.starts_with(what)), "{what} was never there: {before:?}");
    }
    told(&t, &close(&t)).await;
    assert_eq!(found(&t).await, Vec::<String>::new());
    let mut rows = Rows::of(&t).await;
    for gone in ["identities", "phones", "session_keys", "session_data", "pushes WHERE sealed IS NOT NULL"] {
        assert!(rows.all(&format!("SELECT count(*) FROM {gone}")).await[0][0].int() == 0, "{gone}");
    }
    assert_eq!(rows.all("SELECT id FROM users").await.len(), 1, "the shell");
    // What is shown masked, and what no needle can be made of.
    let left = "SELECT id FROM users WHERE phone_masked IS NOT NULL OR nickname IS NOT NULL";
    assert!(rows.all(left).await.is_empty());
    let left = "SELECT id FROM sessions WHERE ip IS NOT NULL OR claims IS NOT NULL OR identity IS NOT NULL OR ended_at IS NULL";
    assert!(rows.all(left).await.is_empty());
    drop(rows);
    for (place, text) in [("the log", log.text()), ("the metrics", t.admin_get("/metrics").await.text)] {
        assert_eq!(Hay::new(place, text, &[Class::Issued]).found(&needles), Vec::<String>::new(), "in {place}");
    }
    let folder = t.stop().await;
    let hay = Hay::new("the database that is left", everything(&folder).await, &[]);
    hay.assert_finds_what_is_planted(&needles);
    assert_eq!(hay.found(&needles), Vec::<String>::new(), "in {}", hay.name);
}
