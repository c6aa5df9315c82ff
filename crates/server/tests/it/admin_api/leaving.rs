//! Export, deletion and its undoing, by admins who proved themselves lately.

use menjin_server::store::OperatorRole;
use reqwest::Method;
use serde_json::json;

use super::{Program, acts, each};
use crate::broker::until;
use crate::harness::{Setup, TestServer};
use crate::operators::hand::Hand;
use crate::rows::Rows;

#[tokio::test]
async fn somebody_is_exported_and_the_audit_says_by_whom() {
    let t = TestServer::start().await;
    let alice = t.phone("alice").await;
    let admin = Program::admin(&t).await;
    let answer = admin.get(&format!("/users/{}/export", alice.user_id())).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.ok(200).to_string().contains(&t.sim.openid(crate::harness::APPID, "alice")));
    assert_eq!(acts(&admin, OperatorRole::Admin).await, ["user.exported"]);
    let mut hand = Hand::of(&t, "lin", OperatorRole::Admin).await;
    t.advance(std::time::Duration::from_mins(6));
    let path = format!("/admin/v1/users/{}/export", alice.user_id());
    hand.call(Method::GET, &path, None).await.problem(403, "reauth_required");
    hand.confirm().await;
    hand.call(Method::GET, &path, None).await.ok(200);
}

#[tokio::test]
async fn somebody_is_to_be_deleted_stays_and_is_deleted_for_good() {
    let t = TestServer::start().await;
    let alice = t.phone("alice").await;
    let path = format!("/users/{}", alice.user_id());
    let admin = Program::admin(&t).await;
    admin.post(&format!("{path}/undelete"), None).await.problem(409, "deletion_not_requested");
    let begun = admin.delete(&path).await.ok(202);
    assert_eq!((&begun["erased"], &begun["sessions_ended"]), (&json!(false), &json!(1)));
    let shown = admin.get(&path).await.ok(200);
    assert_eq!(shown["deletes_at"], begun["deletes_at"]);
    let stays = admin.post(&format!("{path}/undelete"), None).await.ok(200);
    assert_eq!(stays["would_have_been_erased_at"], begun["deletes_at"]);
    assert!(admin.get(&path).await.ok(200)["deletes_at"].is_null());
    assert_eq!(admin.delete(&format!("{path}?now=maybe")).await.problem(400, "field_invalid")["field"], "now");
    assert_eq!(admin.delete(&format!("{path}?now=true")).await.ok(202)["erased"], true);
    admin.delete(&path).await.problem(409, "user_erased");
    admin.get(&format!("{path}/export")).await.problem(409, "user_erased");
    assert_eq!(each(&admin.all("/users").await, "id"), [""; 0]);
    admin.delete("/users/999999").await.problem(404, "user_unknown");
    let lines = acts(&admin, OperatorRole::Admin).await;
    for action in ["user.erased", "user.deletion_cancelled", "user.deletion_requested"] {
        assert!(lines.contains(&action.to_owned()), "{lines:?}");
    }
}

/// Whoever left much behind is erased in many parts, and for longer than a request may take.
#[tokio::test]
async fn an_erasure_whose_time_is_up_is_carried_through() {
    let server = "request_timeout = \"1s\"".to_owned();
    let t = TestServer::with(Setup { server, deadline: "900ms", ..Setup::default() }).await;
    let alice = t.phone("alice").await;
    let admin = Program::admin(&t).await;
    let path = format!("/users/{}?now=true", alice.user_id());
    let mut rows = Rows::of(&t).await;
    let locked = "BEGIN; UPDATE users SET number = number";
    rows.run_own("BEGIN IMMEDIATE", locked, locked).await;
    admin.delete(&path).await.problem(503, "timed_out");
    rows.run("COMMIT").await;
    until(async || alice.get("/v1/me").await.status == 401).await;
    alice.get("/v1/me").await.problem(401, "account_closed");
    admin.delete(&path).await.problem(409, "user_erased");
}
