//! Who may ask: a back end that proves its app and has the scope, about somebody whose token is good.

use std::time::Duration;

use menjin_server::store::Actor;
use reqwest::Method;
use serde_json::json;

use super::{BackEnd, DATA, SECRET, server, with_back_ends};
use crate::apps::back_end;
use crate::broker::basic;
use crate::harness::{Answer, CLIENT_SECRET, OTHER_APPID, Setup, TestServer};
use crate::rows::Rows;

/// Every route, with these headers.
async fn everywhere(t: &TestServer, headers: &[(&str, &str)]) -> Vec<Answer> {
    let key = format!("{DATA}/client.x");
    let whole = json!({"data": {}}).to_string();
    let value = json!({"value": 1}).to_string();
    let mut answers = Vec::new();
    for (method, path, body) in [
        (Method::GET, DATA, None),
        (Method::PUT, DATA, Some(whole)),
        (Method::DELETE, DATA, None),
        (Method::GET, key.as_str(), None),
        (Method::PUT, key.as_str(), Some(value)),
        (Method::DELETE, key.as_str(), None),
    ] {
        answers.push(t.anon().send(method, path, body, headers).await);
    }
    answers
}

async fn refused(t: &TestServer, headers: &[(&str, &str)], status: u16, code: &str) {
    for answer in everywhere(t, headers).await {
        answer.problem(status, code);
    }
}

#[tokio::test]
async fn whoever_can_not_prove_what_they_are_is_refused_everywhere() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let (token, good) = (phone.access_token(), basic("api", SECRET));
    let subject = ("menjin-subject-token", token.as_str());
    refused(&t, &[], 401, "token_missing").await;
    for odd in [basic("api", "wrong"), basic("nobody", SECRET), basic("shop", ""), "Basic %%%".to_owned()] {
        refused(&t, &[("authorization", &odd)], 401, "client_invalid").await;
        refused(&t, &[("authorization", &odd), subject], 401, "client_invalid").await;
    }
    refused(&t, &[subject], 401, "client_invalid").await;
    refused(&t, &[("authorization", &good)], 400, "subject_token_missing").await;
    refused(&t, &[("authorization", &good), ("menjin-subject-token", "")], 400, "subject_token_missing").await;
    let twice = [("authorization", good.as_str()), subject, subject];
    refused(&t, &twice, 401, "token_invalid").await;
    let office = basic("office", CLIENT_SECRET);
    refused(&t, &[("authorization", &office), subject], 403, "insufficient_scope").await;
    let own = format!("Bearer {token}");
    refused(&t, &[("authorization", &own), subject], 403, "backend_only").await;
    assert_eq!(BackEnd::of(&t, &phone).all().await, json!({}), "nothing was written");
}

#[tokio::test]
async fn an_app_token_with_the_scope_serves_as_the_secret_does() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let token = async |scope: &str| {
        let (proof, form) = (basic("api", SECRET), format!("grant_type=client_credentials{scope}"));
        let headers = [("authorization", proof.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let answer = t.anon().send(Method::POST, "/oauth2/token", Some(form), &headers).await.ok(200);
        format!("Bearer {}", answer["access_token"].as_str().unwrap())
    };
    let subject = phone.access_token();
    for scope in ["", "&scope=session-data"] {
        let proof = token(scope).await;
        let headers = [("authorization", proof.as_str()), ("menjin-subject-token", &subject)];
        for answer in everywhere(&t, &headers).await {
            assert!(answer.status.is_success() || answer.json["code"] == "key_unknown", "{}", answer.text);
        }
        refused(&t, &[("authorization", &proof)], 400, "subject_token_missing").await;
        let itself = [("authorization", proof.as_str()), ("menjin-subject-token", &proof["Bearer ".len()..])];
        refused(&t, &itself, 401, "token_invalid").await;
    }
}

#[tokio::test]
async fn a_token_that_is_not_good_names_nobody() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let proof = basic("api", SECRET);
    let token = phone.access_token();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let (padded, refresh, long) = (format!("Bearer {token}"), phone.refresh_token(), "a".repeat(9000));
    for odd in ["x", forged.as_str(), &padded, &refresh, &long, "a.b.c"] {
        refused(&t, &[("authorization", &proof), ("menjin-subject-token", odd)], 401, "token_invalid").await;
    }
    t.advance(Duration::from_mins(15));
    refused(&t, &[("authorization", &proof), ("menjin-subject-token", &token)], 401, "token_expired").await;
}

#[tokio::test]
async fn of_two_tokens_a_refusal_says_which_one_it_means() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let (proof, person) = (basic("api", SECRET), phone.access_token());
    let form = [("authorization", proof.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let body = "grant_type=client_credentials".to_owned();
    let app = t.anon().send(Method::POST, "/oauth2/token", Some(body), &form).await.ok(200);
    let app = format!("Bearer {}", app["access_token"].as_str().unwrap());
    let ask = async |app: &str, person: &str| {
        let headers = [("authorization", app), ("menjin-subject-token", person)];
        let mut told = Vec::new();
        for answer in everywhere(&t, &headers).await {
            let challenge = answer.header("www-authenticate").to_owned();
            let code = answer.json["code"].as_str().unwrap().to_owned();
            let body = answer.problem(401, &code);
            let header = body["header"].as_str().unwrap().to_owned();
            assert!(challenge.contains(&format!(" in {header}\"")), "{challenge}");
            assert!(body["detail"].as_str().unwrap().contains(&header), "{body}");
            told.push((code, header));
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{told:?}");
        told.remove(0)
    };
    let means = |code: &str, header: &str| (code.to_owned(), header.to_owned());
    assert_eq!(ask(&app, "x").await, means("token_invalid", "Menjin-Subject-Token"));
    assert_eq!(ask("Bearer x", &person).await, means("token_invalid", "Authorization"));
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    assert_eq!(ask(&app, &club.access_token()).await, means("token_invalid", "Menjin-Subject-Token"));
    phone.post("/v1/logout", json!({})).await.ok(204);
    assert_eq!(ask(&app, &person).await, means("session_ended", "Menjin-Subject-Token"));
    t.advance(Duration::from_mins(15));
    assert_eq!(ask(&proof, &person).await, means("token_expired", "Menjin-Subject-Token"));
    assert_eq!(ask(&app, &person).await, means("token_expired", "Authorization"));
    let alone = t.anon().send(Method::GET, DATA, None, &[("authorization", &format!("Bearer {person}"))]).await;
    assert!(alone.problem(401, "token_expired").get("header").is_none(), "there is one token alone");
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once_on_both_nodes() {
    let a = server().await;
    let b = a.beside(with_back_ends()).await;
    for scope in ["session", "user"] {
        let phone = a.phone("alice").await;
        let api = BackEnd { scope, ..BackEnd::of(&a, &phone) };
        api.put("cart", json!({"value": 1})).await.ok(200);
        assert_eq!(api.at(&b).get("cart").await.ok(200), json!({"value": 1}), "seen at once");
        phone.post("/v1/logout", json!({})).await.ok(204);
        for api in [api, api.at(&b)] {
            api.get("cart").await.problem(401, "session_ended");
            api.get("").await.problem(401, "session_ended");
            api.put("cart", json!({"value": 2})).await.problem(401, "session_ended");
            api.delete("cart").await.problem(401, "session_ended");
            api.delete("").await.problem(401, "session_ended");
        }
        let own = b.phone_with_token(&phone.access_token());
        own.get(&format!("{DATA}/client.x")).await.problem(401, "session_ended");
        own.put(&format!("{DATA}/client.x"), json!({"value": 1})).await.problem(401, "session_ended");
    }
}

#[tokio::test]
async fn a_session_that_was_replaced_says_so() {
    let t = server().await;
    let mut first = t.phone_of("alice");
    first.login(json!({"device": {"id": "device"}})).await.ok(200);
    BackEnd::of(&t, &first).put("cart", json!({"value": 1})).await.ok(200);
    let mut second = t.phone_of("alice");
    second.login(json!({"device": {"id": "device"}})).await.ok(200);
    BackEnd::of(&t, &first).get("cart").await.problem(401, "session_replaced");
    BackEnd::of(&t, &second).get("cart").await.problem(404, "key_unknown");
}

#[tokio::test]
async fn a_scope_that_is_none_is_refused_by_name() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let (proof, token) = (basic("api", SECRET), phone.access_token());
    let headers = [("authorization", proof.as_str()), ("menjin-subject-token", &token)];
    for query in ["scope=", "scope=app", "scope=User", "scope=user&scope=user", "scope=session&scope=user"] {
        let answer = t.anon().send(Method::GET, &format!("{DATA}?{query}"), None, &headers).await;
        assert_eq!(answer.problem(400, "field_invalid")["field"], "scope", "{query}");
    }
    t.anon().send(Method::GET, &format!("{DATA}?scope=session&x=1"), None, &headers).await.ok(200);
}

#[tokio::test]
async fn mt_01_an_app_that_has_menjins_own_name_reaches_nobody() {
    let t = server().await;
    let phone = t.phone("alice").await;
    let added = t.menjin.add_app(&Actor::command(), back_end("old", vec!["session-data".to_owned()])).await.unwrap();
    let proof = basic("old", &added.client_secret.unwrap());
    // It was registered when `server.public_url` was another one.
    Rows::of(&t).await.run(&format!("UPDATE apps SET audience = '{}' WHERE id = 'old'", t.url)).await;
    let again = t.beside(with_back_ends()).await;
    let subject = phone.access_token();
    let headers = [("authorization", proof.as_str()), ("menjin-subject-token", &subject)];
    refused(&again, &headers, 401, "token_invalid").await;
}

#[tokio::test]
async fn ht_10_wrong_secrets_bar_their_app_and_address_here_too() {
    let limits = "enabled = true\nfailures_per_app = 3".to_owned();
    let t = TestServer::with(Setup { limits, ..with_back_ends() }).await;
    let phone = t.phone("alice").await;
    let subject = phone.access_token();
    let ask = async |proof: &str| {
        let headers = [("authorization", proof), ("menjin-subject-token", subject.as_str())];
        t.anon().send(Method::GET, DATA, None, &headers).await
    };
    let good = basic("api", SECRET);
    ask(&good).await.ok(200);
    for _ in 0..4 {
        ask(&basic("api", "guess")).await.problem(401, "client_invalid");
    }
    let barred = ask(&good).await;
    assert!((1..=60).contains(&barred.header("retry-after").parse::<u64>().unwrap()));
    barred.problem(429, "too_many_requests");
    phone.get(DATA).await.ok(200);
}
