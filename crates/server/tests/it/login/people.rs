//! Who a sign-in is: one user a person, however many sign in at once and from however many apps.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{APPID, Actor, OTHER_APPID, Setup, TestServer};

/// More apps for menjin and for the simulator: (id, appid, menjin's account, the platform's account).
fn more(apps: &[(&str, &str, Option<&str>)]) -> Setup {
    let table = |(id, appid, account): &(&str, &str, Option<&str>)| {
        let account = account.map(|account| format!("open_account = \"{account}\"\n")).unwrap_or_default();
        format!(
            "[[app]]\nid = \"{id}\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"{appid}\"\nsecret = \"5ec7e7\"\n{account}"
        )
    };
    Setup { toml: apps.iter().map(table).collect(), ..Setup::default() }
}

fn in_sim(t: &TestServer, appid: &str, account: &str) {
    t.sim.add_app(menjin_sim::App::mini_program(appid, "5ec7e7").bound_to(account));
}

#[tokio::test]
async fn ten_first_sign_ins_of_one_person_at_once_make_one_user() {
    let t = TestServer::start().await;
    let mut phones: Vec<Actor<'_>> = (0..10).map(|_| t.phone_of("alice")).collect();
    let bodies: Vec<Value> = join_all(phones.iter_mut().map(|phone| phone.login(json!({}))))
        .await
        .into_iter()
        .map(|it| it.ok(200))
        .collect();
    assert!(bodies.iter().all(|body| body["user"]["id"] == bodies[0]["user"]["id"]));
    assert_eq!(bodies.iter().filter(|body| body["is_new_user"] == true).count(), 1);
    for phone in &phones {
        phone.get("/v1/me").await.ok(200);
    }
    let sessions: std::collections::BTreeSet<String> = phones.iter().map(Actor::session_id).collect();
    assert_eq!(sessions.len(), 10);
}

#[tokio::test]
async fn users_are_numbered_in_order_without_gaps() {
    let t = TestServer::start().await;
    let people: Vec<String> = (0..12).map(|at| format!("person-{at}")).collect();
    let mut numbers: Vec<i64> = join_all(people.iter().map(async |person| {
        let body = t.phone_of(person).login(json!({})).await.ok(200);
        body["user"]["number"].as_i64().unwrap()
    }))
    .await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<i64>>());
    t.anon().post("/v1/login/shop", json!({"code": "0nonsense"})).await.problem(401, "code_invalid");
    assert_eq!(t.phone_of("next").login(json!({})).await.ok(200)["user"]["number"], 13);
    assert_eq!(t.phone_of("person-0").login(json!({})).await.ok(200)["is_new_user"], false);
}

#[tokio::test]
async fn one_person_in_two_apps_of_one_account_is_one_user_even_at_once() {
    let t = TestServer::start().await;
    for person in ["alice", "bob", "carol"] {
        let (mut shop, mut club) = (t.phone_of(person), t.phone_of(person));
        let (one, two) =
            tokio::join!(shop.login_to("shop", APPID, json!({})), club.login_to("club", OTHER_APPID, json!({})));
        assert_eq!(one.ok(200)["user"]["id"], two.ok(200)["user"]["id"], "{person}");
    }
    assert_eq!(t.phone_of("dave").login(json!({})).await.ok(200)["user"]["number"], 4);
}

#[tokio::test]
async fn without_the_same_account_one_person_is_two_users() {
    let stall = "wx00000000000000aa";
    let booth = "wx00000000000000bb";
    let t = TestServer::with(more(&[("stall", stall, None), ("booth", booth, Some("another"))])).await;
    in_sim(&t, stall, "company");
    in_sim(&t, booth, "company");
    let mut numbers = Vec::new();
    for (app, appid) in [("shop", APPID), ("stall", stall), ("booth", booth), ("club", OTHER_APPID)] {
        let body = t.phone_of("alice").login_to(app, appid, json!({})).await.ok(200);
        numbers.push(body["user"]["number"].clone());
    }
    assert_eq!(numbers, [1, 2, 3, 1], "a unionid joins only within the account that the operator has named");
}

#[tokio::test]
async fn the_token_of_one_app_is_its_own_audiences_alone() {
    let t = TestServer::start().await;
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    let claims = crate::harness::claims(&club.access_token());
    assert_eq!((&claims["aud"], &claims["client_id"]), (&json!(["club", t.url]), &json!("club")));
}
