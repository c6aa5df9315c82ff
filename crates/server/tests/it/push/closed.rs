//! Somebody has closed their account at the platform: they are signed out, and what was kept of them is gone.

use serde_json::json;

use super::{alice, close, hearing, is_carried_out, known, me, set_up, start, told};
use crate::broker::until;
use crate::harness::{APPID, OTHER_APPID, Setup, TestServer};
use crate::rows::Rows;

#[tokio::test]
async fn whoever_closes_their_account_is_signed_out_and_told_why() {
    let t = start().await;
    let mut phone = alice(&t).await;
    let bob = t.phone("bob").await;
    told(&t, &close(&t)).await;
    let problem = phone.get("/v1/me").await.problem(401, "account_closed");
    assert_eq!(problem["action"], "relogin");
    phone.get("/v1/me/sessions").await.problem(401, "account_closed");
    phone.language = "zh-CN";
    phone.refresh().await.problem(401, "account_closed");
    let problem = phone.get("/v1/me").await.problem(401, "account_closed");
    assert!(problem["title"].as_str().unwrap().contains("注销"), "{problem}");
    bob.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn the_next_sign_in_of_the_same_openid_is_somebody_new() {
    let t = start().await;
    let mut phone = alice(&t).await;
    let before = me(&phone).await;
    told(&t, &close(&t)).await;
    let answer = phone.login(json!({})).await.ok(200);
    assert_eq!(answer["is_new_user"], true);
    let after = me(&phone).await;
    assert_eq!(known(&after), (false, false, false));
    assert!(after["id"] != before["id"] && after["number"].as_i64() > before["number"].as_i64(), "{after}");
    // The shell is there, and nobody: neither is given again.
    let shell = t.menjin.account(before["id"].as_str().unwrap().parse().unwrap()).await.unwrap();
    assert!(shell.identities.is_empty() && shell.nickname.is_none() && shell.phone_masked.is_none(), "{shell:?}");
    assert_eq!((shell.number, shell.sessions), (before["number"].as_i64().unwrap(), 0));
}

#[tokio::test]
async fn beside_another_app_this_one_alone_is_detached() {
    let t = start().await;
    let mut phone = alice(&t).await;
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    let user = me(&club).await;
    assert_eq!(user["id"], phone.user_id());
    told(&t, &close(&t)).await;
    phone.get("/v1/me").await.problem(401, "account_closed");
    assert_eq!(me(&club).await, user, "everything of theirs is there");
    // By the unionid of the other identity they are who they were.
    assert_eq!(phone.login(json!({})).await.ok(200)["is_new_user"], false);
    assert_eq!(me(&phone).await["id"], user["id"]);
}

/// A password is a way in of its own: the person stays, without what the platform told of them.
#[tokio::test]
async fn whoever_has_a_password_stays_with_it_alone() {
    let with_passwords = hearing().shop + "passwords = true\n";
    let t = TestServer::with(Setup { shop: with_passwords, ..hearing() }).await;
    set_up(&t, menjin_sim::PushFormat::Json, menjin_sim::PushMode::Secure).await;
    let mut phone = alice(&t).await;
    let before = me(&phone).await;
    let password = json!({"username": "alice", "new_password": "correct horse battery"});
    phone.put("/v1/me/password", password).await.ok(204);
    let by_name = json!({"username": "alice", "password": "correct horse battery"});
    let desk = t.anon().post("/v1/login/shop/password", by_name.clone()).await.ok(200);
    let desk = t.phone_with_token(desk["access_token"].as_str().unwrap());
    let (openid, mut rows) = (t.sim.openid(APPID, "alice"), Rows::of(&t).await);
    assert!(rows.texts("identities").await.contains(&openid));
    assert!(rows.texts("users").await.contains("Alice Liddell"));
    told(&t, &close(&t)).await;
    phone.get("/v1/me").await.problem(401, "account_closed");
    let after = me(&desk).await;
    assert_eq!(
        (&after["id"], &after["number"], known(&after)),
        (&before["id"], &before["number"], (false, false, false))
    );
    assert_eq!(desk.get("/v1/me/identities").await.ok(200)["identities"], json!([]));
    for table in ["identities", "users", "phones"] {
        let kept = rows.texts(table).await;
        assert!(!kept.contains(&openid) && !kept.contains("Alice Liddell"), "{table}: {kept}");
    }
    for table in ["identities", "session_keys", "phones"] {
        assert!(rows.all(&format!("SELECT id FROM {table}")).await.is_empty(), "{table}");
    }
    let lines = rows.all("SELECT action FROM audit WHERE actor = 'platform' ORDER BY seq").await;
    let lines: Vec<_> = lines.iter().map(|row| row[0].text().unwrap()).collect();
    assert_eq!(lines, ["identity.detached", "session.ended", "profile.forgotten", "phone.forgotten"]);
    t.anon().post("/v1/login/shop/password", by_name).await.ok(200);
    // They may sign in by it again, once they link it.
    let code = t.sim.js_code(APPID, "alice");
    desk.post("/v1/me/identities", json!({"app": "shop", "code": code})).await.ok(201);
    assert_eq!(phone.login(json!({})).await.ok(200)["is_new_user"], false);
    assert_eq!(me(&phone).await["id"], before["id"]);
}

#[tokio::test]
async fn an_account_that_was_never_here_is_nobody() {
    let t = start().await;
    told(&t, &close(&t)).await;
    assert_eq!(alice(&t).await.login(json!({})).await.ok(200)["is_new_user"], false);
}

/// Both nodes hear the same push at once, as a platform that repeats itself through a balancer.
#[tokio::test]
async fn two_nodes_that_hear_the_same_do_it_once_and_both_refuse() {
    let a = TestServer::with(hearing()).await;
    let b = a.beside(hearing()).await;
    set_up(&a, menjin_sim::PushFormat::Xml, menjin_sim::PushMode::Secure).await;
    let phone = alice(&a).await;
    let there = b.phone_with_token(&phone.access_token());
    there.get("/v1/me").await.ok(200);
    let push = a.sim.sign_push(&close(&a));
    let send = async |node: &TestServer| {
        let url = push.url.replace(&a.url, &node.url);
        let path = url.strip_prefix(&node.url).unwrap();
        let headers = [("content-type", push.content_type)];
        node.anon().send(reqwest::Method::POST, path, Some(push.body.clone()), &headers).await
    };
    let answers = tokio::join!(send(&a), send(&b), send(&a), send(&b));
    for answer in <[_; 4]>::from(answers) {
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "success"));
        assert!(answer.header("content-type").starts_with("text/plain"));
    }
    is_carried_out(&a).await;
    for node in [&a, &b] {
        let phone = node.phone_with_token(&phone.access_token());
        until(async || phone.get("/v1/me/sessions").await.status == 401).await;
        phone.get("/v1/me/sessions").await.problem(401, "account_closed");
    }
    let sql = "SELECT count(*) FROM audit WHERE action = 'user.erased'";
    assert_eq!(Rows::of(&a).await.all(sql).await[0][0].int(), 1);
    let openid = a.sim.openid(APPID, "alice");
    assert!(!format!("{:?}", a.answers()).contains(&openid));
}
