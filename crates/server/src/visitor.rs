//! A connection's bytes, and how long they are waited for: its first words, and each head of HTTP/1 from its first byte on.
//!
//! Does not: how long nobody may ask (`connection`), frames of HTTP/2 (hyper asks for a sign of life).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What an HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Plain or under TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What is known of a connection beside its bytes.
pub(crate) struct Life {
    began: Instant,
    spoke: AtomicBool,
    asked: AtomicUsize,
    asking: AtomicUsize,
    /// Milliseconds from `began` to the latest answer.
    answered: AtomicU64,
}

/// A request under way.
pub(crate) struct Asked(Arc<Life>);

impl Life {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            spoke: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            asking: AtomicUsize::new(0),
            answered: AtomicU64::new(0),
        }
    }

    pub(crate) fn asked(self: &Arc<Self>) -> Asked {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.asking.fetch_add(1, Ordering::Relaxed);
        Asked(Arc::clone(self))
    }

    /// Whether a byte has come.
    pub(crate) fn spoke(&self) -> bool {
        self.spoke.load(Ordering::Relaxed)
    }

    /// For how long no request has been under way.
    pub(crate) fn rest(&self) -> Duration {
        if self.is_asking() {
            return Duration::ZERO;
        }
        self.began.elapsed().saturating_sub(Duration::from_millis(self.answered.load(Ordering::Relaxed)))
    }

    fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Relaxed) > 0
    }

    fn count(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.answered.store(now, Ordering::Relaxed);
        self.0.asking.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection as hyper reads it; hyper's own bound on heads would count the wait for the next request as its head.
pub(crate) struct Visitor {
    stream: Box<dyn Stream>,
    life: Arc<Life>,
    hears: Hears,
    patience: Duration,
    ends: Pin<Box<Sleep>>,
}

/// What the next bytes belong to.
#[derive(Clone, Copy)]
enum Hears {
    /// So many bytes leave open whether they are HTTP/1 or HTTP/2.
    FirstWords(usize),
    /// HTTP/1, and no head has begun.
    Nothing,
    /// HTTP/1, and a head that began after so many requests.
    Head { after: usize, is_timed: bool },
    /// HTTP/2.
    Frames,
}

impl Hears {
    fn after(self, bytes: &[u8], life: &Life) -> Self {
        let head = Self::Head { after: life.count(), is_timed: false };
        match self {
            Self::FirstWords(count) => {
                let rest = &PREFACE[count..];
                if bytes.starts_with(rest) {
                    Self::Frames
                } else if rest.starts_with(bytes) {
                    Self::FirstWords(count + bytes.len())
                } else {
                    head
                }
            }
            Self::Head { after, .. } if after == life.count() => self,
            // Of a body, while a request is under way.
            Self::Head { .. } | Self::Nothing if life.is_asking() => Self::Nothing,
            Self::Head { .. } | Self::Nothing => head,
            Self::Frames => self,
        }
    }
}

impl Visitor {
    pub(crate) fn new(stream: Box<dyn Stream>, life: Arc<Life>, patience: Duration) -> Self {
        let ends = Box::pin(tokio::time::sleep(patience));
        Self { stream, life, hears: Hears::FirstWords(0), patience, ends }
    }

    /// Whether what has begun must end by `ends`.
    fn is_bound(&mut self) -> bool {
        match &mut self.hears {
            Hears::FirstWords(_) => true,
            Hears::Head { after, is_timed } if *after == self.life.count() => {
                if !std::mem::replace(is_timed, true) {
                    self.ends.as_mut().reset(Instant::now() + self.patience);
                }
                true
            }
            Hears::Head { .. } | Hears::Nothing | Hears::Frames => false,
        }
    }
}

impl AsyncRead for Visitor {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if read.is_pending() {
            if this.is_bound() {
                ready!(this.ends.as_mut().poll(context));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            return Poll::Pending;
        }
        this.life.spoke.store(true, Ordering::Relaxed);
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            this.hears = this.hears.after(bytes, &this.life);
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
