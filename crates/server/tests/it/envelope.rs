//! `[[app]] envelope = true`: `{code, msg, data}` around what its clients are answered, and around nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menjin_sim::{Fault, FaultKind};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, OTHER_APPID, Setup, TestServer};

async fn start() -> TestServer {
    let toml = "[[app]]\nid = \"keeper\"\nkind = \"backend\"\naudience = \"shop-api\"\nscopes = [\"session-data\", \"sessions:open\"]\n\
        client_secret = \"keeper-secret-keeper-secret-keeper\"\n";
    let shop = "envelope = true\nclient_keys = [\"client.*\"]".to_owned();
    TestServer::with(Setup { shop, toml: toml.into(), ..Setup::default() }).await
}

/// What is inside of a success.
#[track_caller]
fn inside(answer: &Answer) -> &Value {
    assert_eq!((&answer.json["code"], &answer.json["msg"]), (&json!(0), &json!("ok")), "{}", answer.text);
    assert_eq!(answer.json.as_object().unwrap().len(), 3);
    assert!(answer.header("content-type").starts_with("application/json"));
    assert_eq!(answer.header("content-length"), answer.text.len().to_string());
    &answer.json["data"]
}

/// A problem in its envelope.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), &answer.json["code"]), (status, &json!(code)), "{}", answer.text);
    assert!(answer.json["msg"].as_str().is_some_and(|msg| !msg.is_empty()), "{}", answer.text);
    assert_eq!(answer.json["data"], Value::Null);
    assert!(["action", "request_id"].iter().all(|member| answer.json[member].is_string()), "{}", answer.text);
    assert!(["type", "title", "status", "detail"].iter().all(|member| answer.json.get(member).is_none()));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("www-authenticate").is_empty(), status != 401);
}

#[tokio::test]
async fn an_apps_clients_get_everything_in_an_envelope() {
    let t = start().await;
    let login = t.anon().post("/v1/login/shop", json!({"code": t.code("alice")})).await;
    assert_eq!(login.status, 200);
    let pair = inside(&login).clone();
    let phone = t.phone_with_token(pair["access_token"].as_str().unwrap());
    let me = phone.get("/v1/me").await;
    assert_eq!((me.status.as_u16(), &inside(&me)["user"]["id"]), (200, &pair["user"]["id"]));
    assert_eq!(me.header("cache-control"), "no-store");
    assert_eq!(inside(&phone.get("/v1/me/sessions").await)["sessions"].as_array().unwrap().len(), 1);
    inside(&phone.put("/v1/me", json!({"nickname": "小\"明"})).await);
    let refreshed = t.anon().post("/v1/token/refresh", json!({"refresh_token": pair["refresh_token"]})).await;
    assert_eq!(inside(&refreshed)["session_id"], pair["session_id"], "the refresh token tells the app");
    let kept = phone.put("/v1/session/data/client.theme", json!({"value": "dark"})).await;
    assert_eq!((inside(&kept)["value"].clone(), kept.header("etag")), (json!("dark"), "\"1\""));
    let out = phone.post("/v1/logout", json!({})).await;
    assert_eq!((out.status.as_u16(), out.text.as_str()), (204, ""));
}

#[tokio::test]
async fn problems_say_their_code_in_the_clients_language_and_keep_status_and_headers() {
    let t = start().await;
    let used = t.code("alice");
    t.anon().post("/v1/login/shop", json!({"code": used})).await;
    refused(&t.anon().post("/v1/login/shop", json!({"code": used})).await, 401, "code_used");
    let field = t.anon().post("/v1/login/shop", json!({})).await;
    refused(&field, 400, "field_invalid");
    assert!(field.json["msg"].as_str().unwrap().contains("`code`"), "{}", field.text);
    let mut chinese = t.anon();
    chinese.language = "zh-CN";
    let used = chinese.post("/v1/login/shop", json!({"code": used})).await;
    assert!(!used.json["msg"].as_str().unwrap().is_ascii(), "{}", used.text);
    let pair = inside(&t.anon().post("/v1/login/shop", json!({"code": t.code("bob")})).await).clone();
    let phone = t.phone_with_token(pair["access_token"].as_str().unwrap());
    phone.post("/v1/logout", json!({})).await;
    refused(&phone.get("/v1/me").await, 401, "session_ended");
    refused(
        &t.anon().post("/v1/token/refresh", json!({"refresh_token": pair["refresh_token"]})).await,
        401,
        "session_ended",
    );
    t.advance(std::time::Duration::from_hours(1));
    refused(&phone.get("/v1/me").await, 401, "token_expired");
    refused(&phone.get("/v1/session/data").await, 401, "token_expired");
}

#[tokio::test]
async fn what_clients_decide_by_stands_beside_the_envelope() {
    let t = start().await;
    let used = t.code("alice");
    let body = json!({"code": used, "device": {"id": "pad-1", "class": "tablet", "name": "Pad"}});
    let pair = inside(&t.anon().post("/v1/login/shop", body).await).clone();
    assert_eq!(t.anon().post("/v1/login/shop", json!({})).await.json["field"], "code");
    t.sim.add_fault(Fault::once(FaultKind::Busy));
    let busy = t.anon().post("/v1/login/shop", json!({"code": t.code("alice")})).await;
    refused(&busy, 503, "platform_unavailable");
    assert_eq!(busy.json["action"], "retry", "the same code may come again");
    let again = json!({"code": t.code("alice"), "device": {"id": "pad-1", "class": "tablet", "name": "New pad"}});
    inside(&t.anon().post("/v1/login/shop", again).await);
    let late = t.phone_with_token(pair["access_token"].as_str().unwrap()).get("/v1/me").await;
    refused(&late, 401, "session_replaced");
    assert_eq!(late.json["replaced_by"]["device"], json!({"class": "tablet", "name": "New pad"}));
}

#[tokio::test]
async fn where_neither_path_nor_token_tells_the_app_a_header_does() {
    let t = start().await;
    let named = |app: &'static str| [("menjin-app", app)];
    let anon = t.anon();
    let ask = async |headers: &[(&str, &str)]| anon.send(Method::GET, "/v1/me", None, headers).await;
    refused(&ask(&named("shop")).await, 401, "token_missing");
    for other in ["club", "nobody", "", "shop,club"] {
        anon.send(Method::GET, "/v1/me", None, &[("menjin-app", other)]).await.problem(401, "token_missing");
    }
    ask(&[]).await.problem(401, "token_missing");
    let body = json!({"refresh_token": "mjr_x"}).to_string();
    let odd = anon.send(Method::POST, "/v1/token/refresh", Some(body), &named("shop")).await;
    refused(&odd, 401, "token_invalid");
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    let bare = club.send(Method::GET, "/v1/me", None, &named("shop")).await.ok(200);
    assert!(bare["user"]["id"].is_string(), "the token says more than the header");
}

#[tokio::test]
async fn other_apps_back_ends_and_libraries_get_bare_answers() {
    let t = start().await;
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    club.get("/v1/me").await.ok(200)["user"]["id"].as_str().unwrap();
    club.refresh().await.ok(200)["access_token"].as_str().unwrap();
    let login = t.anon().post("/v1/login/shop", json!({"code": t.code("alice")})).await;
    let token = inside(&login)["access_token"].as_str().unwrap().to_owned();
    let anon = t.anon();
    let app = ("menjin-app", "shop");
    assert!(anon.send(Method::GET, "/.well-known/jwks.json", None, &[app]).await.ok(200)["keys"].is_array());
    assert!(anon.send(Method::GET, "/openapi.json", None, &[app]).await.ok(200)["paths"].is_object());
    let form = [("content-type", "application/x-www-form-urlencoded"), app];
    let oauth = anon.send(Method::POST, "/oauth2/token", Some("grant_type=client_credentials".into()), &form).await;
    assert!(oauth.json["error"].is_string(), "{}", oauth.text);
    let encoded = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let keeper = encoded("keeper:keeper-secret-keeper-secret-keeper");
    let about = [("authorization", keeper.as_str()), ("menjin-subject-token", token.as_str()), app];
    let data = anon.send(Method::GET, "/v1/session/data", None, &about).await;
    assert_eq!((data.header("etag"), data.json.get("code")), ("\"0\"", None));
    data.ok(200);
    let alone = [("authorization", keeper.as_str()), app];
    anon.send(Method::GET, "/v1/session/data", None, &alone).await.problem(400, "subject_token_missing");
    let body = json!({"external_id": "x", "app": "shop"}).to_string();
    let opened = anon.send(Method::POST, "/v1/sessions", Some(body), &alone).await.ok(201);
    assert!(opened["access_token"].is_string());
    let passes = t.phone_with_token(&token).get("/auth/nginx?audience=shop-api").await;
    assert_eq!((passes.status.as_u16(), passes.text.as_str()), (200, ""));
    t.anon().get("/auth/nginx?audience=shop-api").await.problem(401, "token_missing");
    let head = t.phone_with_token(&token).send(Method::HEAD, "/v1/me", None, &[]).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}
