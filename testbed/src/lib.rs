//! Throwaway servers: PostgreSQL, MariaDB, Redis, nginx and other proxies from the system's packages, and menjin itself, each in a temporary
//! folder and on free ports of the loopback. They and their folders are gone when the process that started them is, however it ended.
//!
//! Not here: installing the packages, which is `cargo xtask test`'s. Linux only: it looks at `/proc`.

mod by_hand;
mod cluster;
mod home;
mod instance;
mod mariadb;
mod nginx;
mod postgres;
mod program;
mod programs;
mod proxy;
mod redis;
mod sentinel;
mod template;

pub use cluster::{Cluster, Database, Node, SharedStore};
pub use instance::free_port;
pub use mariadb::MariaDb;
pub use nginx::Nginx;
pub use postgres::Postgres;
pub use program::Program;
pub use proxy::{Proxy, ProxyKind};
pub use redis::Redis;
pub use sentinel::RedisSentinel;
