//! `/admin/v1/roles` and who has which.

use menjin_server::store::OperatorRole;
use serde_json::json;

use super::{Program, acts, each};
use crate::harness::{TestServer, claims};

#[tokio::test]
async fn a_role_is_defined_given_seen_in_the_token_taken_and_removed() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    let mut alice = t.phone("alice").await;
    let user = alice.user_id();
    let clerk = json!({"description": "Answers customers", "permissions": ["orders:read", "orders:*"]});
    let put = admin.put("/roles/clerk", clerk).await.ok(200);
    assert_eq!(admin.get("/roles/clerk").await.ok(200), put);
    admin.put("/roles/chief?audience=shop-api", json!({"includes": ["clerk"]})).await.ok(200);
    assert_eq!(each(&admin.all("/roles?limit=1").await, "name"), ["chief", "clerk"]);
    let path = format!("/users/{user}/roles/clerk?audience=shop-api");
    assert_eq!(admin.put(&path, json!({})).await.ok(200)["changed"], true);
    assert_eq!(admin.put(&path, json!({})).await.ok(200)["changed"], false);
    alice.get("/v1/me").await.problem(401, "token_expired");
    alice.refresh().await.ok(200);
    assert_eq!(claims(&alice.access_token())["roles"], json!(["clerk"]));
    let held = admin.all(&format!("/users/{user}/roles")).await;
    assert_eq!((each(&held, "role"), each(&held, "audience")), (vec!["clerk".into()], vec!["shop-api".into()]));
    assert_eq!(each(&admin.all("/roles/clerk/users").await, "user"), std::slice::from_ref(&user));
    assert_eq!(admin.delete(&path).await.ok(200)["changed"], true);
    assert_eq!(admin.delete(&path).await.ok(200)["changed"], false);
    admin.delete("/roles/chief?audience=shop-api").await.ok(204);
    admin.delete("/roles/clerk").await.ok(204);
    admin.delete("/roles/clerk").await.problem(404, "role_unknown");
    let lines = acts(&admin, OperatorRole::Admin).await;
    let expected = ["role.removed", "role.removed", "role.revoked", "role.granted", "role.changed", "role.changed"];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn who_has_a_role_is_paged_to_the_end() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    admin.put("/roles/clerk", json!({})).await.ok(200);
    let mut users = Vec::new();
    for nth in 0..5 {
        let user = t.phone(&format!("person {nth}")).await.user_id();
        t.advance(std::time::Duration::from_secs(1));
        admin.put(&format!("/users/{user}/roles/clerk"), json!({})).await.ok(200);
        users.push(user);
    }
    assert_eq!(each(&admin.all("/roles/clerk/users?limit=2").await, "user"), users);
    admin.get("/roles/clerk/users?audience=shop-api").await.problem(404, "role_unknown");
}

#[tokio::test]
async fn each_misuse_of_a_role_is_its_own_problem() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    let user = t.phone("alice").await.user_id();
    admin.put("/roles/a", json!({})).await.ok(200);
    admin.put("/roles/b", json!({"includes": ["a"]})).await.ok(200);
    admin.put("/roles/a", json!({"includes": ["b"]})).await.problem(409, "role_cycle");
    admin.put("/roles/a", json!({"permissions": ["orders read"]})).await.problem(400, "permission_invalid");
    admin.put("/roles/A%20B", json!({})).await.problem(400, "role_name_invalid");
    admin.put("/roles/a?audience=nowhere", json!({})).await.problem(404, "audience_unknown");
    admin.put("/roles/c", json!({"includes": ["nobody"]})).await.problem(404, "role_unknown");
    admin.put(&format!("/users/{user}/roles/nobody"), json!({})).await.problem(404, "role_unknown");
    admin.put("/users/999999/roles/a", json!({})).await.problem(404, "user_unknown");
    let odd = admin.get("/roles/a?audiance=x").await.problem(400, "field_invalid");
    assert_eq!(odd["field"], "audiance");
    let support = Program::of(&t, OperatorRole::Support).await;
    support.get("/roles").await.ok(200);
    support.put("/roles/a", json!({})).await.problem(403, "right_missing");
    support.put(&format!("/users/{user}/roles/a"), json!({})).await.problem(403, "right_missing");
    support.delete("/roles/a").await.problem(403, "right_missing");
}
