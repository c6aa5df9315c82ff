//! Douyin: sign-in, and phone numbers in both forms.

use menjin_sim::{Fault, FaultKind, Platform};
use serde_json::json;

use super::{DOUYIN, sign_in, sign_in_as, start};

#[tokio::test]
async fn a_code_of_douyin_becomes_a_session() {
    let t = start().await;
    let first = sign_in_as(&t, ("douyin", Platform::Douyin, DOUYIN), "alice").await;
    let again = sign_in_as(&t, ("douyin", Platform::Douyin, DOUYIN), "alice").await;
    assert_eq!(again["user"]["id"], first["user"]["id"]);
}

#[tokio::test]
async fn an_anonymous_code_signs_nobody_in() {
    let t = start().await;
    let given = t.control("tt/login", json!({"person": "alice", "force": false})).await;
    assert_eq!(given["code"], "");
    let refused = sign_in(&t, "douyin", json!({"code": given["anonymousCode"]})).await.problem(401, "code_invalid");
    assert_eq!(refused["platform"]["errcode"], 40018);
}

#[tokio::test]
async fn a_phone_code_of_douyin_becomes_a_number() {
    let t = start().await;
    let code = t.control("tt/login", json!({"person": "alice"})).await["code"].clone();
    let phone = t.control("tt/getPhoneNumber", json!({"person": "alice", "phone": "13812345678"})).await;
    let body = json!({"code": code, "phone_code": phone["code"]});
    let signed_in = sign_in(&t, "douyin", body).await.ok(200);
    assert_eq!((&signed_in["user"]["phone_masked"], &signed_in["need"]), (&json!("138****5678"), &json!([])));
}

#[tokio::test]
async fn a_phone_number_under_the_session_key_opens_too() {
    let t = start().await;
    let code = t.control("tt/login", json!({"person": "alice"})).await["code"].clone();
    let phone = t.control("tt/getPhoneNumber", json!({"person": "alice", "phone": "13812345678"})).await;
    let body = json!({"code": code, "encrypted_data": phone["encryptedData"], "iv": phone["iv"]});
    assert_eq!(sign_in(&t, "douyin", body).await.ok(200)["user"]["phone_masked"], "138****5678");
}

#[tokio::test]
async fn a_stale_client_token_is_renewed_once_and_a_phone_number_comes_all_the_same() {
    let t = start().await;
    for (person, number) in [("alice", "13812345678"), ("bob", "13912345678")] {
        let code = t.control("tt/login", json!({"person": person})).await["code"].clone();
        let phone = t.control("tt/getPhoneNumber", json!({"person": person, "phone": number})).await;
        let body = json!({"code": code, "phone_code": phone["code"]});
        let signed_in = sign_in(&t, "douyin", body).await.ok(200);
        assert_eq!(signed_in["need"], json!([]), "{person}");
        let stale = FaultKind::Errcode { errcode: 28_001_008, errmsg: None };
        t.sim.add_fault(Fault::once(stale).on("/douyin/api/apps/v1/get_phonenumber_info/"));
        // A second token may be had again after a while only; the limit on it is another test's.
        t.advance(std::time::Duration::from_mins(2));
    }
}

#[tokio::test]
async fn a_phone_number_that_fails_leaves_the_sign_in_whole() {
    let t = start().await;
    let code = t.control("tt/login", json!({"person": "alice"})).await["code"].clone();
    let body = json!({"code": code, "phone_code": "0123456789012345678901234567890123456789"});
    assert_eq!(sign_in(&t, "douyin", body).await.ok(200)["need"], json!(["phone"]));
}
