//! The proxy that stands for the platforms' own hosts.

use std::path::Path;
use std::process::Command;

use menjin_sim::{Authority, Options, Sim};
use reqwest::{Certificate, Client, Proxy, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Platforms, SECRET, SHOP, code2session};

pub(crate) struct Tunnel {
    pub(crate) platforms: Platforms,
    pub(crate) address: String,
    pub(crate) authority: Authority,
}

impl Tunnel {
    async fn start() -> Self {
        Self::before(Platforms::start().await).await
    }

    pub(crate) async fn before(platforms: Platforms) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let authority = Authority::new().expect("a CA can be made");
        let served = platforms.sim.clone().serve_as_platforms(listener, authority.clone(), std::future::pending());
        tokio::spawn(served);
        Self { platforms, address, authority }
    }

    /// The environment that leads a program here; the CA file goes into a folder.
    pub(crate) fn lead(&self, command: &mut Command, folder: &Path) {
        let ca = folder.join("ca.pem");
        std::fs::write(&ca, self.authority.certificate()).expect("it can be written");
        for name in ["HTTPS_PROXY", "https_proxy", "GLOBAL_AGENT_HTTPS_PROXY"] {
            command.env(name, format!("http://{}", self.address));
        }
        for name in ["NO_PROXY", "no_proxy", "GLOBAL_AGENT_NO_PROXY"] {
            command.env(name, "127.0.0.1,localhost");
        }
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            command.env(name, &ca);
        }
    }

    /// A client that is told what an environment would tell it.
    fn client(&self) -> Client {
        let ca = Certificate::from_pem(self.authority.certificate().as_bytes()).expect("PEM");
        let proxy = Proxy::all(format!("http://{}", self.address)).expect("an address");
        Client::builder().proxy(proxy).tls_certs_only([ca]).build().expect("a client can be built")
    }

    async fn said(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.expect("the proxy listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut said = String::new();
        stream.read_to_string(&mut said).await.expect("it answers in text");
        said
    }
}

#[tokio::test]
async fn an_https_client_meets_the_simulator_under_the_platforms_own_name() {
    let tunnel = Tunnel::start().await;
    let code = tunnel.platforms.code("alice").await;
    let url = format!("https://api.weixin.qq.com{}", code2session(SHOP, SECRET, &code));
    let response = tunnel.client().get(&url).send().await.expect("TLS with our CA");
    assert_eq!(response.headers()["content-type"], "text/plain");
    let session: Value = response.json().await.expect("JSON");
    assert_eq!(session["openid"], tunnel.platforms.sim.openid(SHOP, "alice"));
    let again: Value = tunnel.client().get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(again["errcode"], 40163);
}

#[tokio::test]
async fn every_platforms_host_is_answered_for_with_a_certificate_of_its_own() {
    let tunnel = Tunnel::start().await;
    let client = tunnel.client();
    for host in Sim::hosts() {
        let response = client.get(format!("https://{host}/no/such/path")).send().await;
        assert_eq!(
            response.unwrap_or_else(|error| panic!("{host}: {error:?}")).status(),
            StatusCode::NOT_FOUND,
            "{host}"
        );
    }
}

#[tokio::test]
async fn the_control_api_is_not_behind_the_platforms_hosts() {
    let tunnel = Tunnel::start().await;
    for path in ["/_sim/apps", "/_sim/", "/"] {
        let response = tunnel.client().get(format!("https://api.weixin.qq.com{path}")).send().await.expect("TLS");
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn other_hosts_and_ports_are_refused_in_clear_words() {
    let tunnel = Tunnel::start().await;
    for target in ["example.com:443", "127.0.0.1:443", "api.weixin.qq.com:80", "api.weixin.qq.com.example.com:443"] {
        let said =
            tunnel.said(&format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 403") && said.contains("NO_PROXY") && said.contains(target), "{said}");
    }
    let said = tunnel.said("GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 403"), "{said}");
    let said = tunnel.said("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("HTTPS_PROXY"), "{said}");
}

#[tokio::test]
async fn the_ca_is_one_for_these_hosts_and_changes_with_every_start() {
    let (one, other) = (Authority::new().expect("a CA"), Authority::new().expect("a CA"));
    assert_ne!(one.certificate(), other.certificate());
    assert!(!one.certificate().contains("PRIVATE KEY"));
    let tunnel = Tunnel::start().await;
    let ca = Certificate::from_pem(one.certificate().as_bytes()).expect("PEM");
    let proxy = Proxy::all(format!("http://{}", tunnel.address)).expect("an address");
    let stranger = Client::builder().proxy(proxy).tls_certs_only([ca]).build().expect("a client");
    assert!(stranger.get("https://api.weixin.qq.com/").send().await.is_err(), "another start's CA is not trusted");
}

#[tokio::test]
async fn the_proxy_listens_on_loopback_only() {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port is free");
    let authority = Authority::new().expect("a CA");
    let served = Sim::new(Options::default()).serve_as_platforms(listener, authority, std::future::pending()).await;
    assert!(served.expect_err("it is not loopback").to_string().contains("loopback only"));
}

#[tokio::test]
async fn a_fault_reaches_through_the_tunnel() {
    let tunnel = Tunnel::start().await;
    let fault = json!({ "kind": "dropped", "path": "/sns/jscode2session" });
    tunnel.platforms.control("/_sim/faults", fault).await;
    let code = tunnel.platforms.code("alice").await;
    let url = format!("https://api.weixin.qq.com{}", code2session(SHOP, SECRET, &code));
    let broken = async { tunnel.client().get(&url).send().await?.bytes().await };
    assert!(broken.await.is_err(), "the connection breaks");
    assert_eq!(tunnel.platforms.sim.calls_with_code(&code), 1);
}
