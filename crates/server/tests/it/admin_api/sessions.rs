//! `/admin/v1/sessions`: of everybody and of one person, and their end.

use menjin_server::store::OperatorRole;
use serde_json::json;

use super::{Program, acts, each};
use crate::harness::{OTHER_APPID, TestServer};

#[tokio::test]
async fn sessions_are_paged_to_the_end_while_others_open() {
    let t = TestServer::start().await;
    let mut ids = Vec::new();
    for nth in 0..5 {
        ids.push(t.phone(&format!("person {}", nth % 2)).await.session_id());
        t.advance(std::time::Duration::from_secs(1));
    }
    ids.reverse();
    let admin = Program::admin(&t).await;
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/sessions?limit=2{cursor}")).await.ok(200);
        found.extend(each(page["items"].as_array().unwrap(), "id"));
        t.phone("latecomer").await;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, ids);
}

#[tokio::test]
async fn sessions_are_chosen_by_person_app_and_state() {
    let t = TestServer::start().await;
    let mut alice = t.phone("alice").await;
    let user = alice.user_id();
    let first = alice.session_id();
    alice.post("/v1/logout", json!({})).await.ok(204);
    let mut open = Vec::new();
    for (app, appid) in [("shop", crate::harness::APPID), ("club", OTHER_APPID)] {
        t.advance(std::time::Duration::from_secs(1));
        alice.login_to(app, appid, json!({})).await.ok(200);
        open.push(alice.session_id());
    }
    let bob = t.phone("bob").await;
    let admin = Program::admin(&t).await;
    let find = async |query: &str| each(&admin.all(&format!("/sessions?{query}")).await, "id");
    let newest = [open[1].clone(), open[0].clone()];
    assert_eq!(find(&format!("user={user}&state=live")).await, newest);
    assert_eq!(find(&format!("user={user}&state=ended")).await, std::slice::from_ref(&first));
    assert_eq!(find(&format!("user={user}&limit=1")).await, [&newest[..], std::slice::from_ref(&first)].concat());
    assert_eq!(find("app=club").await, [open[1].clone()]);
    assert_eq!(find("state=ended&limit=1").await, std::slice::from_ref(&first));
    assert_eq!(find("app=nowhere").await, [""; 0]);
    assert_eq!(find("limit=1").await.len(), 4);
    assert!(find("state=live").await.contains(&bob.session_id()));
    let seen = admin.get(&format!("/sessions/{first}")).await.ok(200);
    assert_eq!((&seen["end_reason"], &seen["user"]), (&json!("session_ended"), &json!(user)));
    let refused = async |query: &str| {
        admin.get(&format!("/sessions?{query}")).await.problem(400, "field_invalid")["field"].clone()
    };
    assert_eq!(refused("state=open").await, "state");
    assert_eq!(refused("user=alice").await, "user");
    admin.get("/sessions?user=usr_01jd3v0000zzzzzzzzzzzzzzzz").await.problem(404, "user_unknown");
}

#[tokio::test]
async fn a_session_is_ended_once_and_the_others_live() {
    let t = TestServer::start().await;
    let (one, two) = (t.phone("alice").await, t.phone("alice").await);
    let support = Program::of(&t, OperatorRole::Support).await;
    let path = format!("/sessions/{}", one.session_id());
    assert_eq!(support.delete(&path).await.ok(200)["ended"], true);
    one.get("/v1/me").await.problem(401, "session_kicked");
    two.get("/v1/me").await.ok(200);
    assert_eq!(support.delete(&path).await.ok(200)["ended"], false);
    assert_eq!(acts(&support, OperatorRole::Support).await, ["session.kicked"]);
    support.delete("/sessions/ses_01jd3v0000zzzzzzzzzzzzzzzz").await.problem(404, "session_unknown");
    support.get("/sessions/usr_01jd3v0000zzzzzzzzzzzzzzzz").await.problem(400, "field_invalid");
    let viewer = Program::of(&t, OperatorRole::Viewer).await;
    viewer.delete(&format!("/sessions/{}", two.session_id())).await.problem(403, "right_missing");
}
