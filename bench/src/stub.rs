//! The platform's stand-in: answers `jscode2session` at once for any code.
//!
//! The first 16 characters of a code say whose it is; each answer has a `session_key` of its own, as `WeChat`'s have. Only
//! those whose name begins with `p` all have the same one, so that there can be data that was encrypted for them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::Query;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::process;

/// The `session_key` of those who bring encrypted data.
pub(crate) const SHARED_KEY: [u8; 16] = *b"menjin-benchmark";

#[derive(Deserialize)]
struct Asked {
    js_code: String,
}

/// Serves until standard input ends.
pub(crate) fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    process::serve_router(listen, || Ok(routes()))
}

pub(crate) fn routes() -> Router {
    Router::new().route("/sns/jscode2session", get(code_to_session))
}

async fn code_to_session(Query(asked): Query<Asked>) -> impl IntoResponse {
    let person = asked.js_code.get(..16).unwrap_or(&asked.js_code);
    let session_key = if person.starts_with('p') { STANDARD.encode(SHARED_KEY) } else { session_key() };
    let answer = format!(r#"{{"session_key":"{session_key}","openid":"oBenchMenjin{person}"}}"#);
    // WeChat says text/plain.
    ([(header::CONTENT_TYPE, "text/plain")], answer)
}

fn session_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let halves = [scrambled(next), scrambled(!next)].map(u64::to_be_bytes);
    STANDARD.encode(halves.concat())
}

/// Numbers that follow each other look nothing like each other (a multiplication by a large odd number and two folds).
pub(crate) fn scrambled(number: u64) -> u64 {
    let folded = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (folded ^ (folded >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
