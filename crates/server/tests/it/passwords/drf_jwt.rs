//! `[[compat]] kind = "drf_jwt"`: what the real package has no word for. Beside it: `by_django`.

use std::time::Duration;

use menjin_server::store::Actor;
use reqwest::Method;
use serde_json::{Value, json};

use super::django::SECRET;
use super::{PASSWORD, access, open, register};
use crate::harness::{Setup, TestServer, claims};

fn compat(more: &str) -> Setup {
    let toml =
        format!("[[compat]]\nkind = \"drf_jwt\"\napp = \"shop\"\nsecret = \"{SECRET}\"\nlifetime = \"1h\"\n{more}");
    Setup { toml, ..open() }
}

async fn obtain(t: &TestServer) -> String {
    let body = json!({"username": "alice", "password": PASSWORD});
    t.anon().post("/api-token-auth/", body).await.ok(200)["token"].as_str().unwrap().to_owned()
}

async fn verify(t: &TestServer, token: &str) -> (u16, Value) {
    let answer = t.anon().post("/api-token-verify/", json!({"token": token})).await;
    (answer.status.as_u16(), answer.json)
}

fn over() -> (u16, Value) {
    (400, json!({"non_field_errors": ["Signature has expired."]}))
}

#[tokio::test]
async fn a_token_ends_with_its_session_whatever_ends_it() {
    let t = TestServer::with(compat("")).await;
    let native = register(&t, "alice", PASSWORD).await.ok(201);
    let phone = t.phone_with_token(access(&native));
    let user = native["user"]["id"].as_str().unwrap().parse().unwrap();
    for end in ["kick", "password"] {
        let token = obtain(&t).await;
        assert_eq!(verify(&t, &token).await, (200, json!({"token": token})));
        if end == "kick" {
            let session = claims(&token)["sid"].as_str().unwrap().to_owned();
            phone.delete(&format!("/v1/me/sessions/{session}")).await.ok(204);
        } else {
            phone.put("/v1/me/password", json!({"old_password": PASSWORD, "new_password": PASSWORD})).await.ok(204);
        }
        assert_eq!(verify(&t, &token).await, over(), "{end}");
        let refreshed = t.anon().post("/api-token-refresh/", json!({"token": token})).await;
        assert_eq!((refreshed.status.as_u16(), refreshed.json), over(), "{end}");
    }
    let token = obtain(&t).await;
    t.menjin.disable_user(&Actor::command(), user).await.unwrap();
    assert_eq!(verify(&t, &token).await, (400, json!({"non_field_errors": ["User account is disabled."]})));
}

#[tokio::test]
async fn the_token_is_good_for_v1_me_behind_a_scheme_and_never_bare() {
    let t = TestServer::with(compat("")).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    let token = obtain(&t).await;
    let me = async |form: String| t.anon().send(Method::GET, "/v1/me", None, &[("authorization", form.as_str())]).await;
    for form in [format!("JWT {token}"), format!("Bearer {token}")] {
        assert_eq!(me(form).await.ok(200)["user"]["number"], 1);
    }
    me(token.clone()).await.problem(401, "token_missing");
    let elsewhere =
        t.anon().send(Method::GET, "/v1/me/sessions", None, &[("authorization", &format!("JWT {token}"))]).await;
    assert_eq!(elsewhere.status, 401);
    t.advance(Duration::from_hours(1));
    me(format!("JWT {token}")).await.problem(401, "token_expired");
}

#[tokio::test]
async fn header_and_query_are_opted_into_and_one_place_holds_the_token() {
    let closed = TestServer::with(compat("")).await;
    let t = TestServer::with(compat("token_from = [\"body\", \"header\", \"query\"]")).await;
    for t in [&closed, &t] {
        register(t, "alice", PASSWORD).await.ok(201);
    }
    let send = async |t: &TestServer, query: &str, header: Option<String>, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers: Vec<(&str, &str)> = header.iter().map(|it| ("authorization", it.as_str())).collect();
        let answer = t.anon().send(Method::POST, &format!("/api-token-verify/{query}"), Some(body), &headers).await;
        (answer.status.as_u16(), answer.json)
    };
    let token = obtain(&t).await;
    let good = (200, json!({"token": token}));
    let (query, header) = (format!("?token={token}"), Some(format!("JWT {token}")));
    assert_eq!(send(&t, &query, None, Value::Null).await, good);
    assert_eq!(send(&t, "", header.clone(), Value::Null).await, good);
    assert_eq!(send(&t, "", None, json!({"token": format!("JWT {token}")})).await, good);
    let twice = (400, json!({"non_field_errors": ["The token stands in two places."]}));
    assert_eq!(send(&t, &query, header.clone(), Value::Null).await, twice);
    assert_eq!(send(&t, &query, None, json!({"token": token})).await, twice);
    assert_eq!(send(&t, "", header.clone(), json!({"token": token})).await, twice);
    let missing = (400, json!({"token": ["This field is required."]}));
    let token = obtain(&closed).await;
    assert_eq!(send(&closed, &format!("?token={token}"), Some(format!("JWT {token}")), Value::Null).await, missing);
}

#[tokio::test]
async fn mt_01_a_token_of_one_entry_is_nothing_to_another() {
    let more = "[[compat]]\nkind = \"drf_jwt\"\napp = \"desk\"\npaths = [\"/desk/auth\", \"/desk/refresh\", \"/desk/verify\"]\nsecret = \"another-secret-of-thirty-two-bytes-or-more\"\n[[app]]\nid = \"desk\"\nkind = \"web\"\npasswords = true\n";
    let t = TestServer::with(compat(more)).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    let token = obtain(&t).await;
    let refused = (400, json!({"non_field_errors": ["Error decoding signature."]}));
    for path in ["/desk/refresh", "/desk/verify"] {
        let answer = t.anon().post(path, json!({"token": token})).await;
        assert_eq!((answer.status.as_u16(), answer.json), refused, "{path}");
    }
    let body = json!({"username": "alice", "password": PASSWORD});
    let desk = t.anon().post("/desk/auth", body).await.ok(200)["token"].clone();
    assert_eq!(verify(&t, desk.as_str().unwrap()).await, refused);
}

#[tokio::test]
async fn limits_hold_and_say_where_its_clients_look() {
    let setup = Setup { limits: "failures_per_account = 2".to_owned(), ..compat("") };
    let t = TestServer::with(setup).await;
    let wrong = json!({"username": "alice", "password": "wrong password"});
    for _ in 0..2 {
        assert_eq!(t.anon().post("/api-token-auth/", wrong.clone()).await.status, 400);
    }
    let barred = t.anon().post("/api-token-auth/", wrong).await;
    assert!(!barred.header("retry-after").is_empty());
    assert!(barred.json["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{}", barred.text);
    barred.problem(429, "too_many_requests");
}
