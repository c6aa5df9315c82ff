//! Each kind of server, as tests of other crates use it. A file a kind; `left.rs` looks at what is left of one.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails, and says where")]

mod behind_nginx;
mod left;
mod on_mariadb;
mod on_postgres;
mod with_redis;
