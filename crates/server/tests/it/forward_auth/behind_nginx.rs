//! `deploy/nginx`, as it stands there, before menjin.

use std::fs;
use std::path::Path;

use menjin_testbed::Nginx;

use super::gate::{Gate, Upstream, bearer, holds_against_strangers, keeps_reports_for_their_readers};
use crate::harness::TestServer;
use crate::rows::Rows;

const EXAMPLE: &str = include_str!("../../../../../deploy/nginx/example.conf");
const INCLUDED: [(&str, &str); 6] = [
    ("ask.conf", include_str!("../../../../../deploy/nginx/ask.conf")),
    ("auth.conf", include_str!("../../../../../deploy/nginx/auth.conf")),
    ("caller.conf", include_str!("../../../../../deploy/nginx/caller.conf")),
    ("protect.conf", include_str!("../../../../../deploy/nginx/protect.conf")),
    ("protect-reports.conf", include_str!("../../../../../deploy/nginx/protect-reports.conf")),
    ("strip.conf", include_str!("../../../../../deploy/nginx/strip.conf")),
];

/// The files with the addresses of this test, `folder` in the place of nginx' own.
fn placed(folder: &Path, menjin: &str, upstream: &str) -> String {
    let addressed = |text: &str| {
        let text = text.replace("127.0.0.1:7600", menjin).replace("127.0.0.1:3000", upstream);
        text.replace("/etc/nginx/menjin", &folder.display().to_string()).replace("listen 80;", "listen LISTEN;")
    };
    for (name, text) in INCLUDED {
        fs::write(folder.join(name), addressed(text)).unwrap();
    }
    addressed(EXAMPLE)
}

async fn gate(t: &TestServer) -> (Nginx, Gate, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start().await;
    let nginx = Nginx::start(&placed(folder.path(), t.url.trim_start_matches("http://"), &upstream.address)).unwrap();
    let token = t.phone("carol").await.access_token();
    let gate = Gate::ready(nginx.port(), upstream, &token).await;
    (nginx, gate, folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_files_hold_against_strangers() {
    let t = TestServer::start().await;
    let (_nginx, gate, _folder) = gate(&t).await;
    holds_against_strangers(&t, &gate).await;
    keeps_reports_for_their_readers(&t, &gate).await;
    for inner in ["/_menjin", "/_menjin_reports"] {
        gate.is_closed(&gate.get(inner, &bearer(&t.phone("dave").await.access_token())).await, inner);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn underscores_that_nginx_lets_through_are_taken_away_all_the_same() {
    let t = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start().await;
    let http = placed(folder.path(), t.url.trim_start_matches("http://"), &upstream.address);
    let http = http.replace("underscores_in_headers off", "underscores_in_headers on");
    let nginx = Nginx::start(&http).unwrap();
    let gate = Gate::ready(nginx.port(), upstream, &t.phone("carol").await.access_token()).await;
    holds_against_strangers(&t, &gate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_passes_a_wrong_address_or_without_what_is_required() {
    let t = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start().await;
    let http = placed(folder.path(), t.url.trim_start_matches("http://"), &upstream.address);
    let nginx = Nginx::start(&http).unwrap();
    let token = t.phone("carol").await.access_token();
    let gate = Gate::ready(nginx.port(), upstream, &token).await;
    let auth = fs::read_to_string(folder.path().join("auth.conf")).unwrap();
    for (query, status) in [
        ("?audience=shop-api&require=role:admin;", 403),
        ("?audience=shop-api&require=scope:x;", 403),
        ("?audience=shop-api&require=roles:admin;", 503),
        ("?audience=shop-apy;", 503),
        (";", 503),
    ] {
        fs::write(folder.path().join("auth.conf"), auth.replace("?audience=shop-api;", query)).unwrap();
        nginx.reload(&http).unwrap();
        let heard = gate.get("/", &bearer(&token)).await;
        assert_eq!(heard.status, status, "{query}: {heard:?}");
        assert_eq!(status == 503, heard.text.to_ascii_lowercase().contains("retry-after: 1\r\n"), "{heard:?}");
        gate.is_closed(&heard, query);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_menjin_that_is_gone_or_whose_store_is_lets_nobody_in() {
    let t = TestServer::start().await;
    let (_nginx, gate, _folder) = gate(&t).await;
    let token = t.phone("alice").await.access_token();
    let mut rows = Rows::of(&t).await;
    for table in ["events", "sessions"] {
        rows.breaks(table).await;
    }
    assert_eq!(gate.get("/", &bearer(&token)).await.status, 200, "by token and feed");
    gate.upstream.reached();
    t.advance(std::time::Duration::from_secs(31));
    let heard = gate.get("/", &bearer(&token)).await;
    assert_eq!(heard.status, 503, "{heard:?}");
    gate.is_closed(&heard, "a store that is gone");
    for table in ["sessions", "events"] {
        rows.mends(table).await;
    }
    assert_eq!(gate.get("/", &bearer(&token)).await.status, 200, "by itself");
    gate.upstream.reached();
    drop(rows);
    t.stop().await;
    let heard = gate.get("/", &bearer(&token)).await;
    assert_eq!(heard.status, 503, "{heard:?}");
    gate.is_closed(&heard, "a menjin that is gone");
}
