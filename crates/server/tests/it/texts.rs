//! Text at its edges: what is let in comes back as it was from every store, and what one of them could not keep is refused
//! before any is asked.

use reqwest::Method;
use serde_json::{Value, json};

use crate::broker::{READ, SECRET, basic, report, with_mailer};
use crate::harness::{APPID, Actor, Setup, TestServer};

async fn on<'a>(t: &'a TestServer, device: &Value) -> Actor<'a> {
    let mut phone = t.phone_of("alice");
    phone.login(json!({"device": device})).await.ok(200);
    phone
}

#[tokio::test]
async fn the_longest_texts_of_the_widest_characters_come_back_whole() {
    let t = TestServer::start().await;
    let widest = |length: usize| "😀".repeat(length);
    let device = json!({"id": widest(128), "class": "tablet", "name": widest(128), "system": widest(128)});
    let phone = on(&t, &device).await;
    let listed = phone.get("/v1/me/sessions").await.ok(200);
    assert_eq!(listed["sessions"][0]["device"], device);
    let address = "https://example.com/";
    let avatar = format!("{address}{}", widest(1024 - address.len()));
    let chosen = json!({"nickname": widest(64), "avatar_url": avatar});
    phone.put("/v1/me", chosen.clone()).await.ok(200);
    let user = phone.get("/v1/me").await.ok(200)["user"].clone();
    assert_eq!((&user["nickname"], &user["avatar_url"]), (&chosen["nickname"], &chosen["avatar_url"]));
    let again = on(&t, &device).await;
    phone.get("/v1/me").await.problem(401, "session_replaced");
    again.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_long_user_agent_signs_in() {
    let t = TestServer::start().await;
    let agent = format!("Mozilla/5.0 {} end", "a \t\"'\\;%x".repeat(400));
    let body = json!({"code": t.code("alice")}).to_string();
    t.anon().send(Method::POST, "/v1/login/shop", Some(body), &[("user-agent", &agent)]).await.ok(200);
}

#[tokio::test]
async fn devices_whose_ids_look_alike_are_not_one() {
    let t = TestServer::with(Setup { shop: "sessions = 100".into(), ..Setup::default() }).await;
    let ids = [
        "d", "D", "d ", " d", "d  ", "é", "e\u{301}", "É", "e", "ａ", "a", "ß", "ss", "SS", "ﬁ", "fi", "İ", "i", "ı",
        "0", "00", "😀", "😁", "%", "_", "\\", "'", "\"", "NULL",
    ];
    let mut phones = Vec::new();
    for id in ids {
        phones.push(on(&t, &json!({"id": id})).await);
    }
    for (phone, id) in phones.iter().zip(ids) {
        assert_eq!(phone.get("/v1/me").await.status, 200, "{id:?} lost its place to another");
    }
    let listed = phones[0].get("/v1/me/sessions").await.ok(200);
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(ids.len()));
    for (phone, id) in phones.iter().zip(ids) {
        on(&t, &json!({"id": id})).await;
        phone.get("/v1/me").await.problem(401, "session_replaced");
    }
}

/// A character that PostgreSQL's text can't hold.
#[tokio::test]
async fn a_zero_character_never_reaches_the_store() {
    let t = TestServer::with(with_mailer()).await;
    let phone = t.phone("alice").await;
    for (body, field) in [
        (json!({"nickname": "a\u{0}b"}), "nickname"),
        (json!({"avatar_url": "https://example.com/\u{0}"}), "avatar_url"),
    ] {
        assert_eq!(phone.put("/v1/me", body).await.problem(400, "field_invalid")["field"], field);
    }
    let code = t.code("alice");
    for (field, body) in [
        ("code", json!({"code": "a\u{0}b"})),
        ("phone_code", json!({"code": code, "phone_code": "a\u{0}b"})),
        ("device.id", json!({"code": code, "device": {"id": "\u{0}"}})),
        ("device.name", json!({"code": code, "device": {"name": "a\u{0}"}})),
        ("device.system", json!({"code": code, "device": {"system": "\u{0}a"}})),
        ("profile.nickname", json!({"code": code, "profile": {"nickname": "a\u{0}b"}})),
        ("profile.avatar_url", json!({"code": code, "profile": {"avatar_url": "https://example.com/\u{0}"}})),
    ] {
        assert_eq!(t.anon().post("/v1/login/shop", body).await.problem(400, "field_invalid")["field"], field);
    }
    for path in ["/v1/login/%00", "/v1/me/sessions/%00", "/v1/apps/%00/platform-token", "/problems/%00", "/%00"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = phone.send(method.clone(), path, Some(json!({"code": code}).to_string()), &[]).await;
            assert!(answer.status.is_client_error(), "{method} {path}: {} {}", answer.status, answer.text);
        }
    }
    t.anon().refresh_with("mjr_\u{0}").await.problem(401, "token_invalid");
    t.anon().post("/v1/logout", json!({"refresh_token": "mjr_\u{0}"})).await.problem(401, "token_invalid");
    for proof in [basic("\u{0}", SECRET), basic("mailer\u{0}", SECRET), basic("mailer", "\u{0}")] {
        t.anon().send(Method::GET, READ, None, &[("authorization", &proof)]).await.problem(401, "client_invalid");
    }
    report(&t, "\u{0}").await.ok(204);
    assert_eq!(t.sim.calls_with_code(&code), 0);
}

/// What the platform says of somebody is kept where it can be, and is no reason that a sign-in fails.
#[tokio::test]
async fn a_zero_character_in_a_platforms_profile_costs_the_profile_alone() {
    let t = TestServer::start().await;
    t.code("alice");
    t.sim.change_person("alice", |it| {
        it.nickname = Some("ali\u{0}ce".to_owned());
        it.avatar_url = Some("https://thirdwx.qlogo.cn/mmopen/alice/132".to_owned());
    });
    let given = t.control("wx/getUserInfo", json!({"person": "alice", "appid": APPID})).await;
    let body = json!({"encrypted_data": given["encryptedData"], "iv": given["iv"]});
    let user = t.phone_of("alice").login(body).await.ok(200)["user"].clone();
    assert_eq!(user["nickname"], Value::Null);
    assert_eq!(user["avatar_url"], "https://thirdwx.qlogo.cn/mmopen/alice/132");
}
