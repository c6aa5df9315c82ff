//! What a sign-in answers, to whom, and in which words.

use serde_json::{Value, json};

use crate::harness::{APPID, Setup, TestServer, claims, header};

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

#[tokio::test]
async fn a_sign_in_always_makes_a_new_session_whatever_the_caller_holds() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let first = phone.session_id();
    let again = phone.login(json!({"session_id": first, "sid": first})).await.ok(200);
    assert_ne!(again["session_id"], first);
    assert_eq!(again["is_new_user"], false);
    assert_eq!(again["user"]["number"], 1);
}

#[tokio::test]
async fn no_answer_and_no_token_names_the_openid_the_session_key_or_the_number() {
    let t = TestServer::start().await;
    let mut phone = t.phone_of("alice");
    let phone_code = t.sim.phone_code(APPID, "alice");
    let body = phone.login(json!({"phone_code": phone_code})).await;
    let (text, token) = (body.text.clone(), claims(&phone.access_token()).to_string());
    body.ok(200);
    let me = phone.get("/v1/me").await.text;
    let mut number = String::new();
    t.sim.change_person("alice", |person| number.clone_from(&person.phone.number));
    let secrets = [
        t.sim.openid(APPID, "alice"),
        t.sim.unionid("company", "alice"),
        t.sim.session_key(APPID, "alice").unwrap(),
        number,
    ];
    for secret in secrets {
        for shown in [&text, &token, &me] {
            assert!(!shown.contains(&secret), "{secret} in {shown}");
        }
    }
}

#[tokio::test]
async fn an_app_that_nobody_signs_in_to_is_unknown() {
    let t = TestServer::start().await;
    for app in ["nothing", "office", "SHOP", "shop%20", "%00"] {
        let answer = t.anon().post(&format!("/v1/login/{app}"), json!({"code": "0a"})).await;
        answer.problem(404, "app_unknown");
    }
    assert!(t.sim.calls(&menjin_sim::CallFilter::default()).is_empty());
}

#[tokio::test]
async fn a_refusal_speaks_the_callers_language() {
    let t = TestServer::start().await;
    let mut anon = t.anon();
    let said = async |anon: &crate::harness::Actor<'_>| {
        let answer = anon.post("/v1/login/shop", json!({"code": "0nonsense"})).await;
        let language = answer.header("content-language").to_owned();
        let body = answer.problem(401, "code_used");
        (language, body["title"].clone(), body["detail"].clone())
    };
    anon.post("/v1/login/shop", json!({"code": "0nonsense"})).await.problem(401, "code_invalid");
    for (asked, language, title) in [
        ("zh-CN", "zh-CN", "登录 code 已被使用"),
        ("zh-TW;q=0.8, fr", "zh-CN", "登录 code 已被使用"),
        ("en-GB, zh;q=0.3", "en", "The login code was used before"),
        ("fr", "en", "The login code was used before"),
    ] {
        anon.language = asked;
        let (spoken, said_title, detail) = said(&anon).await;
        assert_eq!((spoken.as_str(), said_title.as_str().unwrap()), (language, title), "{asked}");
        assert_eq!(detail.as_str().unwrap().contains("请"), language == "zh-CN", "{detail}");
    }
}

#[tokio::test]
async fn the_list_of_needs_is_what_the_app_wants_and_the_person_lacks() {
    let t = TestServer::with(Setup { shop: r#"need = ["profile", "phone"]"#.into(), ..Setup::default() }).await;
    let mut phone = t.phone_of("alice");
    assert_eq!(phone.login(json!({})).await.ok(200)["need"], json!(["phone", "profile"]));
    let typed = json!({"profile": {"nickname": "小明"}});
    assert_eq!(phone.login(typed).await.ok(200)["need"], json!(["phone"]));
    let code = json!({"phone_code": t.sim.phone_code(APPID, "alice")});
    assert_eq!(phone.login(code).await.ok(200)["need"], json!([]));
    assert_eq!(phone.login(json!({})).await.ok(200)["need"], json!([]), "what is there is not asked for again");
    let wants_nothing = TestServer::with(Setup { shop: "need = []".into(), ..Setup::default() }).await;
    assert_eq!(wants_nothing.phone_of("alice").login(json!({})).await.ok(200)["need"], json!([]));
}

#[tokio::test]
async fn members_that_nobody_knows_are_passed_over_and_null_is_nothing() {
    let t = TestServer::start().await;
    let mut phone = t.phone_of("alice");
    let body = json!({"encrypted_data": null, "iv": null, "raw_data": null, "signature": null, "phone_code": null,
        "profile": null, "device": null, "scene": 1001, "referrer": {"appid": "wx1"}});
    phone.login(body).await.ok(200);
    let empty: Value = json!({"profile": {"nickname": null, "avatar_url": null}, "device": {"id": null, "name": ""}});
    phone.login(empty).await.ok(200);
}
