//! The server over real HTTP: one binary, a file a URL. `harness.rs` has the actors; nothing here reaches into private modules.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails, and says where")]

mod audit;
mod bad_input;
mod crash;
mod dev_page;
mod framing;
mod hapi;
mod harness;
mod http2;
mod log;
mod login;
mod openapi;
mod outages;
mod secrets;
mod serving;
mod sessions;
mod token;
mod wire;
