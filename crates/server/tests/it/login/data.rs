//! The profile: encrypted, signed or typed; what opens it, what it may change, and that it never fails a sign-in.

use std::time::Duration;

use menjin_sim::SessionKeyPolicy;
use serde_json::{Value, json};

use super::{encrypt, named, sealed, signed, wx};
use crate::harness::{APPID, OTHER_APPID, Setup, TestServer};

fn nickname(body: &Value) -> &Value {
    &body["user"]["nickname"]
}

#[tokio::test]
async fn an_encrypted_profile_names_the_user() {
    let t = TestServer::start().await;
    for (person, call) in [("alice", "getUserProfile"), ("bob", "getUserInfo")] {
        named(&t, person, "小明");
        let body = t.phone_of(person).login(sealed(&wx(&t, call, person).await)).await.ok(200);
        assert_eq!(nickname(&body), "小明", "{call}");
        assert_eq!(body["user"]["avatar_url"], format!("https://thirdwx.qlogo.cn/mmopen/{person}/132"));
        assert_eq!(body["need"], json!([]), "{call}");
    }
}

#[tokio::test]
async fn a_signed_profile_names_the_user() {
    let t = TestServer::start().await;
    named(&t, "alice", "小明");
    let body = t.phone_of("alice").login(signed(&wx(&t, "getUserProfile", "alice").await)).await.ok(200);
    assert_eq!((nickname(&body), &body["need"]), (&json!("小明"), &json!([])));
}

#[tokio::test]
async fn a_signed_profile_that_was_touched_opens_the_session_and_changes_nothing() {
    let t = TestServer::start().await;
    named(&t, "alice", "小明");
    let good = signed(&wx(&t, "getUserProfile", "alice").await);
    let raw = good["raw_data"].as_str().unwrap();
    let zeros = "0".repeat(40);
    let touched = [
        json!({"raw_data": raw.replace("小明", "大明"), "signature": good["signature"]}),
        json!({"raw_data": format!("{raw} "), "signature": good["signature"]}),
        json!({"raw_data": raw, "signature": zeros}),
        json!({"raw_data": raw, "signature": ""}),
        json!({"raw_data": "no json", "signature": good["signature"]}),
        json!({"raw_data": "", "signature": ""}),
    ];
    for body in touched {
        let answer = t.phone_of("alice").login(body.clone()).await.ok(200);
        assert_eq!((nickname(&answer), &answer["need"]), (&Value::Null, &json!(["profile"])), "{body}");
    }
}

#[tokio::test]
async fn somebody_elses_profile_is_never_taken() {
    let t = TestServer::start().await;
    named(&t, "alice", "小明");
    named(&t, "bob", "Bob");
    let theirs = sealed(&wx(&t, "getUserInfo", "alice").await);
    let forged =
        json!({"openId": t.sim.openid(APPID, "alice"), "nickName": "Eve", "avatarUrl": "https://example.com/e"});
    let under_own_key = encrypt(&t, "bob", forged, None).await;
    let signed_by_theirs = signed(&wx(&t, "getUserProfile", "alice").await);
    for body in [theirs, under_own_key, signed_by_theirs] {
        let answer = t.phone_of("bob").login(body).await.ok(200);
        assert_eq!((nickname(&answer), &answer["need"]), (&Value::Null, &json!(["profile"])));
    }
}

#[tokio::test]
async fn data_that_does_not_open_looks_alike_whatever_is_wrong() {
    let t = TestServer::start().await;
    t.freeze();
    named(&t, "alice", "小明");
    let mark =
        |timestamp: i64, appid: &str| json!({"nickName": "Eve", "watermark": {"timestamp": timestamp, "appid": appid}});
    let good = sealed(&wx(&t, "getUserProfile", "alice").await);
    let (data, iv) = (good["encrypted_data"].as_str().unwrap(), good["iv"].as_str().unwrap());
    let flipped = format!("{}{}", if data.starts_with('A') { 'B' } else { 'A' }, &data[1..]);
    let wrong = [
        json!({"encrypted_data": flipped, "iv": iv}),
        json!({"encrypted_data": &data[..data.len() - 24], "iv": iv}),
        json!({"encrypted_data": "AAAA", "iv": iv}),
        json!({"encrypted_data": "!", "iv": iv}),
        json!({"encrypted_data": "", "iv": ""}),
        json!({"encrypted_data": data, "iv": "AAAA"}),
        json!({"encrypted_data": "A".repeat(40_000), "iv": iv}),
        encrypt(&t, "alice", json!("this is no JSON"), None).await,
        encrypt(&t, "alice", json!({"nickName": 1}), None).await,
        encrypt(&t, "alice", mark(t.sim.now(), OTHER_APPID), None).await,
        encrypt(&t, "alice", mark(t.sim.now() - 601, APPID), None).await,
        encrypt(&t, "alice", mark(t.sim.now() + 3600, APPID), None).await,
        encrypt(&t, "alice", mark(i64::MIN, APPID), None).await,
    ];
    for body in wrong {
        let answer = t.phone_of("alice").login(body.clone()).await.ok(200);
        assert_eq!((nickname(&answer), &answer["need"]), (&Value::Null, &json!(["profile"])), "{body}");
    }
    let other = encrypt(&t, "alice", json!({"openGId": "group"}), None).await;
    t.phone_of("alice").login(other).await.ok(200);
    let young_enough = encrypt(&t, "alice", mark(t.sim.now() - 600, APPID), None).await;
    assert_eq!(nickname(&t.phone_of("alice").login(young_enough).await.ok(200)), "Eve");
}

#[tokio::test]
async fn a_superseded_key_opens_a_profile_that_is_not_later_than_its_successor() {
    let t = TestServer::start().await;
    t.freeze();
    t.sim.change_policy(|policy| policy.session_key = SessionKeyPolicy::Always);
    let mut phone = t.phone_of("alice");
    phone.login(json!({})).await.ok(200);
    let first_key = t.sim.session_key(APPID, "alice").unwrap();
    let at = t.sim.now();
    let made =
        |name: &str, seconds: i64| json!({"nickName": name, "watermark": {"timestamp": at + seconds, "appid": APPID}});
    let as_kept = encrypt(&t, "alice", made("As kept", 0), Some(&first_key)).await;
    let before = encrypt(&t, "alice", made("Before", 10), Some(&first_key)).await;
    let after = encrypt(&t, "alice", made("After", 11), Some(&first_key)).await;
    t.advance(Duration::from_secs(10));
    assert_eq!(nickname(&phone.login(as_kept).await.ok(200)), "As kept");
    t.advance(Duration::from_secs(20));
    let refused = phone.login(after).await.ok(200);
    assert_eq!((nickname(&refused), &refused["need"]), (&json!("As kept"), &json!(["profile"])));
    assert_eq!(nickname(&phone.login(before.clone()).await.ok(200)), "Before");
    t.advance(Duration::from_secs(581));
    phone.login(json!({"profile": {"nickname": "Changed"}})).await.ok(200);
    let too_late = phone.login(before).await.ok(200);
    assert_eq!((nickname(&too_late), &too_late["need"]), (&json!("Changed"), &json!(["profile"])));
}

#[tokio::test]
async fn what_the_person_typed_counts_more_than_what_the_platform_says() {
    let t = TestServer::start().await;
    named(&t, "alice", "小明");
    let mut body = sealed(&wx(&t, "getUserProfile", "alice").await);
    body["profile"] = json!({"nickname": "  明明 🐼 ", "avatar_url": "https://cdn.example.com/a.png"});
    let answer = t.phone_of("alice").login(body).await.ok(200);
    assert_eq!(answer["user"]["nickname"], "明明 🐼");
    assert_eq!(answer["user"]["avatar_url"], "https://cdn.example.com/a.png");
    let old_spelling = json!({"profile": {"nickName": "Ming", "avatarUrl": "https://cdn.example.com/b.png"}});
    let answer = t.phone_of("alice").login(old_spelling).await.ok(200);
    assert_eq!(
        (nickname(&answer), &answer["user"]["avatar_url"]),
        (&json!("Ming"), &json!("https://cdn.example.com/b.png"))
    );
    let mut unreadable = json!({"profile": {"nickname": "Typed"}});
    unreadable["encrypted_data"] = "AAAA".into();
    unreadable["iv"] = "AAAA".into();
    let answer = t.phone_of("alice").login(unreadable).await.ok(200);
    assert_eq!((nickname(&answer), &answer["need"]), (&json!("Typed"), &json!([])));
}

#[tokio::test]
async fn a_typed_profile_that_can_not_stand_is_refused_by_name_and_spends_no_code() {
    let t = TestServer::start().await;
    let code = t.code("alice");
    let refused = [
        (json!({"nickname": " "}), "profile.nickname"),
        (json!({"nickname": "名".repeat(65)}), "profile.nickname"),
        (json!({"nickname": "a\u{0}b"}), "profile.nickname"),
        (json!({"nickname": "a\u{202e}b"}), "profile.nickname"),
        (json!({"nickname": 7}), "profile.nickname"),
        (json!({"avatar_url": "javascript:alert(1)"}), "profile.avatar_url"),
        (json!({"avatar_url": "wxfile://tmp_1.png"}), "profile.avatar_url"),
        (json!({"avatar_url": "http://tmp/k3Jx.jpeg"}), "profile.avatar_url"),
        (json!({"avatar_url": format!("https://example.com/{}", "a".repeat(1024))}), "profile.avatar_url"),
        (json!(["小明"]), "profile"),
        (json!("小明"), "profile"),
    ];
    for (profile, field) in refused {
        let answer = t.anon().post("/v1/login/shop", json!({"code": code, "profile": profile})).await;
        assert_eq!(answer.problem(400, "field_invalid")["field"], field, "{profile}");
    }
    assert_eq!(t.sim.calls_with_code(&code), 0);
    t.anon().post("/v1/login/shop", json!({"code": code})).await.ok(200);
}

#[tokio::test]
async fn a_chosen_picture_that_was_not_uploaded_is_refused_with_the_way_out() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for path in ["http://tmp/k3Jx.jpeg", "wxfile://tmp_1.png"] {
        let body = phone.put("/v1/me", json!({"avatar_url": path})).await.problem(400, "field_invalid");
        assert!(body["detail"].as_str().unwrap().contains("upload the picture first"), "{body}");
        let mut chinese = phone.clone();
        chinese.language = "zh-CN";
        let body = chinese.put("/v1/me", json!({"avatar_url": path})).await.problem(400, "field_invalid");
        assert!(body["detail"].as_str().unwrap().contains("请先上传"), "{body}");
    }
    phone.put("/v1/me", json!({"avatar_url": "https://cdn.example.com/k3Jx.jpeg"})).await.ok(200);
}

#[tokio::test]
async fn the_anonymous_stand_in_never_replaces_what_is_known() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let grey = wx(&t, "getUserProfile", "alice").await;
    let answer = phone.login(sealed(&grey)).await.ok(200);
    assert_eq!((nickname(&answer), &answer["user"]["avatar_url"]), (&Value::Null, &Value::Null));
    assert_eq!(answer["need"], json!(["profile"]), "it opened, but says nothing");
    phone.login(json!({"profile": {"nickname": "小明", "avatar_url": "https://cdn.example.com/a.png"}})).await.ok(200);
    let typed = json!({"profile": {"nickname": "微信用户", "avatar_url": grey["userInfo"]["avatarUrl"]}});
    for body in [sealed(&grey), signed(&grey), typed] {
        let answer = phone.login(body).await.ok(200);
        assert_eq!(nickname(&answer), "小明");
        assert_eq!(answer["user"]["avatar_url"], "https://cdn.example.com/a.png");
        assert_eq!(answer["need"], json!([]));
    }
}

#[tokio::test]
async fn an_app_that_keeps_no_profile_stores_none_and_asks_for_none() {
    let shop = "profile = \"none\"\nneed = [\"profile\"]";
    let t = TestServer::with(Setup { shop: shop.into(), ..Setup::default() }).await;
    named(&t, "alice", "小明");
    let given = wx(&t, "getUserProfile", "alice").await;
    let unreadable = json!({"encrypted_data": "AAAA", "iv": "AAAA"});
    let typed = json!({"profile": {"nickname": "小明", "avatar_url": "https://cdn.example.com/a.png"}});
    for body in [sealed(&given), signed(&given), typed, unreadable] {
        let mut phone = t.phone_of("alice");
        let answer = phone.login(body).await.ok(200);
        assert_eq!(answer["need"], json!([]));
        let me = phone.get("/v1/me").await.ok(200);
        assert_eq!((&me["user"]["nickname"], &me["user"]["avatar_url"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn half_of_a_pair_is_refused_and_so_is_base64_that_lost_its_plus() {
    let t = TestServer::start().await;
    let code = t.code("alice");
    let refused = [
        (json!({"encrypted_data": "AAAA"}), "iv"),
        (json!({"iv": "AAAA"}), "encrypted_data"),
        (json!({"raw_data": "{}"}), "signature"),
        (json!({"signature": "00"}), "raw_data"),
        (json!({"encrypted_data": "ab cd", "iv": "AAAA"}), "encrypted_data"),
        (json!({"encrypted_data": "abcd", "iv": "AA A"}), "iv"),
    ];
    for (mut body, field) in refused {
        body["code"] = code.clone().into();
        assert_eq!(t.anon().post("/v1/login/shop", body).await.problem(400, "field_invalid")["field"], field);
    }
    assert_eq!(t.sim.calls_with_code(&code), 0);
}
