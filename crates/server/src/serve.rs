//! Serving on sockets: timeouts, bounds, background work, and a stop that fails no request.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use tokio::task::JoinSet;

use crate::door::Door;
use crate::state::Menjin;
use crate::{metrics, session, upkeep};

/// Bound sockets.
#[derive(Debug)]
pub struct Listeners {
    /// The public side.
    pub public: TcpListener,
    /// The operator's side; `None` in `menjin dev`, where the public side has it too.
    pub admin: Option<TcpListener>,
}

/// Background work; ends when dropped.
#[derive(Debug)]
pub struct Tasks(#[expect(dead_code, reason = "held for its drop, which ends the tasks")] JoinSet<()>);

impl Menjin {
    /// Starts what runs beside requests: the feed, the ring's rotation, the sweeper.
    pub fn start_tasks(&self) -> Tasks {
        let mut tasks = JoinSet::new();
        tasks.spawn(session::follow(self.clone()));
        tasks.spawn(upkeep::run(self.clone()));
        tasks.spawn(metrics::keep_small());
        Tasks(tasks)
    }

    /// Serves until `stop` resolves, then lets requests under way finish.
    pub async fn serve(self, listeners: Listeners, stop: impl Future<Output = ()> + Send) -> anyhow::Result<()> {
        let _tasks = self.start_tasks();
        let handle = Handle::new();
        let mut servers = JoinSet::new();
        servers.spawn(server(&self, listeners.public, self.router(), handle.clone())?);
        if let Some(admin) = listeners.admin {
            servers.spawn(server(&self, admin, self.admin_router(), handle.clone())?);
        }
        tokio::select! {
            () = stop => {}
            ended = servers.join_next() => return ended.context("no server ran")??.context("a listener failed"),
        }
        self.stopping.store(true, Ordering::Relaxed);
        tracing::info!("stopping: connections close after their next answer, requests under way finish");
        self.quiet().await;
        handle.graceful_shutdown(Some(self.config.server.drain));
        while let Some(ended) = servers.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Serves on while requests keep coming, each answered with `Connection: close`, so that no client finds its
    /// connection gone under a request; a second at most.
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

fn server(
    menjin: &Menjin,
    listener: TcpListener,
    router: Router,
    handle: Handle<SocketAddr>,
) -> anyhow::Result<impl Future<Output = std::io::Result<()>> + use<>> {
    listener.set_nonblocking(true)?;
    let mut server = axum_server::from_tcp(listener)?
        .handle(handle)
        .acceptor(Door::new(menjin.config.server.max_connections, menjin.config.server.header_timeout));
    let header_timeout: Duration = menjin.config.server.header_timeout;
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(32 * 1024)
        .max_headers(64);
    server
        .http_builder()
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(32 * 1024)
        .keep_alive_interval(Some(Duration::from_secs(20)));
    Ok(server.serve(router.into_make_service_with_connect_info::<SocketAddr>()))
}
