//! How much one address may ask, and whose address counts.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Setup, TestServer};

fn limited(limits: &str, server: &str) -> Setup {
    Setup { limits: format!("enabled = true\n{limits}"), server: server.to_owned(), ..Setup::default() }
}

async fn from(t: &TestServer, path: &str, body: serde_json::Value, hops: &str) -> Answer {
    t.anon().send(Method::POST, path, Some(body.to_string()), &[("x-forwarded-for", hops)]).await
}

#[track_caller]
fn is_limited(answer: Answer) {
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(answer.problem(429, "too_many_requests")["action"], "retry");
}

#[tokio::test]
async fn an_address_that_asks_too_much_is_told_when_to_come_back() {
    let t = TestServer::with(limited("per_address = 3", "")).await;
    let mut phone = t.phone("alice").await;
    phone.refresh().await.ok(200);
    phone.refresh().await.ok(200);
    is_limited(phone.refresh().await);
    let code = t.code("alice");
    is_limited(t.anon().post("/v1/login/shop", json!({"code": code})).await);
    assert_eq!(t.sim.calls_with_code(&code), 0, "a limited request spends nothing");
    is_limited(t.anon().send(Method::POST, "/v1/login/shop", Some("nonsense".into()), &[]).await);
    phone.get("/v1/me").await.ok(200);
    t.anon().get("/.well-known/jwks.json").await.ok(200);
}

#[tokio::test]
async fn an_address_that_keeps_failing_may_not_sign_in_for_a_while_and_spends_no_code() {
    let t =
        TestServer::with(limited("per_address = 100\nfailures_per_address = 2", r#"trusted_proxies = ["127.0.0.1"]"#))
            .await;
    let login = async |code: &str, hop: &str| from(&t, "/v1/login/shop", json!({"code": code}), hop).await;
    for at in 0..3 {
        login(&format!("0bad{at}"), "198.51.100.1").await.problem(401, "code_invalid");
    }
    let code = t.code("alice");
    is_limited(login(&code, "198.51.100.1").await);
    assert_eq!(t.sim.calls_with_code(&code), 0);
    let pair = login(&code, "198.51.100.2").await.ok(200);
    let refresh = json!({"refresh_token": pair["refresh_token"]});
    from(&t, "/v1/token/refresh", refresh, "198.51.100.1").await.ok(200);
}

#[tokio::test]
async fn what_an_untrusted_peer_says_of_its_address_changes_nothing() {
    let t = TestServer::with(limited("per_address = 3", "")).await;
    for at in 0..3 {
        from(&t, "/v1/token/refresh", json!({"refresh_token": "x"}), &format!("198.51.100.{at}"))
            .await
            .problem(401, "token_invalid");
    }
    is_limited(from(&t, "/v1/token/refresh", json!({"refresh_token": "x"}), "198.51.100.9").await);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_limit() {
    let t = TestServer::with(limited("per_address = 2", r#"trusted_proxies = ["127.0.0.1/32", "10.0.0.0/8"]"#)).await;
    let ask = async |hops: &str| from(&t, "/v1/token/refresh", json!({"refresh_token": "x"}), hops).await;
    for hops in ["198.51.100.1", "203.0.113.7, 198.51.100.1", "198.51.100.2, 10.1.2.3", "198.51.100.2:5512"] {
        ask(hops).await.problem(401, "token_invalid");
    }
    for spent in ["198.51.100.1", "8.8.8.8, 198.51.100.1", "198.51.100.2"] {
        is_limited(ask(spent).await);
    }
    for other_of_one_home in ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2"] {
        ask(other_of_one_home).await.problem(401, "token_invalid");
    }
    is_limited(ask("2001:db8:0:1::3").await);
    ask("2001:db8:0:2::1").await.problem(401, "token_invalid");
}

#[tokio::test]
async fn the_address_of_a_session_is_the_clients() {
    let t = TestServer::with(Setup { server: r#"trusted_proxies = ["127.0.0.1"]"#.into(), ..Setup::default() }).await;
    let body = json!({"code": t.code("alice")});
    let pair = from(&t, "/v1/login/shop", body, "6.6.6.6, 198.51.100.1").await.ok(200);
    let phone = t.phone_with_token(pair["access_token"].as_str().unwrap());
    assert_eq!(phone.get("/v1/me/sessions").await.ok(200)["sessions"][0]["ip"], "198.51.100.1");
    let direct = TestServer::start().await;
    let pair = from(&direct, "/v1/login/shop", json!({"code": direct.code("alice")}), "198.51.100.1").await.ok(200);
    let phone = direct.phone_with_token(pair["access_token"].as_str().unwrap());
    assert_eq!(phone.get("/v1/me/sessions").await.ok(200)["sessions"][0]["ip"], "127.0.0.1");
}
