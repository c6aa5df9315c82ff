//! The door of a listener: at most so many connections are served at once, the rest wait; each is sent without delay, and
//! one that says nothing is shut.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tower::Service;

/// Lets connections in.
#[derive(Clone)]
pub(crate) struct Door {
    room: Arc<Semaphore>,
    patience: Duration,
}

impl Door {
    pub(crate) fn new(max_connections: usize, patience: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(max_connections.clamp(1, Semaphore::MAX_PERMITS))), patience }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Door {
    type Stream = Visitor;
    type Service = Inside<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Visitor, Inside<S>)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let (room, patience) = (Arc::clone(&self.room), self.patience);
        Box::pin(async move {
            let permit = room.acquire_owned().await.map_err(io::Error::other)?;
            stream.set_nodelay(true)?;
            let silence = Silence { ends: Box::pin(tokio::time::sleep(patience)), heard: 0 };
            Ok((Visitor { stream, silence: Some(silence) }, Inside { service, _permit: Arc::new(permit) }))
        })
    }
}

/// What an HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection. While its first bytes leave open whether they are HTTP/1 or HTTP/2, hyper's own timeouts do not run yet,
/// so its silence is bounded here.
pub(crate) struct Visitor {
    stream: TcpStream,
    silence: Option<Silence>,
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

/// The service of one connection; its place is free again when it ends.
#[derive(Clone)]
pub(crate) struct Inside<S> {
    service: S,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl<R, S: Service<R>> Service<R> for Inside<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.service.call(request)
    }
}
