//! Operators and tokens, managed over HTTP: who may, when they must prove themselves, and who stays.

use std::time::Duration;

use menjin_server::store::{Actor, OperatorRole};
use reqwest::Method;
use serde_json::{Value, json};

use super::hand::{Hand, between};
use crate::harness::{Answer, TestServer};

#[tokio::test]
async fn only_admins_manage_operators() {
    let t = TestServer::start().await;
    let mut rose = Hand::of(&t, "rose", OperatorRole::Admin).await;
    for role in [OperatorRole::Viewer, OperatorRole::Support] {
        let mut lin = Hand::of(&t, role.as_str(), role).await;
        let me = lin.call(Method::GET, "/admin/v1/operator", None).await.ok(200);
        assert_eq!(me, json!({"name": role.as_str(), "role": role.as_str(), "is_fresh": true}));
        lin.call(Method::GET, "/admin/v1/operators", None).await.ok(200);
        for (method, path, body) in [
            (Method::POST, "/admin/v1/operators", Some(json!({"name": "x", "role": "admin"}))),
            (Method::PUT, "/admin/v1/operators/rose", Some(json!({"role": "viewer"}))),
            (Method::DELETE, "/admin/v1/operators/rose", None),
            (Method::POST, "/admin/v1/operators/rose/reset", None),
            (Method::POST, "/admin/v1/operator-tokens", Some(json!({"name": "x", "role": "admin"}))),
            (Method::DELETE, "/admin/v1/operator-tokens/x", None),
        ] {
            lin.call(method, path, body).await.problem(403, "right_missing");
        }
    }
    let promoted = rose.call(Method::PUT, "/admin/v1/operators/viewer", Some(json!({"role": "admin"}))).await;
    assert_eq!(promoted.ok(200), json!({"ended_tokens": []}));
    let listed = rose.call(Method::GET, "/admin/v1/operators", None).await.ok(200);
    let roles: Vec<_> = listed["items"].as_array().unwrap().iter().map(|it| (&it["name"], &it["role"])).collect();
    assert_eq!(
        roles,
        [
            (&json!("rose"), &json!("admin")),
            (&json!("support"), &json!("support")),
            (&json!("viewer"), &json!("admin"))
        ]
    );
}

#[tokio::test]
async fn what_is_dangerous_asks_for_a_proof_of_the_last_minutes() {
    let t = TestServer::start().await;
    let mut rose = Hand::of(&t, "rose", OperatorRole::Admin).await;
    t.advance(Duration::from_mins(5));
    let create = json!({"name": "lin", "role": "viewer"});
    let refused = rose.call(Method::POST, "/admin/v1/operators", Some(create.clone())).await;
    assert_eq!(refused.problem(403, "reauth_required")["action"], "reauth");
    rose.call(Method::GET, "/admin/v1/operators", None).await.ok(200);
    rose.confirm().await;
    let made = rose.call(Method::POST, "/admin/v1/operators", Some(create)).await.ok(201);
    assert!(made["link"].as_str().unwrap().contains("/admin/welcome?link="), "{made}");
}

#[tokio::test]
async fn a_changed_role_holds_at_once() {
    let t = TestServer::start().await;
    let _root = Hand::of(&t, "rose", OperatorRole::Admin).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    lin.call(Method::POST, "/admin/v1/operators", Some(json!({"name": "a", "role": "viewer"}))).await.ok(201);
    t.menjin.set_operator_role(&Actor::command(), "lin", OperatorRole::Viewer).await.unwrap();
    let after = lin.call(Method::POST, "/admin/v1/operators", Some(json!({"name": "b", "role": "viewer"}))).await;
    after.problem(403, "right_missing");
    t.menjin.remove_operator(&Actor::command(), "lin").await.unwrap();
    lin.call(Method::GET, "/admin/v1/operator", None).await.problem(401, "operator_required");
}

#[tokio::test]
async fn the_last_admin_is_neither_removed_nor_demoted() {
    let t = TestServer::start().await;
    let mut rose = Hand::of(&t, "rose", OperatorRole::Admin).await;
    rose.call(Method::POST, "/admin/v1/operators", Some(json!({"name": "wei", "role": "admin"}))).await.ok(201);
    rose.call(Method::DELETE, "/admin/v1/operators/rose", None).await.problem(409, "last_admin");
    let demoted = rose.call(Method::PUT, "/admin/v1/operators/rose", Some(json!({"role": "support"}))).await;
    demoted.problem(409, "last_admin");
    rose.call(Method::DELETE, "/admin/v1/operators/nobody", None).await.problem(404, "operator_unknown");
    rose.call(Method::DELETE, "/admin/v1/operators/wei", None).await.ok(200);
    let taken = rose.call(Method::POST, "/admin/v1/operators", Some(json!({"name": "rose", "role": "admin"}))).await;
    taken.problem(409, "operator_exists");
    for (name, role, field) in
        [("Root", "admin", "name"), ("", "admin", "name"), ("a b", "admin", "name"), ("x", "owner", "role")]
    {
        let odd = rose.call(Method::POST, "/admin/v1/operators", Some(json!({"name": name, "role": role}))).await;
        assert_eq!(odd.problem(400, "field_invalid")["field"], field, "{name} {role}");
    }
}

/// Whoever is removed must not keep a way in.
#[tokio::test]
async fn tokens_end_with_whoever_made_them() {
    let t = TestServer::start().await;
    let mut rose = Hand::of(&t, "rose", OperatorRole::Admin).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let program = Hand::new(&t).http;
    let asks = async |token: &str, method: Method, path: &str, body: Option<Value>| {
        let request = program.request(method, format!("{}{path}", t.admin_url)).bearer_auth(token);
        let request = if let Some(body) = &body { request.json(body) } else { request };
        Answer::read(request.send().await.unwrap()).await
    };
    let tokens_of = "/admin/v1/operator-tokens";
    let mut tokens = Vec::new();
    for (name, role) in [("looks", "viewer"), ("does-all", "admin")] {
        let made = lin.call(Method::POST, tokens_of, Some(json!({"name": name, "role": role}))).await.ok(201);
        tokens.push(made["token"].as_str().unwrap().to_owned());
    }
    let of_rose = rose.call(Method::POST, tokens_of, Some(json!({"name": "of-rose", "role": "admin"}))).await.ok(201);
    tokens.push(of_rose["token"].as_str().unwrap().to_owned());
    // What it makes would outlive it, else.
    let asked = json!({"name": "made-by-it", "role": "admin"});
    let made = asks(&tokens[1], Method::POST, tokens_of, Some(asked)).await.ok(201);
    tokens.push(made["token"].as_str().unwrap().to_owned());
    let open = async || {
        let mut open = Vec::new();
        for token in &tokens {
            open.push(asks(token, Method::GET, "/admin/v1/operator", None).await.status == 200);
        }
        open
    };
    assert_eq!(open().await, [true, true, true, true]);
    let path = "/admin/v1/operators/lin";
    let demoted = rose.call(Method::PUT, path, Some(json!({"role": "viewer"}))).await.ok(200);
    assert_eq!(demoted, json!({"ended_tokens": ["does-all", "made-by-it"]}));
    assert_eq!(open().await, [true, false, true, false], "what looks may look still");
    let removed = rose.call(Method::DELETE, path, None).await.ok(200);
    assert_eq!(removed, json!({"ended_tokens": ["looks"]}));
    assert_eq!(open().await, [false, false, true, false]);
    let lines = rose.call(Method::GET, "/admin/v1/audit?action=operator_token.revoked", None).await.ok(200);
    let told: Vec<_> = lines["items"].as_array().unwrap().iter().map(|it| (&it["actor_id"], &it["detail"])).collect();
    let rose = json!("rose");
    let expected = [json!("looks"), json!("made-by-it"), json!("does-all")];
    assert_eq!(told, expected.iter().map(|name| (&rose, name)).collect::<Vec<_>>());
}

/// A token that is gone must not leave another in its place, which nobody's removal would end.
#[tokio::test]
async fn what_a_token_made_ends_with_it() {
    let t = TestServer::start().await;
    let mut rose = Hand::of(&t, "rose", OperatorRole::Admin).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let program = Hand::new(&t).http;
    let (me, tokens_of) = ("/admin/v1/operator", "/admin/v1/operator-tokens");
    let asks = async |token: &str, method: Method, path: &str, body: Option<Value>| {
        let request = program.request(method, format!("{}{path}", t.admin_url)).bearer_auth(token);
        let request = if let Some(body) = &body { request.json(body) } else { request };
        Answer::read(request.send().await.unwrap()).await
    };
    let mut tokens = Vec::new();
    for name in ["revoked", "over"] {
        let asked = json!({"name": name, "role": "admin", "days": 10});
        let first = lin.call(Method::POST, tokens_of, Some(asked)).await.ok(201);
        let token = first["token"].as_str().unwrap().to_owned();
        // It asks for one without an end, and that one for another.
        let asked = json!({"name": format!("{name}-second"), "role": "admin"});
        let second = asks(&token, Method::POST, tokens_of, Some(asked)).await.ok(201);
        assert_eq!(second["expires_at"], first["expires_at"], "it lives no longer than what made it");
        let of_second = second["token"].as_str().unwrap().to_owned();
        let asked = json!({"name": format!("{name}-third"), "role": "viewer", "days": 3650});
        let third = asks(&of_second, Method::POST, tokens_of, Some(asked)).await.ok(201);
        assert_eq!(third["expires_at"], first["expires_at"]);
        tokens.push([token, of_second, third["token"].as_str().unwrap().to_owned()]);
    }
    // Whoever is about to revoke or remove sees all that ends with it.
    let page = rose.get("/console/operators").await.text;
    for (row, named) in [
        (
            "data-operator=\"lin\"",
            &["over", "over-second", "over-third", "revoked", "revoked-second", "revoked-third"][..],
        ),
        ("data-token=\"revoked\"", &["revoked-second", "revoked-third"]),
    ] {
        let row = between(&page, row, "</tr>");
        let shown: Vec<_> = row.split("<code>").skip(1).map(|it| it.split('<').next().unwrap()).collect();
        assert_eq!(shown, named, "{row}");
    }
    let revoked = rose.call(Method::DELETE, &format!("{tokens_of}/revoked"), None).await.ok(200);
    assert_eq!(revoked, json!({"ended_tokens": ["revoked-second", "revoked-third"]}));
    for token in &tokens[0] {
        asks(token, Method::GET, me, None).await.problem(401, "operator_required");
    }
    for token in &tokens[1] {
        asks(token, Method::GET, me, None).await.ok(200);
    }
    let lines = rose.call(Method::GET, "/admin/v1/audit?action=operator_token.revoked", None).await.ok(200);
    let told: Vec<_> = lines["items"].as_array().unwrap().iter().map(|it| (&it["actor_id"], &it["detail"])).collect();
    let by = json!("rose");
    let expected = [json!("revoked-third"), json!("revoked-second"), json!("revoked")];
    assert_eq!(told, expected.iter().map(|name| (&by, name)).collect::<Vec<_>>());
    t.advance(Duration::from_hours(10 * 24));
    for token in &tokens[1] {
        asks(token, Method::GET, me, None).await.problem(401, "operator_required");
    }
}

#[tokio::test]
async fn a_program_with_the_longest_name_makes_tokens_too() {
    let t = TestServer::start().await;
    let name = "n".repeat(32);
    let made = t.menjin.create_operator_token(&Actor::command(), &name, OperatorRole::Admin, None).await.unwrap();
    let bearer = format!("Bearer {}", made.token);
    let with = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let mut program = Hand::new(&t);
    let body = json!({"name": "made", "role": "viewer"}).to_string();
    program.send(Method::POST, "/admin/v1/operator-tokens", Some(body), &with).await.ok(201);
    let listed = program.send(Method::GET, "/admin/v1/operator-tokens", None, &with).await.ok(200);
    assert_eq!(listed["items"][0]["created_by"], format!("token:{name}"));
}

#[tokio::test]
async fn a_token_acts_by_its_role_until_it_is_over_or_revoked() {
    let t = TestServer::start().await;
    let mut rose = Hand::of(&t, "rose", OperatorRole::Admin).await;
    for days in [0, 3651] {
        let odd = json!({"name": "export", "role": "viewer", "days": days});
        let refused =
            rose.call(Method::POST, "/admin/v1/operator-tokens", Some(odd)).await.problem(400, "field_invalid");
        let told = refused["detail"].as_str().unwrap();
        assert!(told.contains("days") && told.contains("from 1 to 3650"), "{told}");
    }
    let asked = json!({"name": "export", "role": "viewer", "days": 30});
    let made = rose.call(Method::POST, "/admin/v1/operator-tokens", Some(asked.clone())).await.ok(201);
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("mjo_"), "{token}");
    rose.call(Method::POST, "/admin/v1/operator-tokens", Some(asked)).await.problem(409, "operator_exists");
    let listed = rose.call(Method::GET, "/admin/v1/operator-tokens", None).await;
    assert!(!listed.text.contains(&token));
    let listed = listed.ok(200);
    assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["created_by"]), (&json!("export"), &json!("rose")));

    let mut program = Hand::new(&t);
    let bearer = format!("Bearer {token}");
    let with = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let me = program.send(Method::GET, "/admin/v1/operator", None, &with).await.ok(200);
    assert_eq!(me, json!({"name": "token:export", "role": "viewer", "is_fresh": true}));
    let body = json!({"name": "x", "role": "viewer"}).to_string();
    program.send(Method::POST, "/admin/v1/operators", Some(body), &with).await.problem(403, "right_missing");
    let page = program.send(Method::GET, "/admin/account", None, &with).await;
    assert_eq!(page.status, 303, "pages are people's");
    t.advance(Duration::from_hours(30 * 24));
    program.send(Method::GET, "/admin/v1/operator", None, &with).await.problem(401, "operator_required");

    let lasting = t.menjin.create_operator_token(&Actor::command(), "ci", OperatorRole::Admin, None).await.unwrap();
    let bearer = format!("Bearer {}", lasting.token);
    let with = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    program.send(Method::GET, "/admin/v1/operator", None, &with).await.ok(200);
    let revoked = program.send(Method::DELETE, "/admin/v1/operator-tokens/ci", None, &with).await.ok(200);
    assert_eq!(revoked, json!({"ended_tokens": []}));
    program.send(Method::GET, "/admin/v1/operator", None, &with).await.problem(401, "operator_required");
}
