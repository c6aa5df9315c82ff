//! Every route of back ends, asked by every kind of caller: only an app with the scope gets past the door.

use menjin_server::store::Actor;
use reqwest::Method;
use serde_json::{Value, json};

use super::{back_ends, bearer, proof, secret};
use crate::broker::{basic, until};
use crate::harness::{Answer, TestServer};

/// Where a person's own token opens something, too.
const ALSO_FOR_PEOPLE: &str = "/v1/session/data";

/// The routes of back ends, as the document has them, with names that exist.
fn routes() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&menjin_server::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |it| (path, it)));
    let of_back_ends = operations.filter(|(_, (_, operation))| operation["tags"][0] == "back-end");
    let routes: Vec<_> = of_back_ends
        .map(|(path, (method, _))| {
            let path = path.replace("{app}", "shop").replace("{key}", "cart");
            assert!(!path.contains('{'), "{path}: put in a name that exists");
            (method.to_uppercase().parse().unwrap(), path)
        })
        .collect();
    assert!(routes.len() >= 11, "{routes:?}");
    routes
}

/// Somebody asks, about a person where the route wants one.
struct Asking<'a> {
    t: &'a TestServer,
    subject: String,
}

impl<'a> Asking<'a> {
    async fn of(t: &'a TestServer) -> Self {
        Self { t, subject: t.phone("bob").await.access_token() }
    }
}

async fn ask(
    Asking { t, subject }: &Asking<'_>,
    (method, path): &(Method, String),
    authorization: Option<&str>,
) -> Answer {
    let mut headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    // A person's own token stands alone.
    if authorization.is_some_and(|value| !value.ends_with(subject.as_str())) && path.starts_with(ALSO_FOR_PEOPLE) {
        headers.push(("menjin-subject-token", subject));
    }
    // What each of them takes: whoever may not ask is refused for that alone.
    let body = json!({"token": "x", "data": {}, "value": 1, "number": 1, "app": "shop"}).to_string();
    let body = matches!(*method, Method::POST | Method::PUT).then_some(body);
    t.anon().send(method.clone(), path, body, &headers).await
}

#[tokio::test]
async fn whoever_proves_nothing_is_asked_for_a_secret() {
    let t = TestServer::with(back_ends()).await;
    let asking = Asking::of(&t).await;
    for route in routes() {
        for wrong in ["Basic eDp5", &basic("shop-api", "wrong"), &basic("nobody", secret("shop-api"))] {
            ask(&asking, &route, Some(wrong)).await.problem(401, "client_invalid");
        }
        let for_nobody = if route.1.starts_with(ALSO_FOR_PEOPLE) { "token_missing" } else { "client_invalid" };
        ask(&asking, &route, None).await.problem(401, for_nobody);
        ask(&asking, &route, Some("Digest x")).await.problem(401, "client_invalid");
        ask(&asking, &route, Some("Bearer a.b.c")).await.problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn a_persons_token_opens_no_route_of_back_ends() {
    let t = TestServer::with(back_ends()).await;
    let asking = Asking::of(&t).await;
    let person = format!("Bearer {}", t.phone("alice").await.access_token());
    for route in routes().into_iter().filter(|(_, path)| !path.starts_with(ALSO_FOR_PEOPLE)) {
        ask(&asking, &route, Some(&person)).await.problem(403, "backend_only");
    }
}

#[tokio::test]
async fn an_app_without_the_scope_is_told_so_in_its_own_way() {
    let t = TestServer::with(back_ends()).await;
    let asking = Asking::of(&t).await;
    let by_secret = proof("poor-api");
    let by_token = bearer(&t, "poor-api").await;
    let narrow = super::ask_token(&t, &proof("shop-api"), Some("sessions:open")).await.ok(200);
    let narrow = format!("Bearer {}", narrow["access_token"].as_str().unwrap());
    for route in routes() {
        for authorization in [&by_secret, &by_token] {
            let answer = ask(&asking, &route, Some(authorization)).await;
            assert_eq!(answer.status, 403, "{route:?}: {}", answer.text);
            assert_eq!(answer.json["code"], "insufficient_scope", "{route:?}");
            let scheme = authorization.split_once(' ').unwrap().0;
            assert!(answer.header("www-authenticate").starts_with(scheme), "{route:?}");
        }
        if route.1 != "/v1/sessions" {
            let answer = ask(&asking, &route, Some(&narrow)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.json["code"].as_str()),
                (403, Some("insufficient_scope")),
                "{route:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_app_with_the_scope_gets_past_the_door_by_secret_and_by_token() {
    let t = TestServer::with(back_ends()).await;
    let asking = Asking::of(&t).await;
    for authorization in [proof("shop-api"), bearer(&t, "shop-api").await] {
        for route in routes().into_iter().filter(|(_, path)| !path.ends_with("/stream")) {
            let answer = ask(&asking, &route, Some(&authorization)).await;
            assert!(![401, 403].contains(&answer.status.as_u16()), "{route:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_disabled_app_gets_past_no_door() {
    let t = TestServer::with(back_ends()).await;
    let asking = Asking::of(&t).await;
    let scopes =
        ["session-data", "sessions:open", "revocations:read", "events:read", "platform-token:shop"].map(str::to_owned);
    let new = super::registered::back_end("reports", scopes.into());
    let secret = t.menjin.add_app(&Actor::command(), new).await.unwrap().client_secret.unwrap();
    let by_secret = basic("reports", &secret);
    let token = super::ask_token(&t, &by_secret, None).await.ok(200);
    let by_token = format!("Bearer {}", token["access_token"].as_str().unwrap());
    t.menjin.disable_app(&Actor::command(), "reports").await.unwrap();
    until(async || ask(&asking, &routes()[0], Some(&by_token)).await.json["code"] == "token_expired").await;
    for route in routes() {
        ask(&asking, &route, Some(&by_secret)).await.problem(401, "client_invalid");
        ask(&asking, &route, Some(&by_token)).await.problem(401, "token_expired");
    }
    super::oauth_error(&super::ask_token(&t, &by_secret, None).await, 401, "invalid_client");
    let asked = super::post_form(&t, "/oauth2/introspect", Some(&by_token), &[("token", "x")]).await;
    super::oauth_error(&asked, 401, "invalid_token");
}

#[tokio::test]
async fn an_apps_token_opens_nothing_that_is_a_persons() {
    let t = TestServer::with(back_ends()).await;
    let app = bearer(&t, "shop-api").await;
    let app = t.phone_with_token(&app["Bearer ".len()..]);
    for path in ["/v1/me", "/v1/me/sessions"] {
        app.get(path).await.problem(401, "token_invalid");
    }
    app.put("/v1/me", serde_json::json!({"nickname": "x"})).await.problem(401, "token_invalid");
    app.delete("/v1/me/sessions").await.problem(401, "token_invalid");
    app.post("/v1/logout", serde_json::json!({})).await.problem(401, "token_invalid");
}

#[tokio::test]
async fn mt_01_an_app_of_another_audience_reaches_nobodys_data() {
    let t = TestServer::with(back_ends()).await;
    let asking = Asking::of(&t).await;
    let data = routes().into_iter().filter(|(_, path)| path.starts_with(ALSO_FOR_PEOPLE));
    let data: Vec<_> = data.collect();
    assert!(data.len() >= 6, "{data:?}");
    for authorization in [proof("club-api"), bearer(&t, "club-api").await] {
        for route in &data {
            ask(&asking, route, Some(&authorization)).await.problem(401, "token_invalid");
        }
    }
}
