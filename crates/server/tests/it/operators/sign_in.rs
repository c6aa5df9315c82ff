//! Signing in and out: what opens, what is said, what ends.

use std::time::Duration;

use menjin_server::store::{Actor, OperatorRole};

use super::hand::{Hand, PASSWORD, between};
use crate::harness::TestServer;
use crate::rows::Rows;

#[tokio::test]
async fn an_operator_signs_in_and_out() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let form_token = lin.form_token().await;
    let stolen = lin.cookie.clone();
    let out = lin.post("/admin/sign-out", &[("form_token", &form_token)]).await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/admin/sign-in"));
    assert_eq!(lin.cookie, None);
    lin.cookie = stolen;
    let gone = lin.get("/admin/account").await;
    assert_eq!(gone.status, 303, "the cookie of before is worth nothing");
    assert_eq!(gone.header("location"), "/admin/sign-in?next=%2Fadmin%2Faccount");
    lin.cookie = None;
    lin.sign_in().await;
    assert_eq!(lin.get("/admin/account").await.status, 200);
    assert_eq!(lin.get("/admin/sign-in?next=/admin/account").await.header("location"), "/admin/account");
}

#[tokio::test]
async fn what_was_wrong_of_name_password_and_code_is_not_said() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    lin.cookie = None;
    let used = lin.code();
    let good = lin.next_code();
    let mut said = Vec::new();
    for (name, password, code) in [
        ("nobody", PASSWORD, good.as_str()),
        ("lin", "another one altogether", &good),
        ("lin", PASSWORD, "000000"),
        ("lin", PASSWORD, &used),
        ("lin", "", &good),
    ] {
        let answer = lin.try_sign_in(name, password, code).await;
        assert_eq!((answer.status.as_u16(), &lin.cookie), (422, &None), "{}", answer.text);
        said.push(answer.text.replace("value=\"nobody\"", "value=\"lin\""));
    }
    assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
    lin.t.advance(Duration::from_hours(1));
    lin.sign_in().await;
}

#[tokio::test]
async fn ad_06_a_code_works_once() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let code = lin.next_code();
    assert_eq!(lin.try_sign_in("lin", PASSWORD, &code).await.status, 303);
    let mut other = Hand::new(&t);
    assert_eq!(other.try_sign_in("lin", PASSWORD, &code).await.status, 422);
    assert_eq!(other.cookie, None);
}

#[tokio::test]
async fn ad_06_guessing_gets_slower_and_the_owner_gets_in_again() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let mut thief = Hand::new(&t);
    for _ in 0..5 {
        assert_eq!(thief.try_sign_in("lin", "guess guess guess", "000000").await.status, 422);
    }
    let barred = thief.try_sign_in("lin", "guess guess guess", "000000").await;
    assert_eq!((barred.status.as_u16(), barred.header("retry-after")), (429, "30"));
    assert!(barred.text.contains("Too many tries: try again in 30 s."), "{}", barred.text);
    thief.language = "zh-CN";
    let barred = thief.try_sign_in("lin", "guess guess guess", "000000").await;
    assert!(barred.text.contains("请 30 秒后重试"), "{}", barred.text);
    let code = lin.code();
    assert_eq!(lin.try_sign_in("lin", PASSWORD, &code).await.status, 429, "also with what is right");
    t.advance(Duration::from_secs(30));
    let code = lin.code();
    assert_eq!(lin.try_sign_in("lin", PASSWORD, &code).await.status, 303);
    assert_eq!(thief.try_sign_in("lin", "guess guess guess", "000000").await.status, 422, "counted anew");
}

#[tokio::test]
async fn a_sign_in_ends_when_nobody_asks_and_at_the_latest_after_its_time() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    for _ in 0..16 {
        t.advance(Duration::from_mins(29));
        assert_eq!(lin.get("/admin/account").await.status, 200);
    }
    t.advance(Duration::from_mins(16));
    assert_eq!(lin.get("/admin/account").await.status, 303, "eight hours are over");
    lin.sign_in().await;
    t.advance(Duration::from_mins(30));
    assert_eq!(lin.get("/admin/account").await.status, 303, "thirty minutes without asking");
}

#[tokio::test]
async fn a_reset_ends_every_sign_in_at_once() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let link = t.menjin.reset_operator(&Actor::command(), "lin").await.unwrap().link;
    assert_eq!(lin.get("/admin/account").await.status, 303);
    let code = lin.next_code();
    assert_eq!(lin.try_sign_in("lin", PASSWORD, &code).await.status, 422, "the password is forgotten");
    lin.cookie = None;
    lin.welcome(&link).await;
    assert_eq!(lin.get("/admin/account").await.status, 200);
}

#[tokio::test]
async fn pages_speak_the_browsers_language_or_the_chosen_one() {
    let t = TestServer::start().await;
    let mut hand = Hand::new(&t);
    assert!(hand.get("/admin/sign-in").await.text.contains("Operators sign in"));
    hand.language = "zh-CN,zh;q=0.9";
    let page = hand.get("/admin/sign-in?next=/console/people").await;
    assert!(page.text.contains("运维登录") && page.text.contains("<html lang=\"zh-CN\">"), "{}", page.text);
    let switch = between(&page.text, "href=\"/admin/language", "\"").replace("&amp;", "&").replace("&#38;", "&");
    let switched = hand.get(&format!("/admin/language{switch}")).await;
    assert_eq!(switched.header("location"), "/admin/sign-in?next=/console/people");
    assert!(hand.get("/admin/sign-in").await.text.contains("Operators sign in"), "it is kept");
    let away = hand.get("/admin/language?to=zh&next=https://evil.example").await;
    assert_eq!(away.header("location"), "/console", "it leads nowhere else");
}

#[tokio::test]
async fn ad_07_sign_ins_and_refusals_are_written_down_without_what_was_typed() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    for name in ["lin", "lin", "my-password-in-the-wrong-field"] {
        assert_eq!(lin.try_sign_in(name, "guess guess guess", "000000").await.status, 422);
    }
    lin.sign_in().await;
    let form_token = lin.form_token().await;
    lin.post("/admin/sign-out", &[("form_token", &form_token)]).await;
    let lines = Rows::of(&t).await.all("SELECT action, actor, actor_id, ip, detail FROM audit ORDER BY seq").await;
    let lines: Vec<Vec<_>> =
        lines.iter().map(|line| line.iter().map(|cell| cell.text().unwrap_or_default()).collect()).collect();
    assert_eq!(
        lines,
        [
            ["operator.created", "operator", "", "", "lin admin"],
            ["operator.set_up", "operator", "lin", "127.0.0.1", ""],
            ["operator.refused", "operator", "lin", "127.0.0.1", ""],
            ["operator.refused", "operator", "", "127.0.0.1", ""],
            ["operator.signed_in", "operator", "lin", "127.0.0.1", ""],
            ["operator.signed_out", "operator", "lin", "127.0.0.1", ""],
        ]
    );
}
