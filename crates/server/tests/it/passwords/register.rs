//! `POST /v1/register/{app}`: who becomes a person so, and who does not.

use serde_json::json;

use super::{PASSWORD, access, audited, login, open, register};
use crate::harness::TestServer;

#[tokio::test]
async fn whoever_registers_is_signed_in_and_new() {
    let t = TestServer::with(open()).await;
    let body = json!({"username": "王小明", "password": PASSWORD, "device": {"class": "pc", "name": "desk"}});
    let made = t.anon().post("/v1/register/shop", body).await.ok(201);
    assert_eq!((&made["is_new_user"], &made["user"]["number"]), (&json!(true), &json!(1)));
    let sessions = t.phone_with_token(access(&made)).get("/v1/me/sessions").await.ok(200);
    assert!(sessions.to_string().contains("desk"), "{sessions}");
    login(&t, "王小明", PASSWORD).await.ok(200);
    assert_eq!(audited(&t).await, ["password.set by user", "session.opened by user", "session.opened by user"]);
}

#[tokio::test]
async fn a_name_is_one_persons_however_it_is_written_and_however_many_ask_at_once() {
    let t = TestServer::with(open()).await;
    let names = ["Alice", "alice", "ALICE", "ａlice"];
    let asked = names.iter().map(async |name| register(&t, name, PASSWORD).await.status.as_u16());
    let mut statuses = futures_util::future::join_all(asked).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
    let problem = register(&t, "aLiCe", "another good password").await.problem(409, "username_taken");
    assert_eq!(problem["action"], "none");
    login(&t, "alice", PASSWORD).await.ok(200);
    register(&t, "bob", PASSWORD).await.ok(201);
}

#[tokio::test]
async fn a_password_that_is_guessed_at_once_is_refused_with_the_reason() {
    let t = TestServer::with(open()).await;
    let long = "长".repeat(129);
    for (password, why) in [
        ("short", "shorter than 8"),
        ("1234567", "shorter than 8"),
        ("12345678", "everybody tries"),
        ("PassWord", "everybody tries"),
        ("aaaaaaaaaaaa", "everybody tries"),
        ("Alice-In-Chains", "name of the account"),
        (long.as_str(), "longer than 128"),
        ("", "is empty"),
        // Eight letters as they are typed, and three as they are counted.
        ("e\u{301}e\u{301}e\u{301}", "shorter than 8"),
    ] {
        let problem = register(&t, "alice-in-chains", password).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], "password");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{password:?}: {}", problem["detail"]);
    }
    for good in ["今天天气真的不错", "eight chars", &"长短".repeat(64)] {
        let name = format!("u{}", good.chars().count());
        register(&t, &name, good).await.ok(201);
        login(&t, &name, good).await.ok(200);
    }
}

#[tokio::test]
async fn an_odd_name_is_refused() {
    let t = TestServer::with(open()).await;
    for odd in ["", " ", "a b", "<script>", "a\u{202e}b", "a\u{200b}b", "a/b", &"a".repeat(65), "a\nb"] {
        let problem = register(&t, odd, PASSWORD).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], "username", "{odd:?}");
    }
}
