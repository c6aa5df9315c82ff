//! What the client does beside signing in, and how its calls fail.

use base64::Engine as _;
use serde_json::json;

use crate::harness::{Platforms, SHOP};

#[tokio::test]
async fn a_call_fails_as_it_is_asked_to_and_does_nothing() {
    let platforms = Platforms::start().await;
    let fails = [
        ("deny", 103, "user deny"),
        ("privacy", 104, "privacy permission is not authorized"),
        ("undeclared", 112, "api scope is not declared in the privacy agreement"),
        ("no_quota", 1_400_001, "no quota"),
        ("timeout", 5, "timeout"),
        ("interrupted", 600_003, "interrupted"),
    ];
    for call in
        ["login", "getPhoneNumber", "getRealtimePhoneNumber", "getUserProfile", "chooseAvatar", "getLatestUserKey"]
    {
        for (fail, errno, text) in fails {
            let body = json!({ "person": "alice", "fail": fail });
            let answer = platforms.control(&format!("/_sim/wx/{call}"), body).await;
            assert_eq!(answer, json!({ "errMsg": format!("{call}:fail {text}"), "errno": errno }));
        }
    }
    let odd = platforms.post("/_sim/wx/login", json!({ "person": "alice", "fail": "tired" })).await;
    odd.complaint(400, "unknown variant `tired`");
    assert_eq!(platforms.sim.session_key(SHOP, "alice"), None);
}

#[tokio::test]
async fn a_chosen_avatar_comes_as_a_name_on_the_phone_and_a_png() {
    let platforms = Platforms::start().await;
    let avatar = async |person: &str| platforms.control("/_sim/wx/chooseAvatar", json!({ "person": person })).await;
    let alice = avatar("alice").await;
    assert!(alice["avatarUrl"].as_str().is_some_and(|path| path.starts_with("http://tmp/")), "{alice}");
    let file =
        base64::engine::general_purpose::STANDARD.decode(alice["file"].as_str().expect("a text")).expect("base64");
    let mut picture = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a PNG");
    let mut pixels = vec![0; picture.output_buffer_size().expect("it is small")];
    picture.next_frame(&mut pixels).expect("a whole PNG");
    assert!(pixels.contains(&0) && pixels.contains(&1), "more than one colour");
    assert_eq!(avatar("alice").await["file"], alice["file"]);
    assert_ne!(avatar("bob").await["file"], alice["file"]);
}

#[tokio::test]
async fn a_realtime_phone_number_is_a_code_alone() {
    let platforms = Platforms::start().await;
    platforms.session("alice").await;
    let tapped = platforms.control("/_sim/wx/getRealtimePhoneNumber", json!({ "person": "alice" })).await;
    assert!(tapped.get("encryptedData").is_none() && tapped["code"].is_string(), "{tapped}");
    let token = platforms.access_token(SHOP).await;
    let path = format!("/wxa/business/getuserphonenumber?access_token={token}");
    assert_eq!(platforms.post(&path, json!({ "code": tapped["code"] })).await.json()["errcode"], 0);
}

#[tokio::test]
async fn a_page_opens_with_its_query_and_a_scene() {
    let platforms = Platforms::start().await;
    let opened = platforms.control("/_sim/wx/launch", json!({ "path": "pages/order/order?id=7&b" })).await;
    let expected = json!({
        "path": "pages/order/order", "query": { "id": "7", "b": "" }, "scene": 1001, "referrerInfo": {},
    });
    assert_eq!(opened, expected);
    let scanned = platforms.control("/_sim/wx/scanCode", json!({ "result": "https://example.com/" })).await;
    assert_eq!((&scanned["result"], &scanned["scanType"]), (&json!("https://example.com/"), &json!("QR_CODE")));
    platforms.post("/_sim/wx/launch", json!({ "result": "hello" })).await.complaint(400, "not a mini program's code");
}
