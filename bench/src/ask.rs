//! One HTTP request over a connection of its own: for what the bench asks itself, beside the load.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// A sweep of a large store takes its time.
const PATIENCE: Duration = Duration::from_mins(5);

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In the order they came, names as sent.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What is asked.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) path: &'a str,
    /// An access token.
    pub(crate) token: Option<&'a str>,
    /// JSON to POST; without it the request is a GET.
    pub(crate) json: Option<&'a str>,
    /// Whether the JSON is PUT instead.
    pub(crate) is_put: bool,
    /// More headers, each with CRLF behind it.
    pub(crate) headers: &'a str,
}

impl Ask<'_> {
    /// Asks, whatever the answer is.
    pub(crate) fn of(self, server: SocketAddr) -> anyhow::Result<Answer> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(self.text(server).as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        answer(&text)
    }

    /// Asks for an answer that must be a success.
    pub(crate) fn ok(self, server: SocketAddr) -> anyhow::Result<Answer> {
        let answer = self.of(server).with_context(|| format!("asking for {}", self.path))?;
        ensure!((200..300).contains(&answer.status), "{} answered {}: {}", self.path, answer.status, answer.body);
        Ok(answer)
    }

    fn text(self, server: SocketAddr) -> String {
        let method = if self.is_put {
            "PUT"
        } else if self.json.is_some() {
            "POST"
        } else {
            "GET"
        };
        let token = self.token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let body = self.json.map_or_else(String::new, |json| {
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}", json.len())
        });
        let end = if body.is_empty() { "\r\n" } else { "" };
        let Self { path, headers, .. } = self;
        format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n{token}{headers}{body}{end}")
    }
}

fn answer(text: &str) -> anyhow::Result<Answer> {
    let (head, body) = text.split_once("\r\n\r\n").context("an answer without a head")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("an answer without a status")?;
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers: Vec<_> = headers.collect();
    let is_chunked =
        headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value == "chunked");
    let body = if is_chunked { joined(body).context("a body in broken chunks")? } else { body.to_owned() };
    Ok(Answer { status: status.parse()?, headers, body })
}

/// The chunks of a body: each has its length before it, in hexadecimal; an empty one is the last.
fn joined(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n")?;
        let chunk = rest.get(..usize::from_str_radix(length, 16).ok()?)?;
        if chunk.is_empty() {
            return Some(body);
        }
        body.push_str(chunk);
        chunks = rest[chunk.len()..].strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let read = answer("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx: a: b\r\n\r\nok\r\n\r\n").unwrap();
        assert_eq!((read.status, read.body.as_str()), (200, "ok\r\n\r\n"));
        assert_eq!(read.headers[1], ("x".to_owned(), "a: b".to_owned()));
    }

    #[test]
    fn chunks_are_joined_and_broken_ones_refused() {
        let read = |chunks: &str| answer(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"));
        assert_eq!(read("3\r\nab\n\r\nA\r\n0123456789\r\n0\r\n\r\n").unwrap().body, "ab\n0123456789");
        for broken in ["", "3\r\nab", "x\r\nab\r\n0\r\n\r\n", "1\r\nab\r\n0\r\n\r\n"] {
            assert!(read(broken).is_err(), "{broken:?}");
        }
    }
}
