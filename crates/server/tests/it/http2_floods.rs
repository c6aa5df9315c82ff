//! Floods that cost a client little and a careless server much (CVE-2023-44487, RUSTSEC-2024-0332): their connection ends,
//! and others are served.

use std::time::Duration;

use rustls::version::TLS13;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::harness::{Setup, TestServer};
use crate::tls::{Authority, https, start};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_OF_STREAM_AND_HEADERS: u8 = 5;
const ENHANCE_YOUR_CALM: u32 = 0xb;
/// `GET https://localhost/` by HPACK's static table.
const ASKING: &[u8] = b"\x82\x87\x84\x41\x09localhost";
const PATIENCE: Duration = Duration::from_mins(1);

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Why the server says that it goes, where it was heard.
fn reason(mut heard: &[u8]) -> Option<u32> {
    while let Some((head, rest)) = heard.split_at_checked(9) {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (payload, rest) = rest.split_at_checked(length)?;
        if head[3] == GO_AWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        heard = rest;
    }
    None
}

/// Sends up to so many breaths of frames; gives how many were taken before the connection ended, and what was heard.
async fn flood(stream: TlsStream<TcpStream>, count: u32, breath: impl Fn(u32) -> Vec<u8>) -> (u32, Vec<u8>) {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let listening = tokio::spawn(async move {
        let mut heard = Vec::new();
        // A reset is an end, too.
        drop(reading.read_to_end(&mut heard).await);
        heard
    });
    let mut taken = 0;
    let sending = async {
        writing.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await?;
        while taken < count {
            writing.write_all(&breath(taken)).await?;
            writing.flush().await?;
            taken += 1;
        }
        std::io::Result::Ok(())
    };
    let sent = tokio::time::timeout(PATIENCE, sending).await.expect("the server neither reads nor closes");
    assert!(sent.is_err(), "all {count} breaths were taken");
    (taken, tokio::time::timeout(PATIENCE, listening).await.expect("the connection goes on").unwrap())
}

/// Floods while somebody else asks all the time.
async fn ends_alone(count: u32, breath: impl Fn(u32) -> Vec<u8>) {
    let authority = Authority::new();
    let t: TestServer = start(&authority.issue(), Setup::default()).await;
    let honest = authority.client();
    let asked = async || honest.get(https(&t, "/healthz")).send().await.unwrap().status();
    let mut heard_why = 0;
    for _ in 0..5 {
        let stream = authority.connect(&t, &[&TLS13], "h2").await.unwrap();
        let flooding = flood(stream, count, &breath);
        tokio::pin!(flooding);
        let (_, heard) = loop {
            tokio::select! {
                biased;
                status = asked() => assert_eq!(status, 200),
                ended = &mut flooding => break ended,
            }
        };
        // What the server says last is lost where the client's own words are still under way.
        if let Some(why) = reason(&heard) {
            assert_eq!(why, ENHANCE_YOUR_CALM);
            heard_why += 1;
        }
    }
    assert_eq!(asked().await, 200);
    assert!(heard_why > 0, "no GOAWAY was heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_end_their_connection_alone() {
    ends_alone(2_000, |breath| {
        let streams = (0..50).map(|number| (breath * 50 + number) * 2 + 1);
        let asked_and_reset = |stream| {
            let cancel = 8_u32.to_be_bytes();
            [frame(HEADERS, END_OF_STREAM_AND_HEADERS, stream, ASKING), frame(RESET, 0, stream, &cancel)].concat()
        };
        streams.flat_map(asked_and_reset).collect()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_continuations_end_their_connection_alone() {
    // A field that is never indexed, and its value: x: yyyy.
    let field = b"\x00\x01x\x04yyyy".repeat(20);
    ends_alone(20_000, |breath| match breath {
        0 => frame(HEADERS, 0, 1, ASKING),
        _ => frame(CONTINUATION, 0, 1, &field),
    })
    .await;
}
