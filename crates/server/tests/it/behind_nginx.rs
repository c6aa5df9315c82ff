//! Behind a real nginx that ends TLS or passes it on, strips the path of `public_url` or does not, and keeps its connections.

use menjin_testbed::Nginx;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Setup, TestServer, claims};
use crate::tls::{Authority, Issued, address};

/// What nginx passes on in each place, beside where to.
const KEPT: &str = "proxy_http_version 1.1; proxy_set_header Connection \"\"; \
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";

fn setup(path: &str) -> Setup {
    let public_url = Some(format!("https://example.com{path}"));
    Setup { public_url, server: "trusted_proxies = [\"127.0.0.1\"]".into(), ..Setup::default() }
}

/// Somebody on the other side of the proxy.
struct Outside {
    client: reqwest::Client,
    url: String,
}

impl Outside {
    fn of(nginx: &Nginx, path: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { client: client.build().unwrap(), url: format!("{}{path}", nginx.url()) }
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> reqwest::Response {
        let request =
            self.client.request(method, format!("{}{path}", self.url)).header("x-forwarded-for", "203.0.113.7");
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        body.map_or(request.try_clone().unwrap(), |body| request.json(&body)).send().await.unwrap()
    }

    async fn sign_in(&self, t: &TestServer, person: &str) -> Value {
        let body = json!({"code": t.code(person)});
        let answer = self.ask(Method::POST, "/v1/login/shop", "", Some(body)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_is_passed_on_or_stripped_and_people_notice_no_difference() {
    let t = TestServer::with(setup("/auth")).await;
    let nginx = Nginx::start(&format!(
        "upstream menjin {{ server {}; keepalive 4; }}
         server {{ listen LISTEN;
           location /auth/ {{ proxy_pass http://menjin; {KEPT} }}
           location /strips/auth/ {{ proxy_pass http://menjin/; {KEPT} }} }}",
        address(&t)
    ))
    .unwrap();
    for (number, path) in ["/auth", "/strips/auth"].into_iter().enumerate() {
        let outside = Outside::of(&nginx, path);
        let person = format!("person-{number}");
        for _ in 0..20 {
            let pair = outside.sign_in(&t, &person).await;
            let token = pair["access_token"].as_str().unwrap();
            assert_eq!(claims(token)["iss"], "https://example.com/auth");
            let sessions: Value = outside.ask(Method::GET, "/v1/me/sessions", token, None).await.json().await.unwrap();
            let from: Vec<&Value> = sessions["sessions"].as_array().unwrap().iter().map(|it| &it["ip"]).collect();
            assert!(!from.is_empty() && from.iter().all(|ip| **ip == "203.0.113.7"), "{sessions}");
            let ended = outside.ask(Method::POST, "/v1/logout", token, None).await;
            assert_eq!(ended.status(), StatusCode::NO_CONTENT);
        }
        let refused = outside.ask(Method::GET, "/v1/me", "", None).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(refused.headers()["strict-transport-security"], "max-age=31536000");
        let refused: Value = refused.json().await.unwrap();
        assert_eq!(refused["type"], "/auth/problems/token_missing");
        let docs = outside.ask(Method::GET, "/docs", "", None).await;
        assert_eq!(docs.headers()["location"], "/auth/docs/");
        for path in ["/docs/", "/openapi.json", "/.well-known/jwks.json", "/healthz", "/problems/code_used"] {
            assert_eq!(outside.ask(Method::GET, path, "", None).await.status(), StatusCode::OK, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_a_proxy_keeps_outlive_the_time_for_heads() {
    let server = "header_timeout = \"300ms\"\ntrusted_proxies = [\"127.0.0.1\"]".to_owned();
    let t = TestServer::with(Setup { server, ..setup("") }).await;
    let nginx = Nginx::start(&format!(
        "upstream menjin {{ server {}; keepalive 4; }}
         server {{ listen LISTEN; location / {{ proxy_pass http://menjin; proxy_next_upstream off; {KEPT} }} }}",
        address(&t)
    ))
    .unwrap();
    let outside = Outside::of(&nginx, "");
    for _ in 0..3 {
        outside.sign_in(&t, "alice").await;
        // Who is silent from now on is cut once as much time has passed.
        crate::wire::Wire::to(&t).await.heard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_verifies_the_certificate_of_menjin_itself_and_keeps_its_connections() {
    let authority = Authority::new();
    let issued: Issued = authority.issue();
    let t =
        crate::tls::start(&issued, Setup { server: "trusted_proxies = [\"127.0.0.1\"]".into(), ..Setup::default() })
            .await;
    crate::tls::put(t.folder.path(), "ca.pem", &authority.pem());
    let trusted = t.folder.path().join("ca.pem");
    let nginx = Nginx::start(&format!(
        "upstream menjin {{ server {}; keepalive 4; }}
         server {{ listen LISTEN; location / {{ proxy_pass https://menjin; proxy_ssl_verify on; proxy_ssl_name localhost;
           proxy_ssl_trusted_certificate {}; {KEPT} }} }}",
        address(&t),
        trusted.display(),
    ))
    .unwrap();
    let outside = Outside::of(&nginx, "");
    for _ in 0..20 {
        let pair = outside.sign_in(&t, "alice").await;
        let token = pair["access_token"].as_str().unwrap();
        assert_eq!(outside.ask(Method::GET, "/v1/me", token, None).await.status(), StatusCode::OK);
    }
}
