//! A connection as bytes: for requests that no HTTP library would send, and answers as they come off the wire.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::TestServer;

/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to menjin.
pub(crate) struct Wire(TcpStream);

/// What came back before the server closed the connection.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) async fn to(t: &TestServer) -> Self {
        Self(TcpStream::connect(t.url.trim_start_matches("http://")).await.unwrap())
    }

    /// Sends these bytes; a server that has closed already is no failure.
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        drop(self.0.write_all(bytes).await);
        drop(self.0.flush().await);
    }

    /// The next bytes that come, while the connection goes on.
    pub(crate) async fn hear(&mut self) -> String {
        let mut bytes = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, self.0.read(&mut bytes)).await;
        let read = read.expect("the server neither answers nor closes").unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    /// Says that nothing more comes.
    pub(crate) async fn done_saying(&mut self) {
        drop(self.0.shutdown().await);
    }

    /// A whole request that closes the connection; `headers` end in CRLF each.
    pub(crate) async fn say_post(&mut self, path: &str, headers: &str, body: &str) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.say(&[head.as_bytes(), body.as_bytes()].concat()).await;
    }

    /// Everything until the server closes, as one answer; `None` when it closed without one.
    pub(crate) async fn heard(mut self) -> Option<Raw> {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        let read = read.expect("the server neither answers nor closes");
        assert!(read.is_ok() || !bytes.is_empty(), "{read:?}");
        (!bytes.is_empty()).then(|| Raw::parse(&String::from_utf8_lossy(&bytes)))
    }

    /// The answer, after which the server closes.
    pub(crate) async fn answer(self) -> Raw {
        self.heard().await.expect("an answer")
    }
}

/// One request on a connection of its own; give it `connection: close`.
pub(crate) async fn ask(t: &TestServer, request: impl AsRef<[u8]>) -> Raw {
    let mut wire = Wire::to(t).await;
    wire.say(request.as_ref()).await;
    wire.answer().await
}

impl Raw {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// A problem with this status and code, whole in every member and header; gives its body.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        assert_eq!((self.status, body["code"].as_str()), (status, Some(code)), "{self:?}");
        self.is_whole_problem();
        body
    }

    /// Whatever it is, it is a problem of a client's making and whole.
    #[track_caller]
    pub(crate) fn is_whole_problem(&self) {
        assert!((400..500).contains(&self.status), "{self:?}");
        for header in [
            "content-type: application/problem+json",
            "x-request-id: ",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
        ] {
            assert!(self.head.contains(header), "{header}: {self:?}");
        }
        let body: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"));
        for member in ["type", "title", "detail", "code", "action", "request_id"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {self:?}");
        }
        assert_eq!(body["status"], self.status);
    }
}
