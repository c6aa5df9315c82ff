//! One connection: a place for it, its bounds in time, and its end.
//!
//! At most so many connections are served at once, the rest wait outside. Each is sent without delay. One that says nothing,
//! asks nothing or does not read its answers is shut; when menjin stops, each goes as soon as it may.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep};
use tower::ServiceExt as _;

use crate::config;

/// An HTTP/2 connection on which nobody has asked for so long is closed. HTTP/1 goes after `header_timeout`: hyper counts
/// the wait for the next request as reading its head.
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

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Door {
    room: Arc<Semaphore>,
    http: Arc<Builder<TokioExecutor>>,
    patience: Duration,
    phases: watch::Receiver<Phase>,
}

impl Door {
    pub(crate) fn new(server: &config::Server, phases: watch::Receiver<Phase>) -> Self {
        Self {
            room: Arc::new(Semaphore::new(server.max_connections.clamp(1, Semaphore::MAX_PERMITS))),
            http: Arc::new(http(server.header_timeout)),
            patience: server.header_timeout,
            phases,
        }
    }

    pub(crate) fn phases(&self) -> watch::Receiver<Phase> {
        self.phases.clone()
    }

    /// Waits for a place.
    pub(crate) async fn place(&self) -> Place {
        Arc::clone(&self.room).acquire_owned().await.expect("the room is never closed")
    }

    /// Serves a connection to its end.
    pub(crate) async fn serve(mut self, stream: TcpStream, _place: Place, router: Router) {
        let Ok(peer) = stream.peer_addr() else { return };
        drop(stream.set_nodelay(true));
        let life = Arc::new(Life::default());
        let silence = Silence { ends: Box::pin(tokio::time::sleep(self.patience)), heard: 0 };
        let visitor = Visitor { stream, silence: Some(silence), life: Arc::clone(&life) };
        let service = service_fn(|mut request: Request<Incoming>| {
            let asked = life.asked();
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = router.clone().oneshot(request.map(Body::new));
            async move {
                let answer: Result<Response, Infallible> = answer.await;
                drop(asked);
                answer
            }
        });
        let connection = self.http.serve_connection(TokioIo::new(visitor), service);
        tokio::pin!(connection);
        let (mut leaving, mut told) = (false, false);
        let look = tokio::time::sleep(IDLE);
        tokio::pin!(look);
        let mut answered = 0;
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = self.phases.wait_for(|phase| *phase == Phase::Leaving), if !leaving => {
                    leaving = true;
                    look.as_mut().reset(Instant::now());
                }
                () = look.as_mut() => {
                    let now = life.answered.load(Ordering::Relaxed);
                    let is_idle = life.asking.load(Ordering::Relaxed) == 0 && now == answered;
                    answered = now;
                    if told && is_idle && !leaving {
                        return;
                    }
                    // A first request may be on its way; its answer will be the last one.
                    let waits = leaving && !life.spoke.load(Ordering::Relaxed);
                    if !waits && (leaving || is_idle) && !told {
                        connection.as_mut().graceful_shutdown();
                        told = true;
                    }
                    look.as_mut().reset(Instant::now() + if waits { LOOK_AGAIN } else if told { LAST_WORDS } else { IDLE });
                }
            }
        }
    }
}

fn http(header_timeout: Duration) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(32 * 1024).max_headers(64);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(32 * 1024)
        .keep_alive_interval(Some(Duration::from_secs(20)));
    http
}

/// What is known of a connection beside its bytes.
#[derive(Default)]
struct Life {
    spoke: AtomicBool,
    asking: AtomicUsize,
    answered: AtomicUsize,
}

/// A request under way.
struct Asked(Arc<Life>);

impl Life {
    fn asked(self: &Arc<Self>) -> Asked {
        self.asking.fetch_add(1, Ordering::Relaxed);
        Asked(Arc::clone(self))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        self.0.asking.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What an HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection. While its first bytes leave open whether they are HTTP/1 or HTTP/2, hyper's own timeouts do not run yet,
/// so its silence is bounded here.
struct Visitor {
    stream: TcpStream,
    silence: Option<Silence>,
    life: Arc<Life>,
}

struct Silence {
    ends: Pin<Box<Sleep>>,
    heard: usize,
}

impl Silence {
    /// Whether it is still open what the visitor speaks.
    fn goes_on_after(&mut self, bytes: &[u8]) -> bool {
        let undecided = PREFACE[self.heard..].strip_prefix(bytes).is_some_and(|rest| !rest.is_empty());
        self.heard += bytes.len();
        undecided
    }
}

impl AsyncRead for Visitor {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let Some(silence) = &mut this.silence else { return read };
        if read.is_pending() {
            ready!(silence.ends.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        this.life.spoke.store(true, Ordering::Relaxed);
        if !silence.goes_on_after(&buffer.filled()[before..]) {
            this.silence = None;
        }
        read
    }
}

impl AsyncWrite for Visitor {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
