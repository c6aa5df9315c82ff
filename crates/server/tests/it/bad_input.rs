//! Whatever anybody sends to whatever route: a clear 4xx problem with its request id and headers, never a 5xx.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Actor, Answer, Setup, TestServer};
use crate::wire::{Raw, Wire, ask};

const COMPAT: &str =
    "[[compat]]\nkind = \"hapi\"\napp = \"shop\"\nsecret = \"an-old-secret-of-thirty-two-bytes-or-more\"\n";

/// The body of every route that takes one; all of it is required where nothing says otherwise.
const BODIES: [(Method, &str, Option<&str>); 5] = [
    (Method::POST, "/v1/login/shop", Some("code")),
    (Method::POST, "/users/wxLogin", Some("code")),
    (Method::POST, "/v1/token/refresh", Some("refresh_token")),
    (Method::POST, "/v1/logout", None),
    (Method::PUT, "/v1/me", None),
];

async fn start() -> TestServer {
    TestServer::with(Setup { toml: COMPAT.into(), ..Setup::default() }).await
}

/// Every route that the document names, and the old one.
async fn routes(t: &TestServer) -> Vec<(String, Vec<String>)> {
    let api = t.anon().get("/openapi.json").await.ok(200);
    let mut routes: Vec<(String, Vec<String>)> = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        let path = path.replace("{app}", "shop").replace("{id}", "ses_01jd3v0000zzzzzzzzzzzzzzzz");
        let path = path
            .replace("{name}", "nobodys.png")
            .replace("{key}", "client.x")
            .replace("{asked}/{rest}", "audience=shop-api/x");
        // A proxy's address that says nothing is a mistake of the operator's, and answered as one.
        let path = if ["/auth/nginx", "/auth/forward"].contains(&path.as_str()) {
            format!("{path}?audience=shop-api")
        } else {
            path
        };
        assert!(!path.contains('{'), "{path}: what stands here in a request?");
        let methods = methods.as_object().unwrap().keys().map(|method| method.to_ascii_uppercase()).collect();
        routes.push((path, methods));
    }
    routes.push(("/users/wxLogin".into(), vec!["POST".into()]));
    assert!(routes.len() >= 10, "{routes:?}");
    routes
}

/// An answer that is no server error and, where it refuses, says so in full.
#[track_caller]
fn is_clear(answer: &Answer, what: &str) {
    let status = answer.status.as_u16();
    assert!(status < 500, "{what}: {status} {}", answer.text);
    assert!(answer.header("x-request-id").len() >= 16, "{what}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    if status >= 400 && answer.json["error"].is_string() {
        assert!(what.contains(" /oauth2/"), "{what}: only there are errors those of RFC 6749");
        crate::apps::oauth_error(answer, status, answer.json["error"].as_str().unwrap());
    } else if status >= 400 && answer.header("content-type").starts_with("text/html") {
        assert!(what.split(' ').nth(1).is_some_and(is_page), "{what}: only pages have their problems on a page");
        let told = format!(" · {}</small>", answer.header("x-request-id"));
        assert!(answer.text.contains("<h1>") && answer.text.contains(&told), "{what}: {}", answer.text);
    } else if status >= 400 {
        let code = answer.json["code"].as_str().unwrap_or_default().to_owned();
        answer.clone().problem(status, &code);
        assert_eq!(answer.json["request_id"], answer.header("x-request-id"), "{what}");
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    }
}

/// Where a browser goes itself.
fn is_page(path: &str) -> bool {
    path.starts_with("/v1/login/") && (path.ends_with("/start") || path.ends_with("/callback"))
}

async fn send(actor: &Actor<'_>, method: &Method, path: &str, body: &str) -> Answer {
    actor.send(method.clone(), path, Some(body.to_owned()), &[]).await
}

#[tokio::test]
async fn no_body_on_any_route_with_any_method_breaks_the_server() {
    let t = start().await;
    let bodies = ["", "null", "[]", "{}", "\"code\"", "{", "{\"code\":[]}", "\u{0}", "{\"refresh_token\":{}}"];
    for (path, _) in routes(&t).await {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let method: Method = method.parse().unwrap();
            // Another person for each method: the platform lets one sign in a hundred times a minute.
            let signed_in = t.phone(method.as_str()).await;
            for (actor, body) in bodies.iter().flat_map(|body| [(t.anon(), body), (signed_in.clone(), body)]) {
                let answer = send(&actor, &method, &path, body).await;
                if method == Method::HEAD {
                    assert!(answer.status.as_u16() < 500 && answer.text.is_empty(), "{path}: {answer:?}");
                } else {
                    is_clear(&answer, &format!("{method} {path} {body}"));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused_with_the_place() {
    let t = start().await;
    let arrays = "[".repeat(10_000);
    let objects = "{\"a\":".repeat(10_000);
    let no_objects = [
        "",
        " ",
        "null",
        "true",
        "7",
        "\"code\"",
        "[]",
        "[{}]",
        "[null,null]",
        "{",
        "}",
        "{]",
        "{\"code\"",
        "{\"code\":",
        "{\"code\":\"",
        "{'code':'a'}",
        "{code:1}",
        "{\"code\":\"a\",}",
        "// no\n{}",
        "\u{feff}{}",
        "\u{0}",
        "{\"code\":\"\u{1}\"}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        &arrays,
        &objects,
    ];
    let phone = t.phone("alice").await;
    for (method, path, _) in BODIES {
        for body in no_objects {
            if body.is_empty() && path == "/v1/logout" {
                continue;
            }
            let answer = send(&phone, &method, path, body).await;
            is_clear(&answer, body);
            assert_eq!((answer.status.as_u16(), &answer.json["code"]), (400, &json!("json_invalid")), "{path} {body}");
        }
    }
    phone.get("/v1/me").await.ok(200);
    for behind in ["x", "{}", "[", "\u{0}"] {
        let body = format!("{{\"code\":\"0a\"}} {behind}");
        send(&t.anon(), &Method::POST, "/v1/login/shop", &body).await.problem(400, "json_invalid");
    }
    let said = t.anon().send(Method::POST, "/v1/login/shop", Some("{\n  \"code\": x".into()), &[]).await;
    assert!(said.problem(400, "json_invalid")["detail"].as_str().unwrap().contains("line 2, column 11"));
    for nothing in ["", " \r\n"] {
        let said = send(&t.anon(), &Method::POST, "/v1/login/shop", nothing).await.problem(400, "json_invalid");
        assert!(said["detail"].as_str().unwrap().contains("the body is empty"), "{said}");
    }
}

#[tokio::test]
async fn a_member_that_can_not_stand_is_named() {
    let t = start().await;
    let phone = t.phone("alice").await;
    for (method, path, required) in BODIES {
        let Some(required) = required else { continue };
        let missing = send(&t.anon(), &method, path, "{}").await.problem(400, "field_invalid");
        assert_eq!(missing["field"], required, "{path}");
        let twice = format!("{{\"{required}\":\"a\",\"{required}\":\"b\"}}");
        let twice = send(&t.anon(), &method, path, &twice).await.problem(400, "field_invalid");
        assert_eq!((&twice["field"], twice["detail"].as_str().unwrap().contains("twice")), (&json!(required), true));
        for wrong in
            [json!(null), json!(7), json!(1e300), json!(true), json!([]), json!(["a"]), json!({}), json!({"a": 1})]
        {
            let mut body = json!({});
            body[required] = wrong.clone();
            let problem = send(&t.anon(), &method, path, &body.to_string()).await.problem(400, "field_invalid");
            assert_eq!(problem["field"], required, "{path} {wrong}");
        }
        let deep = format!("{{\"{required}\":{}}}", "[".repeat(10_000));
        is_clear(&send(&t.anon(), &method, path, &deep).await, "deep");
    }
    let wrong = [
        (Method::POST, "/v1/logout", json!({"scope": 7}), "scope"),
        (Method::POST, "/v1/logout", json!({"scope": "world"}), "scope"),
        (Method::POST, "/v1/logout", json!({"refresh_token": 7}), "refresh_token"),
        (Method::PUT, "/v1/me", json!({"nickname": []}), "nickname"),
        (Method::PUT, "/v1/me", json!({"avatar_url": "data:text/html,x"}), "avatar_url"),
        (Method::POST, "/v1/login/shop", json!({"code": "a", "iv": 7}), "iv"),
        (Method::POST, "/v1/login/shop", json!({"code": "a", "device": {"class": 7}}), "device.class"),
    ];
    for (method, path, body, field) in wrong {
        let problem = send(&phone, &method, path, &body.to_string()).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], field, "{path} {body}");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{problem}");
    }
}

#[tokio::test]
async fn deep_nesting_in_members_that_nobody_reads_costs_nothing() {
    let t = start().await;
    let deep = format!("{{\"code\":\"0a\",\"extra\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    send(&t.anon(), &Method::POST, "/v1/login/shop", &deep).await.problem(401, "code_invalid");
}

#[tokio::test]
async fn characters_that_nobody_sees_are_values_like_any_other() {
    let t = start().await;
    let nul = "a\u{0}b";
    let posts = [
        ("/v1/login/shop", json!({"code": nul}), 400),
        ("/v1/login/shop", json!({"code": "a", "raw_data": nul, "signature": nul}), 401),
        ("/v1/login/shop", json!({"code": "b", "encrypted_data": nul, "iv": nul}), 401),
        ("/v1/token/refresh", json!({"refresh_token": nul}), 401),
        ("/v1/logout", json!({"refresh_token": nul}), 401),
        ("/users/wxLogin", json!({"code": nul}), 400),
    ];
    for (path, body, status) in posts {
        let answer = t.anon().post(path, body).await;
        is_clear(&answer, path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    let phone = t.phone("alice").await;
    phone.put("/v1/me", json!({"nickname": nul})).await.problem(400, "field_invalid");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_while_it_is_still_coming() {
    let t = start().await;
    let phone = t.phone("alice").await;
    for (method, path, _) in BODIES {
        let body = |size: usize| format!("{{\"code\":\"{}\"}}", "a".repeat(size));
        assert_ne!(send(&phone, &method, path, &body(64 * 1024 - 11)).await.status, 413, "{path}: just fits");
        for size in [64 * 1024, 256 * 1024, 1024 * 1024] {
            send(&phone, &method, path, &body(size)).await.problem(413, "body_too_large");
        }
    }
    let chunk = format!("{:x}\r\n{}\r\n", 8192, "a".repeat(8192)).repeat(9);
    let head = "POST /v1/login/shop HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    ask(&t, format!("{head}{chunk}0\r\n\r\n")).await.problem(413, "body_too_large");
    assert_eq!(t.anon().get("/healthz").await.text, "ok");
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let t = start().await;
    let phone = t.phone("alice").await;
    for (method, path, _) in BODIES {
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "json",
            "",
            "application/jsonp",
        ] {
            let headers = [("content-type", other)];
            let answer = phone.send(method.clone(), path, Some("{}".into()), &headers).await;
            is_clear(&answer, other);
            answer.problem(415, "content_type_invalid");
        }
    }
    for json in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.shop+json"] {
        let answer = t.anon().send(Method::POST, "/v1/login/shop", Some("{}".into()), &[("content-type", json)]).await;
        answer.problem(400, "field_invalid");
    }
    ask(&t, "POST /v1/login/shop HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
        .await
        .problem(415, "content_type_invalid");
}

#[tokio::test]
async fn a_route_with_another_method_names_those_that_it_takes() {
    let t = start().await;
    // Proxies pass on whatever people send.
    for (path, methods) in routes(&t).await.into_iter().filter(|(path, _)| !path.starts_with("/auth/")) {
        for other in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            if methods.iter().any(|method| method == other) {
                continue;
            }
            let answer = t.anon().send(other.parse().unwrap(), &path, None, &[]).await;
            let allowed: Vec<String> = answer.header("allow").split(',').map(|it| it.trim().to_owned()).collect();
            assert!(methods.iter().all(|method| allowed.contains(method)), "{other} {path}: {allowed:?}");
            if is_page(&path) {
                assert!(answer.status == 405 && answer.text.contains("<small>method_unknown"), "{answer:?}");
                continue;
            }
            answer.problem(405, "method_unknown");
        }
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_elsewhere() {
    let t = start().await;
    let get = async |path: &str| ask(&t, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
    let unknown = [
        "/nowhere",
        "/v1",
        "/v1/",
        "/v1/me/",
        "//v1/me",
        "/v1//me",
        "/V1/me",
        "/v1/Me",
        "/v1/me%2f",
        "/v1%2fme",
        "/v1/../v1/me",
        "/docs/../v1/me",
        "/v1/login/../me",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/docs/..%2f..%2fCargo.toml",
        "/docs/%2e%2e/index.html",
        "/v1/me;a=b",
        "/v1/me%00",
        "/v1/me%20",
        "/\\v1\\me",
        "/problems/..%2f..%2fx",
        "/v1/%6De/x",
    ];
    for path in unknown {
        get(path).await.problem(404, "route_unknown");
    }
    get("/v1/%6De").await.is_whole_problem();
    get("http://elsewhere.example/v1/me").await.problem(401, "token_missing");
    for path in ["/v1/login/%ff", "/v1/login/%c3%28", "/v1/me/sessions/%ff", "/problems/%ff"] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = ask(&t, format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}")).await;
            answer.is_whole_problem();
        }
    }
    let post = async |path: &str| {
        let mut wire = Wire::to(&t).await;
        wire.say_post(path, "", "{\"code\":\"0a\"}").await;
        wire.answer().await
    };
    for path in [
        "/v1/login/%",
        "/v1/login/%zz",
        "/v1/login/..",
        "/v1/login/shop%2F..",
        "/v1/login/%2e%2e",
        "/v1/login/shop%00",
        "/v1/login/%20shop",
    ] {
        post(path).await.problem(404, "app_unknown");
    }
    post("/v1/login/sh%6Fp?code=0b").await.problem(401, "code_invalid");
    for line in ["OPTIONS *", "CONNECT x:80", "GET /v1/me?%ff=%zz", "GET /v1/me#top", "GET ?", "GET /\u{e9}"] {
        let answer = ask(&t, format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert!((400..500).contains(&answer.status), "{line}: {answer:?}");
    }
}

#[tokio::test]
async fn heads_that_are_too_large_or_ambiguous_are_refused_once_and_the_connection_closes() {
    let t = start().await;
    let with = |headers: &str| format!("POST /v1/login/shop HTTP/1.1\r\nhost: x\r\n{headers}\r\n{{}}");
    let many = (0..100).map(|at| format!("x-{at}: 1\r\n")).collect::<Vec<_>>().concat();
    for headers in
        [format!("x-long: {}\r\n", "a".repeat(40_000)), many, format!("cookie: {}\r\n", "a=b; ".repeat(20_000))]
    {
        assert_eq!(ask(&t, with(&headers)).await.status, 431);
    }
    let long = ask(&t, format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(40_000))).await;
    assert!((400..500).contains(&long.status), "{long:?}");
    let ambiguous = [
        "content-length: 2\r\ncontent-length: 3\r\n",
        "content-length: 2, 3\r\n",
        "content-length: -2\r\n",
        "content-length: 0x2\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: gzip, identity\r\n",
        "x: a\u{0}b\r\n",
        "bad name: 1\r\n",
        " folded: 1\r\n",
        ": 1\r\n",
    ];
    for headers in ambiguous {
        let answer: Raw = ask(&t, with(headers)).await;
        assert_eq!((answer.status, answer.body.matches("HTTP/1.1").count()), (400, 0), "{headers}: {answer:?}");
    }
    for line in ["", "GET", "GET /v1/me", "GET /v1/me HTTP/9.9", "\u{16}\u{3}\u{1}\u{2}\u{0}"] {
        if let Some(answer) = heard(&t, &format!("{line}\r\n\r\nX")).await {
            assert!((400..500).contains(&answer.status), "{line:?}: {answer:?}");
        }
    }
    assert_eq!(t.anon().get("/healthz").await.text, "ok");
}

async fn heard(t: &TestServer, text: &str) -> Option<Raw> {
    let mut wire = Wire::to(t).await;
    wire.say(text.as_bytes()).await;
    wire.done_saying().await;
    wire.heard().await
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_is_cut_and_others_are_served() {
    let server = "header_timeout = \"200ms\"".to_owned();
    let t = TestServer::with(Setup { server, toml: COMPAT.into(), ..Setup::default() }).await;
    let post = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"code\":"
        )
    };
    let mut slow = Vec::new();
    for path in ["/v1/login/shop", "/users/wxLogin", "/v1/token/refresh", "/v1/logout"] {
        let mut wire = Wire::to(&t).await;
        wire.say(post(path).as_bytes()).await;
        slow.push(wire);
    }
    let mut in_the_head = Vec::new();
    for part in [
        "POST /v1/login/shop HT",
        "POST /v1/login/shop HTTP/1.1\r\nhost: x\r\nx-slow: ",
        "G",
        "P",
        "PRI * HTTP/2.0\r\n",
        "",
    ] {
        let mut wire = Wire::to(&t).await;
        wire.say(part.as_bytes()).await;
        in_the_head.push(wire);
    }
    t.phone("alice").await.get("/v1/me").await.ok(200);
    for wire in slow {
        let answer = wire.answer().await;
        answer.problem(408, "body_too_slow");
    }
    for wire in in_the_head {
        let answer = wire.heard().await;
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 408), "{answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_makes_no_sign_in() {
    let t = start().await;
    let code = t.code("alice");
    let head = "POST /v1/login/shop HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let body = format!("{{\"code\":\"{code}\"}}");
    let broken = [
        format!("{head}content-length: 100\r\n\r\n{body}"),
        format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n", body.len()),
        format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n"),
    ];
    for text in broken {
        if let Some(answer) = heard(&t, &text).await {
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
    }
    assert_eq!(t.sim.calls_with_code(&code), 0);
    let mut bytes = format!("{head}content-length: 14\r\n\r\n").into_bytes();
    bytes.extend(b"{\"code\":\"a\xff\xfe\"}");
    assert_eq!(ask(&t, bytes).await.problem(400, "field_invalid")["field"], "code");
}

/// Any JSON, more often than not with members that routes know.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,40}".prop_map(Value::from),
    ];
    let known = proptest::sample::select(vec![
        "code",
        "encrypted_data",
        "encryptedData",
        "iv",
        "raw_data",
        "signature",
        "phone_code",
        "profile",
        "device",
        "id",
        "class",
        "name",
        "system",
        "nickname",
        "nickName",
        "avatar_url",
        "refresh_token",
        "scope",
    ]);
    let name = prop_oneof![4 => known.prop_map(str::to_owned), 1 => any::<String>()];
    leaf.prop_recursive(4, 48, 8, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            4 => proptest::collection::hash_map(name.clone(), inner, 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

#[tokio::test]
async fn random_json_is_answered_clearly_on_every_route() {
    let t = start().await;
    let mut runner = TestRunner::deterministic();
    let json = any_json();
    let mut phone = t.phone("alice").await;
    for _ in 0..150 {
        let body = json.new_tree(&mut runner).unwrap().current();
        for (method, path, _) in BODIES {
            let answer = send(&phone, &method, path, &body.to_string()).await;
            is_clear(&answer, &format!("{path} {body}"));
            if answer.status == 204 {
                phone = t.phone("alice").await;
            }
        }
    }
    t.advance(Duration::from_secs(1));
    phone.get("/v1/me").await.ok(200);
}
