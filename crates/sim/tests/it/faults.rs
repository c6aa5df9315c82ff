//! `/_sim/faults`: what a client sees, and whether the code is spent.

use std::time::Duration;

use menjin_sim::{Fault, FaultKind};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{OTHER, Platforms, SECRET, SHOP, code2session};

async fn order(platforms: &Platforms, fault: Value) {
    platforms.control("/_sim/faults", fault).await;
}

async fn is_spent(platforms: &Platforms, code: &str) -> bool {
    platforms.exchange(code).await.json()["errcode"] == 40163
}

#[tokio::test]
async fn a_busy_platform_does_not_spend_the_code() {
    let platforms = Platforms::start().await;
    order(&platforms, json!({ "kind": "busy", "next": 2 })).await;
    let code = platforms.code("alice").await;
    platforms.exchange(&code).await.refused(-1, "system error");
    platforms.exchange(&code).await.refused(-1, "system error");
    assert!(!is_spent(&platforms, &code).await);
}

#[tokio::test]
async fn an_ordered_errcode_is_answered_without_spending_the_code() {
    let platforms = Platforms::start().await;
    let code = platforms.code("alice").await;
    order(&platforms, json!({ "kind": "errcode", "errcode": 45011 })).await;
    order(&platforms, json!({ "kind": "errcode", "errcode": 77777, "errmsg": "never seen before" })).await;
    platforms.exchange(&code).await.refused(45011, "api minute-quota reach limit  mustslower  retry next minute");
    platforms.exchange(&code).await.refused(77777, "never seen before");
    assert!(!is_spent(&platforms, &code).await);
}

#[tokio::test]
async fn a_dropped_answer_leaves_the_client_with_an_error_and_the_code_spent() {
    let platforms = Platforms::start().await;
    order(&platforms, json!({ "kind": "dropped" })).await;
    let code = platforms.code("alice").await;
    let sent = platforms.request(Method::GET, &code2session(SHOP, SECRET, &code)).send().await;
    let read = match sent {
        Ok(response) => response.bytes().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(read.is_err());
    assert!(is_spent(&platforms, &code).await);
}

#[tokio::test]
async fn a_dropped_connection_ends_without_a_byte_of_the_answers_body() {
    let platforms = Platforms::start().await;
    platforms.sim.add_fault(Fault::once(FaultKind::Dropped).on("/sns/jscode2session"));
    let path = code2session(SHOP, SECRET, &platforms.code("alice").await);
    let mut connection = TcpStream::connect(platforms.base.strip_prefix("http://").unwrap()).await.unwrap();
    connection.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    // A reset is as good an end as a close.
    connection.read_to_end(&mut seen).await.ok();
    let seen = String::from_utf8(seen).unwrap();
    let body = seen.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    assert_eq!(body, "");
}

#[tokio::test]
async fn a_malformed_answer_is_the_first_half_of_a_good_one() {
    let platforms = Platforms::start().await;
    order(&platforms, json!({ "kind": "malformed" })).await;
    let code = platforms.code("alice").await;
    let answer = platforms.exchange(&code).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (StatusCode::OK, "text/plain"));
    assert!(answer.body.starts_with(r#"{"session_key":"#), "{}", answer.body);
    assert!(serde_json::from_str::<Value>(&answer.body).is_err(), "{}", answer.body);
    assert!(is_spent(&platforms, &code).await);
}

#[tokio::test]
async fn a_gateways_error_page_is_no_json() {
    let platforms = Platforms::start().await;
    order(&platforms, json!({ "kind": "html" })).await;
    let code = platforms.code("alice").await;
    let answer = platforms.exchange(&code).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.content_type.starts_with("text/html") && answer.body.contains("502 Bad Gateway"), "{answer:?}");
    assert!(is_spent(&platforms, &code).await);
}

#[tokio::test]
async fn a_slow_answer_comes_whole_and_not_before_its_time() {
    let platforms = Platforms::start().await;
    order(&platforms, json!({ "kind": "slow", "delay_ms": 50 })).await;
    let code = platforms.code("alice").await;
    let asked = tokio::time::Instant::now();
    let answer = platforms.exchange(&code).await;
    assert!(asked.elapsed() >= Duration::from_millis(50));
    assert!(answer.json().get("openid").is_some());
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_slow_answer_has_spent_its_code() {
    let platforms = Platforms::start().await;
    order(&platforms, json!({ "kind": "slow" })).await;
    let code = platforms.code("alice").await;
    let request = platforms.request(Method::GET, &code2session(SHOP, SECRET, &code));
    let asking = tokio::spawn(request.send());
    while platforms.sim.calls_with_code(&code) == 0 {
        tokio::task::yield_now().await;
    }
    asking.abort();
    assert!(asking.await.is_err_and(|error| error.is_cancelled()), "ten seconds are not over");
    assert!(is_spent(&platforms, &code).await);
}

#[tokio::test]
async fn a_fault_can_be_meant_for_one_path_or_one_app() {
    let platforms = Platforms::start_with_two_apps().await;
    order(&platforms, json!({ "kind": "busy", "path": "/cgi-bin/stable_token" })).await;
    order(&platforms, json!({ "kind": "busy", "appid": OTHER })).await;
    platforms.access_token(SHOP).await;
    platforms.session("alice").await;
    let code = platforms.sim.js_code(OTHER, "alice");
    platforms.exchange_as(OTHER, SECRET, &code).await.refused(-1, "system error");
    let body = json!({ "grant_type": "client_credential", "appid": SHOP, "secret": SECRET });
    platforms.post("/cgi-bin/stable_token", body).await.refused(-1, "system error");
}

#[tokio::test]
async fn a_share_of_all_calls_can_fail() {
    let platforms = Platforms::start().await;
    order(&platforms, json!({ "kind": "busy", "share": 0.5 })).await;
    let mut failed = 0;
    for person in 0..100 {
        let code = platforms.code(&person.to_string()).await;
        failed += usize::from(platforms.exchange(&code).await.json()["errcode"] == -1);
    }
    assert!((25..75).contains(&failed), "{failed}");
}

#[tokio::test]
async fn faults_are_listed_until_they_have_struck_or_are_cleared() {
    let platforms = Platforms::start().await;
    let id =
        platforms.control("/_sim/faults", json!({ "kind": "slow", "delay_ms": 1, "path": "/cgi-bin/token" })).await;
    order(&platforms, json!({ "kind": "errcode", "errcode": 40164, "share": 0.1 })).await;
    let listed = platforms.get("/_sim/faults").await.json();
    let first = &listed["faults"][0];
    assert_eq!((&first["id"], &first["kind"], &first["next"]), (&id["id"], &json!("slow"), &json!(1)));
    assert_eq!((&first["delay_ms"], &first["path"]), (&json!(1), &json!("/cgi-bin/token")));
    assert_eq!(listed["faults"][1]["errcode"], 40164);
    assert_eq!(platforms.delete("/_sim/faults").await.json(), json!({ "faults": [] }));
    assert_eq!(platforms.get("/_sim/faults").await.json(), json!({ "faults": [] }));
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused() {
    let platforms = Platforms::start().await;
    let order = async |body| platforms.post("/_sim/faults", body).await;
    order(json!({})).await.complaint(400, "missing field `kind`");
    order(json!({ "kind": "odd" })).await.complaint(400, "unknown variant `odd`");
    order(json!({ "kind": "busy", "next": 0 })).await.complaint(400, "how often?");
    order(json!({ "kind": "busy", "next": 1, "share": 0.5 })).await.complaint(400, "how often?");
    order(json!({ "kind": "busy", "share": 2 })).await.complaint(400, "how often?");
    order(json!({ "kind": "busy", "delay_ms": 5 })).await.complaint(400, "a member too many");
    order(json!({ "kind": "busy", "errmsg": "x" })).await.complaint(400, "a member too many");
    order(json!({ "kind": "busy", "path": "/sns/jscode2sesion" })).await.complaint(400, "no platform answers");
    order(json!({ "kind": "errcode" })).await.complaint(400, "which errcode?");
    order(json!({ "kind": "errcode", "errcode": 0 })).await.complaint(400, "which errcode?");
}
