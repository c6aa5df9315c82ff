//! One connection: a place for it, its bounds in time, and its end.
//!
//! At most so many connections are served at once, the rest wait outside. Each is sent without delay. One that says nothing,
//! asks nothing or does not read its answers is shut; when menjin stops, each goes as soon as it may.
//! Does not: waiting for bytes (`visitor`), certificates (`tls`).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::config;
use crate::visitor::{Asked, Life, Stream, Visitor};

/// A connection on which nobody has asked for so long is closed; balancers keep theirs for 60 s.
const IDLE: Duration = Duration::from_secs(75);
/// One that should go has so long to take what it was sent.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// How soon a connection that has not spoken is looked at again while menjin stops.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Where a server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Connections are taken.
    Serving,
    /// None is taken; those that there are end after their next answer.
    Closing,
    /// Those on which nobody asks end now.
    Leaving,
}

/// A connection's place among `server.max_connections`.
pub(crate) type Place = OwnedSemaphorePermit;

/// An answer whose end is not known yet: its request is under way until all of these are dropped.
#[derive(Clone, Default)]
pub(crate) struct Lasting(Arc<Mutex<Option<Asked>>>);

impl Lasting {
    fn hold(&self, asked: Asked) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }
}

/// What all connections of a side share.
#[derive(Clone)]
pub(crate) struct Door {
    room: Arc<Semaphore>,
    http: Arc<Builder<TokioExecutor>>,
    tls: Option<TlsAcceptor>,
    patience: Duration,
    phases: watch::Receiver<Phase>,
}

impl Door {
    /// A door to plain HTTP.
    pub(crate) fn new(server: &config::Server, phases: watch::Receiver<Phase>) -> Self {
        Self {
            room: Arc::new(Semaphore::new(server.max_connections.clamp(1, Semaphore::MAX_PERMITS))),
            http: Arc::new(http()),
            tls: None,
            patience: server.header_timeout,
            phases,
        }
    }

    /// The same under TLS, where there is a certificate.
    pub(crate) fn under(self, tls: Option<TlsAcceptor>) -> Self {
        Self { tls, ..self }
    }

    pub(crate) fn phases(&self) -> watch::Receiver<Phase> {
        self.phases.clone()
    }

    /// Waits for a place.
    pub(crate) async fn place(&self) -> Place {
        Arc::clone(&self.room).acquire_owned().await.expect("the room is never closed")
    }

    /// Serves a connection to its end.
    pub(crate) async fn serve(self, stream: TcpStream, _place: Place, router: Router) {
        let Ok(peer) = stream.peer_addr() else { return };
        drop(stream.set_nodelay(true));
        let Some(tls) = &self.tls else { return self.converse(Box::new(stream), peer, router).await };
        match tokio::time::timeout(self.patience, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(Box::new(stream), peer, router).await,
            Ok(Err(error)) => failed(&error.to_string()),
            Err(_) => failed("it took longer than `server.header_timeout`"),
        }
    }

    async fn converse(mut self, stream: Box<dyn Stream>, peer: SocketAddr, router: Router) {
        let life = Arc::new(Life::new());
        let visitor = Visitor::new(stream, Arc::clone(&life), self.patience);
        let service = service_fn(|mut request: Request<Incoming>| {
            let asked = life.asked();
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = router.clone().oneshot(request.map(Body::new));
            async move {
                let mut answer: Result<Response, Infallible> = answer.await;
                let lasting = answer.as_mut().ok().and_then(|answer| answer.extensions_mut().remove::<Lasting>());
                match lasting {
                    Some(lasting) => lasting.hold(asked),
                    None => drop(asked),
                }
                answer
            }
        });
        let connection = self.http.serve_connection(TokioIo::new(visitor), service);
        tokio::pin!(connection);
        let (mut leaving, mut told) = (false, false);
        let look = tokio::time::sleep(IDLE);
        tokio::pin!(look);
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = self.phases.wait_for(|phase| *phase == Phase::Leaving), if !leaving => {
                    leaving = true;
                    look.as_mut().reset(Instant::now());
                }
                () = look.as_mut() => {
                    let rest = life.rest();
                    if told && rest >= LAST_WORDS && !leaving {
                        return;
                    }
                    // A first request may be on its way; its answer will be the last one.
                    let waits = leaving && !life.spoke();
                    if !waits && (leaving || rest >= IDLE) && !told {
                        connection.as_mut().graceful_shutdown();
                        told = true;
                    }
                    let next = if waits { LOOK_AGAIN } else if told { LAST_WORDS } else { IDLE.saturating_sub(rest) };
                    look.as_mut().reset(Instant::now() + next);
                }
            }
        }
    }
}

/// Anybody can fail to shake hands, so it is counted and no line of the log at its usual level.
fn failed(error: &str) {
    metrics::counter!("menjin_tls_handshakes_failed_total").increment(1);
    tracing::debug!(error, "a TLS handshake failed");
}

/// HTTP/1 and HTTP/2, told apart by the first bytes. What floods HTTP/2 by resets or continuations is ended by h2's own
/// bounds: 20 streams reset before they were looked at, a handful of continuations, 1024 errors of streams.
fn http() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().header_read_timeout(None).max_buf_size(32 * 1024).max_headers(64);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(32 * 1024)
        .keep_alive_interval(Some(Duration::from_secs(20)));
    http
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio::task::JoinHandle;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// A client, and when the connection has ended. Time is tokio's, and passes at once where all wait.
    fn visit() -> (DuplexStream, JoinHandle<()>) {
        visit_to(Router::new().route("/", get(async || "ok")).route("/", post(async |_: String| "ok")))
    }

    fn visit_to(router: Router) -> (DuplexStream, JoinHandle<()>) {
        let (phase, phases) = watch::channel(Phase::Serving);
        let door = Door::new(&config::Server::default(), phases);
        let (client, stream) = tokio::io::duplex(1024);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let visit = async move {
            door.converse(Box::new(stream), peer, router).await;
            drop(phase);
        };
        (client, tokio::spawn(visit))
    }

    async fn answer(client: &mut DuplexStream) {
        let mut answer = [0; 1024];
        let read = client.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer[..read]));
    }

    /// How long after now the server closes.
    async fn closes_after(mut client: DuplexStream) -> Duration {
        let now = Instant::now();
        client.read_to_end(&mut Vec::new()).await.unwrap();
        now.elapsed()
    }

    fn is_about(took: Duration, expected: Duration) -> bool {
        (expected..expected + Duration::from_millis(100)).contains(&took)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_goes_on_is_no_idle_connection_until_its_writer_lets_go() {
        let lasting = Lasting::default();
        let taken = Arc::new(Mutex::new(Some(lasting.clone())));
        let answer_for_ever = async move || {
            let lasting = taken.lock().unwrap().take().unwrap();
            let first = futures_util::stream::once(async { Ok::<_, Infallible>("ok") });
            let body = futures_util::StreamExt::chain(first, futures_util::stream::pending());
            (axum::Extension(lasting), Body::from_stream(body))
        };
        let (mut client, ended) = visit_to(Router::new().route("/", get(answer_for_ever)));
        client.write_all(REQUEST).await.unwrap();
        answer(&mut client).await;
        for _ in 0..20 {
            tokio::time::advance(IDLE).await;
        }
        assert!(!ended.is_finished(), "its request is under way");
        drop(lasting);
        let now = Instant::now();
        ended.await.unwrap();
        assert!(now.elapsed() <= 2 * IDLE + LAST_WORDS, "{:?}", now.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_or_half_a_head_is_cut_after_the_time_for_heads() {
        let patience = config::Server::default().header_timeout;
        for words in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nx-slow: "] {
            let (mut client, _ended) = visit();
            client.write_all(words.as_bytes()).await.unwrap();
            let took = closes_after(client).await;
            assert!(is_about(took, patience), "{words:?}: {took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_has_no_more_time_than_one_that_stops() {
        let patience = config::Server::default().header_timeout;
        for asked_before in [0, 3] {
            let (mut client, ended) = visit();
            for _ in 0..asked_before {
                client.write_all(REQUEST).await.unwrap();
                answer(&mut client).await;
            }
            let now = Instant::now();
            let dripping = tokio::spawn(async move {
                let mut tick = tokio::time::interval(Duration::from_secs(1));
                for byte in b"GET / HTTP/1.1\r\nx: 01234567890123456789".chunks(1) {
                    tick.tick().await;
                    client.write_all(byte).await?;
                }
                std::io::Result::Ok(())
            });
            ended.await.unwrap();
            assert!(is_about(now.elapsed(), patience), "{:?}", now.elapsed());
            assert!(dripping.await.unwrap().is_err(), "it was cut in the middle");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_connection_may_rest_between_requests_for_longer_than_a_head_takes() {
        let (mut client, _ended) = visit();
        for rest in [0, 11, 60, 74] {
            tokio::time::advance(Duration::from_secs(rest)).await;
            client.write_all(REQUEST).await.unwrap();
            answer(&mut client).await;
        }
        assert!(is_about(closes_after(client).await, IDLE));
    }

    #[tokio::test(start_paused = true)]
    async fn two_requests_in_one_breath_and_half_a_third_are_bound_too() {
        let (mut client, _ended) = visit();
        client.write_all(&[REQUEST, REQUEST, b"GET / HT"].concat()).await.unwrap();
        let took = closes_after(client).await;
        assert!(took <= IDLE + LAST_WORDS + Duration::from_millis(100), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_body_is_not_that_of_a_head() {
        let (mut client, _ended) = visit();
        client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n").await.unwrap();
        for byte in [b"a", b"b", b"c"] {
            tokio::time::advance(Duration::from_secs(9)).await;
            client.write_all(byte).await.unwrap();
        }
        answer(&mut client).await;
    }
}
