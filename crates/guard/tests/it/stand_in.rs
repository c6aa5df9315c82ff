//! A pretended menjin with the routes that back ends ask: the feed, its stream, introspection. It says what the test wants.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use menjin_guard::token::{SigningKey, Timestamp};
use menjin_guard::{Guard, GuardBuilder, ManualClock};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::harness::{AUDIENCE, NOW, outcome, set_of};

pub(crate) const APP: &str = "shop-backend";
pub(crate) const SECRET: &str = "a secret: of 32+ bytes/with odd ones";
/// The same, as its header has it.
const PROOF: &str = "Basic c2hvcC1iYWNrZW5kOmErc2VjcmV0JTNBK29mKzMyJTJCK2J5dGVzJTJGd2l0aCtvZGQrb25lcw==";
/// Longer than any wait of a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream without news says so this often.
const BEAT: Duration = Duration::from_millis(300);

/// How the stream does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Streams {
    Work,
    /// They begin, and nothing ever comes: a proxy holds it back.
    Silent,
    /// 503.
    Full,
}

#[derive(Clone)]
struct Says {
    events: Vec<Value>,
    streams: Streams,
    is_down: bool,
    /// Streams of an earlier run end.
    run: u64,
    reads: i64,
    stands_still: bool,
    max_lag: u64,
    introspection: Value,
}

#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) pages: AtomicUsize,
    pub(crate) streams: AtomicUsize,
    pub(crate) listening: AtomicUsize,
    pub(crate) keys: AtomicUsize,
    pub(crate) introspections: AtomicUsize,
    pub(crate) refused: AtomicUsize,
}

struct Shared {
    says: watch::Sender<Says>,
    jwks: Mutex<String>,
    asked: Asked,
}

pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl StandIn {
    pub(crate) async fn publishing(keys: &[&SigningKey]) -> Self {
        let says = Says {
            events: Vec::new(),
            streams: Streams::Work,
            is_down: false,
            run: 1,
            reads: 0,
            stands_still: false,
            max_lag: 30,
            introspection: json!({"active": false}),
        };
        let shared =
            Arc::new(Shared { says: watch::Sender::new(says), jwks: Mutex::default(), asked: Asked::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/.well-known/jwks.json", get(jwks))
            .route("/v1/revocations", get(page))
            .route("/v1/revocations/stream", get(stream))
            .route("/oauth2/introspect", post(introspect))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let stand_in = Self { address, shared, server };
        stand_in.publish(keys);
        stand_in
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        *self.shared.jwks.lock().unwrap() = serde_json::to_string(&set_of(keys).published()).unwrap();
    }

    /// Tells an end.
    pub(crate) fn tell(&self, event: Value) {
        self.says(|says| says.events.push(event));
    }

    pub(crate) fn streams(&self, streams: Streams) {
        self.says(|says| says.streams = streams);
    }

    pub(crate) fn max_lag(&self, seconds: u64) {
        self.says(|says| says.max_lag = seconds);
    }

    /// Answers, and reads nothing itself.
    pub(crate) fn stand_still(&self, stands_still: bool) {
        self.says(|says| says.stands_still = stands_still);
    }

    /// Answers 503 to everything, and streams end.
    pub(crate) fn go_down(&self) {
        self.says(|says| (says.is_down, says.run) = (true, says.run + 1));
    }

    /// Is there again, as another run: nobody's place is known.
    pub(crate) fn come_up(&self) {
        self.says(|says| says.is_down = false);
    }

    /// Ends all streams, as at a stop.
    pub(crate) fn drain(&self) {
        self.says(|says| says.run += 1);
    }

    pub(crate) fn introspected(&self, answer: Value) {
        self.says(|says| says.introspection = answer);
    }

    fn says(&self, change: impl FnOnce(&mut Says)) {
        self.shared.says.send_modify(change);
    }

    pub(crate) fn asked(&self) -> &Asked {
        &self.shared.asked
    }

    /// A guard that reads this feed.
    pub(crate) fn builder(&self, clock: &Arc<ManualClock>) -> GuardBuilder {
        Guard::remote(crate::harness::ISSUER, AUDIENCE)
            .menjin_url(format!("http://{}", self.address))
            .as_app(APP, SECRET)
            .clock(Arc::clone(clock) as Arc<_>)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Says {
    fn page(&self, since: Option<&str>) -> Value {
        let place = since.and_then(|since| since.strip_prefix(&format!("{}-", self.run))?.parse::<usize>().ok());
        let from = place.unwrap_or_default().min(self.events.len());
        // So many at once, that the guard must ask again.
        let to = (from + 3).min(self.events.len());
        json!({
            "events": self.events[from..to],
            "next": format!("{}-{to}", self.run),
            "more": to < self.events.len(),
            "from_start": place.is_none(),
            "read_at": at(NOW.plus(Duration::from_millis(self.reads.unsigned_abs()))),
            "max_lag": self.max_lag,
        })
    }
}

/// With milliseconds, as menjin says it.
pub(crate) fn at(time: Timestamp) -> String {
    format!("{}.{:03}Z", time.to_string().trim_end_matches('Z'), time.millis().rem_euclid(1000))
}

/// An event of menjin's: who, and why.
pub(crate) fn event(kind: &str, name: &str, whom: &str) -> Value {
    let until = at(NOW.plus(Duration::from_mins(20)));
    let mut event =
        json!({"kind": kind, "reason": "session_kicked", "at": at(NOW.plus(Duration::from_secs(1))), "until": until});
    event[name] = whom.into();
    event
}

/// Waits for something.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let all = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("never: {what}"));
}

pub(crate) async fn until_outcome(guard: &Guard, token: &str, expected: &str) {
    until(expected, async || outcome(guard, token).await == expected).await;
}

pub(crate) fn count(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

fn more(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::SeqCst);
}

impl Shared {
    /// What a back end may be told; or its refusal.
    fn says_to(&self, headers: &HeaderMap) -> Result<Says, StatusCode> {
        if headers.get("authorization").is_none_or(|proof| proof != PROOF) {
            more(&self.asked.refused);
            return Err(StatusCode::UNAUTHORIZED);
        }
        // menjin reads its own feed on and on.
        self.says.send_if_modified(|says| {
            says.reads += i64::from(!says.stands_still);
            false
        });
        let says = self.says.borrow().clone();
        if says.is_down { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(says) }
    }
}

async fn jwks(State(shared): State<Arc<Shared>>) -> String {
    more(&shared.asked.keys);
    shared.jwks.lock().unwrap().clone()
}

#[derive(Deserialize)]
struct Since {
    since: Option<String>,
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Query(Since { since }): Query<Since>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    more(&shared.asked.pages);
    Ok(Json(shared.says_to(&headers)?.page(since.as_deref())))
}

/// Counts who listens, for as long as they do.
struct Listening(Arc<Shared>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.asked.listening.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn stream(
    State(shared): State<Arc<Shared>>,
    Query(Since { mut since }): Query<Since>,
    headers: HeaderMap,
) -> Result<Response, StatusCode> {
    let first = shared.says_to(&headers)?;
    if first.streams == Streams::Full {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    more(&shared.asked.streams);
    more(&shared.asked.listening);
    let (lines, mut taken) = mpsc::channel::<Bytes>(1);
    let listening = Listening(Arc::clone(&shared));
    tokio::spawn(async move {
        let _listening = listening;
        let mut news = shared.says.subscribe();
        loop {
            let says = news.borrow_and_update().clone();
            if says.run != first.run {
                return;
            }
            if says.streams == Streams::Work {
                shared.says.send_if_modified(|says| {
                    says.reads += i64::from(!says.stands_still);
                    false
                });
                let says = shared.says.borrow().clone();
                let page = says.page(since.as_deref());
                since = page["next"].as_str().map(str::to_owned);
                let line = format!("event: revocations\nid: {}\ndata: {page}\n\n", page["next"].as_str().unwrap());
                if lines.send(line.into()).await.is_err() {
                    return;
                }
                if page["more"] == true {
                    continue;
                }
            }
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(tokio::time::Instant::now() + BEAT) => {}
                () = lines.closed() => return,
            }
        }
    });
    let body = futures_util::stream::poll_fn(move |context| {
        taken.poll_recv(context).map(|line| line.map(Ok::<_, Infallible>))
    });
    Ok(([("content-type", "text/event-stream")], Body::from_stream(body)).into_response())
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

async fn introspect(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(Token { token }): Form<Token>,
) -> Result<Json<Value>, StatusCode> {
    more(&shared.asked.introspections);
    let answer = shared.says_to(&headers)?.introspection;
    Ok(Json(if token == "unknown" { json!({"active": false}) } else { answer }))
}
