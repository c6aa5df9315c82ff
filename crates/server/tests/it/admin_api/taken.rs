//! What an act does not take is refused, and nothing is done: read from the document, so that no act is forgotten (AD-04).

use menjin_server::store::{Actor, OperatorRole};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Program;
use crate::harness::{Answer, Setup, TestServer};

/// An act of the document, with something in each of its places.
struct Act {
    id: String,
    method: Method,
    path: String,
    takes_body: bool,
    takes_query: bool,
}

async fn acts(t: &TestServer) -> Vec<Act> {
    let alice = t.phone("alice").await.user_id();
    let document: Value = serde_json::from_str(&menjin_server::admin_openapi()).unwrap();
    let mut acts = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/admin/v1") else { continue };
        let mut path = path.replace("{user}", &alice).replace("{role}", "clerk").replace("{app}", "desk");
        path = path.replace("{name}", "lin");
        for place in ["{identity}", "{session}", "{kid}", "{secret}"] {
            path = path.replace(place, "1");
        }
        for (method, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "get") {
            acts.push(Act {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                takes_body: operation["requestBody"]["content"]["application/json"].is_object(),
                takes_query: operation["parameters"].as_array().into_iter().flatten().any(|it| it["in"] == "query"),
            });
        }
    }
    assert!(acts.len() >= 25, "{}", acts.len());
    acts
}

/// For each act with a body one that it carries out.
fn bodies(into: &str) -> Map<String, Value> {
    let bodies = json!({
        "add_app": {"id": "billing"},
        "change_app_passwords": {"passwords": true},
        "change_operator": {"role": "support"},
        "create_operator": {"name": "wei", "role": "viewer"},
        "create_operator_token": {"name": "nightly", "role": "viewer"},
        "merge_users": {"into": into},
        "put_role": {"permissions": ["orders:*"]},
        "reset_user_password": {"username": "lin"},
    });
    bodies.as_object().unwrap().clone()
}

async fn start(t: &TestServer) -> Program<'_> {
    let admin = Program::admin(t).await;
    t.menjin.create_operator(&Actor::command(), "lin", OperatorRole::Viewer).await.unwrap();
    admin.put("/roles/clerk", json!({"permissions": ["orders:read"]})).await.ok(200);
    admin.post("/apps", Some(json!({"id": "desk", "kind": "web"}))).await.ok(201);
    admin
}

#[tokio::test]
async fn ad_04_an_unknown_member_of_any_body_is_named_and_nothing_is_done() {
    let t = TestServer::start().await;
    let admin = start(&t).await;
    let mut bodies = bodies(&t.phone("bob").await.user_id());
    let acts = acts(&t).await;
    let before = admin.all("/audit").await;
    for act in acts.iter().filter(|act| act.takes_body) {
        for unknown in ["colour", "Audience", "preveiw", "include", "day"] {
            let mut body = bodies.get(&act.id).unwrap_or_else(|| panic!("{} needs a body here", act.id)).clone();
            body[unknown] = json!(true);
            let answer = admin.send(act.method.clone(), &act.path, Some(body)).await;
            assert_eq!(answer.problem(400, "field_invalid")["field"], unknown, "{}", act.id);
        }
        let mut body = bodies[&act.id].clone();
        body["<script>`id`"] = json!(true);
        let refused = admin.send(act.method.clone(), &act.path, Some(body)).await.problem(400, "field_invalid");
        assert_eq!(refused["field"], "body", "{}: what is no name is not repeated", act.id);
    }
    assert_eq!(admin.all("/audit").await, before, "nothing was done");
    for act in acts.iter().filter(|act| act.takes_body) {
        let answer = admin.send(act.method.clone(), &act.path, bodies.remove(&act.id)).await;
        assert!(answer.status.is_success(), "{}, without it: {}", act.id, answer.text);
    }
    assert!(bodies.is_empty(), "{bodies:?}: no such act");
}

#[tokio::test]
async fn ad_04_an_act_without_a_body_refuses_members_and_one_without_parameters_refuses_these() {
    let t = TestServer::start().await;
    let admin = start(&t).await;
    let acts = acts(&t).await;
    let before = admin.all("/audit").await;
    for act in &acts {
        if !act.takes_body {
            let body = json!({"audience": "shop-api"});
            let refused = admin.send(act.method.clone(), &act.path, Some(body)).await.problem(400, "field_invalid");
            assert_eq!(refused["field"], "audience", "{}", act.id);
            let listed = admin.send(act.method.clone(), &act.path, Some(json!(["audience"]))).await;
            listed.problem(400, "json_invalid");
        }
        let body = bodies("1").remove(&act.id);
        let path = format!("{}?preview=true", act.path);
        let refused = admin.send(act.method.clone(), &path, body).await.problem(400, "field_invalid");
        assert_eq!(refused["field"], "preview", "{} {}", act.id, act.takes_query);
    }
    assert_eq!(admin.all("/audit").await, before, "nothing was done");
}

#[tokio::test]
async fn a_role_for_one_audience_is_never_given_for_every_one_by_mistake() {
    let t = TestServer::start().await;
    let admin = start(&t).await;
    let user = t.phone("alice").await.user_id();
    let path = format!("/users/{user}/roles/clerk");
    let audience = json!({"audience": "shop-api"});
    assert_eq!(admin.put(&path, audience.clone()).await.problem(400, "field_invalid")["field"], "audience");
    assert_eq!(admin.put("/roles/clerk", audience).await.problem(400, "field_invalid")["field"], "audience");
    assert!(admin.all(&format!("/users/{user}/roles")).await.is_empty());
    assert_eq!(admin.get("/roles/clerk").await.ok(200)["permissions"], json!(["orders:read"]));
    for body in [None, Some(json!({}))] {
        admin.send(Method::PUT, &path, body).await.ok(200);
    }
}

#[tokio::test]
async fn ad_04_what_is_not_taken_is_refused_wherever_the_route_is_found() {
    let public_url = Some("https://example.com/auth".to_owned());
    let t = TestServer::with(Setup { public_url, ..Setup::default() }).await;
    let admin = start(&t).await;
    let user = t.phone("alice").await.user_id();
    for at in ["", "/auth"] {
        let path = format!("{}{at}/admin/v1/users/{user}/roles/clerk", t.admin_url);
        let put = admin.http.put(path).bearer_auth(&admin.token).body(json!({"audience": "shop-api"}).to_string());
        let refused = Answer::read(put.send().await.unwrap()).await;
        assert_eq!((refused.status.as_u16(), &refused.json["field"]), (400, &json!("audience")), "{at}");
    }
    assert!(admin.all(&format!("/users/{user}/roles")).await.is_empty());
}
