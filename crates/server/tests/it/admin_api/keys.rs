//! `/admin/v1/keys`: rotated and revoked, by whoever proved themselves lately.

use menjin_server::store::OperatorRole;
use reqwest::Method;

use super::{Program, acts, each};
use crate::harness::{TestServer, header};
use crate::operators::hand::Hand;

#[tokio::test]
async fn a_key_is_rotated_and_the_one_before_is_revoked() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    let alice = t.phone("alice").await;
    let old = header(&alice.access_token())["kid"].as_str().unwrap().to_owned();
    assert_eq!(each(&admin.all("/keys").await, "kid"), std::slice::from_ref(&old));
    let made = admin.post("/keys/rotate", None).await.ok(201)["kids"][0].as_str().unwrap().to_owned();
    let listed = admin.all("/keys?limit=1").await;
    assert_eq!(each(&listed, "kid"), [old.clone(), made]);
    assert_eq!(each(&listed, "state"), ["active", "next"]);
    alice.get("/v1/me").await.ok(200);
    admin.post(&format!("/keys/{old}/revoke"), None).await.ok(204);
    alice.get("/v1/me").await.problem(401, "token_invalid");
    admin.post(&format!("/keys/{old}/revoke"), None).await.problem(404, "signing_key_unknown");
    admin.post("/keys/nobody/revoke", None).await.problem(404, "signing_key_unknown");
    let text = admin.get("/keys").await.text;
    assert!(!text.contains("private"), "{text}");
    assert_eq!(acts(&admin, OperatorRole::Admin).await, ["key.revoked", "key.rotated"]);
}

#[tokio::test]
async fn keys_are_for_admins_who_proved_themselves_lately() {
    let t = TestServer::start().await;
    for role in [OperatorRole::Viewer, OperatorRole::Support] {
        let program = Program::of(&t, role).await;
        program.get("/keys").await.ok(200);
        program.post("/keys/rotate", None).await.problem(403, "right_missing");
        program.post("/keys/x/revoke", None).await.problem(403, "right_missing");
    }
    let mut hand = Hand::of(&t, "lin", OperatorRole::Admin).await;
    t.advance(std::time::Duration::from_mins(6));
    hand.call(Method::POST, "/admin/v1/keys/rotate", None).await.problem(403, "reauth_required");
    hand.confirm().await;
    hand.call(Method::POST, "/admin/v1/keys/rotate", None).await.ok(201);
}
