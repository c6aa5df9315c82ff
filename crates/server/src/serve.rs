//! Serving on sockets: the accept loop, background work, and a stop that fails no request.
//!
//! Does not: one connection (`connection`).

use std::future::Future;
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connection::{Door, Phase, Place};
use crate::state::Menjin;
use crate::{events, metrics, push, session, tls, upkeep};

/// After an accept that failed, e.g. for want of descriptors.
const BREATH: Duration = Duration::from_millis(50);
/// After background work that panicked.
const AGAIN: Duration = Duration::from_secs(1);

/// Bound sockets.
#[derive(Debug)]
pub struct Listeners {
    /// The public side.
    pub public: TcpListener,
    /// The operator's side; `None` in `menjin dev`, where the public side has it too.
    pub admin: Option<TcpListener>,
}

/// What is done beside requests, for as long as the server runs.
type Work = fn(Menjin) -> BoxFuture<'static, ()>;

/// Background work; ends when dropped.
#[derive(Debug)]
pub struct Tasks(#[expect(dead_code, reason = "held for its drop, which ends the tasks")] JoinSet<()>);

impl Menjin {
    /// Starts what runs beside requests: the feed, pushes, the ring's rotation, the sweeper.
    pub fn start_tasks(&self) -> Tasks {
        let mut tasks = JoinSet::new();
        let works: [(&str, Work); 7] = [
            ("the feed", |menjin| session::follow(menjin).boxed()),
            ("pushes", |menjin| push::follow(menjin).boxed()),
            ("webhooks", |menjin| events::follow(menjin).boxed()),
            ("upkeep", |menjin| upkeep::run(menjin).boxed()),
            ("help between nodes", |menjin| helped(menjin).boxed()),
            ("the certificate", |menjin| tls::follow(menjin).boxed()),
            ("metrics", |_| metrics::keep_small().boxed()),
        ];
        for (name, work) in works {
            let menjin = self.clone();
            tasks.spawn(kept(name, move || work(menjin.clone())));
        }
        Tasks(tasks)
    }

    /// Serves until `stop` resolves, then lets requests under way finish.
    pub async fn serve(self, listeners: Listeners, stop: impl Future<Output = ()> + Send) -> anyhow::Result<()> {
        let tls = self.open_tls()?;
        let _tasks = self.start_tasks();
        let (phase, phases) = watch::channel(Phase::Serving);
        // Each side has places of its own: whoever fills the public one must not hide health and metrics.
        let door = || Door::new(&self.config.server, phases.clone());
        let mut servers = JoinSet::new();
        servers.spawn(listen(listeners.public, self.router(), door().under(tls))?);
        if let Some(admin) = listeners.admin {
            servers.spawn(listen(admin, self.admin_router(), door())?);
        }
        tokio::select! {
            () = stop => {}
            ended = servers.join_next() => return ended.context("no server ran")?.context("a listener failed"),
        }
        self.stopping.store(true, Ordering::Relaxed);
        self.told.close();
        tracing::info!("stopping: no new connections; requests under way finish");
        phase.send_replace(Phase::Closing);
        self.quiet().await;
        phase.send_replace(Phase::Leaving);
        let all = async { while servers.join_next().await.is_some() {} };
        if tokio::time::timeout(self.config.server.drain, all).await.is_err() {
            tracing::warn!("stopped with connections still open: `server.drain` is over");
        }
        Ok(())
    }

    /// Connections that clients kept end after their next answer, which says so; this gives clients the time to ask once
    /// more, so that few find their connection gone under a request: until nobody asks, a second at most.
    async fn quiet(&self) {
        let mut seen = self.answered.load(Ordering::Relaxed);
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = self.answered.load(Ordering::Relaxed);
            if std::mem::replace(&mut seen, now) == now {
                return;
            }
        }
    }
}

/// A defect that panics must not end for good what nobody waits for: it is told, and the work begins anew.
async fn kept<F: Future<Output = ()>>(name: &str, work: impl Fn() -> F) {
    while AssertUnwindSafe(work()).catch_unwind().await.is_err() {
        tracing::error!(task = name, "background work panicked, and begins anew");
        tokio::time::sleep(AGAIN).await;
    }
}

/// Redis and the wake-ups between nodes.
async fn helped(menjin: Menjin) {
    menjin.fast.keep().await;
}

/// Takes connections until the phase changes, and ends when the last one has.
fn listen(listener: TcpListener, router: Router, door: Door) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(async move {
        let mut connections = JoinSet::new();
        let mut phases = door.phases();
        loop {
            tokio::select! {
                biased;
                Some(_) = connections.join_next() => {}
                _ = phases.wait_for(|phase| *phase != Phase::Serving) => break,
                (stream, place) = let_in(&door, &listener) => {
                    connections.spawn(door.clone().serve(stream, place, router.clone()));
                }
            }
        }
        // Whoever has been taken by the system already is served, too.
        while let Some((stream, place)) = tokio::task::unconstrained(let_in(&door, &listener)).now_or_never() {
            connections.spawn(door.clone().serve(stream, place, router.clone()));
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    })
}

/// The next connection, once there is a place for it. Dropping the future loses none.
async fn let_in(door: &Door, listener: &tokio::net::TcpListener) -> (TcpStream, Place) {
    let place = door.place().await;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "a connection can't be taken");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn background_work_that_panics_begins_anew() {
        let begun = AtomicUsize::new(0);
        let work = || async { assert!(begun.fetch_add(1, Ordering::SeqCst) == 2, "as a defect would") };
        kept("a test", work).await;
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }
}
