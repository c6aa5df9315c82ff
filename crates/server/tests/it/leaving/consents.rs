//! `GET|POST /v1/me/consents`, and `need: consent`.

use reqwest::Method;
use serde_json::{Value, json};

use super::documents;
use crate::harness::{OTHER_APPID, Setup, TestServer};
use crate::rows::Rows;

fn accepts(version: &str) -> Value {
    json!({"accept": [{"id": "privacy", "version": version}]})
}

#[tokio::test]
async fn a_sign_in_needs_consent_until_the_present_version_is_agreed_to() {
    let t = TestServer::with(documents("1")).await;
    let mut phone = t.phone_of("alice");
    assert_eq!(phone.login(json!({})).await.ok(200)["need"], json!(["consent"]));
    let list = phone.get("/v1/me/consents").await.ok(200);
    let privacy = json!({
        "id": "privacy", "version": "1", "url": "https://shop.example.com/privacy", "required": true,
        "accepted": false, "accepted_version": null, "accepted_at": null,
    });
    assert_eq!((&list["consents"][0], &list["need"]), (&privacy, &json!(["consent"])));
    let ids: Vec<_> = list["consents"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["privacy", "marketing"], "what another app asks is not shown");
    let list = phone.post("/v1/me/consents", accepts("1")).await.ok(200);
    assert_eq!((&list["consents"][0]["accepted"], &list["need"]), (&json!(true), &json!([])));
    assert_eq!(phone.login(json!({})).await.ok(200)["need"], json!([]));
    // Of the other app something else is required, and what was said here counts there.
    let mut club = t.phone_of("alice");
    assert_eq!(club.login_to("club", OTHER_APPID, json!({})).await.ok(200)["need"], json!(["profile", "consent"]));
    let body = json!({"accept": [{"id": "rules", "version": "1"}]});
    assert_eq!(club.post("/v1/me/consents", body).await.ok(200)["need"], json!([]));
}

#[tokio::test]
async fn a_newer_version_is_asked_for_again_and_the_former_stays_as_evidence() {
    let t = TestServer::with(documents("1")).await;
    let mut phone = t.phone_of("alice");
    phone.login(json!({})).await.ok(200);
    let agent = [("user-agent", "MicroMessenger/8.0")];
    phone.send(Method::POST, "/v1/me/consents", Some(accepts("1").to_string()), &agent).await.ok(200);
    let newer = t.beside(documents("2")).await;
    let mut there = newer.phone_of("alice");
    assert_eq!(there.login(json!({})).await.ok(200)["need"], json!(["consent"]));
    let list = there.get("/v1/me/consents").await.ok(200);
    let privacy = &list["consents"][0];
    assert_eq!((&privacy["accepted"], &privacy["accepted_version"]), (&json!(false), &json!("1")));
    let problem = there.post("/v1/me/consents", accepts("1")).await.problem(409, "consent_outdated");
    assert_eq!(problem["action"], "consent");
    assert_eq!(there.post("/v1/me/consents", accepts("2")).await.ok(200)["need"], json!([]));
    let rows = "SELECT version, app, ip, user_agent FROM consents ORDER BY version";
    let rows = Rows::of(&t).await.all(rows).await;
    let rows: Vec<_> = rows.iter().map(|row| [0, 1, 2, 3].map(|at| row[at].text().unwrap_or_default())).collect();
    assert_eq!(rows[0], ["1", "shop", "127.0.0.1", "MicroMessenger/8.0"]);
    assert_eq!(rows[1][..3], ["2", "shop", "127.0.0.1"]);
}

#[tokio::test]
async fn what_is_withdrawn_is_needed_again_if_it_is_required() {
    let t = TestServer::with(documents("1")).await;
    let phone = t.phone("alice").await;
    let both = json!({"accept": [{"id": "privacy", "version": "1"}, {"id": "marketing", "version": "7"}]});
    assert_eq!(phone.post("/v1/me/consents", both).await.ok(200)["need"], json!([]));
    let list = phone.post("/v1/me/consents", json!({"withdraw": ["marketing"]})).await.ok(200);
    assert_eq!((&list["consents"][1]["accepted"], &list["need"]), (&json!(false), &json!([])));
    let list = phone.post("/v1/me/consents", json!({"withdraw": ["privacy"]})).await.ok(200);
    assert_eq!((&list["consents"][0]["accepted_version"], &list["need"]), (&Value::Null, &json!(["consent"])));
    assert_eq!(t.phone_of("alice").login(json!({})).await.ok(200)["need"], json!(["consent"]));
}

#[tokio::test]
async fn what_was_agreed_to_before_two_accounts_became_one_is_not_asked_again() {
    let t = TestServer::with(documents("1")).await;
    let (alice, mut twin) = (t.phone("alice").await, t.phone_of("twin"));
    twin.login(json!({})).await.ok(200);
    twin.post("/v1/me/consents", accepts("1")).await.ok(200);
    assert_eq!(alice.get("/v1/me/consents").await.ok(200)["need"], json!(["consent"]));
    let token = twin.access_token();
    alice.post("/v1/me/merge", json!({"access_token": token, "confirm": true})).await.ok(200);
    let list = alice.get("/v1/me/consents").await.ok(200);
    assert_eq!((&list["consents"][0]["accepted"], &list["need"]), (&json!(true), &json!([])));
    assert_eq!(twin.login(json!({})).await.ok(200)["need"], json!([]));
    t.clock.advance(std::time::Duration::from_secs(1));
    let list = alice.post("/v1/me/consents", json!({"withdraw": ["privacy"]})).await.ok(200);
    assert_eq!((&list["consents"][0]["accepted"], &list["need"]), (&json!(false), &json!(["consent"])));
    let rows = Rows::of(&t).await.all("SELECT count(*) FROM consents WHERE withdrawn_at IS NOT NULL").await;
    assert_eq!(rows[0][0].int(), 1, "the evidence stays where it was given");
}

#[tokio::test]
async fn what_is_no_document_of_the_app_is_named() {
    let t = TestServer::with(documents("1")).await;
    let phone = t.phone("alice").await;
    let accept = |id: &str, version: &str| json!({"accept": [{"id": id, "version": version}]});
    for (body, field) in [
        (json!({}), "accept"),
        (accept("rules", "1"), "accept[0].id"),
        (accept("Privacy Notice", "1"), "accept[0].id"),
        (accept("privacy", "version one"), "accept[0].version"),
        (json!({"withdraw": ["no such thing"]}), "withdraw[0]"),
        (json!({"withdraw": ["marketing", "nosuch"]}), "withdraw[1]"),
        (json!({"withdraw": ["rules"]}), "withdraw[0]"),
        (json!({"withdraw": vec!["marketing"; 33]}), "withdraw"),
        (json!({"accept": [{"id": "privacy"}]}), "accept[0].version"),
        (json!({"accept": [{"id": "privacy", "version": "1"}], "withdraw": ["marketing", "privacy"]}), "withdraw[1]"),
    ] {
        let problem = phone.post("/v1/me/consents", body.clone()).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], field, "{body}");
        if body == json!({}) {
            assert!(problem["detail"].as_str().unwrap().contains("at least one of"), "{problem}");
        }
    }
    assert_eq!(Rows::of(&t).await.all("SELECT count(*) FROM consents").await[0][0].int(), 0);
    t.anon().get("/v1/me/consents").await.problem(401, "token_missing");
}

/// It may have gone from the file since, or be another app's.
#[tokio::test]
async fn what_was_agreed_to_can_be_withdrawn_wherever_the_document_is_now() {
    let t = TestServer::with(documents("1")).await;
    let phone = t.phone("alice").await;
    phone.post("/v1/me/consents", json!({"accept": [{"id": "marketing", "version": "7"}]})).await.ok(200);
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    club.post("/v1/me/consents", json!({"withdraw": ["marketing"]})).await.ok(200);
    let list = phone.get("/v1/me/consents").await.ok(200);
    assert_eq!((&list["consents"][1]["id"], &list["consents"][1]["accepted"]), (&json!("marketing"), &json!(false)));
}

#[tokio::test]
async fn where_nothing_is_asked_nothing_is_needed() {
    let t = TestServer::with(Setup { shop: "need = []".to_owned(), ..Setup::default() }).await;
    let mut phone = t.phone_of("alice");
    assert_eq!(phone.login(json!({})).await.ok(200)["need"], json!([]));
    assert_eq!(phone.get("/v1/me/consents").await.ok(200), json!({"consents": [], "need": []}));
}

/// A program may do that all day; each sign-in would read all of it.
#[tokio::test]
async fn of_what_somebody_agrees_to_and_withdraws_again_and_again_the_newest_is_kept() {
    let t = TestServer::with(documents("1")).await;
    let phone = t.phone("alice").await;
    phone.post("/v1/me/consents", json!({"accept": [{"id": "marketing", "version": "7"}]})).await.ok(200);
    phone.post("/v1/me/consents", json!({"withdraw": ["marketing"]})).await.ok(200);
    for _ in 0..25 {
        t.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(phone.post("/v1/me/consents", accepts("1")).await.ok(200)["need"], json!([]));
        let list = phone.post("/v1/me/consents", json!({"withdraw": ["privacy"]})).await.ok(200);
        assert_eq!(list["need"], json!(["consent"]));
    }
    t.clock.advance(std::time::Duration::from_secs(1));
    phone.post("/v1/me/consents", accepts("1")).await.ok(200);
    let list = phone.get("/v1/me/consents").await.ok(200);
    assert_eq!(list["consents"][0]["accepted_at"], t.menjin_now().to_string());
    let export = phone.get("/v1/me/export").await.ok(200);
    let of = |id: &str| export["consents"].as_array().unwrap().iter().filter(|it| it["id"] == id).count();
    assert_eq!((of("privacy"), of("marketing")), (21, 1), "twenty that were withdrawn, and the one that holds");
}

#[tokio::test]
async fn consents_are_not_read_all_day() {
    let limits = "enabled = true\nper_person = 3".to_owned();
    let t = TestServer::with(Setup { limits, ..documents("1") }).await;
    let phone = t.phone("alice").await;
    for _ in 0..3 {
        phone.get("/v1/me/consents").await.ok(200);
    }
    phone.get("/v1/me/consents").await.problem(429, "too_many_requests");
}
