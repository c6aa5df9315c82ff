//! `server.public_url` with a path: what is found below it, and what stays at the root for those who strip it.

use menjin_server::config::Config;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Setup, TestServer, claims};

const COMPAT: &str = "[[compat]]\nkind = \"hapi\"\napp = \"shop\"\npaths = [\"/users/wxLogin\"]\n\
    secret = \"an-old-secret-of-thirty-two-bytes-or-more\"\n";

async fn below(path: &str) -> TestServer {
    let public_url = Some(format!("https://example.com{path}"));
    TestServer::with(Setup { public_url, toml: COMPAT.into(), ..Setup::default() }).await
}

#[tokio::test]
async fn all_routes_answer_below_the_path_and_at_the_root() {
    let t = below("/auth").await;
    for at in ["/auth", ""] {
        let pair = t.anon().post(&format!("{at}/v1/login/shop"), json!({"code": t.code("alice")})).await.ok(200);
        let token = pair["access_token"].as_str().unwrap();
        let told = claims(token);
        assert_eq!((&told["iss"], &told["aud"][1]), (&json!("https://example.com/auth"), &told["iss"]));
        let phone = t.phone_with_token(token);
        assert_eq!(phone.get(&format!("{at}/v1/me")).await.ok(200)["user"]["id"], pair["user"]["id"]);
        assert_eq!(phone.get(&format!("{at}/v1/me/sessions")).await.status, 200);
        for path in ["/healthz", "/readyz", "/.well-known/jwks.json", "/docs/", "/openapi.json", "/problems/code_used"]
        {
            assert_eq!(t.anon().get(&format!("{at}{path}")).await.status, 200, "{at}{path}");
        }
        let old = t.anon().post(&format!("{at}/users/wxLogin"), json!({"code": t.code("alice")})).await;
        assert_eq!((old.status.as_u16(), old.text.split('.').count()), (200, 3), "{}", old.text);
        let refused = t.anon().post(&format!("{at}/users/wxLogin"), json!({})).await;
        assert!(refused.json["message"].is_string(), "an old client's problem: {}", refused.text);
    }
    for nowhere in ["/auth", "/auth/", "/authv1/me", "/auth/auth/v1/me", "/auth/nowhere", "/Auth/v1/me", "//auth/v1/me"]
    {
        assert_eq!(t.anon().get(nowhere).await.status, 404, "{nowhere}");
    }
    let refused = t.anon().send(Method::DELETE, "/auth/v1/login/shop", None, &[]).await;
    assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn what_leads_on_leads_below_the_path() {
    let t = below("/auth").await;
    for at in ["/auth", ""] {
        for (path, code) in [("/v1/me", "token_missing"), ("/nowhere", "route_unknown")] {
            let refused = t.anon().get(&format!("{at}{path}")).await;
            assert_eq!(refused.json["type"], format!("/auth/problems/{code}"));
            let explained = t.anon().get(refused.json["type"].as_str().unwrap()).await;
            assert!(explained.text.starts_with(code), "{}", explained.text);
            let detail = refused.json["detail"].as_str().unwrap();
            assert!(explained.text.contains(&format!("\n{detail}\n")), "{detail}");
            assert_eq!(detail.contains("; /auth/docs lists"), code == "route_unknown", "{detail}");
        }
        let refused = t.anon().send(Method::DELETE, &format!("{at}/v1/login/shop"), None, &[]).await;
        assert!(refused.json["detail"].as_str().unwrap().contains("; /auth/docs lists"), "{}", refused.text);
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let docs = client.get(format!("{}{at}/docs", t.url)).send().await.unwrap();
        assert_eq!((docs.status().as_u16(), &docs.headers()["location"]), (303, &"/auth/docs/".parse().unwrap()));
        let script = t.anon().get(&format!("{at}/docs/swagger-initializer.js")).await.text;
        assert!(script.contains("\"/auth/openapi.json\""), "{script}");
        let page = t.anon().get(&format!("{at}/docs/")).await.text;
        assert!(!page.contains("=\"/"), "its files are beside it: {page}");
        let api = t.anon().get(&format!("{at}/openapi.json")).await.ok(200);
        assert_eq!(api["servers"], json!([{"url": "/auth"}]));
        assert!(api["paths"]["/v1/me"].is_object(), "paths are below the server's");
    }
    let usual = TestServer::start().await;
    assert_eq!(usual.anon().get("/openapi.json").await.ok(200).get("servers"), None);
}

#[tokio::test]
async fn metrics_name_a_route_alike_wherever_it_is_asked_for() {
    let t = below("/a/very.long_path~x").await;
    for path in ["/a/very.long_path~x/v1/me/sessions/made-up", "/v1/me/sessions/made-up", "/a/very.long_path~x/made-up"]
    {
        t.anon().get(path).await;
    }
    let metrics = t.admin_get("/metrics").await.text;
    assert!(metrics.contains("route=\"/v1/me/sessions/{id}\""), "{metrics}");
    assert!(!metrics.contains("very.long_path"), "{metrics}");
}

#[tokio::test]
async fn a_path_that_is_also_the_beginning_of_a_route_hides_none() {
    for path in ["/v1", "/auth", "/docs", "/problems", "/v1/me", "/.well-known", "/dev", "/v1/login"] {
        let t = below(path).await;
        for at in [path, ""] {
            t.anon().get(&format!("{at}/v1/me")).await.json["code"].as_str().expect("a problem");
            let body = json!({"code": t.code("alice")});
            t.anon().post(&format!("{at}/v1/login/shop"), body).await.ok(200);
            for route in ["/healthz", "/.well-known/jwks.json", "/docs/", "/problems/code_used"] {
                assert_eq!(t.anon().get(&format!("{at}{route}")).await.status, 200, "{at}{route}");
            }
        }
    }
}

#[test]
fn what_can_be_no_path_is_refused_by_its_key() {
    let parse = |url: &str, compat: &str| {
        let toml = format!(
            "[server]\npublic_url = \"{url}\"\n[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n{compat}"
        );
        Config::parse(&toml, std::path::Path::new("")).map_err(|error| error.to_string())
    };
    for right in ["", "/", "/auth", "/auth/", "/a/b-c_d.e~1", "/administration", "/a/admin"] {
        parse(&format!("https://example.com{right}"), COMPAT).unwrap();
    }
    for wrong in
        ["/{app}", "/a//b", "/*x", "/:x", "/a b", "/登录", "/%61", "/a;b", "/a?b", "/a#b", "/admin", "/console/x"]
    {
        let error = parse(&format!("https://example.com{wrong}"), "").unwrap_err();
        assert!(error.starts_with("`server.public_url`"), "{wrong}: {error}");
    }
    for twice in ["/users", "/users/"] {
        let error = parse(&format!("https://example.com{twice}"), COMPAT).unwrap_err();
        assert!(error.starts_with("`compat[0].paths`") && error.contains("server.public_url"), "{error}");
    }
}
