//! Where one request ends and the next one begins, and bytes that no client means: answered once, clearly, or cut.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::harness::{Setup, TestServer};
use crate::wire::{Raw, Wire, ask};

/// The method and path of every route that takes a body.
const ROUTES: [&str; 5] =
    ["POST /v1/login/shop", "POST /users/wxLogin", "POST /v1/token/refresh", "POST /v1/logout", "PUT /v1/me"];

const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn start() -> TestServer {
    with("").await
}

async fn with(server: &str) -> TestServer {
    TestServer::with(setup(server)).await
}

fn setup(server: &str) -> Setup {
    let toml = "[[compat]]\nkind = \"hapi\"\napp = \"shop\"\nsecret = \"an-old-secret-of-thirty-two-bytes-or-more\"\n";
    Setup { toml: toml.into(), server: server.into(), ..Setup::default() }
}

/// What comes back for `headers` and `body`, and how many answers it is.
async fn answers(t: &TestServer, headers: &str, body: &str) -> (Raw, usize) {
    let mut wire = Wire::to(t).await;
    let head = format!("POST /v1/logout HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n");
    wire.say(format!("{head}{body}{SMUGGLED}").as_bytes()).await;
    let raw = wire.answer().await;
    let count = 1 + raw.body.matches("HTTP/1.1 ").count();
    (raw, count)
}

#[tokio::test]
async fn ht_04_what_two_readers_could_cut_in_two_ways_gets_one_answer_and_no_second() {
    let t = start().await;
    let (_, honest) = answers(&t, "content-length: 2\r\n", "{}").await;
    assert_eq!(honest, 2, "two whole requests on one connection are two requests");
    let (_, honest) = answers(&t, "transfer-encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n").await;
    assert_eq!(honest, 2);
    let smuggled = SMUGGLED.len() + 7;
    let both = [
        "content-length: 7\r\ntransfer-encoding: chunked\r\n".to_owned(),
        "transfer-encoding: chunked\r\ncontent-length: 7\r\n".to_owned(),
        format!("content-length: {smuggled}\r\ntransfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {smuggled}\r\n"),
        "transfer-encoding: chunked\r\ncontent-length: 0\r\n".to_owned(),
    ];
    for headers in both {
        let (raw, count) = answers(&t, &headers, "2\r\n{}\r\n0\r\n\r\n").await;
        assert_eq!(count, 1, "{headers}: {raw:?}");
        assert!(raw.head.contains("connection: close"), "{raw:?}");
        raw.problem(401, "token_missing");
    }
    let never = [
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding:\u{b}chunked\r\n",
        "transfer-encoding : chunked\r\n",
        "content-length : 2\r\n",
        "content-length: 2\r\ncontent-length: 3\r\n",
        "content-length: 2, 2\r\n",
        "content-length: +2\r\n",
        "content-length: 2\r\n transfer-encoding: chunked\r\n",
        "content-length: 2\rtransfer-encoding: chunked\r\n",
    ];
    for headers in never {
        let (raw, count) = answers(&t, headers, "2\r\n{}\r\n0\r\n\r\n").await;
        assert_eq!((raw.status, count), (400, 1), "{headers:?}: {raw:?}");
    }
}

#[tokio::test]
async fn chunks_that_are_none_get_no_second_answer() {
    let t = with("header_timeout = \"500ms\"").await;
    for chunks in
        ["g\r\n", "-2\r\n{}\r\n", "2 \r\n{}x", "ffffffffffffffff\r\n{}", "0x2\r\n{}\r\n", "2;{\r\n{}", "\r\n\r\n"]
    {
        let (raw, count) = answers(&t, "transfer-encoding: chunked\r\n", chunks).await;
        assert!((400..500).contains(&raw.status), "{chunks:?}: {raw:?}");
        assert_eq!(count, 1, "{chunks:?}: {raw:?}");
    }
    t.phone("alice").await.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn random_bytes_are_answered_clearly_on_every_route() {
    let t = start().await;
    let mut runner = TestRunner::deterministic();
    let bytes = vec(any::<u8>(), 0..200);
    for _ in 0..60 {
        let body = bytes.new_tree(&mut runner).unwrap().current();
        for route in ROUTES {
            let length = body.len();
            let head = format!(
                "{route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            ask(&t, [head.as_bytes(), &body].concat()).await.is_whole_problem();
        }
    }
}

#[tokio::test]
async fn random_headers_are_answered_clearly_on_every_route() {
    let t = start().await;
    let code = "{\"code\":\"0nonsense\",\"refresh_token\":\"mjr_nonsense\",\"scope\":\"all\"}";
    let mut runner = TestRunner::deterministic();
    let value = vec(any::<u8>().prop_filter("no end of a line", |byte| *byte >= 0x20 && *byte != 0x7f), 0..80);
    let names =
        ["authorization", "idempotency-key", "x-request-id", "accept-language", "x-forwarded-for", "user-agent"];
    for _ in 0..40 {
        for route in ROUTES {
            let mut request = format!(
                "{route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
                code.len()
            )
            .into_bytes();
            for name in names {
                let scheme = if name == "authorization" { "Bearer " } else { "" };
                request.extend(format!("{name}: {scheme}").as_bytes());
                request.extend(value.new_tree(&mut runner).unwrap().current());
                request.extend(b"\r\n");
            }
            request.extend(format!("\r\n{code}").as_bytes());
            ask(&t, request).await.is_whole_problem();
        }
    }
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_the_clients_fault_however_little_time_a_request_has() {
    for server in ["request_timeout = \"400ms\"\nheader_timeout = \"400ms\"", "request_timeout = \"400ms\""] {
        let t = TestServer::with(Setup { deadline: "300ms", ..setup(server) }).await;
        let mut slow = Vec::new();
        for route in ROUTES {
            let mut wire = Wire::to(&t).await;
            let head = "host: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"code\":";
            wire.say(format!("{route} HTTP/1.1\r\n{head}").as_bytes()).await;
            slow.push(wire);
        }
        for wire in slow {
            assert_eq!(wire.answer().await.problem(408, "body_too_slow")["action"], "retry");
        }
    }
}

#[tokio::test]
async fn who_asks_before_sending_too_much_is_spared_the_sending() {
    let t = start().await;
    for route in ROUTES {
        let mut wire = Wire::to(&t).await;
        let asking = |length: usize| {
            format!(
                "{route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
            )
        };
        wire.say(asking(10_000_000).as_bytes()).await;
        wire.answer().await.problem(413, "body_too_large");
        let fits = ask(&t, format!("{}[]", asking(2))).await;
        assert_eq!((fits.status, fits.body.contains("json_invalid")), (100, true), "{fits:?}");
    }
}
