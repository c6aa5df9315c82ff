//! An HTTP CONNECT proxy that ends TLS for the platforms' own hosts, so that other people's SDKs meet the simulator unchanged.
//!
//! Lives here: the way of a connection. Which hosts there are is in `hosts`, whose certificate they show in `authority`.

mod authority;
mod hosts;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

pub use self::authority::Authority;
use self::hosts::Host;
use crate::{Sim, gateway};

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

impl Sim {
    /// The hosts of the platforms that the proxy answers for.
    pub fn hosts() -> impl Iterator<Item = &'static str> {
        hosts::HOSTS.iter().map(|host| host.name)
    }

    /// Serves the proxy until `stop` resolves. Refuses a listener that others than this machine can reach.
    pub async fn serve_as_platforms(
        self,
        listener: TcpListener,
        authority: Authority,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let address = listener.local_addr().context("asking the proxy's listener for its address")?;
        ensure!(address.ip().to_canonical().is_loopback(), "the proxy listens on loopback only, not on {address}");
        let tunnel = Tunnel { router: self.router(), authority };
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = stop.as_mut() => return Ok(()),
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(tunnel.clone().serve(stream))),
                    Err(error) => {
                        tracing::warn!(%error, "no connection could be accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
    }
}

#[derive(Clone)]
struct Tunnel {
    router: Router,
    authority: Authority,
}

/// What a CONNECT leaves behind: the connection itself, and whom the client wanted.
type Asked = Arc<Mutex<Option<(OnUpgrade, &'static Host)>>>;

impl Tunnel {
    async fn serve(self, stream: TcpStream) {
        drop(stream.set_nodelay(true));
        let asked = Asked::default();
        let service = service_fn(|request: Request<Incoming>| self.answer(request, &asked));
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        let wanted = asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Ok(()), Some((upgrade, host))) = (served, wanted)
            && let Ok(upgraded) = upgrade.await
        {
            self.converse(upgraded, host).await;
        }
    }

    /// The proxy's own answer.
    async fn answer(&self, mut request: Request<Incoming>, asked: &Asked) -> Result<Response, Infallible> {
        let target = request.uri().host().map(str::to_owned);
        if request.method() == Method::CONNECT {
            let port = request.uri().port_u16();
            let host = target.as_deref().and_then(hosts::named).filter(|_| port == Some(443));
            let Some(host) = host else { return Ok(refused(request.uri())) };
            let upgrade = hyper::upgrade::on(&mut request);
            *asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, host));
            return Ok(StatusCode::OK.into_response());
        }
        match target.as_deref().map(hosts::named) {
            Some(Some(host)) => route(self.router.clone(), host, request).await,
            Some(None) => Ok(refused(request.uri())),
            None => Ok((StatusCode::BAD_REQUEST, "This is a proxy: set HTTPS_PROXY to its address.\n").into_response()),
        }
    }

    /// HTTP/1.1 or HTTP/2 inside of TLS.
    async fn converse(self, upgraded: hyper::upgrade::Upgraded, host: &'static Host) {
        let handshake = self.authority.acceptor().accept(TokioIo::new(upgraded));
        let stream = match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return tracing::warn!(host = host.name, %error, "no TLS: does the client trust the CA file?");
            }
            Err(_) => return tracing::warn!(host = host.name, "a handshake took too long"),
        };
        let service = service_fn(|request: Request<Incoming>| route(self.router.clone(), host, request));
        if let Err(error) = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(host = host.name, error, "the connection broke");
        }
    }
}

/// To the platform's own paths; the control API is not among them.
async fn route(router: Router, host: &Host, mut request: Request<Incoming>) -> Result<Response, Infallible> {
    let Some(path) = host.inside(request.uri().path_and_query().map_or("/", |path| path.as_str())) else {
        return Ok(gateway::page(StatusCode::NOT_FOUND, ""));
    };
    let Ok(uri) = path.parse::<Uri>() else { return Ok(StatusCode::BAD_REQUEST.into_response()) };
    *request.uri_mut() = uri;
    router.oneshot(request.map(Body::new)).await
}

fn refused(uri: &Uri) -> Response {
    let known = Sim::hosts().collect::<Vec<_>>().join(", ");
    let wanted = uri.authority().map_or("", |authority| authority.as_str());
    let text = format!(
        "menjin sim answers for the platforms alone, at port 443 ({known}), and leads nowhere else: {wanted} belongs into NO_PROXY.\n"
    );
    (StatusCode::FORBIDDEN, text).into_response()
}
