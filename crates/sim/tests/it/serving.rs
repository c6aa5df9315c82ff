//! The socket and the paths that are nobody's.

use menjin_sim::{Options, Sim};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::{Answer, Platforms};

#[tokio::test]
async fn a_listener_that_others_can_reach_is_refused() {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port is free");
    let error = Sim::new(Options::default()).serve(listener, std::future::pending()).await;
    assert!(error.expect_err("it is not loopback").to_string().contains("loopback only"));
}

#[tokio::test]
async fn serving_ends_when_it_is_told_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    Sim::new(Options::default()).serve(listener, std::future::ready(())).await.expect("it ends well");
}

#[tokio::test]
async fn an_unknown_path_is_a_gateways_404_page() {
    let platforms = Platforms::start().await;
    let answer = platforms.get("/wxa/nosuchapi").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.content_type.starts_with("text/html") && answer.body.contains("404 Not Found"), "{answer:?}");
}

#[tokio::test]
async fn an_unknown_control_path_or_method_is_explained_in_json() {
    let platforms = Platforms::start().await;
    platforms.post("/_sim/nosuch", json!({})).await.complaint(404, "no such path");
    platforms.get("/_sim/wx/login").await.complaint(405, "no such method");
}

#[tokio::test]
async fn the_front_door_leads_to_the_list_of_what_can_be_asked() {
    let platforms = Platforms::start().await;
    let redirect = platforms.request(Method::GET, "/").send().await.unwrap();
    assert_eq!((redirect.status().as_u16(), redirect.headers()["location"].to_str().unwrap()), (307, "/_sim/"));
    for path in ["/_sim/", "/_sim"] {
        let index = platforms.get(path).await;
        assert!(index.content_type.starts_with("text/html"), "{index:?}");
        for listed in ["wx/login", "apps", "people", "clock", "calls", "faults", "policy", "push", "scenario/record"] {
            assert!(index.body.contains(&format!("/_sim/{listed}")), "{listed} at {path}");
        }
        for listed in ["/sns/jscode2session", "/wxa/getwxacodeunlimit", "/qq/sns/jscode2session"] {
            assert!(index.body.contains(&format!("<code>{listed}</code>")), "{listed} at {path}");
        }
    }
}

#[tokio::test]
async fn a_body_longer_than_64_kib_is_refused_everywhere() {
    let platforms = Platforms::start().await;
    let long = json!({ "person": "a".repeat(64 * 1024) });
    platforms.post("/_sim/wx/login", long.clone()).await.complaint(413, "length limit");
    let answer = platforms.post("/cgi-bin/stable_token", long).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_is_not_json_is_explained() {
    let platforms = Platforms::start().await;
    let request = |body: &'static str| Answer::of(platforms.request(Method::POST, "/_sim/wx/login").body(body));
    request("person=alice").await.complaint(400, "expected value");
    request("").await.complaint(400, "whose phone?");
    assert_eq!(request(r#"{"person": "alice"}"#).await.status, StatusCode::OK, "curl -d sends no JSON header");
}
