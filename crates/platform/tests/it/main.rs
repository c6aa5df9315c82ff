//! The platform crate against stubs that answer as WeChat does, and as broken networks do.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod answers;
mod network;
mod open_data;
mod phone;
mod secrecy;
mod session_key;
mod stub;
mod token;
