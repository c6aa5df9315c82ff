//! The servers as processes: started on a core of their own, found by address, stopped with the bench.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use tokio::time::Instant;

use crate::ask::Ask;
use crate::machine::{self, Core};

/// A server that runs; it is stopped when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// From its start to its first answer.
    pub(crate) started_in: Duration,
    child: Child,
}

/// How to start one.
pub(crate) struct Start<'a> {
    pub(crate) arguments: Vec<String>,
    pub(crate) address: SocketAddr,
    pub(crate) core: Core,
    /// A path that answers 200 once it serves; `None`: it serves once it takes connections.
    pub(crate) ready: Option<&'a str>,
    /// Where its standard output goes.
    pub(crate) log: &'a Path,
}

impl Start<'_> {
    /// Starts it and waits for its first answer.
    pub(crate) fn server(self) -> anyhow::Result<Server> {
        let own = std::env::current_exe().context("finding this program")?;
        let command = self.core.command(own);
        self.other(command)
    }

    /// The same for another program, which ends when its standard input does.
    pub(crate) fn other(self, mut command: Command) -> anyhow::Result<Server> {
        let log = std::fs::File::options().create(true).append(true).open(self.log)?;
        let began = Instant::now();
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(log);
        let child = command.spawn().context("starting a server")?;
        let mut server = Server { address: self.address, started_in: Duration::ZERO, child };
        server.wait(self.ready, began)?;
        server.started_in = began.elapsed();
        Ok(server)
    }
}

impl Server {
    fn wait(&mut self, ready: Option<&str>, began: Instant) -> anyhow::Result<()> {
        while began.elapsed() < Duration::from_secs(20) {
            let serves = match ready {
                Some(path) => Ask { path, ..Ask::default() }.of(self.address).is_ok_and(|answer| answer.status == 200),
                None => std::net::TcpStream::connect(self.address).is_ok(),
            };
            if serves {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("a server ended at once: {status}");
            }
            std::thread::park_timeout(Duration::from_micros(300));
        }
        bail!("a server did not answer within 20 seconds")
    }

    /// CPU time that it has used; `None` where the system does not tell.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        machine::cpu_of(self.child.id())
    }

    /// The same with that of all processes that it has started.
    pub(crate) fn cpu_of_family(&self) -> Option<Duration> {
        machine::cpu_of_family(self.child.id())
    }

    /// Memory of it in KiB: now, and at most so far.
    pub(crate) fn memory(&self) -> Option<(u64, u64)> {
        machine::memory_of(self.child.id())
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        for _ in 0..500 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address on loopback that nobody listens on.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Whether a program is installed.
pub(crate) fn is_installed(program: &str, argument: &str) -> bool {
    let silent =
        Command::new(program).arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    silent.is_ok()
}

/// In a server's own process: resolves when the bench goes away, however it does.
pub(crate) async fn told_to_stop() {
    let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    drop(ended.await);
}

/// In a server's own process: serves what `make` makes, within the runtime, until told to stop.
pub(crate) fn serve_router(listen: SocketAddr, make: impl FnOnce() -> anyhow::Result<Router>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let router = make()?;
        let listener = tokio::net::TcpListener::bind(listen).await?;
        until(async { axum::serve(listener, router).await }, told_to_stop()).await
    })
}

async fn until(
    serving: impl Future<Output = std::io::Result<()>>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    tokio::select! {
        () = stop => Ok(()),
        ended = serving => Ok(ended?),
    }
}
