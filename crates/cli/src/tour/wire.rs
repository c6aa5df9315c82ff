//! Requests and answers, sent and shown. Secrets are shortened: a tour is often on a projector.

use std::fmt::Write as _;
use std::io;

use anyhow::{Context as _, ensure};
use reqwest::{Client, Method};
use serde_json::Value;
use url::Url;

use crate::http;
use crate::terminal::{self, BAD, DIM, GOOD, LINK, Language, STRONG, paint};

/// The longest text that is shown whole.
const SHOWN: usize = 48;
/// Of a longer one, so much of its beginning, which says what it is, and of its end, by which two are told apart.
const HEAD: usize = 16;
const TAIL: usize = 6;

/// A request.
pub(super) struct Call<'a> {
    method: Method,
    path: &'a str,
    token: Option<&'a str>,
    body: Option<Value>,
}

impl<'a> Call<'a> {
    pub(super) fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, token: None, body: None }
    }

    pub(super) fn post(path: &'a str, body: Value) -> Self {
        Self { method: Method::POST, path, token: None, body: Some(body) }
    }

    /// With an access token.
    pub(super) fn by(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }
}

/// An answer.
pub(super) struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    /// The text at a JSON pointer.
    pub(super) fn text(&self, pointer: &str) -> anyhow::Result<&str> {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.with_context(|| format!("the answer has no text at {pointer}"))
    }

    pub(super) fn body(&self) -> &Value {
        &self.body
    }
}

/// The line to a `menjin dev`, and the screen beside it.
pub(super) struct Wire {
    base: Url,
    client: Client,
    words: Language,
    steps: u32,
}

impl Wire {
    pub(super) fn new(base: Url, words: Language) -> anyhow::Result<Self> {
        let client = http::client_for(&base).context("an HTTP client")?;
        Ok(Self { base, client, words, steps: 0 })
    }

    /// Opens a step.
    pub(super) fn step(&mut self, chinese: &str, english: &str) -> io::Result<()> {
        self.steps += 1;
        let title = format!("{}. {}", self.steps, self.words.both(chinese, english));
        terminal::print(&format!("\n{}\n", paint(STRONG, title)))
    }

    /// Closes it: what was seen, in a sentence.
    pub(super) fn seen(&self, chinese: &str, english: &str) -> io::Result<()> {
        terminal::print(&format!("  {} {}\n", paint(GOOD, "✓"), self.words.pick(chinese, english)))
    }

    /// Sends a request and shows both sides; another status than `expected` ends the tour.
    pub(super) async fn call(&self, call: Call<'_>, expected: u16) -> anyhow::Result<Answer> {
        terminal::print(&request(&call))?;
        let answer = self.send(call).await?;
        let style = if answer.status == expected { LINK } else { BAD };
        terminal::print(&format!("  ← {}{}\n", paint(style, answer.status), shown(&answer.body)))?;
        ensure!(answer.status == expected, "expected {expected} and got {}", answer.status);
        Ok(answer)
    }

    /// Shows a value that came by no request.
    pub(super) fn show(value: &Value) -> io::Result<()> {
        terminal::print(&format!("   {}\n", shown(value)))
    }

    async fn send(&self, call: Call<'_>) -> anyhow::Result<Answer> {
        let url = self.base.join(call.path)?;
        let mut request = self.client.request(call.method, url).header("accept-language", self.words.tag());
        if let Some(token) = call.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        let body =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        Ok(Answer { status, body })
    }
}

fn request(call: &Call<'_>) -> String {
    let mut text = format!("  → {} {}", call.method, paint(LINK, call.path));
    if let Some(token) = call.token {
        let header = format!("Authorization: Bearer {}", shortened(token));
        write!(text, "\n    {}", paint(DIM, header)).expect("writing to a string");
    }
    if let Some(body) = &call.body {
        write!(text, "\n    {}", paint(DIM, with_short_texts(body))).expect("writing to a string");
    }
    text + "\n"
}

fn shown(value: &Value) -> String {
    if value.is_null() {
        return String::new();
    }
    let short = with_short_texts(value);
    format!(" {}", format!("{short:#}").replace('\n', "\n    "))
}

fn with_short_texts(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shortened(text)),
        Value::Array(items) => items.iter().map(with_short_texts).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), with_short_texts(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if text.contains(char::is_whitespace) || length <= SHOWN {
        return text.to_owned();
    }
    let head: String = text.chars().take(HEAD).collect();
    let tail: String = text.chars().skip(length - TAIL).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_shortened_and_sentences_are_not() {
        let sentence = "The session was ended by somebody who is allowed to, so sign in again.";
        let value = json!({ "token": "x".repeat(200), "detail": sentence, "list": [1, null, "short"] });
        let short = with_short_texts(&value);
        assert_eq!(short["detail"], sentence);
        assert_eq!(short["list"], value["list"]);
        assert_eq!(short["token"].as_str().map(|text| text.chars().count()), Some(HEAD + 1 + TAIL));
    }

    #[test]
    fn two_tokens_that_begin_alike_are_told_apart() {
        let (first, second) = (format!("mjr_{}one", "A".repeat(80)), format!("mjr_{}two", "A".repeat(80)));
        assert_ne!(shortened(&first), shortened(&second));
    }
}
