//! `POST /v1/login/{app}`.

use serde_json::json;

use crate::harness::{TestServer, claims, header};

#[tokio::test]
async fn a_code_becomes_a_user_a_session_and_tokens() {
    let t = TestServer::start().await;
    let mut phone = t.phone_of("alice");
    let answer = phone.login(json!({"device": {"id": "d1", "class": "phone", "name": "iPhone 17"}})).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.ok(200);
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["is_new_user"]),
        (&json!("Bearer"), &json!(900), &json!(true))
    );
    assert_eq!(body["user"]["number"], 1);
    assert_eq!(body["need"], json!(["profile"]));
    let token = phone.access_token();
    assert_eq!(header(&token)["typ"], "at+jwt");
    let claims = claims(&token);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(t.url), &json!(["shop-api", t.url])));
    assert_eq!((&claims["sub"], &claims["sid"]), (&body["user"]["id"], &body["session_id"]));
    let me = phone.get("/v1/me").await.ok(200);
    assert_eq!((&me["user"], &me["session"]["id"]), (&body["user"], &body["session_id"]));
}
