//! A pretended menjin that publishes keys over real HTTP on port 0 and counts who asks, and tokens signed by it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode};
use menjin_guard::token::{Algorithm, Claims, KeySet, SessionId, SigningKey, Timestamp, UserId, sign};
use menjin_guard::{Clock, Ended, Guard, GuardBuilder, Keys, ManualClock, Refusal};
use tokio::task::JoinHandle;

pub(crate) const ISSUER: &str = "https://login.example.com";
pub(crate) const AUDIENCE: &str = "shop-api";
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
pub(crate) const LIFE: Duration = Duration::from_mins(15);

/// What the pretended menjin answers, and how often it was asked.
#[derive(Default)]
pub(crate) struct Published {
    answer: Mutex<Answer>,
    fetches: AtomicUsize,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    never: bool,
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: String::new(), never: false }
    }
}

/// A running server; gone when dropped.
pub(crate) struct Menjin {
    pub(crate) address: SocketAddr,
    published: Arc<Published>,
    server: JoinHandle<()>,
}

impl Menjin {
    pub(crate) async fn publishing(keys: &[&SigningKey]) -> Self {
        let published = Arc::new(Published::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/.well-known/jwks.json", get(jwks))
            .route("/elsewhere", get(jwks))
            .with_state(Arc::clone(&published));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let menjin = Self { address, published, server };
        menjin.publish(keys);
        menjin
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        self.say(serde_json::to_string(&set_of(keys).published()).unwrap());
    }

    pub(crate) fn say(&self, body: String) {
        self.answer(|answer| answer.body = body);
    }

    pub(crate) fn status(&self, status: StatusCode) {
        self.answer(|answer| answer.status = status);
    }

    pub(crate) fn header(&self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).unwrap();
        self.answer(|answer| _ = answer.headers.insert(name, value));
    }

    pub(crate) fn never_answer(&self) {
        self.answer(|answer| answer.never = true);
    }

    fn answer(&self, change: impl FnOnce(&mut Answer)) {
        change(&mut self.published.answer.lock().unwrap());
    }

    pub(crate) fn fetches(&self) -> usize {
        self.published.fetches.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/.well-known/jwks.json", self.address)
    }

    /// Stops listening; connections are refused from now on.
    pub(crate) async fn stop(&mut self) {
        self.server.abort();
        _ = (&mut self.server).await;
    }

    /// A guard with this menjin's keys and a clock of the test's.
    pub(crate) fn guard(&self, clock: &Arc<ManualClock>) -> Guard {
        self.builder(clock).build().unwrap()
    }

    pub(crate) fn builder(&self, clock: &Arc<ManualClock>) -> GuardBuilder {
        Guard::remote(ISSUER, AUDIENCE).jwks_url(self.url()).feed(false).clock(Arc::clone(clock) as Arc<_>)
    }
}

impl Drop for Menjin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn jwks(State(published): State<Arc<Published>>) -> (StatusCode, HeaderMap, String) {
    published.fetches.fetch_add(1, Ordering::SeqCst);
    let answer = published.answer.lock().unwrap().clone();
    if answer.never {
        std::future::pending::<()>().await;
    }
    (answer.status, answer.headers, answer.body)
}

pub(crate) fn set_of(keys: &[&SigningKey]) -> KeySet {
    KeySet::new(keys.iter().map(|key| key.verifying()).collect())
}

fn new_key(kid: &str) -> SigningKey {
    SigningKey::generate(Algorithm::Es256, kid.to_owned()).unwrap().0
}

pub(crate) fn key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| new_key("one"));
    &KEY
}

pub(crate) fn next_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| new_key("two"));
    &KEY
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(NOW))
}

pub(crate) fn user() -> UserId {
    UserId::new(NOW, [1; 10])
}

pub(crate) fn session() -> SessionId {
    SessionId::new(NOW, [2; 10])
}

/// What an access token says that was issued at [`NOW`] to [`user`] in [`session`].
pub(crate) fn claims() -> Claims {
    Claims {
        iss: Some(ISSUER.to_owned()),
        sub: Some(user().to_string()),
        aud: vec![AUDIENCE.to_owned()],
        iat: Some(NOW),
        jti: Some("j".to_owned()),
        sid: Some(session().to_string()),
        client_id: Some("shop".to_owned()),
        auth_time: Some(NOW),
        scope: Some("openid profile".to_owned()),
        roles: vec!["clerk".to_owned()],
        permissions: vec!["orders:*".to_owned()],
        ..Claims::expiring(NOW.plus(LIFE))
    }
}

pub(crate) fn token() -> String {
    signed(key(), &claims())
}

pub(crate) fn signed(key: &SigningKey, claims: &Claims) -> String {
    sign(key, "at+jwt", claims).unwrap()
}

/// A guard as menjin itself has one, its feed read at [`NOW`].
pub(crate) struct Local {
    pub(crate) guard: Guard,
    pub(crate) keys: Keys,
    pub(crate) ended: Arc<Ended>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Local {
    pub(crate) fn new() -> Self {
        Self::with(Ended::new())
    }

    pub(crate) fn with(ended: Ended) -> Self {
        let (keys, ended, clock) = (Keys::new(set_of(&[key()])), Arc::new(ended), clock());
        ended.mark_read(NOW);
        let guard = Guard::local(ISSUER, AUDIENCE, keys.clone(), Arc::clone(&ended))
            .clock(Arc::clone(&clock) as Arc<_>)
            .build()
            .unwrap();
        Self { guard, keys, ended, clock }
    }

    /// Lets time pass, the feed being read all the while.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.ended.mark_read(self.clock.now());
    }

    /// The code of the refusal of this token, or `ok`.
    pub(crate) async fn outcome(&self, token: &str) -> &'static str {
        outcome(&self.guard, token).await
    }
}

pub(crate) async fn outcome(guard: &Guard, token: &str) -> &'static str {
    match guard.check_token(token).await {
        Ok(_) => "ok",
        Err(refusal) => refusal.code(),
    }
}

pub(crate) fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("authorization", HeaderValue::from_str(value).unwrap());
    }
    headers
}

pub(crate) async fn refusal(guard: &Guard, headers: &HeaderMap) -> Refusal {
    guard.check(headers).await.unwrap_err()
}
