//! A program that is told of events: keeps what it was sent, and answers as the test says.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Sent {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What a verifier in another language is given.
    pub(crate) fn as_json(&self) -> Value {
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let headers: serde_json::Map<_, _> =
            names.iter().map(|name| ((*name).to_owned(), json!(self.header(name)))).collect();
        json!({"headers": headers, "body": self.body})
    }
}

#[derive(Default)]
struct Desk {
    status: u16,
    /// Requests that have this in them are refused, whatever else is taken.
    refuses: Option<String>,
    taken: Vec<Sent>,
    refused: usize,
}

/// The program.
pub(crate) struct Receiver {
    pub(crate) url: String,
    desk: Arc<Mutex<Desk>>,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let desk = Arc::new(Mutex::new(Desk { status: 204, ..Desk::default() }));
        let router = Router::new().fallback(take).with_state(Arc::clone(&desk));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, desk, serving }
    }

    /// A `[[webhook]]` that leads here.
    pub(crate) fn entry(&self, name: &str, audience: &str) -> String {
        let secret = super::SIGNED_WITH;
        let url = &self.url;
        format!(
            "[[webhook]]\nname = \"{name}\"\naudience = \"{audience}\"\nurl = \"{url}\"\nsecret = \"{secret}\"\nprivate_address = true\n"
        )
    }

    /// Answers so from now on.
    pub(crate) fn answers(&self, status: u16) {
        self.desk.lock().unwrap().status = status;
    }

    /// Takes nothing of this user from now on.
    pub(crate) fn refuses(&self, user: &str) {
        self.desk.lock().unwrap().refuses = Some(user.to_owned());
    }

    /// What it took.
    pub(crate) fn taken(&self) -> Vec<Sent> {
        self.desk.lock().unwrap().taken.clone()
    }

    /// How often it did not.
    pub(crate) fn refused(&self) -> usize {
        self.desk.lock().unwrap().refused
    }

    /// Types of what it took.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.taken().iter().map(|sent| sent.event()["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn take(State(desk): State<Arc<Mutex<Desk>>>, headers: HeaderMap, body: String) -> Response {
    let mut desk = desk.lock().unwrap();
    let is_refused = desk.refuses.as_deref().is_some_and(|user| body.contains(user));
    let status = if is_refused { StatusCode::BAD_REQUEST } else { StatusCode::from_u16(desk.status).unwrap() };
    if status.is_success() {
        desk.taken.push(Sent { headers, body });
    } else {
        desk.refused += 1;
    }
    let elsewhere = [("location", "/elsewhere")];
    if status.is_redirection() { (status, elsewhere).into_response() } else { status.into_response() }
}
