//! `cargo run -p menjin-testbed --bin throwaway postgres`: one server for trying something, until the input ends (Ctrl-D).
//!
//! Prints its URL and its folder. The tests start it too, to see what is left when a process is gone.

#![expect(clippy::print_stdout, reason = "a tool for a terminal")]

use std::io;
use std::path::Path;

use anyhow::bail;
use menjin_testbed::{MariaDb, Nginx, Postgres, Redis};

fn main() -> anyhow::Result<()> {
    let kind = std::env::args().nth(1).unwrap_or_default();
    match kind.as_str() {
        "postgres" => {
            let server = Postgres::start()?;
            keep(server.folder(), &server.database())
        }
        "shared-postgres" => keep(Postgres::shared().folder(), &Postgres::shared().database()),
        "mariadb" => {
            let server = MariaDb::start()?;
            keep(server.folder(), &server.database())
        }
        "shared-mariadb" => keep(MariaDb::shared().folder(), &MariaDb::shared().database()),
        "redis" => {
            let server = Redis::start()?;
            keep(server.folder(), &server.url())
        }
        "nginx" => {
            let server = Nginx::start("server { listen LISTEN; location / { return 200 'hello\\n'; } }")?;
            keep(server.folder(), &server.url())
        }
        _ => bail!("throwaway wants one of: postgres, mariadb, redis, nginx"),
    }
}

fn keep(folder: &Path, url: &str) -> anyhow::Result<()> {
    println!("{url}\n{}", folder.display());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
