//! What menjin itself asks over HTTP, besides platforms (`platform` does that): receivers of webhooks, and in development the
//! simulator.

use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use serde_json::Value;
use url::Url;

use crate::config::is_public;

/// The simulator's control side, on loopback.
#[derive(Debug, Clone)]
pub struct Simulator {
    base: Url,
    client: reqwest::Client,
}

impl Simulator {
    /// The simulator at this address.
    pub fn new(base: Url) -> anyhow::Result<Self> {
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().context("an HTTP client")?;
        Ok(Self { base, client })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &Url {
        &self.base
    }

    /// Posts `body` to `path`; gives status and answer.
    pub(crate) async fn ask(&self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let url = self.base.join(path).context("the simulator's address")?;
        let answer = self.client.post(url).json(body).send().await.context("asking the simulator")?;
        Ok((answer.status().as_u16(), answer.json().await.context("reading the simulator's answer")?))
    }

    /// What is at `path`.
    pub(crate) async fn look(&self, path: &str) -> anyhow::Result<Value> {
        let url = self.base.join(path).context("the simulator's address")?;
        let answer = self.client.get(url).send().await.context("asking the simulator")?;
        answer.json().await.context("reading the simulator's answer")
    }
}

/// How long a receiver may take to be reached, and to answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);
const LONGEST_REASON: usize = 200;

/// A program that is told of events.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    url: Url,
    client: reqwest::Client,
}

impl Receiver {
    /// The one at this address. It is followed nowhere else, and no proxy stands before it: a name that leads to this machine or
    /// its network is refused when it is looked up, unless `is_private`.
    pub(crate) fn new(url: Url, is_private: bool) -> anyhow::Result<Self> {
        let judged = Judged { look_up: Box::new(|name| look_up(name).boxed()), may: is_public };
        Self::resolved(url, (!is_private).then_some(judged))
    }

    fn resolved(url: Url, judged: Option<Judged>) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("menjin/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ANSWER);
        if let Some(judged) = judged {
            builder = builder.dns_resolver(Arc::new(judged));
        }
        if url.scheme() == "http" {
            // Trusts nobody instead of reading the system's certificates, which a small container may lack.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self { url, client: builder.build().context("an HTTP client")? })
    }

    /// Posts JSON; otherwise why it was not taken. What is answered is not read.
    pub(crate) async fn post(&self, headers: &[(&'static str, &str)], body: String) -> Result<(), String> {
        let mut request = self.client.post(self.url.clone()).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body).send().await.map_err(reason)?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answered with status {}", status.as_u16())) }
    }
}

/// The error and its causes in one line, without the URL.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    reason.chars().filter(|character| !character.is_control()).take(LONGEST_REASON).collect()
}

/// Addresses of a name.
type LookUp = dyn Fn(Name) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync;

/// Looks names up, and leaves out addresses that may not be called. What it gives is what is connected to: a name is not looked
/// up a second time, when it may lead elsewhere.
struct Judged {
    look_up: Box<LookUp>,
    may: fn(IpAddr) -> bool,
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, may) = ((self.look_up)(name), self.may);
        Box::pin(async move {
            let allowed: Vec<SocketAddr> = found.await?.into_iter().filter(|address| may(address.ip())).collect();
            if allowed.is_empty() {
                return Err("the name leads to no public address, and `private_address` is false".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

async fn look_up(name: Name) -> std::io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::{StatusCode, header};
    use tokio::net::TcpListener;

    use super::*;

    /// A program on this machine that takes everything and keeps no connection; its port, and how often it was called.
    async fn on_this_machine() -> (u16, Arc<AtomicUsize>) {
        let called = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, counted) = (listener.local_addr().unwrap().port(), Arc::clone(&called));
        let take = async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            ([(header::CONNECTION, "close")], StatusCode::NO_CONTENT)
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await.unwrap() });
        (port, called)
    }

    /// A receiver whose name leads to each of these in turn, and to the last one from then on; how often it was looked up.
    fn leading(port: u16, turns: &[&[&str]], may: fn(IpAddr) -> bool) -> (Receiver, Arc<AtomicUsize>) {
        let looked_up = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looked_up);
        let turns: Vec<Vec<SocketAddr>> =
            turns.iter().map(|turn| turn.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()).collect();
        let look_up = move |name: Name| {
            assert_eq!(name.as_str(), "receiver.invalid");
            let nth = counted.fetch_add(1, Ordering::SeqCst).min(turns.len() - 1);
            std::future::ready(Ok(turns[nth].clone())).boxed()
        };
        // Nobody else knows an address of such a name (RFC 6761).
        let url = Url::parse(&format!("http://receiver.invalid:{port}/in")).unwrap();
        let judged = Judged { look_up: Box::new(look_up), may };
        (Receiver::resolved(url, Some(judged)).unwrap(), looked_up)
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_or_its_network_is_not_called() {
        let (port, called) = on_this_machine().await;
        for private in [
            "127.0.0.1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::1",
            "64:ff9b::7f00:1",
            "0.0.0.0",
            "10.0.0.1",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "100.100.100.200",
            "fd00:ec2::254",
            "fe80::1",
        ] {
            let (receiver, looked_up) = leading(port, &[&[private]], is_public);
            let why = receiver.post(&[], "{}".to_owned()).await.unwrap_err();
            assert!(why.contains("no public address") && why.contains("private_address"), "{private}: {why}");
            assert_eq!(looked_up.load(Ordering::SeqCst), 1);
        }
        assert_eq!(called.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn the_address_that_was_judged_is_the_one_that_is_called() {
        let (port, called) = on_this_machine().await;
        let only_here: fn(IpAddr) -> bool = |ip| ip == IpAddr::from([127, 0, 0, 1]);
        // What may not be called stands first, and the name leads there alone when it is looked up again.
        let (receiver, looked_up) = leading(port, &[&["127.0.0.2", "127.0.0.1"], &["127.0.0.2"]], only_here);
        receiver.post(&[], "{}".to_owned()).await.unwrap();
        assert_eq!((looked_up.load(Ordering::SeqCst), called.load(Ordering::SeqCst)), (1, 1));
        let why = receiver.post(&[], "{}".to_owned()).await.unwrap_err();
        assert!(why.contains("no public address"), "{why}");
        assert_eq!((looked_up.load(Ordering::SeqCst), called.load(Ordering::SeqCst)), (2, 1));
    }

    #[tokio::test]
    async fn in_a_network_of_ones_own_it_is_called() {
        let (port, called) = on_this_machine().await;
        let url = Url::parse(&format!("http://localhost:{port}/in")).unwrap();
        assert!(Receiver::new(url.clone(), false).unwrap().post(&[], "{}".to_owned()).await.is_err());
        assert_eq!(called.load(Ordering::SeqCst), 0);
        Receiver::new(url, true).unwrap().post(&[], "{}".to_owned()).await.unwrap();
        assert_eq!(called.load(Ordering::SeqCst), 1);
    }
}
