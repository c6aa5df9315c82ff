//! Who may ask the routes of `/dev`: this machine and the page itself, as they sign anybody in.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use reqwest::Method;
use serde_json::json;
use tower::ServiceExt as _;

use crate::harness::{APPID, OTHER_APPID, Setup, TestServer};

async fn start() -> TestServer {
    TestServer::with(Setup { dev: true, ..Setup::default() }).await
}

#[tokio::test]
async fn the_page_learns_where_things_are_and_no_secret() {
    let t = start().await;
    let info = t.anon().get("/dev/info").await;
    assert_eq!(info.header("cache-control"), "no-store");
    let body = info.ok(200);
    let shop =
        json!({"id": "shop", "appid": APPID, "audience": "shop-api", "platform": "wechat", "kind": "mini_program"});
    assert_eq!((&body["app"], &body["apps"][0]), (&shop, &shop));
    let ids: Vec<_> = body["apps"].as_array().unwrap().iter().map(|app| app["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["shop", "club"], "a back end is nothing that people sign in from");
    assert_eq!(body["issuer"], t.url);
    assert_eq!(body["simulator"], format!("{}/", t.sim_url));
    assert!(!body.to_string().contains("secret"), "{body}");
}

#[tokio::test]
async fn what_the_simulator_refuses_is_passed_on_with_its_hint() {
    let t = start().await;
    let refused = t.anon().post("/dev/wx/login", json!({"appid": APPID})).await;
    assert_eq!(refused.status, 400, "nobody was named");
    assert!(refused.text.contains("whose phone?") && refused.text.contains("alice"), "{}", refused.text);
    assert!(!refused.text.contains("field_invalid"), "{}", refused.text);
}

#[tokio::test]
async fn without_an_appid_the_mini_program_of_the_page_is_meant_however_many_there_are() {
    let t = start().await;
    let answer = t.anon().post("/dev/wx/login", json!({"person": "alice"})).await.ok(200);
    t.anon().post("/v1/login/shop", json!({"code": answer["code"]})).await.ok(200);
    let elsewhere = json!({"person": "alice", "appid": OTHER_APPID});
    let answer = t.anon().post("/dev/wx/login", elsewhere).await.ok(200);
    t.anon().post("/v1/login/club", json!({"code": answer["code"]})).await.ok(200);
    for odd in [json!("alice"), json!(["alice"]), json!(null)] {
        t.anon().post("/dev/wx/login", odd).await.problem(400, "json_invalid");
    }
    let by_openid = json!({"openid": t.sim.openid(OTHER_APPID, "alice")});
    let answer = t.anon().post("/dev/wx/login", by_openid).await.ok(200);
    t.anon().post("/v1/login/club", json!({"code": answer["code"]})).await.ok(200);
}

#[tokio::test]
async fn a_token_expires_before_its_time_and_is_refused_as_any_expired_one() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let expired = phone.post("/dev/expire", json!({})).await.ok(200)["access_token"].as_str().unwrap().to_owned();
    t.phone_with_token(&expired).get("/v1/me").await.problem(401, "token_expired");
    t.phone_with_token(&expired).post("/dev/expire", json!({})).await.problem(401, "token_expired");
    phone.get("/v1/me").await.ok(200);
    let forged = format!("{}x", phone.access_token());
    t.phone_with_token(&forged).post("/dev/expire", json!({})).await.problem(401, "token_invalid");
    t.anon().post("/dev/expire", json!({})).await.problem(401, "token_missing");
}

#[tokio::test]
async fn the_page_learns_whom_the_simulator_has_met() {
    let t = start().await;
    assert_eq!(t.anon().get("/dev/people").await.ok(200), json!({"people": []}));
    t.phone("alice").await;
    let people = t.anon().get("/dev/people").await.ok(200);
    assert_eq!(people["people"][0]["person"], "alice");
    let openid = t.sim.openid(APPID, "alice");
    assert!(!people.to_string().contains(&openid), "{people}");
}

#[tokio::test]
async fn nothing_of_it_is_there_without_dev() {
    let t = TestServer::start().await;
    for path in ["/dev", "/dev/info", "/dev/people", "/dev/dev.js"] {
        t.anon().get(path).await.problem(404, "route_unknown");
    }
    t.anon().post("/dev/wx/login", json!({"person": "alice"})).await.problem(404, "route_unknown");
    t.anon().post("/dev/kick", json!({"session_id": "ses_1"})).await.problem(404, "route_unknown");
    t.phone("alice").await.post("/dev/expire", json!({})).await.problem(404, "route_unknown");
}

#[tokio::test]
async fn somebody_elses_page_gets_no_code_and_kicks_nobody() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let kick = json!({"session_id": phone.session_id()}).to_string();
    let login = json!({"person": "alice", "appid": APPID}).to_string();
    let strangers: [&[(&str, &str)]; 9] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("host", "evil.example")],
        &[("host", "127.0.0.1.evil.example:7600")],
        &[("x-forwarded-for", "203.0.113.9")],
        &[("sec-fetch-site", "cross-site"), ("referer", "https://servicewechat.com.evil.example/")],
    ];
    for headers in strangers {
        let anon = t.anon();
        anon.send(Method::POST, "/dev/wx/login", Some(login.clone()), headers).await.problem(403, "origin_refused");
        anon.send(Method::POST, "/dev/kick", Some(kick.clone()), headers).await.problem(403, "origin_refused");
        anon.send(Method::GET, "/dev/info", None, headers).await.problem(403, "origin_refused");
        anon.send(Method::GET, "/dev", None, headers).await.problem(403, "origin_refused");
    }
    phone.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn the_page_itself_a_link_to_it_and_a_terminal_are_answered() {
    let t = start().await;
    let port = t.url.rsplit_once(':').unwrap().1;
    let localhost = format!("localhost:{port}");
    let loopback = format!("[::1]:{port}");
    let login = json!({"person": "alice", "appid": APPID}).to_string();
    let own: [&[(&str, &str)]; 4] = [
        &[],
        &[("origin", &t.url), ("sec-fetch-site", "same-origin")],
        &[("host", &localhost), ("sec-fetch-site", "none")],
        &[("host", &loopback)],
    ];
    for headers in own {
        t.anon().send(Method::POST, "/dev/wx/login", Some(login.clone()), headers).await.ok(200);
        t.anon().send(Method::GET, "/dev", None, headers).await.ok(200);
    }
    let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    t.anon().send(Method::GET, "/dev", None, &link).await.ok(200);
    t.anon().send(Method::GET, "/dev/info", None, &link).await.problem(403, "origin_refused");
    let frame = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    t.anon().send(Method::GET, "/dev", None, &frame).await.problem(403, "origin_refused");
}

/// What a router answers somebody at this address who calls it so.
async fn status(router: Router, peer: &str, host: &str, path: &str) -> u16 {
    let mut request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
    let peer: SocketAddr = format!("{peer}:50000").parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_neighbour_is_refused_whatever_name_they_use() {
    let t = start().await;
    for (peer, host, expected) in [
        ("127.0.0.1", "127.0.0.1:7600", 200),
        ("127.8.8.8", "localhost", 200),
        ("[::1]", "[::1]:7600", 200),
        ("[::ffff:127.0.0.1]", "127.0.0.1:7600", 200),
        ("192.168.1.5", "127.0.0.1:7600", 403),
        ("192.168.1.5", "192.168.1.2:7600", 403),
        ("[fe80::5]", "localhost:7600", 403),
        ("[::ffff:192.168.1.5]", "localhost:7600", 403),
        ("127.0.0.1", "192.168.1.2:7600", 403),
    ] {
        assert_eq!(status(t.menjin.router(), peer, host, "/dev/info").await, expected, "{peer} asks {host}");
    }
}

#[tokio::test]
async fn open_to_the_local_network_it_is_there_for_loopback_peers_alone() {
    let t = TestServer::with(Setup { dev: true, lan: true, ..Setup::default() }).await;
    for path in ["/dev", "/dev/info", "/dev/dev.js", "/metrics"] {
        for (peer, host) in [("192.168.1.5", "192.168.1.2:7600"), ("127.0.0.1", "127.0.0.1:7600")] {
            assert_eq!(status(t.menjin.router(), peer, host, path).await, 404, "{path} on the network's side");
        }
        assert_eq!(status(t.menjin.admin_router(), "127.0.0.1", "127.0.0.1:7600", path).await, 200, "{path}");
    }
    t.anon().get("/dev/info").await.problem(404, "route_unknown");
    t.admin_get("/dev/info").await.ok(200);
    assert_eq!(status(t.menjin.admin_router(), "192.168.1.5", "127.0.0.1:7600", "/dev/info").await, 403);
    t.phone("alice").await.get("/v1/me").await.ok(200);
}

/// WeChat's developer tool marks a mini program's requests as cross-site; no page can set such a `Referer`.
#[tokio::test]
async fn the_mini_program_in_the_developer_tool_gets_its_code_and_nothing_else() {
    let t = start().await;
    let tool = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "cors"),
        ("referer", "https://servicewechat.com/touristappid/devtools/page-frame.html"),
    ];
    let login = json!({"person": "alice", "appid": APPID}).to_string();
    t.anon().send(Method::POST, "/dev/wx/login", Some(login), &tool).await.ok(200);
    let kick = json!({"session_id": t.phone("alice").await.session_id()}).to_string();
    t.anon().send(Method::POST, "/dev/kick", Some(kick), &tool).await.problem(403, "origin_refused");
}

#[tokio::test]
async fn every_file_of_the_page_has_the_strict_policy() {
    let t = start().await;
    let page = t.anon().get("/dev").await;
    assert!(page.text.contains("href=\"/console\""), "{}", page.text);
    assert!(!page.text.contains("<style") && !page.text.contains(" style=") && !page.text.contains("onclick"));
    let styles = ["/dev.css", "/phone.css", "/log.css", "/icon.svg"];
    let scripts =
        ["dev", "station", "screens", "phone", "program", "outside", "wx", "line", "log", "why", "token", "dom"];
    let scripts = scripts.iter().chain(&["words", "words_log"]).map(|name| format!("/{name}.js"));
    for file in styles.map(str::to_owned).into_iter().chain(scripts).chain([String::new()]) {
        let answer = t.anon().get(&format!("/dev{file}")).await;
        assert_eq!(answer.status, 200, "{file}");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    t.anon().get("/dev/secret.key").await.problem(404, "route_unknown");
}
