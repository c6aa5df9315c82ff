//! `POST /v1/sessions`: a back end opens a session for somebody whom it has authenticated itself.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use menjin_server::store::Actor;
use reqwest::Method;
use serde_json::{Value, json};

use super::{SECRET, by, open, with_gate};
use crate::broker::basic;
use crate::harness::{APPID, Answer, Setup, TestServer, claims};
use crate::rows::Rows;

fn emp(name: &str) -> Value {
    json!({"external_id": name, "app": "shop"})
}

#[tokio::test]
async fn a_session_opened_for_somebody_is_one_like_any_other() {
    let t = TestServer::with(with_gate()).await;
    let device = json!({"id": "d1", "class": "pc", "name": "Office PC", "system": "Debian"});
    let answer = open(&t, json!({"external_id": "emp-1", "app": "shop", "device": device})).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let pair = answer.ok(201);
    let members: Vec<_> = pair.as_object().unwrap().keys().map(String::as_str).collect();
    let login = t.phone_of("bob").login(json!({})).await.ok(200);
    assert_eq!(members, login.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((&pair["is_new_user"], &pair["token_type"]), (&json!(true), &json!("Bearer")));
    let said = claims(pair["access_token"].as_str().unwrap());
    assert_eq!((&said["amr"], &said["client_id"]), (&json!(["app"]), &json!("shop")));
    assert_eq!((&said["aud"][0], &said["sub"]), (&json!("shop-api"), &pair["user"]["id"]));
    let person = t.phone_with_token(pair["access_token"].as_str().unwrap());
    assert_eq!(person.get("/v1/me").await.ok(200)["user"], pair["user"]);
    let session = &person.get("/v1/me/sessions").await.ok(200)["sessions"][0];
    assert_eq!((&session["id"], &session["device"]), (&pair["session_id"], &device));
    assert_eq!(session["ip"], Value::Null, "the back end's address is not the person's");
    let next = t.anon().refresh_with(pair["refresh_token"].as_str().unwrap()).await.ok(200);
    assert_eq!(claims(next["access_token"].as_str().unwrap())["amr"], json!(["app"]));
    person.post("/v1/logout", json!({})).await.ok(204);
    person.get("/v1/me").await.problem(401, "session_ended");
    let again = open(&t, emp("emp-1")).await.ok(201);
    assert_eq!((&again["is_new_user"], &again["user"]["id"]), (&json!(false), &pair["user"]["id"]));
}

#[tokio::test]
async fn everybody_is_found_by_id_number_and_identity() {
    let t = TestServer::with(with_gate()).await;
    let phone = t.phone("alice").await;
    let me = phone.get("/v1/me").await.ok(200)["user"].clone();
    let openid = Rows::of(&t).await.all("SELECT openid FROM identities").await[0][0].text().unwrap();
    let identity = json!({"platform": "wechat", "appid": APPID, "openid": openid});
    for name in [json!({"user": me["id"]}), json!({"number": me["number"]}), json!({"identity": identity})] {
        let mut body = name.clone();
        body["app"] = "shop".into();
        let pair = open(&t, body).await.ok(201);
        assert_eq!((&pair["user"]["id"], &pair["is_new_user"]), (&me["id"], &json!(false)), "{name}");
    }
    let new = json!({"platform": "wechat", "appid": APPID, "openid": "o-somebody-new"});
    assert_eq!(open(&t, json!({"identity": new, "app": "shop"})).await.ok(201)["is_new_user"], true);
    phone.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn whoever_is_unknown_is_made_by_a_name_alone_that_is_the_callers_own() {
    let t = TestServer::with(with_gate()).await;
    for body in [
        json!({"user": "usr_01jd3v0000zzzzzzzzzzzzzzzz"}),
        json!({"user": "nonsense"}),
        json!({"user": ""}),
        json!({"number": 41}),
        json!({"number": -1}),
        json!({"number": i64::MAX}),
    ] {
        let mut body = body;
        body["app"] = "shop".into();
        open(&t, body).await.problem(404, "user_unknown");
    }
    assert!(Rows::of(&t).await.all("SELECT number FROM users").await.is_empty());
}

#[tokio::test]
async fn what_can_not_stand_is_refused_and_named() {
    let t = TestServer::with(with_gate()).await;
    let long = "x".repeat(256);
    let identity = |platform: &str, appid: &str, openid: &str| json!({"app": "shop", "identity": {"platform": platform, "appid": appid, "openid": openid}});
    let big = json!({"app": "shop", "external_id": "e", "claims": {"a": "x".repeat(1020)}});
    let cases = [
        (json!({"app": "shop"}), "user"),
        (json!({"app": "shop", "external_id": "e", "number": 1}), "external_id"),
        (
            json!({"app": "shop", "user": "usr_x", "identity": {"platform": "wechat", "appid": APPID, "openid": "o"}}),
            "identity",
        ),
        (json!({"external_id": "e"}), "app"),
        (json!({"app": 7, "external_id": "e"}), "app"),
        (json!({"app": "shop", "external_id": ""}), "external_id"),
        (json!({"app": "shop", "external_id": long}), "external_id"),
        (json!({"app": "shop", "external_id": "a\u{0}b"}), "external_id"),
        (json!({"app": "shop", "external_id": "a\u{202e}b"}), "external_id"),
        (json!({"app": "shop", "external_id": 7}), "external_id"),
        (json!({"app": "shop", "number": "7"}), "number"),
        (json!({"app": "shop", "number": 1.5}), "number"),
        (identity("msn", APPID, "o"), "identity.platform"),
        (identity("wechat", "wx", "o"), "identity.appid"),
        (identity("wechat", "wx00000000000000ff", "o"), "identity.appid"),
        (identity("wechat", APPID, ""), "identity.openid"),
        (identity("wechat", APPID, "o o"), "identity.openid"),
        (json!({"app": "shop", "external_id": "e", "device": {"class": "watch"}}), "device.class"),
        (json!({"app": "shop", "external_id": "e", "claims": []}), "claims"),
        (json!({"app": "shop", "external_id": "e", "claims": "x"}), "claims"),
        (json!({"app": "shop", "external_id": "e", "claims": {"": 1}}), "claims"),
        (big, "claims"),
    ];
    for (body, field) in cases {
        let problem = open(&t, body.clone()).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], field, "{body}");
    }
    let own = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "sid",
        "client_id",
        "auth_time",
        "acr",
        "amr",
        "azp",
        "nonce",
        "cnf",
        "scope",
        "roles",
        "permissions",
        "token_use",
    ];
    for name in own {
        let body = json!({"app": "shop", "external_id": "e", "claims": {name: "x"}});
        assert_eq!(open(&t, body).await.problem(400, "field_invalid")["field"], "claims", "{name}");
    }
    assert!(Rows::of(&t).await.all("SELECT number FROM users").await.is_empty(), "nothing came of any");
}

#[tokio::test]
async fn claims_nest_as_deep_as_a_token_is_read() {
    let t = TestServer::with(with_gate()).await;
    let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let said = |depth| json!({"external_id": "e", "app": "shop", "claims": {"a": nested(depth)}});
    assert_eq!(open(&t, said(17)).await.problem(400, "field_invalid")["field"], "claims");
    let pair = open(&t, said(16)).await.ok(201);
    t.phone_with_token(pair["access_token"].as_str().unwrap()).get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn mt_01_only_a_back_end_with_the_scope_opens_and_only_for_its_own_apps() {
    let t = TestServer::with(with_gate()).await;
    let person = t.phone("alice").await;
    let body = emp("emp-1");
    let with = async |authorization: &str| -> Answer {
        t.anon().send(Method::POST, "/v1/sessions", Some(body.to_string()), &[("authorization", authorization)]).await
    };
    with(&basic("gate", "wrong")).await.problem(401, "client_invalid");
    with(&basic("shop", SECRET)).await.problem(401, "client_invalid");
    t.anon().post("/v1/sessions", body.clone()).await.problem(401, "client_invalid");
    let of_person = with(&format!("Bearer {}", person.access_token())).await;
    assert!(matches!(of_person.status.as_u16(), 401 | 403), "{}", of_person.text);
    by(&t, "porter", Method::POST, "/v1/sessions", Some(body.clone())).await.problem(403, "insufficient_scope");
    open(&t, json!({"external_id": "emp-1", "app": "club"})).await.problem(403, "forbidden");
    open(&t, json!({"external_id": "emp-1", "app": "office"})).await.problem(403, "forbidden");
    open(&t, json!({"external_id": "emp-1", "app": "nowhere"})).await.problem(404, "app_unknown");
    let users = Rows::of(&t).await.all("SELECT number FROM users").await;
    assert_eq!(users.len(), 1, "alice alone");
}

#[tokio::test]
async fn claims_stand_in_every_access_token_of_the_session() {
    let setup = with_gate();
    let toml = format!("{}\n[audience.shop-api.claims]\ntenant = \"acme\"\n", setup.toml);
    let t = TestServer::with(Setup { toml, ..setup }).await;
    let own = json!({"level": 3, "groups": ["a", "b"], "名": "门禁", "deep": {"x": [null, true]}, "tenant": "evil"});
    let pair = open(&t, json!({"external_id": "emp-1", "app": "shop", "claims": own})).await.ok(201);
    let mut refresh = pair["refresh_token"].as_str().unwrap().to_owned();
    let mut access = pair["access_token"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        let said = claims(&access);
        for name in ["level", "groups", "名", "deep"] {
            assert_eq!(said[name], own[name], "{name}");
        }
        assert_eq!(said["tenant"], "acme", "what menjin.toml says counts more");
        t.phone_with_token(&access).get("/v1/me").await.ok(200);
        let next = t.anon().refresh_with(&refresh).await.ok(200);
        next["refresh_token"].as_str().unwrap().clone_into(&mut refresh);
        next["access_token"].as_str().unwrap().clone_into(&mut access);
    }
    let without = open(&t, emp("emp-1")).await.ok(201);
    assert_eq!(claims(without["access_token"].as_str().unwrap())["level"], Value::Null);
}

async fn keyed(t: &TestServer, key: &str, body: &Value) -> Answer {
    let proof = basic("gate", SECRET);
    let headers = [("authorization", proof.as_str()), ("idempotency-key", key)];
    t.anon().send(Method::POST, "/v1/sessions", Some(body.to_string()), &headers).await
}

#[tokio::test]
async fn under_one_key_there_is_one_session() {
    let t = TestServer::with(with_gate()).await;
    let body = emp("emp-1");
    let first = keyed(&t, "k1", &body).await.ok(201);
    let again = keyed(&t, "k1", &body).await.ok(201);
    assert_eq!((&first["session_id"], &first["refresh_token"]), (&again["session_id"], &again["refresh_token"]));
    assert_ne!(keyed(&t, "k2", &body).await.ok(201)["session_id"], first["session_id"]);
    keyed(&t, "k1", &emp("emp-2")).await.problem(422, "idempotency_mismatch");
    keyed(&t, "a b", &body).await.problem(400, "field_invalid");
    let raced = join_all((0..8).map(|_| keyed(&t, "k3", &body))).await;
    let sessions: BTreeSet<String> = raced.into_iter().map(|it| it.ok(201)["session_id"].to_string()).collect();
    assert_eq!(sessions.len(), 1);
    let unknown = json!({"number": 999, "app": "shop"});
    keyed(&t, "k4", &unknown).await.problem(404, "user_unknown");
    keyed(&t, "k4", &unknown).await.problem(404, "user_unknown");
    t.anon().refresh_with(first["refresh_token"].as_str().unwrap()).await.ok(200);
    keyed(&t, "k1", &body).await.problem(422, "idempotency_mismatch");
}

#[tokio::test]
async fn openings_raced_over_two_nodes_for_one_new_person_make_one_user() {
    let one = TestServer::with(with_gate()).await;
    let other = one.beside(with_gate()).await;
    for round in 0..8 {
        let body = emp(&format!("emp-{round}"));
        let nodes = [&one, &other, &one, &other, &one, &other];
        let pairs = join_all(nodes.map(|node| open(node, body.clone()))).await;
        let pairs: Vec<Value> = pairs.into_iter().map(|it| it.ok(201)).collect();
        let users: BTreeSet<String> = pairs.iter().map(|pair| pair["user"]["id"].to_string()).collect();
        assert_eq!(users.len(), 1, "{users:?}");
        assert_eq!(pairs.iter().filter(|pair| pair["is_new_user"] == true).count(), 1);
        let sessions: BTreeSet<String> = pairs.iter().map(|pair| pair["session_id"].to_string()).collect();
        assert_eq!(sessions.len(), 6);
    }
    assert_eq!(Rows::of(&one).await.all("SELECT number FROM users").await.len(), 8);
}

#[tokio::test]
async fn se_05_nothing_opens_for_who_is_disabled() {
    let t = TestServer::with(with_gate()).await;
    let pair = open(&t, emp("emp-1")).await.ok(201);
    let user = pair["user"]["id"].as_str().unwrap().parse().unwrap();
    t.advance(Duration::from_secs(1));
    t.menjin.disable_user(&Actor::command(), user).await.unwrap();
    for body in [emp("emp-1"), json!({"user": pair["user"]["id"], "app": "shop"})] {
        open(&t, body).await.problem(401, "user_disabled");
    }
    keyed(&t, "k", &emp("emp-1")).await.problem(401, "user_disabled");
    keyed(&t, "k", &emp("emp-1")).await.problem(401, "user_disabled");
}

#[tokio::test]
async fn the_audit_says_which_back_end_opened_a_session() {
    let t = TestServer::with(with_gate()).await;
    open(&t, emp("emp-1")).await.ok(201);
    let mut rows = Rows::of(&t).await;
    let lines = rows.all("SELECT actor, app, actor_id, ip FROM audit WHERE action = 'session.opened'").await;
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((line[0].text().as_deref(), line[1].text().as_deref()), (Some("app"), Some("shop")));
    assert_eq!(line[2].text().as_deref(), Some("gate"), "{line:?}");
}
