//! `GET /.well-known/oauth-authorization-server`: it names what there is, wherever libraries look for it.

use reqwest::Method;
use serde_json::json;

use super::back_ends;
use crate::harness::{Setup, TestServer};

const PATH: &str = "/.well-known/oauth-authorization-server";

#[tokio::test]
async fn oa_20_the_metadata_names_the_issuer_and_what_there_is() {
    let t = TestServer::with(back_ends()).await;
    let answer = t.anon().send(Method::GET, PATH, None, &[("x-forwarded-host", "evil.example")]).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let body = answer.ok(200);
    let at = |path: &str| format!("{}{path}", t.url);
    let expected = json!({
        "issuer": t.url,
        "token_endpoint": at("/oauth2/token"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "introspection_endpoint": at("/oauth2/introspect"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "service_documentation": at("/docs"),
        "scopes_supported": ["session-data", "sessions:open", "revocations:read", "events:read"],
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "Bearer"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    assert_eq!(body, expected);
    for named in ["token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
        let path = body[named].as_str().unwrap().strip_prefix(&t.url).unwrap().to_owned();
        assert_eq!(super::post_form(&t, &path, None, &[]).await.status.as_u16() / 100, 4, "{named}");
        t.anon().get(&path).await.problem(405, "method_unknown");
    }
    t.anon().get(&format!("{PATH}/login")).await.problem(404, "route_unknown");
}

#[tokio::test]
async fn of_an_issuer_with_a_path_it_is_found_below_the_path_and_behind_the_well_known_part() {
    let public_url = Some("https://example.com/login".to_owned());
    let t = TestServer::with(Setup { public_url, ..Setup::default() }).await;
    for path in ["/login/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/login", PATH]
    {
        let body = t.anon().get(path).await.ok(200);
        assert_eq!(body["issuer"], "https://example.com/login", "{path}");
        assert_eq!(body["token_endpoint"], "https://example.com/login/oauth2/token", "{path}");
    }
    let other = t.anon().get("/.well-known/oauth-authorization-server/other").await;
    assert_eq!((other.status.as_u16(), other.json["code"].as_str()), (404, Some("route_unknown")));
}
