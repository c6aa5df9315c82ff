//! The door of a listener: at most so many connections are served at once, the rest wait; each is sent without delay.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

/// Lets connections in.
#[derive(Clone)]
pub(crate) struct Door(Arc<Semaphore>);

impl Door {
    pub(crate) fn new(max_connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(max_connections.clamp(1, Semaphore::MAX_PERMITS))))
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Door {
    type Stream = TcpStream;
    type Service = Inside<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(TcpStream, Inside<S>)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let room = Arc::clone(&self.0);
        Box::pin(async move {
            let permit = room.acquire_owned().await.map_err(io::Error::other)?;
            stream.set_nodelay(true)?;
            Ok((stream, Inside { service, _permit: Arc::new(permit) }))
        })
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
