//! `DELETE /v1/me`: signed out at once, called back by a sign-in, erased after the cooling-off.

use std::time::Duration;

use menjin_server::WhenToDelete;
use menjin_server::store::Actor;
use serde_json::{Value, json};

use super::{COOLING_OFF, alice, leaves, time_passes};
use crate::broker::until;
use crate::harness::{APPID, OTHER_APPID, Setup, TestServer};
use crate::me::{address, fetch, sample, upload};
use crate::rows::Rows;

#[tokio::test]
async fn whoever_leaves_is_signed_out_everywhere_and_told_why() {
    let t = TestServer::start().await;
    let mut phone = alice(&t).await;
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    let bob = t.phone("bob").await;
    let answer = leaves(&phone).await;
    let expected = menjin_server::Clock::now(&*t.clock).plus(COOLING_OFF).to_string();
    assert_eq!(answer, json!({"deletes_at": expected}));
    for phone in [&phone, &club] {
        let problem = phone.get("/v1/me").await.problem(401, "user_deleting");
        assert_eq!(problem["action"], "none", "a client that signs in by itself would call them back");
        phone.get("/v1/me/sessions").await.problem(401, "user_deleting");
        phone.delete("/v1/me").await.problem(401, "user_deleting");
    }
    phone.refresh().await.problem(401, "user_deleting");
    phone.language = "zh-CN";
    let problem = phone.get("/v1/me").await.problem(401, "user_deleting");
    assert!(problem["title"].as_str().unwrap().contains("注销"), "{problem}");
    bob.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_sign_in_within_the_cooling_off_keeps_the_account_and_says_so() {
    let t = TestServer::start().await;
    let mut phone = alice(&t).await;
    let before = phone.get("/v1/me").await.ok(200)["user"].clone();
    leaves(&phone).await;
    t.clock.advance(COOLING_OFF.saturating_sub(Duration::from_mins(1)));
    t.menjin.upkeep().await.unwrap();
    let late = phone.clone();
    let answer = phone.login(json!({})).await.ok(200);
    assert_eq!((&answer["deletion_cancelled"], &answer["user"]), (&json!(true), &before));
    // What was signed out then may sign in again, too.
    let problem = late.refresh_with(&late.refresh_token()).await.problem(401, "session_ended");
    assert_eq!(problem["action"], "relogin");
    time_passes(&t).await;
    let answer = phone.login(json!({})).await.ok(200);
    assert!(answer.get("deletion_cancelled").is_none() && answer["user"] == before, "{answer}");
}

#[tokio::test]
async fn whoever_is_called_back_hears_of_it_though_the_first_answer_is_lost() {
    let t = TestServer::start().await;
    let phone = alice(&t).await;
    leaves(&phone).await;
    let sign_in = async |body: &Value, key: &str| {
        let headers = [("idempotency-key", key)];
        let body = Some(body.to_string());
        t.anon().send(reqwest::Method::POST, "/v1/login/shop", body, &headers).await.ok(200)
    };
    let body = json!({"code": t.code("alice")});
    let (lost, again) = (sign_in(&body, "first").await, sign_in(&body, "first").await);
    assert_eq!((&again["session_id"], &again["deletion_cancelled"]), (&lost["session_id"], &json!(true)));
    let body = json!({"code": t.code("alice")});
    for _ in 0..2 {
        assert!(sign_in(&body, "second").await.get("deletion_cancelled").is_none());
    }
}

#[tokio::test]
async fn after_the_cooling_off_the_same_person_is_somebody_new() {
    let t = TestServer::start().await;
    let mut phone = alice(&t).await;
    let before = phone.get("/v1/me").await.ok(200)["user"].clone();
    let late = phone.clone();
    leaves(&phone).await;
    time_passes(&t).await;
    let answer = phone.login(json!({})).await.ok(200);
    assert_eq!((&answer["is_new_user"], answer.get("deletion_cancelled")), (&json!(true), None));
    let after = &answer["user"];
    assert!(after["id"] != before["id"] && after["number"].as_i64() > before["number"].as_i64(), "{after}");
    assert!(after["nickname"].is_null() && after["phone_masked"].is_null(), "{after}");
    assert_eq!(late.refresh_with(&late.refresh_token()).await.problem(401, "account_closed")["action"], "relogin");
}

#[tokio::test]
async fn what_can_not_be_undone_asks_for_a_fresh_sign_in() {
    let t = TestServer::start().await;
    let phone = alice(&t).await;
    t.clock.advance(Duration::from_mins(6));
    let fresh = phone.clone();
    let problem = phone.delete("/v1/me").await.problem(403, "reauth_required");
    assert_eq!(problem["action"], "reauth");
    let with = async |code: String| {
        let body = json!({"code": code}).to_string();
        phone.send(reqwest::Method::DELETE, "/v1/me", Some(body), &[]).await
    };
    with(t.code("bob")).await.problem(403, "reauth_required");
    with("wrong".to_owned()).await.problem(401, "code_invalid");
    fresh.get("/v1/me").await.ok(200);
    with(t.code("alice")).await.ok(202);
    fresh.get("/v1/me").await.problem(401, "user_deleting");
    t.anon().delete("/v1/me").await.problem(401, "token_missing");
}

/// Somebody who holds the phone may try what they know.
#[tokio::test]
async fn a_proof_that_is_wrong_deletes_nobody_however_fresh_the_sign_in_is() {
    let t = TestServer::start().await;
    let phone = alice(&t).await;
    let with = async |body: Value| phone.send(reqwest::Method::DELETE, "/v1/me", Some(body.to_string()), &[]).await;
    with(json!({"password": "zzz"})).await.problem(403, "old_password_wrong");
    with(json!({"code": t.code("bob")})).await.problem(403, "reauth_required");
    with(json!({"code": "wrong"})).await.problem(401, "code_invalid");
    with(json!({"code": t.code("alice"), "password": "zzz"})).await.problem(403, "old_password_wrong");
    phone.get("/v1/me").await.ok(200);
    with(json!({"code": t.code("alice")})).await.ok(202);
}

#[tokio::test]
async fn tokens_of_before_do_not_say_that_somebody_who_was_called_back_is_leaving() {
    let t = TestServer::start().await;
    let mut phone = alice(&t).await;
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    leaves(&phone).await;
    club.get("/v1/me").await.problem(401, "user_deleting");
    phone.login(json!({})).await.ok(200);
    for path in ["/v1/me", "/v1/me/sessions"] {
        let problem = club.get(path).await.problem(401, "session_ended");
        assert_eq!(problem["action"], "relogin", "{path}");
    }
}

#[tokio::test]
async fn pictures_go_with_whoever_leaves() {
    let t = TestServer::start().await;
    let phone = alice(&t).await;
    let address = address(&upload(&phone, &t, &sample("camera.png")).await.ok(200));
    leaves(&phone).await;
    assert_eq!(fetch(&address).await.0, 200, "they may stay");
    time_passes(&t).await;
    until(async || fetch(&address).await.0 == 404).await;
}

#[tokio::test]
async fn operators_delete_now_or_later_and_call_back() {
    let t = TestServer::start().await;
    let phone = alice(&t).await;
    let user = phone.user_id().parse().unwrap();
    let by = Actor { kind: "operator", id: Some("dana".to_owned()), ip: Some("198.51.100.7".to_owned()) };
    let later = t.menjin.delete_user(&by, user, WhenToDelete::AfterCoolingOff).await.unwrap();
    assert_eq!((later.erased, later.sessions_ended, later.deletes_at.is_some()), (false, 1, true));
    phone.get("/v1/me").await.problem(401, "user_deleting");
    assert_eq!(Some(t.menjin.undelete_user(&by, user).await.unwrap()), later.deletes_at);
    let error = t.menjin.undelete_user(&by, user).await.unwrap_err();
    assert!(error.to_string().contains("not to be deleted"), "{error}");
    let mut again = phone.clone();
    assert!(again.login(json!({})).await.ok(200).get("deletion_cancelled").is_none());
    let now = t.menjin.delete_user(&by, user, WhenToDelete::Now).await.unwrap();
    assert_eq!((now.erased, now.sessions_ended, now.deletes_at), (true, 1, None));
    assert_eq!(again.get("/v1/me").await.problem(401, "account_closed")["action"], "relogin");
    for when in [WhenToDelete::Now, WhenToDelete::AfterCoolingOff] {
        let error = t.menjin.delete_user(&by, user, when).await.unwrap_err();
        assert!(error.to_string().contains("was erased"), "{error}");
    }
    assert!(t.menjin.export_user(&by, user).await.unwrap_err().to_string().contains("was erased"));
    let nobody = "usr_00000000000000000000000000".parse().unwrap();
    let error = t.menjin.delete_user(&by, nobody, WhenToDelete::Now).await.unwrap_err();
    assert!(error.to_string().contains("no user has the id"), "{error}");
    let lines = "SELECT action, actor, actor_id FROM audit WHERE action LIKE 'user.%' ORDER BY seq";
    let lines = Rows::of(&t).await.all(lines).await;
    let lines: Vec<_> = lines.iter().map(|row| [0, 1, 2].map(|at| row[at].text().unwrap_or_default())).collect();
    let line = |action: &str| [action.to_owned(), "operator".to_owned(), "dana".to_owned()];
    assert_eq!(lines, ["user.deletion_requested", "user.deletion_cancelled", "user.erased"].map(line));
}

/// Both nodes come at the same minute.
#[tokio::test]
async fn two_nodes_erase_somebody_once() {
    let a = TestServer::start().await;
    let b = a.beside(Setup::default()).await;
    let phone = alice(&a).await;
    leaves(&phone).await;
    a.clock.advance(COOLING_OFF + Duration::from_secs(1));
    let (first, second) = tokio::join!(a.menjin.upkeep(), b.menjin.upkeep());
    first.unwrap();
    second.unwrap();
    let sql = "SELECT count(*) FROM audit WHERE action = 'user.erased'";
    assert_eq!(Rows::of(&a).await.all(sql).await[0][0].int(), 1);
    assert!(!format!("{:?}", a.answers()).contains(&a.sim.openid(APPID, "alice")));
}
