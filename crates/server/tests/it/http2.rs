//! HTTP/2 as proxies speak it to a plain port (RFC 9113 §3.3): the same answers, several requests on one connection.

use axum::body::Bytes;
use futures_util::future::join_all;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::harness::TestServer;

struct Answer {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

/// One connection, driven until it is dropped.
async fn connection(t: &TestServer) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(t.url.trim_start_matches("http://")).await.unwrap();
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    requests
}

async fn ask(
    requests: &SendRequest<Bytes>,
    method: Method,
    url: String,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut requests = requests.clone().ready().await.unwrap();
    let (answer, mut sending) = requests.send_request(request.body(()).unwrap(), false).unwrap();
    // A server that has refused already wants no more of it.
    drop(sending.send_data(Bytes::copy_from_slice(body.as_bytes()), true));
    let (head, mut stream) = answer.await.unwrap().into_parts();
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = stream.data().await {
        bytes.extend_from_slice(&chunk);
        stream.flow_control().release_capacity(chunk.len()).unwrap();
    }
    let json = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status: head.status.as_u16(), headers: head.headers, json }
}

#[tokio::test]
async fn sign_ins_and_refusals_are_as_over_http_1() {
    let t = TestServer::start().await;
    let requests = connection(&t).await;
    let login = format!("{}/v1/login/shop", t.url);
    let as_json = [("content-type", "application/json")];
    let signed_in = join_all(["alice", "bob", "carol"].map(async |person| {
        let body = json!({"code": t.code(person)}).to_string();
        ask(&requests, Method::POST, login.clone(), &as_json, &body).await
    }))
    .await;
    for answer in &signed_in {
        assert_eq!(answer.status, 200, "{}", answer.json);
        let bearer = format!("Bearer {}", answer.json["access_token"].as_str().unwrap());
        let me = ask(&requests, Method::GET, format!("{}/v1/me", t.url), &[("authorization", &bearer)], "").await;
        assert_eq!((me.status, &me.json["user"]["id"]), (200, &answer.json["user"]["id"]));
    }
    let too_large = format!("{{\"code\":\"{}\"}}", "a".repeat(70_000));
    let refused = [
        (Method::GET, "/v1/me", String::new(), 401, "token_missing"),
        (Method::POST, "/v1/login/shop", "{}".to_owned(), 400, "field_invalid"),
        (Method::POST, "/v1/login/shop", too_large, 413, "body_too_large"),
        (Method::DELETE, "/v1/login/shop", String::new(), 405, "method_unknown"),
        (Method::GET, "/nowhere", String::new(), 404, "route_unknown"),
    ];
    for (method, path, body, status, code) in refused {
        let answer = ask(&requests, method, format!("{}{path}", t.url), &as_json, &body).await;
        assert_eq!((answer.status, answer.json["code"].as_str()), (status, Some(code)), "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.json["request_id"], answer.headers["x-request-id"].to_str().unwrap());
        assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401, "{path}");
    }
}
