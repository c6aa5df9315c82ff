//! Handshakes: the versions and protocols that are spoken, those that fail, and that they hold nobody up.

use reqwest::StatusCode;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Authority, address, https, sign_in, start};
use crate::harness::Setup;
use crate::log::Log;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Everything until the server closes.
async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A reset is an end, too.
    drop(read.expect("the server neither answers nor closes"));
    bytes
}

#[tokio::test]
async fn http_1_and_2_are_spoken_over_tls_1_2_and_1_3() {
    let authority = Authority::new();
    let t = start(&authority.issue(), Setup::default()).await;
    for version in [&TLS12, &TLS13] {
        for protocol in ["http/1.1", "h2"] {
            let mut stream = authority.connect(&t, &[version], protocol).await.unwrap();
            let (_, tls) = stream.get_ref();
            assert_eq!(tls.protocol_version(), Some(version.version));
            assert_eq!(tls.alpn_protocol(), Some(protocol.as_bytes()));
            let status = if protocol == "h2" {
                let (mut requests, connection) = h2::client::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                let request = http::Request::get(https(&t, "/healthz")).body(()).unwrap();
                requests.send_request(request, true).unwrap().0.await.unwrap().status().as_u16()
            } else {
                stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
                let mut answer = String::new();
                // Fails unless TLS itself is closed in order.
                stream.read_to_string(&mut answer).await.unwrap();
                answer[9..12].parse().unwrap()
            };
            assert_eq!(status, 200, "{version:?} {protocol}");
        }
    }
    let refused = authority.connect(&t, &[&TLS13], "spdy/3").await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}

#[tokio::test]
async fn people_sign_in_and_every_answer_asks_to_stay_with_https() {
    let authority = Authority::new();
    let t = start(&authority.issue(), Setup::default()).await;
    let client = authority.client();
    let pair = sign_in(&t, &client, "alice").await;
    let token = pair["access_token"].as_str().unwrap();
    assert_eq!(crate::harness::claims(token)["iss"], "https://localhost");
    let me = client.get(https(&t, "/v1/me")).bearer_auth(token).send().await.unwrap();
    assert_eq!(me.status(), StatusCode::OK);
    let paths =
        ["/v1/me", "/nowhere", "/docs", "/docs/", "/docs/swagger-ui.css", "/openapi.json", "/.well-known/jwks.json"];
    for path in paths.iter().chain(&["/healthz", "/readyz", "/problems/code_used", "/problems/nothing"]) {
        for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
            let answer = client.request(method, https(&t, path)).send().await.unwrap();
            assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000", "{path}");
        }
    }
}

#[tokio::test]
async fn silent_and_slow_handshakes_are_cut_and_hold_nobody_up() {
    let authority = Authority::new();
    let server = "header_timeout = \"400ms\"".to_owned();
    let t = start(&authority.issue(), Setup { server, ..Setup::default() }).await;
    // The beginning of a record of 512 bytes that never comes.
    let beginning: &[u8] = &[0x16, 3, 1, 2, 0, 1];
    let mut held = Vec::new();
    for words in [&b""[..], beginning].repeat(20) {
        let mut stream = TcpStream::connect(address(&t)).await.unwrap();
        stream.write_all(words).await.unwrap();
        held.push(stream);
    }
    sign_in(&t, &authority.client(), "alice").await;
    for stream in held {
        rest(stream).await;
    }
}

#[tokio::test]
async fn a_silent_client_after_its_handshake_is_cut_too() {
    let authority = Authority::new();
    let server = "header_timeout = \"400ms\"".to_owned();
    let t = start(&authority.issue(), Setup { server, ..Setup::default() }).await;
    for words in ["", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nx-slow: "] {
        let mut stream = authority.connect(&t, rustls::DEFAULT_VERSIONS, "http/1.1").await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        drop(read.expect("the server does not close"));
        assert!(bytes.is_empty(), "{words:?}: {bytes:?}");
    }
}

#[tokio::test]
async fn newcomers_wait_for_a_place_under_tls_too() {
    let authority = Authority::new();
    let t = start(&authority.issue(), Setup { server: "max_connections = 1".to_owned(), ..Setup::default() }).await;
    let mut kept = authority.connect(&t, rustls::DEFAULT_VERSIONS, "http/1.1").await.unwrap();
    let newcomer = authority.connect(&t, rustls::DEFAULT_VERSIONS, "http/1.1");
    tokio::pin!(newcomer);
    for _ in 0..20 {
        let mut answer = [0; 1024];
        let asking = async {
            kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            kept.read(&mut answer).await.unwrap()
        };
        tokio::select! {
            biased;
            _ = &mut newcomer => panic!("there is one place alone"),
            read = asking => assert!(answer[..read].starts_with(b"HTTP/1.1 200")),
        }
    }
    drop(kept);
    newcomer.await.unwrap();
}

#[tokio::test]
async fn a_failed_handshake_is_counted_and_no_warning() {
    let log = Log::start();
    let authority = Authority::new();
    let t = start(&authority.issue(), Setup::default()).await;
    let failed = |metrics: &str| -> u64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix("menjin_tls_handshakes_failed_total "));
        line.map_or(0, |count| count.parse().unwrap())
    };
    let before = failed(&t.admin_get("/metrics").await.text);
    for words in ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "SSH-2.0-x\r\n", "\u{16}\u{3}\u{1}\0\u{4}nonsense"] {
        let mut stream = TcpStream::connect(address(&t)).await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = rest(stream).await;
        assert!(!answer.starts_with(b"HTTP"), "nothing is served in clear");
    }
    Authority::new().connect(&t, rustls::DEFAULT_VERSIONS, "h2").await.unwrap_err();
    sign_in(&t, &authority.client(), "alice").await;
    assert!(failed(&t.admin_get("/metrics").await.text) >= before + 4);
    let lines = log.lines();
    let told = lines.iter().filter(|line| line["fields"]["message"].as_str() == Some("a TLS handshake failed"));
    assert_eq!(told.filter(|line| line["level"] == "DEBUG").count(), 4, "{}", log.text());
    assert!(!lines.iter().any(|line| line["level"] == "WARN" || line["level"] == "ERROR"), "{}", log.text());
}

#[tokio::test]
async fn the_operators_side_stays_plain() {
    let authority = Authority::new();
    let t = start(&authority.issue(), Setup::default()).await;
    assert_eq!(t.admin_get("/metrics").await.status, StatusCode::OK);
}
