//! Somebody else's validators, `openapi-spec-validator` and its schemas', judge the served document and real answers by it.
//!
//! `spec_validator.py` asks them; `cargo xtask test` makes the virtual environment that it runs in.

use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Actor, Answer, TestServer};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/openapi/spec_validator.py");

#[expect(clippy::disallowed_methods, reason = "the test runner says where the interpreter is")]
fn python() -> String {
    std::env::var("MENJIN_TEST_PYTHON").expect(
        "MENJIN_TEST_PYTHON is unset: run `cargo xtask test`, which installs openapi-spec-validator and sets it",
    )
}

/// What they find wrong.
async fn judged(document: &Value, bodies: &[Value], answers: &[Value]) -> Vec<String> {
    let asked = json!({"document": document, "bodies": bodies, "answers": answers}).to_string();
    let ran = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(python());
        let piped = command.arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the interpreter named by MENJIN_TEST_PYTHON starts");
        child.stdin.take().unwrap().write_all(asked.as_bytes()).expect("the script reads");
        child.wait_with_output().unwrap()
    });
    let ran = ran.await.expect("it does not panic");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).expect("the script prints JSON")
}

/// A request to a documented route, and what came back.
async fn answered(actor: &Actor<'_>, (method, path, below): (Method, &str, &str), body: Option<Value>) -> Value {
    let real = path.replace("{app}", below).replace("{id}", below);
    let answer = actor.send(method.clone(), &real, body.map(|body| body.to_string()), &[]).await;
    as_documented(&method, path, &answer)
}

fn as_documented(method: &Method, path: &str, answer: &Answer) -> Value {
    let essence = answer.header("content-type").split(';').next().unwrap_or_default();
    let body = if essence.ends_with("json") { answer.json.clone() } else { answer.text.clone().into() };
    json!({"method": method.as_str(), "path": path, "status": answer.status.as_u16(), "type": essence, "body": body})
}

#[tokio::test]
async fn the_document_is_valid_and_so_are_its_examples() {
    let t = TestServer::start().await;
    let document = t.anon().get("/openapi.json").await.ok(200);
    assert_eq!(judged(&document, &[], &[]).await, [""; 0]);
}

#[tokio::test]
async fn the_operators_document_is_valid_and_so_are_what_it_shows_and_what_is_answered() {
    let t = TestServer::start().await;
    let document: Value = serde_json::from_str(&menjin_server::admin_openapi()).unwrap();
    let user = t.phone("alice").await.user_id();
    let admin = crate::admin_api::Program::admin(&t).await;
    let viewer = crate::admin_api::Program::of(&t, menjin_server::store::OperatorRole::Viewer).await;
    admin.put("/roles/clerk", json!({"permissions": ["orders:*"]})).await.ok(200);
    let mut answers = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(own) = path.strip_prefix("/admin/v1") else { continue };
        let own =
            own.replace("{user}", &user).replace("{role}", "clerk").replace("{app}", "shop").replace("{seq}", "1");
        for method in item.as_object().unwrap().keys().map(|method| method.to_uppercase().parse::<Method>().unwrap()) {
            if method == Method::GET {
                answers.push(as_documented(&method, path, &admin.send(method.clone(), &own, None).await));
                let unknown =
                    admin.send(method.clone(), &own.replace("clerk", "nobody").replace(&user, "999"), None).await;
                answers.push(as_documented(&method, path, &unknown));
            }
            let body = item[method.as_str().to_lowercase()].get("requestBody").map(|_| json!({}));
            answers.push(as_documented(&method, path, &viewer.send(method.clone(), &own, body).await));
        }
    }
    let kinds: std::collections::BTreeSet<u64> =
        answers.iter().map(|answer| answer["status"].as_u64().unwrap()).collect();
    assert!([200, 400, 403, 404].iter().all(|status| kinds.contains(status)), "{kinds:?}");
    assert_eq!(judged(&document, &[], &answers).await, [""; 0]);
}

#[tokio::test]
async fn a_wrong_document_and_a_wrong_answer_are_found_out() {
    let t = TestServer::start().await;
    let document = t.anon().get("/openapi.json").await.ok(200);
    let mut broken = document.clone();
    broken["paths"]["/v1/me"]["get"]["responses"]["200"].as_object_mut().unwrap().remove("description");
    assert!(judged(&broken, &[], &[]).await.iter().any(|fault| fault.starts_with("document: ")));
    let mut broken = document.clone();
    broken["components"]["schemas"]["LoginRequest"]["properties"]["code"]["maxLength"] = 3.into();
    assert!(judged(&broken, &[], &[]).await.iter().any(|fault| fault.starts_with("example ")));
    let lie = json!({"schema": "LoginRequest", "body": {"code": ""}, "taken": true});
    let me = |status: u16, body: Value| json!({"method": "GET", "path": "/v1/me", "status": status, "type": "application/problem+json", "body": body});
    let found = judged(&document, &[lie], &[me(418, json!({})), me(401, json!({"code": "token_missing"}))]).await;
    for start in ["LoginRequest ", "GET /v1/me 418: no such status", "GET /v1/me 401: 'action' is a required"] {
        assert!(found.iter().any(|fault| fault.starts_with(start)), "{start}: {found:?}");
    }
}

#[tokio::test]
async fn what_the_server_answers_is_what_the_document_says() {
    let t = TestServer::start().await;
    let document = t.anon().get("/openapi.json").await.ok(200);
    let (mut alice, anon) = (t.phone("alice").await, t.anon());
    let login = (Method::POST, "/v1/login/{app}", "shop");
    let used = t.code("bob");
    let full = json!({"code": used, "profile": {"nickname": "小明", "avatar_url": "https://example.com/a.png"}, "device": {"id": "d", "class": "pc", "name": null}});
    let mut answers = vec![
        answered(&anon, login.clone(), Some(full)).await,
        answered(&anon, login.clone(), Some(json!({"code": used}))).await,
        answered(&anon, login.clone(), Some(json!({"code": "never-given-to-anybody"}))).await,
        answered(&anon, login, Some(json!({"code": ""}))).await,
        answered(&anon, (Method::POST, "/v1/login/{app}", "nowhere"), Some(json!({"code": "x"}))).await,
        answered(&anon, (Method::POST, "/v1/login/{app}", "%FF"), Some(json!({"code": "x"}))).await,
    ];
    alice.refresh().await.ok(200);
    let current = json!({"refresh_token": alice.refresh_token()});
    answers.push(answered(&anon, (Method::POST, "/v1/token/refresh", ""), Some(current)).await);
    for (method, path) in [(Method::POST, "/v1/token/refresh"), (Method::PUT, "/v1/me"), (Method::POST, "/v1/logout")] {
        let huge = json!({"refresh_token": "x".repeat(1 << 20)});
        for body in [json!({"refresh_token": "x"}), Value::Null, huge] {
            answers.push(answered(&anon, (method.clone(), path, ""), Some(body)).await);
        }
        let plain = anon.send(method.clone(), path, Some("x".into()), &[("content-type", "text/plain")]).await;
        answers.push(as_documented(&method, path, &plain));
    }
    for who in [&alice, &anon] {
        answers.push(answered(who, (Method::GET, "/v1/me", ""), None).await);
        answers.push(answered(who, (Method::PUT, "/v1/me", ""), Some(json!({"nickname": "爱丽丝"}))).await);
        answers.push(answered(who, (Method::GET, "/v1/me/sessions", ""), None).await);
        answers.push(answered(who, (Method::DELETE, "/v1/me/sessions", ""), None).await);
        for id in ["ses_01jd3v0000zzzzzzzzzzzzzzzz", "%FF", &alice.session_id()] {
            answers.push(answered(who, (Method::DELETE, "/v1/me/sessions/{id}", id), None).await);
        }
        for path in ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/healthz", "/readyz"] {
            answers.push(answered(who, (Method::GET, path, ""), None).await);
        }
        answers.push(answered(who, (Method::POST, "/v1/logout", ""), None).await);
    }
    let office = crate::broker::basic("office", crate::harness::CLIENT_SECRET);
    let granted = crate::apps::ask_token(&t, &office, None).await;
    let token = granted.json["access_token"].as_str().unwrap();
    let members = [("grant_type", "client_credentials"), ("token", token)];
    for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
        for (proof, members) in [(Some(office.as_str()), &members[..]), (Some(&office), &[]), (None, &members)] {
            let answer = crate::apps::post_form(&t, path, proof, members).await;
            answers.push(as_documented(&Method::POST, path, &answer));
        }
    }
    let mut statuses: Vec<u64> = answers.iter().map(|answer| answer["status"].as_u64().unwrap()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(statuses, [200, 204, 400, 401, 404, 413, 415]);
    assert!(answers.iter().any(|answer| answer["body"]["platform"]["errcode"] == 40029), "{answers:?}");
    assert_eq!(judged(&document, &[], &answers).await, [""; 0]);
}

#[tokio::test]
async fn a_body_that_the_document_allows_is_taken_and_one_that_it_forbids_is_not() {
    let t = TestServer::start().await;
    let document = t.anon().get("/openapi.json").await.ok(200);
    let alice = t.phone("alice").await;
    let texts = ["", " ", "小明", "a b", "a\u{202e}b", "a\nb", "\u{feff}", "a\u{85}b", "\u{200b}", "小\u{7f}"];
    let texts: Vec<String> =
        texts.map(str::to_owned).into_iter().chain([64, 65, 128, 129].map(|n| "名".repeat(n))).collect();
    let address = |length: usize| format!("https://a.example/{}", "a".repeat(length - 18));
    let odd = [
        "ftp://a.example",
        "wxfile://tmp_a.png",
        "http://tmp/a.png",
        "https://cdn/a.b",
        "http://localhost:8/a",
        "a",
        "",
    ];
    let addresses = [address(1024), address(1025)].into_iter().chain(odd.map(str::to_owned));
    let codes = ["a".repeat(128), "a".repeat(129), String::new(), "a b".into(), "é".into(), "~!".into()];
    let mut bodies: Vec<(&str, Value)> = Vec::new();
    for text in &texts {
        bodies.push(("ProfileInput", json!({"nickname": text})));
        for member in ["id", "name", "system"] {
            bodies.push(("LoginRequest", json!({"code": "x", "device": {member: text}})));
        }
    }
    bodies.extend(addresses.map(|it| ("ProfileInput", json!({"avatar_url": it}))));
    bodies.extend(codes.iter().map(|it| ("LoginRequest", json!({"code": it}))));
    bodies.extend(codes.iter().map(|it| ("LoginRequest", json!({"code": "x", "phone_code": it}))));
    for odd in [json!(null), json!(1), json!([]), json!("pc"), json!("fridge"), json!({})] {
        bodies.push(("ProfileInput", json!({"nickname": odd})));
        bodies.push(("LoginRequest", json!({"code": "x", "profile": odd})));
        bodies.push(("LoginRequest", json!({"code": "x", "device": {"class": odd}})));
        bodies.push(("LogoutRequest", json!({"scope": odd})));
        bodies.push(("RefreshRequest", json!({"refresh_token": odd})));
        bodies.push(("LogoutRequest", odd));
    }
    let mut sent = Vec::new();
    for (schema, mut body) in bodies {
        let documented = body.clone();
        let who = if schema == "ProfileInput" { alice.clone() } else { t.anon() };
        let (method, path) = match schema {
            "ProfileInput" => (Method::PUT, "/v1/me"),
            "LoginRequest" => (Method::POST, "/v1/login/shop"),
            "LogoutRequest" => (Method::POST, "/v1/logout"),
            _ => (Method::POST, "/v1/token/refresh"),
        };
        if body["code"] == "x" {
            body["code"] = t.code("bob").into();
        }
        let answer = who.send(method, path, Some(body.to_string()), &[]).await;
        assert!([200, 400, 401].contains(&answer.status.as_u16()), "{path} {body}: {}", answer.text);
        sent.push(json!({"schema": schema, "body": documented, "taken": answer.status != 400}));
    }
    let taken = sent.iter().filter(|it| it["taken"] == true).count();
    assert!(taken > 20 && sent.len() - taken > 20, "{taken} of {}", sent.len());
    assert_eq!(judged(&document, &sent, &[]).await, [""; 0]);
}
