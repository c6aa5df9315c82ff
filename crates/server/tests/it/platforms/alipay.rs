//! Alipay: signed requests and answers, two kinds of names for people, signed phone numbers, sites.

use menjin_sim::{App, Fault, FaultKind, Platform};
use serde_json::{Value, json};

use super::{AES_KEY, ALIPAY, ALIPAY_OLD, sign_in, sign_in_as, start};
use crate::harness::APPID;
use crate::web_sign_in::browser::Browser;

#[tokio::test]
async fn a_code_of_alipay_becomes_a_session() {
    let t = start().await;
    let first = sign_in_as(&t, ("alipay", Platform::Alipay, ALIPAY), "alice").await;
    let again = sign_in_as(&t, ("alipay", Platform::Alipay, ALIPAY), "alice").await;
    assert_eq!(again["user"]["id"], first["user"]["id"]);
}

#[tokio::test]
async fn old_apps_share_people_by_user_id_and_a_site_signs_them_in() {
    let t = start().await;
    let mini = sign_in_as(&t, ("alipay-old", Platform::Alipay, ALIPAY_OLD), "alice").await;
    t.sim.change_person("alice", |person| person.nickname = Some("爱丽丝".to_owned()));
    let site = Browser::at(&t).sign_in("alipay-site", "alice").await;
    assert_eq!(site["user"]["id"], mini["user"]["id"]);
    assert_eq!(site["user"]["nickname"], "爱丽丝");
    let other = Browser::at(&t).sign_in("alipay-site", "bob").await;
    assert_ne!(other["user"]["id"], mini["user"]["id"]);
}

async fn with_phone(t: &crate::harness::TestServer, signed_phone: Value) -> Value {
    let code = t.control("my/getAuthCode", json!({"person": "alice", "appid": ALIPAY})).await["authCode"].clone();
    sign_in(t, "alipay", json!({"code": code, "signed_phone": signed_phone})).await.ok(200)
}

#[tokio::test]
async fn a_signed_phone_number_is_opened_as_it_came() {
    let t = start().await;
    let given =
        t.control("my/getPhoneNumber", json!({"person": "alice", "appid": ALIPAY, "phone": "13812345678"})).await;
    let signed_in = with_phone(&t, given["response"].clone()).await;
    assert_eq!((&signed_in["user"]["phone_masked"], &signed_in["need"]), (&json!("138****5678"), &json!([])));
}

/// The text is the same for ever: whoever had the number years ago has it still.
#[tokio::test]
async fn wx_09_a_signed_phone_number_is_taken_from_nobody() {
    let t = start().await;
    let number = "13812345678";
    let given = t.control("my/getPhoneNumber", json!({"person": "mallory", "appid": ALIPAY, "phone": number})).await;
    let signed = given["response"].clone();
    for person in ["alice", "bob"] {
        t.sim.change_person(person, |it| number.clone_into(&mut it.phone.number));
    }
    let mut alice = t.phone_of("alice");
    alice.login(json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);

    let code = t.sim.code_of(Platform::Alipay, ALIPAY, "mallory");
    let body = json!({"code": code, "signed_phone": signed}).to_string();
    let key = [("idempotency-key", "one-sign-in")];
    for nth in ["first", "repeated"] {
        let answer = t.anon().send(reqwest::Method::POST, "/v1/login/alipay", Some(body.clone()), &key).await.ok(200);
        assert_eq!((&answer["need"], &answer["phone_taken"]), (&json!(["phone"]), &json!(true)), "{nth}");
        assert_eq!(answer["user"]["phone_masked"], Value::Null, "{nth}");
    }
    let signed_in = sign_in_as(&t, ("alipay", Platform::Alipay, ALIPAY), "mallory").await;
    assert_eq!(signed_in.get("phone_taken"), None);
    let mallory = t.phone_with_token(signed_in["access_token"].as_str().unwrap());
    let refused = mallory.post("/v1/me/phone", json!({"signed_phone": signed})).await.problem(409, "phone_taken");
    assert_eq!(refused["action"], "none");
    assert_eq!(alice.get("/v1/me").await.ok(200)["user"]["phone_masked"], "138****5678");

    let mut bob = t.phone_of("bob");
    let by_code = bob.login(json!({"phone_code": t.sim.phone_code(APPID, "bob")})).await.ok(200);
    assert_eq!(by_code["user"]["phone_masked"], "138****5678", "what is proved now and for him moves it");
    assert_eq!(alice.get("/v1/me").await.ok(200)["user"]["phone_masked"], Value::Null);
}

#[tokio::test]
async fn a_phone_number_that_alipay_did_not_sign_is_not_believed_and_the_sign_in_goes_on() {
    let t = start().await;
    let given = t.control("my/getPhoneNumber", json!({"person": "alice", "appid": ALIPAY})).await;
    let good: Value = serde_json::from_str(given["response"].as_str().unwrap()).unwrap();
    let changed = |member: &str, value: Value| {
        let mut changed = good.clone();
        changed[member] = value;
        json!(changed.to_string())
    };
    let cut = &good["response"].as_str().unwrap()[..24];
    let failed = json!({"code": "40003", "msg": "Insufficient Conditions", "subCode": "isv.invalid-auth-relations"});
    for odd in [
        changed("response", json!(cut)),
        changed("response", failed),
        changed("sign", json!("AAAA")),
        changed("sign", json!("")),
        changed("sign_type", json!("RSA")),
        changed("encrypt_type", json!("NONE")),
        json!("{}"),
        json!("not json"),
        json!(""),
    ] {
        assert_eq!(with_phone(&t, odd.clone()).await["need"], json!(["phone"]), "{odd}");
    }
    let code = t.sim.code_of(Platform::Alipay, ALIPAY, "alice");
    let long = json!({"code": code, "signed_phone": "x".repeat(8193)});
    sign_in(&t, "alipay", long).await.problem(400, "field_invalid");
}

#[tokio::test]
async fn what_alipay_has_not_is_refused_before_a_code_is_spent() {
    let t = start().await;
    let code = t.sim.code_of(Platform::Alipay, ALIPAY, "alice");
    for more in [
        json!({"phone_code": "e31968a7f94cc5ee25fafc2aef2773f0"}),
        json!({"encrypted_data": "AAAA", "iv": "AAAA"}),
        json!({"raw_data": "{}", "signature": "00"}),
    ] {
        let mut body = more;
        body["code"] = json!(code);
        sign_in(&t, "alipay", body).await.problem(422, "unsupported_by_platform");
    }
    sign_in(&t, "alipay", json!({"code": code})).await.ok(200);
    let code = t.sim.code_of(Platform::Alipay, ALIPAY_OLD, "alice");
    let without_key = sign_in(&t, "alipay-old", json!({"code": code, "signed_phone": "{}"})).await;
    without_key.problem(422, "unsupported_by_platform");
}

#[tokio::test]
async fn an_app_whose_key_is_not_registered_is_called_misconfigured() {
    let t = start().await;
    // The console holds another key than the one whose half menjin signs with.
    let other = App::of(Platform::Alipay, ALIPAY, "").with_public_key(menjin_sim::ALIPAY_PUBLIC_KEY);
    t.sim.add_app(other.with_aes_key(AES_KEY));
    let code = t.sim.code_of(Platform::Alipay, ALIPAY, "alice");
    sign_in(&t, "alipay", json!({"code": code})).await.problem(503, "platform_misconfigured");
}

#[tokio::test]
async fn a_code_of_another_app_signs_nobody_in() {
    let t = start().await;
    let foreign = t.sim.code_of(Platform::Alipay, ALIPAY_OLD, "alice");
    let refused = sign_in(&t, "alipay", json!({"code": foreign})).await.problem(401, "code_invalid");
    assert_eq!((&refused["action"], &refused["platform"]["errcode"]), (&json!("relogin"), &json!(40002)));
    assert!(refused["platform"]["errmsg"].as_str().unwrap().contains("isv.unmatched-app-id"), "{refused}");
    let fault = FaultKind::Errcode { errcode: 40002, errmsg: Some("isv.code-invalid 授权码code无效".into()) };
    t.sim.add_fault(Fault::once(fault).on("/alipay/gateway.do"));
    let code = t.sim.code_of(Platform::Alipay, ALIPAY, "alice");
    let refused = sign_in(&t, "alipay", json!({"code": code})).await.problem(401, "code_invalid");
    assert_eq!(refused["platform"], json!({"errcode": 40002, "errmsg": "isv.code-invalid 授权码code无效"}));
}
