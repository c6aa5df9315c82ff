//! What is not WeChat's, not for this app, not of this time or not seen for the first time changes nothing.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use menjin_server::Clock as _;
use menjin_sim::{PushFormat, PushMode, PushOrder, PushTwist, Sim};
use reqwest::Method;
use serde_json::{Value, json};

use super::{TOKEN, alice, assert_refused, close, count, hearing, known, me, revoke, set_up, settings, start, told};
use crate::harness::{APPID, Answer, TestServer};
use crate::log::Log;
use crate::rows::Rows;

/// Nothing of alice's has changed, and nothing waits.
async fn nothing_happened(t: &TestServer, phone: &crate::harness::Actor<'_>) {
    assert_eq!(known(&me(phone).await), (true, true, true));
    assert_eq!(count(&mut Rows::of(t).await, "1 = 1").await, 0);
}

/// As the simulator signs, for what it never sends.
fn signed(parts: &[&str]) -> String {
    let mut sorted = [&[TOKEN], parts].concat();
    sorted.sort_unstable();
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, sorted.concat().as_bytes());
    digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Sends `encrypted` under a good signature.
async fn send(t: &TestServer, encrypted: &str, body: String, content_type: &str) -> Answer {
    let (timestamp, nonce) = (t.clock.now().secs().to_string(), "123456789");
    let signature = signed(&[&timestamp, nonce, encrypted]);
    let path = format!("/v1/push/shop?timestamp={timestamp}&nonce={nonce}&encrypt_type=aes&msg_signature={signature}");
    t.anon().send(Method::POST, &path, Some(body), &[("content-type", content_type)]).await
}

#[tokio::test]
async fn wx_10_every_push_that_is_not_wechats_own_changes_nothing() {
    let log = Log::start();
    for format in [PushFormat::Json, PushFormat::Xml] {
        for mode in [PushMode::Secure, PushMode::Compatible] {
            let t = TestServer::with(hearing()).await;
            set_up(&t, format, mode).await;
            let phone = alice(&t).await;
            for twist in [
                PushTwist::BadSignature,
                PushTwist::WrongAppid,
                PushTwist::Unencrypted,
                PushTwist::Tampered,
                PushTwist::BadPadding,
                PushTwist::BadLength,
                PushTwist::Entities,
            ] {
                for order in [revoke(&t, "6,8"), close(&t)] {
                    let pushed = t.sim.push(&PushOrder { twist: Some(twist), ..order }).await;
                    assert!(!pushed.accepted, "{twist:?}");
                    assert_refused(&pushed);
                }
            }
            nothing_happened(&t, &phone).await;
            let openid = t.sim.openid(APPID, "alice");
            assert!(!log.text().contains(&openid), "whoever sends what is refused is not repeated");
        }
    }
}

#[tokio::test]
async fn a_push_of_another_time_is_refused_and_one_within_five_minutes_is_not() {
    let t = start().await;
    let phone = alice(&t).await;
    for age in [301, -301, 86_400] {
        assert_refused(&t.sim.push(&PushOrder { age, ..close(&t) }).await);
    }
    nothing_happened(&t, &phone).await;
    for (age, items) in [(300, "8"), (-300, "19")] {
        told(&t, &PushOrder { age, ..revoke(&t, items) }).await;
    }
    assert_eq!(known(&me(&phone).await), (false, true, false));
}

#[tokio::test]
async fn a_replay_is_acknowledged_and_undoes_nothing_that_came_after() {
    let t = start().await;
    let phone = alice(&t).await;
    let seen = t.sim.sign_push(&revoke(&t, "19"));
    let path = seen.url.strip_prefix(&t.url).unwrap();
    let again = async || t.anon().send(Method::POST, path, Some(seen.body.clone()), &[]).await;
    assert_eq!(again().await.text, "success");
    super::is_carried_out(&t).await;
    assert!(me(&phone).await["nickname"].is_null());
    phone.put("/v1/me", json!({"nickname": "Alice anew"})).await.ok(200);
    for _ in 0..3 {
        assert_eq!(again().await.text, "success");
    }
    super::is_carried_out(&t).await;
    assert_eq!(me(&phone).await["nickname"], "Alice anew");
    assert_eq!(count(&mut Rows::of(&t).await, "1 = 1").await, 1);
    // Once its row is forgotten, its time is long over.
    t.advance(std::time::Duration::from_secs(3700));
    t.menjin.upkeep().await.unwrap();
    assert_eq!(count(&mut Rows::of(&t).await, "1 = 1").await, 0);
    again().await.problem(403, "push_refused");
}

/// Two simulators that begin alike choose the same nonce.
#[tokio::test]
async fn a_nonce_that_was_seen_carries_no_other_push() {
    let t = start().await;
    let phone = alice(&t).await;
    let sims = [7, 7].map(|seed| {
        let app = menjin_sim::App::mini_program(APPID, "secret").bound_to("company");
        let options = menjin_sim::Options { seed: Some(seed), apps: [app].into(), ..menjin_sim::Options::default() };
        let sim = Sim::new(options);
        sim.freeze(true);
        sim.set_clock(t.clock.now().secs());
        sim.set_push(APPID, settings(&t, PushFormat::Json, PushMode::Secure));
        sim
    });
    let pushes = [sims[0].sign_push(&revoke(&t, "19")), sims[1].sign_push(&close(&t))];
    let nonce = |url: &str| url.split("nonce=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(nonce(&pushes[0].url), nonce(&pushes[1].url));
    let send = async |nth: usize| {
        let path = pushes[nth].url.strip_prefix(&t.url).unwrap();
        t.anon().send(Method::POST, path, Some(pushes[nth].body.clone()), &[]).await
    };
    assert_eq!(send(0).await.text, "success");
    send(1).await.problem(403, "push_refused");
    super::is_carried_out(&t).await;
    assert_eq!(known(&me(&phone).await), (false, true, true));
}

#[tokio::test]
async fn what_is_signed_and_yet_no_push_is_a_clear_refusal() {
    let t = start().await;
    let phone = alice(&t).await;
    let endless = "A".repeat(60_000);
    for encrypted in ["A", "====", "not base64!", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "", "😀", &endless] {
        let json = json!({"ToUserName": "gh_0123456789ab", "Encrypt": encrypted}).to_string();
        send(&t, encrypted, json, "application/json").await.problem(403, "push_refused");
        let xml = format!("<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>");
        send(&t, encrypted, xml, "text/xml").await.problem(403, "push_refused");
    }
    let laughs = (1..10).map(|nth| format!("<!ENTITY l{nth} \"{}\">", format!("&l{};", nth - 1).repeat(10)));
    let laughs: String = laughs.collect();
    for body in [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        "{\"Encrypt\": 7}".to_owned(),
        "{\"Encrypt\": \"A\", \"Encrypt\": \"B\"}".to_owned(),
        format!("{{\"Encrypt\": {}{}}}", "[".repeat(20_000), "]".repeat(20_000)),
        "<xml>".repeat(10_000),
        format!("<!DOCTYPE xml [<!ENTITY l0 \"ha\">{laughs}]><xml><Encrypt>&l9;</Encrypt></xml>"),
        "<!DOCTYPE xml [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><xml><Encrypt>&f;</Encrypt></xml>".to_owned(),
        "\0\u{feff}<xml/>".to_owned(),
    ] {
        send(&t, "A", body, "text/xml").await.problem(403, "push_refused");
    }
    let huge = format!("<xml><Encrypt>{}</Encrypt></xml>", "A".repeat(2 * 65_536));
    send(&t, "A", huge, "text/xml").await.problem(413, "body_too_large");
    nothing_happened(&t, &phone).await;
}

#[tokio::test]
async fn parameters_that_are_missing_twice_there_or_too_long_are_refused() {
    let t = start().await;
    let phone = alice(&t).await;
    let push = t.sim.sign_push(&close(&t));
    let path = push.url.strip_prefix(&t.url).unwrap();
    let (route, query) = path.split_once('?').unwrap();
    let pairs: Vec<&str> = query.split('&').collect();
    let mut queries =
        vec![String::new(), "?".repeat(3), format!("{query}&nonce={}", "9".repeat(300)), "%ff=%00".to_owned()];
    for name in ["timestamp=", "nonce=", "msg_signature="] {
        let without = pairs.iter().filter(|pair| !pair.starts_with(name)).copied().collect::<Vec<_>>().join("&");
        let own = pairs.iter().find(|pair| pair.starts_with(name)).unwrap();
        queries.extend([format!("{without}&{name}"), format!("{query}&{own}"), without]);
    }
    for query in queries {
        let answer = t.anon().send(Method::POST, &format!("{route}?{query}"), Some(push.body.clone()), &[]).await;
        answer.problem(403, "push_refused");
    }
    nothing_happened(&t, &phone).await;
    let answer = t.anon().send(Method::POST, path, Some(push.body.clone()), &[]).await;
    assert_eq!((answer.status.as_u16(), answer.json), (200, Value::Null), "as it came it is good");
    super::is_carried_out(&t).await;
    phone.get("/v1/me").await.problem(401, "account_closed");
}
