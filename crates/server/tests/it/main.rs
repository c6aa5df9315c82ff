//! The server over real HTTP: one binary, a file a URL. `harness.rs` has the actors; nothing here reaches into private modules.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails, and says where")]

mod apps;
mod audit;
mod bad_input;
mod behind_nginx;
mod broker;
mod crash;
mod dev_page;
mod envelope;
mod faults;
mod forward_auth;
mod framing;
mod guarding;
mod hapi;
mod harness;
mod http2;
mod http2_floods;
mod log;
mod login;
mod nodes;
mod openapi;
mod outages;
mod public_url;
mod restored;
mod rows;
mod secrets;
mod serving;
mod session_data;
mod sessions;
mod store;
mod texts;
mod tls;
mod token;
mod wire;
mod with_redis;
