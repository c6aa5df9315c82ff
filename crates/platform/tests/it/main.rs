//! The platform crate against stubs that answer as WeChat does, and as broken networks do.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod alipay;
mod answers;
mod douyin;
mod encrypt_key;
mod moderation;
mod network;
mod open_data;
mod phone;
mod qq;
mod qq_connect;
mod redirect;
mod secrecy;
mod session_key;
mod stub;
mod token;
