//! `/v1/me/…` where the platform is another one, or none knows the person.

use std::time::Duration;

use menjin_sim::{ALIPAY_PUBLIC_KEY, APP_PRIVATE_KEY, APP_PUBLIC_KEY, App, Platform};
use reqwest::Method;
use serde_json::{Value, json};

use super::{calls, sample, upload};
use crate::broker::basic;
use crate::harness::{APP_SECRET, Setup, TestServer};

const QQ: &str = "1110000001";
const ALIPAY: &str = "2021000000000001";
const AES_KEY: &str = "YWVzIGtleSBvZiBhcHBzIQ==";
const OFFICE: &str = "door-secret-0123456789abcdef0123456789abcdef";

async fn start() -> TestServer {
    let toml = format!(
        r#"
[[app]]
id = "qq"
kind = "mini_program"
platform = "qq"
appid = "{QQ}"
secret = "{APP_SECRET}"
[[app]]
id = "alipay"
kind = "mini_program"
platform = "alipay"
appid = "{ALIPAY}"
private_key = "{APP_PRIVATE_KEY}"
alipay_public_key = "{ALIPAY_PUBLIC_KEY}"
alipay_aes_key = "{AES_KEY}"
[[app]]
id = "door"
kind = "backend"
audience = "shop-api"
client_secret = "{OFFICE}"
scopes = ["sessions:open"]
"#
    );
    let t = TestServer::with(Setup { toml, ..Setup::default() }).await;
    t.sim.add_app(App::of(Platform::Qq, QQ, APP_SECRET));
    t.sim.add_app(App::of(Platform::Alipay, ALIPAY, "").with_public_key(APP_PUBLIC_KEY).with_aes_key(AES_KEY));
    t
}

async fn pair(t: &TestServer, platform: Platform, appid: &str) -> Value {
    let app = if platform == Platform::Qq { "qq" } else { "alipay" };
    let code = t.sim.code_of(platform, appid, "alice");
    t.anon().post(&format!("/v1/login/{app}"), json!({"code": code})).await.ok(200)
}

fn token(pair: &Value) -> &str {
    pair["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn what_a_platform_can_not_do_is_said() {
    let t = start().await;
    for (platform, appid) in [(Platform::Qq, QQ), (Platform::Alipay, ALIPAY)] {
        let pair = pair(&t, platform, appid).await;
        let phone = t.phone_with_token(token(&pair));
        for (path, body) in [
            ("/v1/me/phone", json!({"phone_code": "x"})),
            ("/v1/me/check-session", json!({})),
            ("/v1/me/reset-session-key", json!({})),
        ] {
            phone.post(path, body).await.problem(422, "unsupported_by_platform");
        }
        phone.get("/v1/me/encrypt-key").await.problem(422, "unsupported_by_platform");
        phone.put("/v1/me", json!({"nickname": "违规"})).await.ok(200);
        upload(&phone_of(&t, &pair), &t, &sample("camera.jpg")).await.ok(200);
    }
}

fn phone_of<'a>(t: &'a TestServer, pair: &Value) -> crate::harness::Actor<'a> {
    t.phone_with_token(token(pair))
}

#[tokio::test]
async fn a_number_that_tells_nobody_whose_it_is_replaces_another_only_after_a_fresh_sign_in() {
    let t = start().await;
    t.freeze();
    let pair = pair(&t, Platform::Alipay, ALIPAY).await;
    let phone = t.phone_with_token(token(&pair));
    let signed = async || {
        let given = t.control("my/getPhoneNumber", json!({"person": "alice", "appid": ALIPAY})).await;
        json!({"signed_phone": given["response"]})
    };
    phone.post("/v1/me/phone", json!({"signed_phone": "{}"})).await.problem(400, "field_invalid");
    t.advance(Duration::from_secs(301));
    let first = phone.post("/v1/me/phone", signed().await).await.ok(200);
    assert!(first["user"]["phone_masked"].is_string(), "there was none to replace");
    let refused = phone.post("/v1/me/phone", signed().await).await.problem(403, "reauth_required");
    assert_eq!(refused["action"], "reauth");
}

#[tokio::test]
async fn whom_a_back_end_vouches_for_no_platform_knows() {
    let t = start().await;
    let (proof, body) = (basic("door", OFFICE), json!({"external_id": "emp-1", "app": "shop"}).to_string());
    let opened = t.anon().send(Method::POST, "/v1/sessions", Some(body), &[("authorization", &proof)]).await.ok(201);
    let phone = t.phone_with_token(token(&opened));
    phone.post("/v1/me/check-session", json!({})).await.problem(422, "unsupported_by_platform");
    phone.put("/v1/me", json!({"nickname": "小明"})).await.problem(409, "nickname_unchecked");
    phone.put("/v1/me", json!({"avatar_url": "https://example.com/a.png"})).await.ok(200);
    upload(&phone, &t, &sample("camera.jpg")).await.ok(200);
}

#[tokio::test]
async fn who_somebody_is_on_one_platform_is_not_told_to_another() {
    let t = start().await;
    let pair = pair(&t, Platform::Qq, QQ).await;
    let identity = json!({"platform": "qq", "appid": QQ, "openid": t.sim.openid(QQ, "alice")});
    let (proof, body) = (basic("door", OFFICE), json!({"identity": identity, "app": "shop"}).to_string());
    let opened = t.anon().send(Method::POST, "/v1/sessions", Some(body), &[("authorization", &proof)]).await.ok(201);
    assert_eq!(opened["user"]["id"], pair["user"]["id"]);
    let phone = t.phone_with_token(token(&opened));
    phone.put("/v1/me", json!({"nickname": "小明"})).await.problem(409, "nickname_unchecked");
    assert_eq!(calls(&t, "/wxa/msg_sec_check"), 0);
}
