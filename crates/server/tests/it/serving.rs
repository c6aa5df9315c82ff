//! Serving as such: health, metrics, headers on every answer, and a stop that fails no request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::json;

use crate::harness::{Setup, TestServer};
use crate::rows::Rows;
use crate::tls::{self, Authority};
use crate::wire::Wire;

#[tokio::test]
async fn health_is_plain_and_readiness_asks_the_store() {
    let t = TestServer::start().await;
    assert_eq!(t.anon().get("/healthz").await.text, "ok");
    assert_eq!(t.anon().get("/readyz").await.text, "ok");
    let mut rows = Rows::of(&t).await;
    rows.breaks("_migrations").await;
    t.anon().get("/readyz").await.problem(503, "store_unavailable");
    assert_eq!(t.anon().get("/healthz").await.text, "ok");
    rows.mends("_migrations").await;
    assert_eq!(t.anon().get("/readyz").await.text, "ok");
}

#[tokio::test]
async fn op_04_a_node_that_can_not_know_what_has_ended_is_not_ready() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let mut rows = Rows::of(&t).await;
    rows.breaks("events").await;
    t.advance(std::time::Duration::from_mins(1));
    phone.get("/v1/me/sessions").await.problem(503, "revocations_stale");
    t.anon().get("/readyz").await.problem(503, "revocations_stale");
    assert_eq!(t.anon().get("/healthz").await.text, "ok");
    rows.mends("events").await;
    assert_eq!(t.anon().get("/readyz").await.text, "ok");
}

#[tokio::test]
async fn op_04_readiness_does_not_depend_on_the_platform() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let t = TestServer::with(Setup { wechat: Some(closed), ..Setup::default() }).await;
    let code = t.code("alice");
    t.anon().post("/v1/login/shop", json!({"code": code})).await.problem(503, "platform_unavailable");
    assert_eq!(t.anon().get("/readyz").await.text, "ok");
    assert_eq!(t.anon().get("/healthz").await.text, "ok");
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_security_headers() {
    let t = TestServer::start().await;
    for path in ["/healthz", "/v1/me", "/nowhere", "/.well-known/jwks.json", "/docs/", "/openapi.json"] {
        let answer = t.anon().get(path).await;
        assert!(answer.header("x-request-id").len() >= 16, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
    }
    let own = t.anon().send(Method::GET, "/v1/me", None, &[("x-request-id", "my-request-0001")]).await;
    assert_eq!((own.header("x-request-id"), &own.json["request_id"]), ("my-request-0001", &json!("my-request-0001")));
    let odd = t.anon().send(Method::GET, "/v1/me", None, &[("x-request-id", "a\"b <script>")]).await;
    let id = odd.header("x-request-id");
    assert!(id.len() >= 16 && !id.contains('<'), "{id}");
}

#[tokio::test]
async fn the_api_is_documented_from_its_handlers_and_readable_offline() {
    let t = TestServer::start().await;
    let api = t.anon().get("/openapi.json").await.ok(200);
    for path in
        ["/v1/login/{app}", "/v1/token/refresh", "/v1/logout", "/v1/me", "/v1/me/sessions", "/v1/me/sessions/{id}"]
    {
        assert!(api["paths"].get(path).is_some(), "{path}");
    }
    let page = t.anon().get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("https://"), "the page asks the internet for nothing");
    let words = t.anon().get("/problems/code_used").await;
    for part in ["401", "relogin", "works once", "Cause: ", "Remedy: "] {
        assert!(words.text.contains(part), "{part}: {}", words.text);
    }
    t.anon().get("/problems/nothing").await.problem(404, "route_unknown");
}

#[tokio::test]
async fn the_host_header_never_reaches_an_answer() {
    let t = TestServer::start().await;
    let forged = [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")];
    for path in ["/v1/me", "/.well-known/jwks.json", "/openapi.json", "/docs/", "/nowhere"] {
        let answer = t.anon().send(Method::GET, path, None, &forged).await;
        assert!(!answer.text.contains("evil") && !format!("{:?}", answer.headers).contains("evil"), "{path}");
    }
    let body = json!({"code": t.code("alice")}).to_string();
    let pair = t.anon().send(Method::POST, "/v1/login/shop", Some(body), &forged).await.ok(200);
    let claims = crate::harness::claims(pair["access_token"].as_str().unwrap());
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(t.url), &json!(["shop-api", t.url])), "OA-20");
}

#[tokio::test]
async fn what_anybody_makes_up_becomes_no_label_of_the_metrics() {
    let t = TestServer::start().await;
    for path in ["/made-up-path", "/v1/login/made-up-app", "/v1/me/sessions/made-up-id", "/problems/made-up-code"] {
        for method in ["GET", "POST", "MADE-UP-METHOD"] {
            t.anon().send(method.parse().unwrap(), path, Some("{\"code\":\"made-up\"}".to_owned()), &[]).await;
        }
    }
    let metrics = t.admin_get("/metrics").await.text;
    assert!(metrics.contains("route=\"unmatched\"") && metrics.contains("method=\"other\""), "{metrics}");
    assert!(!metrics.to_ascii_lowercase().contains("made-up"), "{metrics}");
}

#[tokio::test]
async fn ht_06_no_page_of_another_origin_may_read_an_answer_and_none_sets_a_cookie() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for origin in ["https://evil.example", "null", &t.url] {
        let asked = [("origin", origin), ("access-control-request-method", "POST"), ("cookie", "sid=1")];
        for path in ["/v1/me", "/v1/login/shop", "/v1/token/refresh", "/oauth2/token", "/nowhere", "/docs/"] {
            for method in [Method::OPTIONS, Method::GET, Method::POST] {
                let answer = phone.send(method.clone(), path, Some("{}".to_owned()), &asked).await;
                let names: Vec<&str> = answer.headers.keys().map(reqwest::header::HeaderName::as_str).collect();
                assert!(!names.iter().any(|it| it.starts_with("access-control-") || *it == "set-cookie"), "{names:?}");
            }
        }
    }
}

#[tokio::test]
async fn ht_11_who_came_by_https_is_told_to_stay_with_it() {
    let https = Setup { public_url: Some("https://login.example.com".to_owned()), ..Setup::default() };
    let (t, plain) = (TestServer::with(https).await, TestServer::start().await);
    for path in ["/v1/me", "/docs/", "/healthz", "/nowhere"] {
        assert_eq!(t.anon().get(path).await.header("strict-transport-security"), "max-age=31536000", "{path}");
        assert_eq!(plain.anon().get(path).await.header("strict-transport-security"), "", "{path}");
    }
}

/// So many that a usual limit of open files (`ulimit -n`) leaves room for the other tests.
fn many() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = files.and_then(|it| it.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(1024);
    (files / 8).clamp(64, 1000)
}

#[tokio::test]
async fn ht_03_idle_connections_keep_nobody_from_an_answer() {
    let t = TestServer::start().await;
    let mut idle = Vec::new();
    for number in 0..many() {
        let mut wire = Wire::to(&t).await;
        // Every second one has had an answer, and is kept.
        if number % 2 == 0 {
            wire.say(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
            assert!(wire.hear().await.starts_with("HTTP/1.1 200"));
        }
        idle.push(wire);
    }
    t.phone("alice").await.get("/v1/me").await.ok(200);
    for mut kept in idle.into_iter().step_by(2) {
        kept.say(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert_eq!(kept.answer().await.status, 200);
    }
}

#[tokio::test]
async fn a_kept_connection_outlives_the_time_for_heads() {
    let server = "header_timeout = \"300ms\"".to_owned();
    let t = TestServer::with(Setup { server, ..Setup::default() }).await;
    let mut kept = Wire::to(&t).await;
    for _ in 0..3 {
        kept.say(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(kept.hear().await.starts_with("HTTP/1.1 200"));
        let mut slow = Wire::to(&t).await;
        slow.say(b"GET /healthz HTTP/1.1\r\nx-slow: ").await;
        assert!(slow.heard().await.is_none(), "half a head is cut after that time");
    }
    kept.say(b"GET /healthz HTTP/1.1\r\nx-slow: ").await;
    assert!(kept.heard().await.is_none(), "a later head has no more time than a first one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_tls_fails_no_request_either() {
    let authority = Authority::new();
    let t = tls::start(&authority.issue(), Setup::default()).await;
    let token = tls::sign_in(&t, &authority.client(), "alice").await["access_token"].as_str().unwrap().to_owned();
    let (url, answered) = (tls::https(&t, ""), Arc::new(AtomicUsize::new(0)));
    let worker = || tokio::spawn(ask_until_gone(authority.client(), url.clone(), token.clone(), Arc::clone(&answered)));
    let workers: Vec<_> = (0..4).map(|_| worker()).collect();
    while answered.load(Ordering::Relaxed) < 100 {
        tokio::task::yield_now().await;
    }
    t.stop().await;
    for worker in workers {
        let (answers, failures) = worker.await.unwrap();
        assert!(answers > 0);
        assert_eq!(failures, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_fails_no_request() {
    let t = TestServer::start().await;
    let token = t.phone("alice").await.access_token();
    let answered = Arc::new(AtomicUsize::new(0));
    let client = || reqwest::Client::builder().no_proxy().retry(reqwest::retry::never()).build().unwrap();
    let worker = || tokio::spawn(ask_until_gone(client(), t.url.clone(), token.clone(), Arc::clone(&answered)));
    let workers: Vec<_> = (0..8).map(|_| worker()).collect();
    while answered.load(Ordering::Relaxed) < 200 {
        tokio::task::yield_now().await;
    }
    let came = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let newcomer = |came: &Arc<AtomicUsize>| tokio::spawn(come_anew_until_refused(t.url.clone(), Arc::clone(came)));
    let newcomers = came.each_ref().map(newcomer);
    let slow = menjin_sim::FaultKind::Slow(std::time::Duration::from_millis(500));
    t.sim.add_fault(menjin_sim::Fault::once(slow).on("/sns/jscode2session"));
    let late = tokio::spawn(login_directly(t.url.clone(), t.code("bob")));
    let waits = || came.iter().any(|came| came.load(Ordering::Relaxed) == 0);
    while t.sim.calls(&menjin_sim::CallFilter::default()).len() < 2 || waits() {
        tokio::task::yield_now().await;
    }
    t.stop().await;
    assert_eq!(late.await.unwrap(), 200, "a request under way is finished");
    for worker in workers {
        let (answers, failures) = worker.await.unwrap();
        assert!(answers > 0);
        assert_eq!(failures, Vec::<String>::new());
    }
    for newcomer in newcomers {
        // The system may take one more between the last look at the queue and its end.
        let failures = newcomer.await.unwrap();
        assert!(failures.len() <= 1, "{failures:?}");
    }
}

/// Asks over a new connection each time until none is taken any more; tells what failed before.
async fn come_anew_until_refused(url: String, answers: Arc<AtomicUsize>) -> Vec<String> {
    let mut failures = Vec::new();
    loop {
        let client = reqwest::Client::builder().no_proxy().retry(reqwest::retry::never()).build().unwrap();
        match client.get(format!("{url}/healthz")).header("connection", "close").send().await {
            Ok(answer) if answer.status() == 200 => drop(answers.fetch_add(1, Ordering::Relaxed)),
            Ok(answer) => failures.push(answer.status().to_string()),
            Err(error) if error.is_connect() => return failures,
            Err(error) => failures.push(format!("{error:?}")),
        }
    }
}

async fn login_directly(url: String, code: String) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(format!("{url}/v1/login/shop")).json(&json!({"code": code})).send().await.unwrap().status().as_u16()
}

/// Asks over one kept connection until the server says that it closes it, as a balancer does; tells what failed.
async fn ask_until_gone(
    client: reqwest::Client,
    url: String,
    token: String,
    answered: Arc<AtomicUsize>,
) -> (usize, Vec<String>) {
    let (mut answers, mut failures) = (0, Vec::new());
    loop {
        match client.get(format!("{url}/v1/me")).bearer_auth(&token).send().await {
            Ok(answer) if answer.status() == 200 => {
                answers += 1;
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.headers().get("connection").is_some_and(|value| value == "close") {
                    return (answers, failures);
                }
            }
            Ok(answer) => failures.push(answer.status().to_string()),
            Err(error) => {
                failures.push(format!("{error:?}"));
                return (answers, failures);
            }
        }
    }
}

#[tokio::test]
async fn the_operators_side_shows_metrics_and_the_public_side_does_not() {
    let t = TestServer::start().await;
    t.phone("alice").await;
    t.anon().get("/metrics").await.problem(404, "route_unknown");
    let metrics = t.admin_get("/metrics").await;
    for name in ["http_requests_total", "http_request_duration_seconds_bucket", "menjin_logins_total"] {
        assert!(metrics.text.contains(name), "{name}: {}", metrics.text);
    }
    t.anon().get("/admin/v1/users").await.problem(404, "route_unknown");
    for public in ["/v1/me", "/v1/login/shop", "/.well-known/jwks.json", "/docs/", "/nowhere"] {
        t.admin_get(public).await.problem(404, "route_unknown");
    }
}
