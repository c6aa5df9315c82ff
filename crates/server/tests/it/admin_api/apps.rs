//! `/admin/v1/apps`: registered, shut out, removed; secrets that are told once.

use menjin_server::store::OperatorRole;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Program, acts, each};
use crate::broker::basic;
use crate::harness::{APPID, TestServer};
use crate::operators::hand::Hand;

fn reports() -> Value {
    json!({"id": "reports", "name": "Reports", "scopes": ["revocations:read"], "audience": "shop-api"})
}

#[tokio::test]
async fn an_app_is_registered_used_shut_out_let_in_and_removed() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    let made = admin.post("/apps", Some(reports())).await.ok(201);
    let secret = made["client_secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("mjs_"));
    assert_eq!((&made["app"]["source"], &made["app"]["kind"]), (&json!("store"), &json!("backend")));
    let seen = admin.get("/apps/reports").await.ok(200);
    assert_eq!(seen, made["app"]);
    assert!(!admin.get("/apps").await.text.contains(&secret));
    let ask = async || {
        let proof = basic("reports", &secret);
        t.anon().send(Method::GET, "/v1/revocations", None, &[("authorization", &proof)]).await
    };
    ask().await.ok(200);
    admin.post("/apps/reports/disable", None).await.ok(204);
    ask().await.problem(401, "client_invalid");
    assert!(admin.get("/apps/reports").await.ok(200)["disabled_at"].is_string());
    admin.post("/apps/reports/enable", None).await.ok(204);
    ask().await.ok(200);
    admin.delete("/apps/reports").await.ok(204);
    ask().await.problem(401, "client_invalid");
    admin.get("/apps/reports").await.problem(404, "app_unknown");
    admin.post("/apps", Some(reports())).await.problem(409, "app_id_used");
    let lines = acts(&admin, OperatorRole::Admin).await;
    assert_eq!(lines, ["app.removed", "app.enabled", "app.disabled", "app.added"]);
}

#[tokio::test]
async fn an_app_lets_people_sign_in_by_password_and_no_longer() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    let desk = json!({"id": "desk", "kind": "web", "passwords": true, "register": true});
    let made = admin.post("/apps", Some(desk)).await.ok(201);
    assert_eq!((&made["app"]["passwords"], &made["app"]["register"]), (&json!(true), &json!(true)));
    let alice = json!({"username": "alice", "password": "correct horse battery"});
    t.anon().post("/v1/register/desk", alice.clone()).await.ok(201);
    let put = async |path: &str, body: Value| admin.put(path, body).await;
    put("/apps/desk/passwords", json!({"passwords": false})).await.ok(204);
    t.anon().post("/v1/login/desk/password", alice).await.problem(404, "app_unknown");
    let seen = admin.get("/apps/desk").await.ok(200);
    assert_eq!((&seen["passwords"], &seen["register"]), (&json!(false), &json!(false)));
    for (body, field) in [
        (json!({"register": true}), "passwords"),
        (json!({"passwords": "on"}), "passwords"),
        (json!({"passwords": false, "register": true}), "register"),
    ] {
        assert_eq!(put("/apps/desk/passwords", body).await.problem(400, "field_invalid")["field"], field);
    }
    put("/apps/shop/passwords", json!({"passwords": true})).await.problem(409, "app_read_only");
    put("/apps/nowhere/passwords", json!({"passwords": true})).await.problem(404, "app_unknown");
    assert_eq!(acts(&admin, OperatorRole::Admin).await, ["app.passwords_changed", "app.added"]);
}

#[tokio::test]
async fn two_client_secrets_live_and_each_is_revoked_by_its_name() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    admin.post("/apps", Some(reports())).await.ok(201);
    let made = admin.post("/apps/reports/secrets", None).await.ok(201);
    admin.post("/apps/reports/secrets", None).await.problem(409, "client_secrets_full");
    let names = each(admin.get("/apps/reports").await.ok(200)["secrets"].as_array().unwrap(), "id");
    assert_eq!(names.len(), 2);
    assert!(names.contains(&made["id"].as_str().unwrap().to_owned()));
    admin.delete("/apps/reports/secrets/00000000").await.problem(404, "client_secret_unknown");
    for name in &names {
        admin.delete(&format!("/apps/reports/secrets/{name}")).await.ok(204);
        admin.delete(&format!("/apps/reports/secrets/{name}")).await.problem(404, "client_secret_unknown");
    }
}

#[tokio::test]
async fn what_can_not_be_registered_says_which_member_and_why() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    let refused = async |change: Value| {
        let mut body = reports();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        admin.post("/apps", Some(body)).await.problem(400, "field_invalid")["field"].clone()
    };
    assert_eq!(refused(json!({"id": "Reports!"})).await, "id");
    assert_eq!(refused(json!({"id": 7})).await, "id");
    assert_eq!(refused(json!({"kind": "toaster"})).await, "kind");
    assert_eq!(refused(json!({"audience": "two words"})).await, "audience");
    assert_eq!(refused(json!({"platform": "alipay", "appid": "2021", "app_secret": "s"})).await, "platform");
    assert_eq!(refused(json!({"appid": "wx0000000000000001"})).await, "app_secret");
    assert_eq!(refused(json!({"app_secret": "s"})).await, "appid");
    assert_eq!(refused(json!({"platform": "wechat"})).await, "appid");
    assert_eq!(refused(json!({"name": ""})).await, "name");
    assert_eq!(refused(json!({"audience": t.url})).await, "audience");
    assert_eq!(refused(json!({"open_account": "a".repeat(65)})).await, "open_account");
    assert_eq!(refused(json!({"passwords": true})).await, "passwords");
    let shop =
        json!({"kind": "mini_program", "scopes": [], "appid": "wx0000000000000001", "app_secret": "0".repeat(32)});
    let of_shop = async |change: Value| {
        let mut body = shop.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refused(body).await
    };
    assert_eq!(of_shop(json!({"scopes": ["session-data"]})).await, "scopes");
    assert_eq!(of_shop(json!({"platform": "qq"})).await, "appid");
    assert_eq!(of_shop(json!({"app_secret": "…"})).await, "app_secret");
    assert_eq!(of_shop(json!({"kind": "native", "platform": "qq", "appid": "101000001"})).await, "platform");
    assert_eq!(of_shop(json!({"kind": "web"})).await, "platform");
    assert_eq!(refused(json!({"kind": "mini_program", "scopes": []})).await, "platform");
    for scope in ["zzz", "platform-token:zzz"] {
        let body = json!({"id": "reports", "scopes": [scope]});
        let odd = admin.post("/apps", Some(body)).await.problem(400, "field_invalid");
        let detail = odd["detail"].as_str().unwrap();
        assert!(detail.contains("`revocations:read`") && !detail.contains("zzz"), "nothing sent is repeated: {detail}");
    }
    admin.post("/apps", Some(json!({}))).await.problem(400, "field_invalid");
    admin.post("/apps", Some(json!([]))).await.problem(400, "json_invalid");
    let other = json!({"id": "kiosk", "kind": "mini_program", "appid": APPID, "app_secret": "0".repeat(32)});
    admin.post("/apps", Some(other)).await.problem(409, "appid_taken");
    assert_eq!(admin.all("/apps").await.len(), 3, "nothing was registered");
}

#[tokio::test]
async fn apps_of_the_file_are_listed_and_read_only() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    admin.post("/apps", Some(reports())).await.ok(201);
    admin.post("/apps", Some(reports())).await.problem(409, "app_exists");
    assert_eq!(each(&admin.all("/apps?limit=1").await, "id"), ["club", "office", "reports", "shop"]);
    let text = admin.get("/apps").await.text;
    for secret in [crate::harness::APP_SECRET, crate::harness::CLIENT_SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
    for act in ["disable", "enable", "secrets"] {
        admin.post(&format!("/apps/shop/{act}"), None).await.problem(409, "app_read_only");
        admin.post(&format!("/apps/nowhere/{act}"), None).await.problem(404, "app_unknown");
    }
    admin.delete("/apps/shop").await.problem(409, "app_read_only");
    admin.delete("/apps/nowhere").await.problem(404, "app_unknown");
    admin.post("/apps", Some(json!({"id": "shop"}))).await.problem(409, "app_read_only");
}

#[tokio::test]
async fn apps_are_for_admins_and_secrets_for_those_who_proved_themselves_lately() {
    let t = TestServer::start().await;
    let support = Program::of(&t, OperatorRole::Support).await;
    support.get("/apps").await.ok(200);
    support.post("/apps", Some(reports())).await.problem(403, "right_missing");
    support.post("/apps/shop/disable", None).await.problem(403, "right_missing");
    let mut hand = Hand::of(&t, "lin", OperatorRole::Admin).await;
    t.advance(std::time::Duration::from_mins(6));
    hand.call(Method::POST, "/admin/v1/apps", Some(reports())).await.problem(403, "reauth_required");
    hand.call(Method::POST, "/admin/v1/apps/reports/secrets", None).await.problem(403, "reauth_required");
    hand.call(Method::GET, "/admin/v1/apps", None).await.ok(200);
    hand.confirm().await;
    hand.call(Method::POST, "/admin/v1/apps", Some(reports())).await.ok(201);
}
