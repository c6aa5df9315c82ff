//! `deploy/caddy`, `deploy/traefik` and `deploy/envoy`, as they stand there, before menjin.

use std::path::Path;

use menjin_testbed::{Proxy, ProxyKind};

use super::gate::{Gate, Upstream, bearer, holds_against_strangers, keeps_reports_for_their_readers};
use crate::harness::TestServer;

const CADDY: &str = include_str!("../../../../../deploy/caddy/Caddyfile");
const TRAEFIK: &str = include_str!("../../../../../deploy/traefik/traefik.yml");
const TRAEFIK_MENJIN: &str = include_str!("../../../../../deploy/traefik/menjin.yml");
const ENVOY: &str = include_str!("../../../../../deploy/envoy/envoy.yaml");

/// The shipped files with the addresses of this test.
fn files(
    kind: ProxyKind,
    (port, folder): (u16, &Path),
    (menjin, upstream): (&str, &str),
) -> Vec<(&'static str, String)> {
    let addressed = |text: &str| text.replace("127.0.0.1:7600", menjin).replace("127.0.0.1:3000", upstream);
    let port_of = |address: &str| format!("port_value: {}", address.rsplit(':').next().unwrap());
    match kind {
        ProxyKind::Caddy => {
            let site = addressed(CADDY).replace("http://example.com {", &format!("http://:{port} {{"));
            vec![("Caddyfile", format!("{{\n\tadmin off\n}}\n{site}"))]
        }
        ProxyKind::Traefik => {
            let file = folder.join("menjin.yml").display().to_string();
            let own =
                TRAEFIK.replace("\":80\"", &format!("\"127.0.0.1:{port}\"")).replace("/etc/traefik/menjin.yml", &file);
            vec![("traefik.yml", own), ("menjin.yml", addressed(TRAEFIK_MENJIN))]
        }
        ProxyKind::Envoy => {
            let own = addressed(ENVOY)
                .replace("address: 0.0.0.0, port_value: 80 }", &format!("address: 127.0.0.1, port_value: {port} }}"));
            let own = own.replace("port_value: 7600", &port_of(menjin)).replace("port_value: 3000", &port_of(upstream));
            vec![("envoy.yaml", own)]
        }
    }
}

async fn the_shipped_files_hold(kind: ProxyKind) {
    let t = TestServer::start().await;
    let upstream = Upstream::start().await;
    let (menjin, behind) = (t.url.trim_start_matches("http://").to_owned(), upstream.address.clone());
    let proxy = Proxy::start(kind, |port, folder| files(kind, (port, folder), (&menjin, &behind))).unwrap();
    let token = t.phone("carol").await.access_token();
    let gate = Gate::ready(proxy.port(), upstream, &token).await;
    holds_against_strangers(&t, &gate).await;
    keeps_reports_for_their_readers(&t, &gate).await;
    let heard = gate.get("/?audience=club&require=role:x", &bearer(&token)).await;
    assert_eq!(heard.status, 200, "what a stranger writes is nothing that the address asks for: {heard:?}");
    gate.upstream.reached();
    if kind == ProxyKind::Caddy {
        // PHP takes each for `X-Menjin-User`, and Caddy hands them to it.
        let dotted = "X.Menjin.User: forged\r\nX-Menjin.User: forged\r\nRemote.User: forged\r\n";
        gate.get("/", &format!("{dotted}{}", bearer(&token))).await;
        let reached = gate.upstream.reached();
        assert!(reached.len() == 1 && !format!("{reached:?}").contains("forged"), "{reached:?}");
    }
    t.stop().await;
    let heard = gate.get("/", &bearer(&token)).await;
    assert!(heard.status >= 500, "{heard:?}");
    gate.is_closed(&heard, "a menjin that is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_holds_against_strangers() {
    the_shipped_files_hold(ProxyKind::Caddy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traefik_holds_against_strangers() {
    the_shipped_files_hold(ProxyKind::Traefik).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_holds_against_strangers() {
    the_shipped_files_hold(ProxyKind::Envoy).await;
}
