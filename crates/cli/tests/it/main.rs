//! The built program, run as people run it: arguments in, output and exit status out.
//!
//! One binary for all; a file a subcommand.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod harness;

mod admin;
mod app;
mod audit;
#[cfg(unix)]
mod by_node;
#[cfg(unix)]
mod by_python;
#[cfg(unix)]
mod cluster;
#[cfg(unix)]
mod dev;
mod doctor;
mod init;
mod key;
mod manual;
#[cfg(unix)]
mod moving;
mod printed;
mod role;
mod serve;
mod sim;
mod store;
mod telemetry;
mod tls;
mod token;
#[cfg(unix)]
mod tour;
mod user;
