//! `GET /v1/revocations/stream`: server-sent events, for guards that listen.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{SECRET, with_gate};
use crate::harness::{Setup, TestServer};

/// Longer than any wait of a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A guard that listens.
struct Listener {
    answer: Response,
    read: String,
}

/// One event as it came.
struct Heard {
    id: String,
    data: Value,
}

async fn ask(t: &TestServer, query: &str, last: Option<&str>) -> Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client
        .get(format!("{}/v1/revocations/stream{query}", t.url))
        .basic_auth("gate", Some(SECRET))
        .header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.send().await.unwrap()
}

impl Listener {
    async fn with(t: &TestServer, query: &str, last: Option<&str>) -> Self {
        let answer = ask(t, query, last).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-accel-buffering"), "no");
        Self { answer, read: String::new() }
    }

    async fn at(t: &TestServer) -> Self {
        Self::with(t, "", None).await
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                let lines: Vec<&str> = event.lines().collect();
                let [kind, id, data] = lines[..] else { panic!("{event:?}") };
                assert_eq!(kind, "event: revocations");
                let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                return Some(Heard { id: id.strip_prefix("id: ").unwrap().to_owned(), data });
            }
            let chunk = timeout(PATIENCE, self.answer.chunk()).await.expect("a stream is never silent").ok()??;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Listens until somebody's session has ended; gives the id that it was told with.
    async fn hears_the_end_of(&mut self, session: &str) -> String {
        let patience = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < patience, "{session} was never told");
            let heard = self.next().await.expect("it goes on");
            if heard.data["events"].as_array().unwrap().iter().any(|event| event["session"] == session) {
                return heard.id;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_begins_with_everything_and_goes_on_with_each_end() {
    let t = TestServer::with(with_gate()).await;
    let before = t.phone("alice").await;
    before.post("/v1/logout", json!({})).await.ok(204);
    let mut all = Listener::at(&t).await;
    let first = all.next().await.unwrap();
    assert_eq!((&first.data["from_start"], &first.data["next"]), (&json!(true), &json!(first.id)));
    let mut listener = Listener::at(&t).await;
    listener.hears_the_end_of(&before.session_id()).await;
    let later = t.phone("bob").await;
    later.post("/v1/logout", json!({})).await.ok(204);
    let id = listener.hears_the_end_of(&later.session_id()).await;
    // Whoever comes again goes on from there, also by what `EventSource` sends.
    for (query, last) in [(format!("?since={id}"), None), ("?since=nonsense".to_owned(), Some(id.as_str()))] {
        let mut again = Listener::with(&t, &query, last).await;
        let heard = again.next().await.unwrap();
        assert_eq!((&heard.data["from_start"], &heard.data["events"]), (&json!(false), &json!([])), "{query}");
    }
}

#[tokio::test]
async fn cl_02_an_end_on_one_node_reaches_a_stream_of_the_other() {
    let one = TestServer::with(with_gate()).await;
    let other = one.beside(with_gate()).await;
    let (mut here, mut there) = (Listener::at(&one).await, Listener::at(&other).await);
    for round in 0..5 {
        let phone = one.phone(&format!("person {round}")).await;
        phone.post("/v1/logout", json!({})).await.ok(204);
        let session = phone.session_id();
        let (at_home, elsewhere) = (here.hears_the_end_of(&session), there.hears_the_end_of(&session));
        tokio::join!(at_home, elsewhere);
    }
}

#[tokio::test]
async fn a_stream_without_news_proves_again_and_again_that_it_is_fresh() {
    let t = TestServer::with(with_gate()).await;
    let mut listener = Listener::at(&t).await;
    let mut last = listener.next().await.unwrap();
    for _ in 0..2 {
        t.advance(Duration::from_secs(2));
        let beat = listener.next().await.unwrap();
        assert_eq!((&beat.data["events"], &beat.data["from_start"]), (&json!([]), &json!(false)));
        assert_eq!(beat.id, last.id);
        assert!(beat.data["read_at"].as_str() > last.data["read_at"].as_str(), "{} {}", beat.data, last.data);
        last = beat;
    }
}

#[tokio::test]
async fn so_many_may_listen_at_once_and_a_place_is_free_again_when_one_goes() {
    let server = "max_streams = 2".to_owned();
    let t = TestServer::with(Setup { server, ..with_gate() }).await;
    let (first, _second) = (Listener::at(&t).await, Listener::at(&t).await);
    let refused = ask(&t, "", None).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "streams_full");
    drop(first);
    crate::broker::until(async || ask(&t, "", None).await.status() == StatusCode::OK).await;
}

#[tokio::test]
async fn du_08_whoever_listens_holds_up_no_stop() {
    let server = "drain = \"60s\"".to_owned();
    let t = TestServer::with(Setup { server, ..with_gate() }).await;
    let mut listeners = Vec::new();
    for _ in 0..5 {
        let mut listener = Listener::at(&t).await;
        listener.next().await.unwrap();
        listeners.push(listener);
    }
    timeout(PATIENCE, t.stop()).await.expect("long before `server.drain` is over");
    for mut listener in listeners {
        while listener.next().await.is_some() {}
    }
}

#[tokio::test]
async fn a_stream_outlives_the_time_of_a_request() {
    let server = "request_timeout = \"1s\"".to_owned();
    let t = TestServer::with(Setup { server, deadline: "900ms", ..with_gate() }).await;
    let mut listener = Listener::at(&t).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        listener.next().await.expect("no limit of a request's ends it");
    }
    let phone = t.phone("alice").await;
    phone.post("/v1/logout", json!({})).await.ok(204);
    listener.hears_the_end_of(&phone.session_id()).await;
}
