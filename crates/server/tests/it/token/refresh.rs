//! `POST /v1/token/refresh`: design §4.3, line by line, as clients see it.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::broker::until;
use crate::harness::{Setup, TestServer, claims};
use crate::rows::Rows;
use crate::wire::Wire;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_refresh_gives_the_next_pair_of_the_same_session() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let (session, first, token) = (phone.session_id(), phone.refresh_token(), phone.access_token());
    t.advance(Duration::from_mins(1));
    let answer = phone.refresh().await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.ok(200);
    assert_eq!(body["session_id"], session);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(body["refresh_expires_in"], 30 * 86400);
    assert_ne!(phone.refresh_token(), first);
    assert_ne!(phone.access_token(), token);
    let (old, new) = (claims(&token), claims(&phone.access_token()));
    assert_eq!((&old["sub"], &old["sid"], &old["auth_time"]), (&new["sub"], &new["sid"], &new["auth_time"]));
    assert_ne!(old["jti"], new["jti"]);
    phone.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_may_be_asked_again() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let spent = phone.refresh_token();
    let lost = phone.refresh().await.ok(200);
    t.advance(Duration::from_secs(29));
    let again = phone.refresh_with(&spent).await.ok(200);
    assert_eq!(again["refresh_token"], lost["refresh_token"], "nothing changed");
    assert_eq!(again["session_id"], lost["session_id"]);
    phone.refresh().await.ok(200);
}

#[tokio::test]
async fn a_successor_that_never_arrived_is_superseded() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let spent = phone.refresh_token();
    let lost = phone.refresh().await.ok(200);
    t.advance(Duration::from_secs(31));
    let recovered = phone.refresh_with(&spent).await.ok(200);
    assert_ne!(recovered["refresh_token"], lost["refresh_token"]);
    phone.refresh_with(text(&lost)).await.problem(401, "refresh_reused");
    phone.refresh_with(text(&recovered)).await.problem(401, "refresh_reused");
}

#[tokio::test]
async fn a_recovered_refresh_goes_on_as_any_other() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let spent = phone.refresh_token();
    phone.refresh().await.ok(200);
    t.advance(Duration::from_hours(1));
    let recovered = phone.refresh_with(&spent).await.ok(200);
    let next = phone.refresh_with(text(&recovered)).await.ok(200);
    phone.refresh_with(text(&next)).await.ok(200);
}

#[tokio::test]
async fn a_refresh_token_spent_long_ago_ends_the_session() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let mut other = t.phone_of("alice");
    other.login(json!({"device": {"id": "other"}})).await.ok(200);
    let spent = phone.refresh_token();
    phone.refresh().await.ok(200);
    phone.refresh().await.ok(200);
    let problem = t.anon().refresh_with(&spent).await.problem(401, "refresh_reused");
    assert_eq!(problem["action"], "relogin");
    phone.get("/v1/me").await.problem(401, "refresh_reused");
    phone.refresh().await.problem(401, "refresh_reused");
    other.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn of_ten_refreshes_at_once_all_get_the_same_successor() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let token = phone.refresh_token();
    let answers = join_all((0..10).map(|_| phone.refresh_with(&token))).await;
    let successors: std::collections::HashSet<String> =
        answers.into_iter().map(|it| text(&it.ok(200)).to_owned()).collect();
    assert_eq!(successors.len(), 1);
}

#[tokio::test]
async fn an_idle_session_expires_and_a_busy_one_reaches_its_absolute_end() {
    let t = TestServer::start().await;
    let mut idle = t.phone("alice").await;
    let mut busy = t.phone("bob").await;
    for _ in 0..8 {
        t.advance(20 * DAY);
        busy.refresh().await.ok(200);
    }
    idle.refresh().await.problem(401, "session_expired");
    t.advance(19 * DAY);
    let last = busy.refresh().await.ok(200);
    assert_eq!(last["refresh_expires_in"], 86400, "never past the absolute end");
    t.advance(DAY);
    busy.refresh().await.problem(401, "session_expired");
    busy.refresh().await.problem(401, "session_expired");
}

#[tokio::test]
async fn lifetimes_are_the_apps_own() {
    let shop = "refresh_idle = \"1h\"\nrefresh_absolute = \"2h\"".to_owned();
    let t = TestServer::with(Setup { shop, ..Setup::default() }).await;
    let mut phone = t.phone("alice").await;
    t.advance(Duration::from_mins(59));
    assert_eq!(phone.refresh().await.ok(200)["refresh_expires_in"], 3600);
    t.advance(Duration::from_hours(1));
    phone.refresh().await.problem(401, "session_expired");
}

#[tokio::test]
async fn what_was_never_a_refresh_token_is_invalid_and_changes_nothing() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let token = phone.refresh_token();
    let mut forged = token.clone().into_bytes();
    let at = forged.len() - 2;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let access = phone.access_token();
    for wrong in ["", "mjr_", "nonsense", &"a".repeat(10_000), &forged, &access, &format!("{token} "), &token[1..]] {
        let problem = phone.refresh_with(wrong).await.problem(401, "token_invalid");
        assert_eq!(problem["action"], "relogin");
    }
    phone.refresh().await.ok(200);
}

#[tokio::test]
async fn a_refresh_token_outlives_a_restart() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let spent = phone.refresh_token();
    phone.refresh().await.ok(200);
    let (current, access) = (phone.refresh_token(), phone.access_token());
    let folder = t.stop().await;
    let t = TestServer::with(Setup { folder: Some(folder), ..Setup::default() }).await;
    assert_eq!(t.anon().refresh_with(&spent).await.ok(200)["refresh_token"], current);
    t.anon().refresh_with(&current).await.ok(200);
    let kid = crate::harness::header(&access)["kid"].clone();
    let keys = t.anon().get("/.well-known/jwks.json").await.ok(200)["keys"].clone();
    assert!(keys.as_array().unwrap().iter().any(|key| key["kid"] == kid));
}

#[tokio::test]
async fn a_refresh_whose_time_is_up_is_carried_through() {
    let t = TestServer::with(Setup {
        server: "request_timeout = \"1s\"".to_owned(),
        deadline: "900ms",
        ..Setup::default()
    });
    let t = t.await;
    let mut phone = t.phone("alice").await;
    let mut rows = Rows::of(&t).await;
    let row = "BEGIN; UPDATE grants SET counter = counter";
    rows.run_own("BEGIN IMMEDIATE", row, row).await;
    phone.refresh().await.problem(503, "timed_out");
    rows.run("COMMIT").await;
    until(async || rows.all("SELECT counter FROM grants").await[0][0].int() == 1).await;
    phone.refresh().await.ok(200);
    phone.refresh().await.ok(200);
}

#[tokio::test]
async fn clients_that_hang_up_on_a_refresh_keep_a_token_that_is_good() {
    let t = TestServer::start().await;
    let mut phones = Vec::new();
    for person in 0..40 {
        phones.push(t.phone(&format!("person-{person}")).await);
    }
    join_all(phones.iter().enumerate().map(async |(nth, phone)| {
        for patience in [nth, 40 + nth * 4] {
            let mut wire = Wire::to(&t).await;
            let body = json!({"refresh_token": phone.refresh_token()}).to_string();
            wire.say_post("/v1/token/refresh", "", &body).await;
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        }
    }))
    .await;
    for phone in &mut phones {
        phone.refresh().await.ok(200);
        phone.get("/v1/me").await.ok(200);
    }
}

fn text(pair: &Value) -> &str {
    pair["refresh_token"].as_str().unwrap()
}
