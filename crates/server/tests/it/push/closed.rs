//! Somebody has closed their account at the platform: they are signed out, and what was kept of them is gone.

use serde_json::json;

use super::{alice, close, hearing, is_carried_out, known, me, set_up, start, told};
use crate::broker::until;
use crate::harness::{APPID, OTHER_APPID, TestServer};

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
    assert_eq!(crate::rows::Rows::of(&a).await.all(sql).await[0][0].int(), 1);
    let openid = a.sim.openid(APPID, "alice");
    assert!(!format!("{:?}", a.answers()).contains(&openid));
}
