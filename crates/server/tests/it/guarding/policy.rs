//! How many sessions may live, as `[[app]]` says; and what a replaced one is told.

use menjin_server::store::Actor as By;
use serde_json::{Value, json};

use super::{open, with_gate};
use crate::broker::until;
use crate::harness::{Actor, Answer, OTHER_APPID, Setup, TestServer};

async fn shop(policy: &str) -> TestServer {
    TestServer::with(Setup { shop: policy.to_owned(), ..with_gate() }).await
}

/// Signs in on a device of its own, a millisecond after whoever came before.
async fn on<'a>(t: &'a TestServer, id: &str, class: &str) -> (Actor<'a>, Answer) {
    t.clock.advance(std::time::Duration::from_millis(1));
    let mut actor = t.phone_of("alice");
    let answer = actor.login(json!({"device": {"id": id, "class": class, "name": format!("model {id}")}})).await;
    (actor, answer)
}

#[tokio::test]
async fn a_class_of_device_has_so_many_sessions_and_the_oldest_goes() {
    let t = shop("sessions_per_device_class = 1").await;
    let (mut first, answer) = on(&t, "a", "phone").await;
    answer.ok(200);
    let (pc, answer) = on(&t, "b", "pc").await;
    answer.ok(200);
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    let (second, answer) = on(&t, "c", "phone").await;
    answer.ok(200);
    first.get("/v1/me").await.problem(401, "session_replaced");
    first.refresh().await.problem(401, "session_replaced");
    for living in [&pc, &club, &second] {
        living.get("/v1/me").await.ok(200);
    }
}

#[tokio::test]
async fn where_the_newest_is_refused_the_oldest_stays_until_it_ends() {
    let t = shop("sessions_per_device_class = 1\nwhen_full = \"newest_refused\"").await;
    let (first, answer) = on(&t, "a", "phone").await;
    answer.ok(200);
    let (_, refused) = on(&t, "b", "phone").await;
    let problem = refused.problem(409, "sessions_full");
    assert_eq!(problem["action"], "none");
    on(&t, "c", "pc").await.1.ok(200);
    first.get("/v1/me").await.ok(200);
    on(&t, "a", "phone").await.1.ok(200);
    first.get("/v1/me").await.problem(401, "session_replaced");
    let user = first.user_id();
    let by_app = open(&t, json!({"user": user, "app": "shop", "device": {"class": "phone"}})).await;
    by_app.problem(409, "sessions_full");
    t.menjin.kick_user(&By::command(), user.parse().unwrap()).await.unwrap();
    on(&t, "b", "phone").await.1.ok(200);
    assert!(t.anon().get("/problems/sessions_full").await.text.contains("409"));
}

#[tokio::test]
async fn the_newest_is_refused_too_where_a_person_has_as_many_as_they_may_in_all() {
    let t = shop("sessions = 2\nwhen_full = \"newest_refused\"").await;
    on(&t, "a", "phone").await.1.ok(200);
    on(&t, "b", "pc").await.1.ok(200);
    let (_, refused) = on(&t, "c", "tablet").await;
    refused.problem(409, "sessions_full");
    let t = shop("sessions = 2").await;
    let (first, answer) = on(&t, "a", "phone").await;
    answer.ok(200);
    on(&t, "b", "pc").await.1.ok(200);
    on(&t, "c", "tablet").await.1.ok(200);
    first.get("/v1/me").await.problem(401, "session_replaced");
}

#[tokio::test]
async fn a_refused_sign_in_is_refused_again_under_its_key() {
    let t = shop("sessions_per_device_class = 1\nwhen_full = \"newest_refused\"").await;
    on(&t, "a", "phone").await.1.ok(200);
    let body = json!({"code": t.code("alice"), "device": {"id": "b"}}).to_string();
    for _ in 0..2 {
        let headers = [("idempotency-key", "k1")];
        let answer = t.anon().send(reqwest::Method::POST, "/v1/login/shop", Some(body.clone()), &headers).await;
        answer.problem(409, "sessions_full");
    }
}

#[tokio::test]
async fn sign_ins_raced_over_two_nodes_stay_within_the_limit() {
    for (policy, expected) in [("", 12), ("\nwhen_full = \"newest_refused\"", 2)] {
        let setup = || Setup { shop: format!("sessions_per_device_class = 2{policy}"), ..Setup::default() };
        let one = TestServer::with(setup()).await;
        let other = one.beside(setup()).await;
        one.phone("alice").await.post("/v1/logout", json!({})).await.ok(204);
        let asked = (0..12).map(async |nth| {
            let node = if nth % 2 == 0 { &one } else { &other };
            let mut phone = node.phone_of("alice");
            phone.login(json!({"device": {"id": format!("d{nth}")}})).await
        });
        let answers = futures_util::future::join_all(asked).await;
        let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(good.len(), expected);
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            refused.clone().problem(409, "sessions_full");
        }
        let mut living = 0;
        for answer in good {
            let token = answer.json["access_token"].as_str().unwrap();
            living += usize::from(one.phone_with_token(token).get("/v1/me").await.status == 200);
        }
        assert_eq!(living, 2);
    }
}

#[tokio::test]
async fn whoever_was_replaced_is_told_by_which_device_and_when() {
    let one = shop("sessions_per_device_class = 1").await;
    let other = one.beside(Setup { shop: "sessions_per_device_class = 1".to_owned(), ..with_gate() }).await;
    let (mut first, answer) = on(&one, "a", "phone").await;
    answer.ok(200);
    let there = other.phone_with_token(&first.access_token());
    there.get("/v1/me/sessions").await.ok(200);
    let (_, answer) = on(&one, "b", "phone").await;
    let opened = answer.ok(200);
    let list = one.phone_with_token(opened["access_token"].as_str().unwrap()).get("/v1/me/sessions").await.ok(200);
    let expected = json!({"device": {"class": "phone", "name": "model b"}, "at": list["sessions"][0]["opened_at"]});
    let told = |problem: Value| assert_eq!(problem["replaced_by"], expected, "{problem}");
    for path in ["/v1/me", "/v1/me/sessions"] {
        told(first.get(path).await.problem(401, "session_replaced"));
        until(async || there.get(path).await.status == 401).await;
        told(there.get(path).await.problem(401, "session_replaced"));
    }
    told(first.refresh().await.problem(401, "session_replaced"));
    first.language = "zh-CN";
    let chinese = first.get("/v1/me").await.problem(401, "session_replaced");
    assert!(chinese["detail"].as_str().unwrap().contains("别的设备"), "{chinese}");
    told(chinese);
    let (second, _) = on(&one, "c", "pc").await;
    second.post("/v1/logout", json!({})).await.ok(204);
    assert_eq!(second.get("/v1/me").await.problem(401, "session_ended")["replaced_by"], Value::Null);
}
