//! Pages of other origins: only those that are listed may call, and never with credentials.

use reqwest::{Method, Response, StatusCode};

use crate::harness::{Setup, TestServer};

const SITE: &str = "https://shop.example.com";
/// By pages of a front end: the SDK's own, and what its `fetch` passes on.
const SENT: [&str; 4] = ["authorization", "content-type", "idempotency-key", "menjin-app"];

async fn with_a_site() -> TestServer {
    TestServer::with(Setup { server: format!("allowed_origins = [\"{SITE}\"]"), ..Setup::default() }).await
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// What a browser asks before it lets a page of that origin sign somebody in.
async fn preflight(t: &TestServer, path: &str, origin: &str) -> Response {
    let asked = client().request(Method::OPTIONS, format!("{}{path}", t.url));
    let asked = asked.header("origin", origin).header("access-control-request-method", "POST");
    asked.header("access-control-request-headers", SENT.join(",")).send().await.unwrap()
}

async fn called(t: &TestServer, path: &str, origin: &str) -> Response {
    client().get(format!("{}{path}", t.url)).header("origin", origin).send().await.unwrap()
}

fn allowed(answer: &Response) -> Option<&str> {
    answer.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap())
}

/// Whether somebody who keeps answers gives this one to a page of another origin.
fn is_kept_by_origin(answer: &Response) -> bool {
    answer.headers().get_all("vary").iter().any(|vary| vary.to_str().unwrap().contains("origin"))
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_call_and_read_what_it_decides_by() {
    let t = with_a_site().await;
    let asked = preflight(&t, "/v1/login/shop", SITE).await;
    assert_eq!((asked.status(), allowed(&asked)), (StatusCode::NO_CONTENT, Some(SITE)));
    let headers = asked.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(SENT.iter().all(|it| headers.split(", ").any(|header| header == *it)), "{headers}");
    let methods = asked.headers()["access-control-allow-methods"].to_str().unwrap();
    assert!(["POST", "PUT", "DELETE"].iter().all(|it| methods.contains(it)), "{methods}");
    let refused = called(&t, "/v1/me", SITE).await;
    assert_eq!((refused.status(), allowed(&refused)), (StatusCode::UNAUTHORIZED, Some(SITE)));
    let exposed = refused.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(["www-authenticate", "retry-after", "etag", "date"].iter().all(|it| exposed.contains(it)), "{exposed}");
    for answer in [&asked, &refused] {
        assert!(is_kept_by_origin(answer) && !answer.headers().contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test]
async fn what_was_kept_for_one_is_not_given_to_a_page_that_reads_it_otherwise() {
    let t = with_a_site().await;
    let without = client().get(format!("{}/v1/me", t.url)).send().await.unwrap();
    let others = called(&t, "/v1/me", "https://evil.example").await;
    for answer in [&without, &others] {
        assert!(is_kept_by_origin(answer) && allowed(answer).is_none(), "{:?}", answer.headers());
    }
    let nobodys = TestServer::start().await;
    assert!(!is_kept_by_origin(&called(&nobodys, "/v1/me", SITE).await), "the same for all, where nobody is listed");
}

#[tokio::test]
async fn what_people_see_at_a_sign_in_is_no_pages_to_read() {
    let t = with_a_site().await;
    for path in ["/v1/login/shop/start?state=mine", "/v1/login/shop/callback?state=mine", "/v1/login/nobody/start"] {
        let seen = called(&t, path, SITE).await;
        assert!(seen.headers()["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
        let asked = preflight(&t, path, SITE).await;
        assert_eq!((allowed(&seen), allowed(&asked)), (None, None), "{path}");
    }
    assert_eq!(allowed(&called(&t, "/v1/login/shop", SITE).await), Some(SITE), "what pages call is beside them");
}

#[tokio::test]
async fn below_a_path_it_is_the_same() {
    let public_url = Some("https://example.com/auth".to_owned());
    let server = format!("allowed_origins = [\"{SITE}\"]");
    let t = TestServer::with(Setup { server, public_url, ..Setup::default() }).await;
    for at in ["/auth", ""] {
        assert_eq!(allowed(&preflight(&t, &format!("{at}/v1/login/shop"), SITE).await), Some(SITE), "{at}");
        assert_eq!(allowed(&called(&t, &format!("{at}/.well-known/jwks.json"), SITE).await), Some("*"), "{at}");
        for path in ["/v1/login/shop/start", "/docs", "/healthz"] {
            assert_eq!(allowed(&called(&t, &format!("{at}{path}"), SITE).await), None, "{at}{path}");
        }
    }
}

#[tokio::test]
async fn nobody_elses_page_may() {
    let t = with_a_site().await;
    let others = [
        "null",
        "https://evil.example",
        "http://shop.example.com",
        "https://shop.example.com:8443",
        "https://shop.example.com.evil.example",
        "https://evil-shop.example.com",
        "http://localhost:5173",
        "*",
    ];
    for origin in others {
        let (asked, answer) = (preflight(&t, "/v1/login/shop", origin).await, called(&t, "/v1/me", origin).await);
        assert_eq!((allowed(&asked), allowed(&answer)), (None, None), "{origin}");
    }
    for path in ["/auth/nginx?audience=shop-api", "/docs", "/healthz", "/metrics", "/users/wxLogin"] {
        assert_eq!(allowed(&called(&t, path, SITE).await), None, "{path}");
    }
}

#[tokio::test]
async fn keys_and_metadata_are_for_everybody_and_a_developer_has_their_own_pages() {
    let t = with_a_site().await;
    for path in ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/sdk/miniprogram.js"] {
        let answer = called(&t, path, "https://anybody.example").await;
        assert_eq!((answer.status(), allowed(&answer)), (StatusCode::OK, Some("*")), "{path}");
        // Kept once, for everybody.
        assert!(!is_kept_by_origin(&answer), "{path}");
    }
    let t = TestServer::with(Setup { dev: true, ..Setup::default() }).await;
    for (origin, is_allowed) in [("http://localhost:5173", true), ("https://evil.example", false)] {
        let answer = called(&t, "/v1/me", origin).await;
        assert_eq!(allowed(&answer), is_allowed.then_some(origin));
        assert_eq!(allowed(&called(&t, "/dev/info", origin).await), None, "{origin}");
    }
}

#[tokio::test]
async fn what_is_no_origin_is_refused_at_start() {
    for odd in
        ["*", "null", "shop.example.com", "https://shop.example.com/", "https://shop.example.com/path", "ftp://a"]
    {
        let toml = format!("[server]\nallowed_origins = [\"{odd}\"]\n");
        let refused = menjin_server::config::Config::parse(&toml, std::path::Path::new("")).unwrap_err().to_string();
        assert!(refused.contains("https://shop.example.com") && refused.contains(odd), "{refused}");
    }
}
