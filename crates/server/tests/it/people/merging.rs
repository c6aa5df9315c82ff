//! `POST /v1/me/merge`: a person makes their two accounts one.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{CLINIC, LATER, MERGE, door, identities, introspected, on_qq, start, vouched};
use crate::harness::{APPID, Setup, TestServer};

fn token(pair: &Value) -> &str {
    pair["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn two_accounts_become_one_and_every_name_leads_there() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let (other, pair) = on_qq(&t, "alice").await;
    other.put("/v1/me", json!({"nickname": "小明"})).await.ok(200);
    let (former, number) = (pair["user"]["id"].clone(), pair["user"]["number"].clone());
    assert_eq!(introspected(&t, &phone.access_token()).await.get("alias"), None);

    let preview = phone.post(MERGE, json!({"access_token": token(&pair)})).await.ok(200);
    assert_eq!((&preview["merged"], &preview["user"]["id"]), (&json!(false), &json!(phone.user_id())));
    assert_eq!((&preview["other"]["id"], &preview["identities"]), (&former, &json!(1)));
    assert_eq!(
        (&preview["profile"], &preview["phone"], &preview["sessions_ended"]),
        (&json!(true), &json!(false), &json!(1))
    );
    let unsure = json!({"access_token": token(&pair), "confirm": true, "preview": true});
    assert_eq!(phone.post(MERGE, unsure).await.problem(400, "field_invalid")["field"], "preview");
    assert_eq!(other.get("/v1/me").await.ok(200)["user"]["id"], former, "nothing was done");

    assert_eq!((&preview["external_id"], &preview["data"]), (&json!(false), &json!(0)));
    assert_eq!(preview["user"]["nickname"], Value::Null, "the caller is as they are");

    let done = phone.post(MERGE, json!({"access_token": token(&pair), "confirm": true})).await.ok(200);
    assert_eq!(done["merged"], true);
    assert_eq!(done["user"], phone.get("/v1/me").await.ok(200)["user"], "the caller is as they are now");
    assert_eq!((&done["user"]["nickname"], &done["other"]["nickname"]), (&json!("小明"), &json!("小明")));
    assert_eq!(other.get("/v1/me").await.problem(401, "user_merged")["action"], "relogin");
    let refresh = pair["refresh_token"].as_str().unwrap();
    phone.refresh_with(refresh).await.problem(401, "user_merged");
    let me = phone.get("/v1/me").await.ok(200);
    assert_eq!((&me["user"]["id"], &me["user"]["nickname"]), (&json!(phone.user_id()), &json!("小明")));
    assert_eq!(identities(&phone).await.len(), 2);
    let (_, again) = on_qq(&t, "alice").await;
    assert_eq!((&again["user"]["id"], &again["is_new_user"]), (&json!(phone.user_id()), &json!(false)));

    let told = introspected(&t, token(&again)).await;
    assert_eq!((&told["sub"], &told["alias"]), (&json!(phone.user_id()), &json!([former])));
    for who in [json!({"user": former}), json!({"number": number})] {
        assert_eq!(vouched(&t, who).await["user"]["id"], phone.user_id());
    }
    assert_eq!(introspected(&t, token(&pair)).await, json!({"active": false}));
}

#[tokio::test]
async fn a_merge_whose_answer_was_lost_is_told_as_one_that_is_done() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let (_, pair) = on_qq(&t, "alice").await;
    let body = json!({"access_token": token(&pair), "confirm": true});
    phone.post(MERGE, body.clone()).await.ok(200);
    phone.post(MERGE, body.clone()).await.problem(409, "already_merged");
    let stranger = t.phone("carol").await;
    let refused = stranger.post(MERGE, body).await.problem(400, "field_invalid");
    assert_eq!(refused["field"], "access_token", "whose it was is told to nobody else");
    let own = json!({"access_token": phone.access_token(), "confirm": true});
    phone.post(MERGE, own).await.problem(409, "merge_refused");
}

#[tokio::test]
async fn a_merge_asks_for_a_fresh_sign_in_to_both() {
    let t = start().await;
    t.freeze();
    let phone = t.phone("alice").await;
    let (_, stale) = on_qq(&t, "alice").await;
    t.advance(LATER);
    let merge = async |token: &str, fresh: Option<String>| {
        let fresh = fresh.map(|code| json!({"code": code}));
        phone.post(MERGE, json!({"access_token": token, "confirm": true, "fresh": fresh})).await
    };
    let others = merge(token(&stale), Some(t.code("alice"))).await.problem(403, "reauth_required");
    assert!(others["detail"].as_str().unwrap().contains("the other account"), "{others}");
    let (_, fresh) = on_qq(&t, "alice").await;
    let own = merge(token(&fresh), None).await.problem(403, "reauth_required");
    assert!(!own["detail"].as_str().unwrap().contains("the other account"), "{own}");
    merge(token(&fresh), Some(t.code("alice"))).await.ok(200);
}

#[tokio::test]
async fn a_proof_that_is_wrong_merges_nobody_however_fresh_the_sign_ins_are() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let (other, pair) = on_qq(&t, "alice").await;
    let body = json!({"access_token": token(&pair), "confirm": true, "fresh": {"password": "zzz"}});
    phone.post(MERGE, body).await.problem(403, "old_password_wrong");
    assert_eq!(other.get("/v1/me").await.ok(200)["user"]["id"], pair["user"]["id"]);
}

/// What the answer says is what `GET /v1/me` says then.
#[tokio::test]
async fn a_phone_number_that_has_moved_stands_in_the_answer() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let mut twin = t.phone_of("twin");
    twin.login(json!({"phone_code": t.sim.phone_code(APPID, "twin")})).await.ok(200);
    let number = twin.get("/v1/me").await.ok(200)["user"]["phone_masked"].clone();
    assert!(number.is_string());
    let done = phone.post(MERGE, json!({"access_token": twin.access_token(), "confirm": true})).await.ok(200);
    assert_eq!((&done["phone"], &done["user"]["phone_masked"]), (&json!(true), &number));
    assert_eq!(phone.get("/v1/me").await.ok(200)["user"], done["user"]);
}

#[tokio::test]
async fn a_token_that_is_worth_nothing_merges_nobody() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let (other, pair) = on_qq(&t, "alice").await;
    other.post("/v1/logout", json!({})).await.ok(204);
    for worthless in ["x", token(&pair), pair["refresh_token"].as_str().unwrap()] {
        let body = json!({"access_token": worthless, "confirm": true});
        let refused = phone.post(MERGE, body).await.problem(400, "field_invalid");
        assert_eq!((&refused["field"], &refused["action"]), (&json!("access_token"), &json!("none")));
        assert!(!refused.to_string().contains(token(&pair)));
    }
    phone.get("/v1/me").await.ok(200);
    t.anon().post(MERGE, json!({"access_token": phone.access_token()})).await.problem(401, "token_missing");
    let (banned, pair) = on_qq(&t, "bob").await;
    t.menjin
        .disable_user(&menjin_server::store::Actor::command(), pair["user"]["id"].as_str().unwrap().parse().unwrap())
        .await
        .unwrap();
    banned.get("/v1/me").await.problem(401, "user_disabled");
    phone.post(MERGE, json!({"access_token": token(&pair)})).await.problem(400, "field_invalid");
}

#[tokio::test]
async fn mt_01_an_account_of_another_back_end_is_not_merged() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let pair = t.anon().post("/v1/login/clinic", json!({"code": t.sim.js_code(CLINIC, "alice")})).await.ok(200);
    let body = json!({"access_token": token(&pair), "confirm": true});
    phone.post(MERGE, body).await.problem(403, "forbidden");
    t.phone_with_token(token(&pair)).get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn data_that_back_ends_keep_of_a_user_comes_along() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let (_, pair) = on_qq(&t, "alice").await;
    let proof = door();
    let data = async |method: Method, token: &str, body: Option<Value>| {
        let headers = [("authorization", proof.as_str()), ("menjin-subject-token", token)];
        t.anon().send(method, "/v1/session/data/level?scope=user", body.map(|it| it.to_string()), &headers).await
    };
    assert!(data(Method::PUT, token(&pair), Some(json!({"value": 7}))).await.status.is_success());
    let preview = phone.post(MERGE, json!({"access_token": token(&pair)})).await.ok(200);
    assert_eq!(preview["data"], 1);
    phone.post(MERGE, json!({"access_token": token(&pair), "confirm": true})).await.ok(200);
    assert_eq!(data(Method::GET, &phone.access_token(), None).await.ok(200)["value"], 7);
    data(Method::GET, token(&pair), None).await.problem(401, "user_merged");
}

#[tokio::test]
async fn another_node_refuses_the_sessions_of_who_was_merged() {
    let t = start().await;
    let toml = "[[app]]\nid = \"qq\"\nkind = \"mini_program\"\nplatform = \"qq\"\nappid = \"1110000001\"\nsecret = \"0123456789abcdef0123456789abcdef\"\naudience = \"shop-api\"\n";
    let other: TestServer = t.beside(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let phone = t.phone("alice").await;
    let (_, pair) = on_qq(&t, "alice").await;
    let there = other.phone_with_token(token(&pair));
    there.get("/v1/me/sessions").await.ok(200);
    phone.post(MERGE, json!({"access_token": token(&pair), "confirm": true})).await.ok(200);
    let heard = async { while there.get("/v1/me/sessions").await.status != 401 {} };
    tokio::time::timeout(Duration::from_secs(10), heard).await.expect("the feed is read often");
    there.get("/v1/me/sessions").await.problem(401, "user_merged");
}
