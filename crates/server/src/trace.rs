//! Traces of requests, for whoever runs menjin with a collector: what a trusted proxy began goes on here, and at the platform.
//!
//! Does not: make or send them. Spans are those of `tracing`, and the program around menjin has a subscriber for them.

use std::net::SocketAddr;
use std::sync::OnceLock;

use axum::extract::{ConnectInfo, Request};
use http::HeaderName;
use tracing::Span;

use crate::config::Server;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// As W3C Trace Context has it, and later versions a little longer.
const LONGEST: usize = 128;

/// How a subscriber knows traces of others.
#[derive(Debug, Clone, Copy)]
pub struct Tracing {
    /// Makes a span that was not entered yet part of the trace that a `traceparent` names.
    pub adopt: fn(&Span, &str),
    /// The `traceparent` of the present span.
    pub carry: fn() -> Option<String>,
}

/// Of the process, as its subscriber is.
static ADOPT: OnceLock<fn(&Span, &str)> = OnceLock::new();

/// Lets traces go on through menjin. Of several calls the first one counts.
pub fn trace_by(tracing: Tracing) {
    ADOPT.get_or_init(|| tracing.adopt);
    menjin_platform::carry_trace(tracing.carry);
}

/// A proxy that is trusted says which trace its request belongs to; whoever else says so is not believed.
pub(crate) fn go_on(span: &Span, request: &Request, server: &Server) {
    let Some(adopt) = ADOPT.get() else { return };
    let Some(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>() else { return };
    let peer = peer.0.ip().to_canonical();
    if !server.trusted_proxies.iter().any(|net| net.contains(&peer)) {
        return;
    }
    let parent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    if let Some(parent) = parent.filter(|parent| parent.len() <= LONGEST) {
        adopt(span, parent);
    }
}

/// How a request ended. Whoever only writes lines of the log would read and write all fields of the span again for it.
pub(crate) fn answered(span: &Span, status: u16) {
    if ADOPT.get().is_some() {
        span.record("http.status", status);
    }
}
