//! `GET|POST /v1/me/export`: everything that is kept of somebody, for programs and for people.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{NICKNAME, NUMBER, alice, documents, leaves, time_passes};
use crate::broker::basic;
use crate::harness::{APPID, CLIENT_SECRET, Setup, TestServer};

const OFFICE: &str = "[[app]]\nid = \"keeper\"\nkind = \"backend\"\naudience = \"shop-api\"\nclient_secret = \"keeper-secret-keeper-secret-keeper-1\"\nscopes = [\"session-data\"]\n";

/// Alice with data that a back end keeps, and a consent; bob beside her.
async fn server() -> TestServer {
    let mut setup = documents("1");
    setup.toml.push_str(OFFICE);
    TestServer::with(setup).await
}

async fn keep(t: &TestServer, phone: &crate::harness::Actor<'_>, key: &str, value: Value) {
    let proof = basic("keeper", "keeper-secret-keeper-secret-keeper-1");
    let headers = [("authorization", proof.as_str()), ("menjin-subject-token", &phone.access_token())];
    let body = json!({"value": value}).to_string();
    for scope in ["session", "user"] {
        let path = format!("/v1/session/data/{key}?scope={scope}");
        t.anon().send(Method::PUT, &path, Some(body.clone()), &headers).await.ok(200);
    }
}

#[tokio::test]
async fn everything_that_is_kept_of_somebody_is_in_it_and_nothing_else() {
    let t = server().await;
    let mut bob = t.phone_of("bob");
    bob.login(json!({"profile": {"nickname": "Bob"}, "device": {"id": "device-of-bob"}})).await.ok(200);
    keep(&t, &bob, "cart", json!("bob's cart")).await;
    let first = alice(&t).await;
    keep(&t, &first, "cart", json!({"apples": 3})).await;
    t.clock.advance(std::time::Duration::from_secs(1));
    let phone = alice(&t).await;
    phone.post("/v1/me/consents", json!({"accept": [{"id": "privacy", "version": "1"}]})).await.ok(200);
    let answer = phone.get("/v1/me/export").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let name = format!("attachment; filename=\"menjin-{}.json\"", phone.user_id());
    assert_eq!(answer.header("content-disposition"), name);
    let text = answer.text.clone();
    let all = answer.ok(200);
    let account = &all["account"];
    assert_eq!((&account["id"], &account["nickname"]), (&json!(phone.user_id()), &json!(NICKNAME)));
    assert_eq!(all["phones"][0]["number"], format!("+86{NUMBER}"));
    assert_eq!(all["identities"][0]["openid"], t.sim.openid(APPID, "alice"));
    assert_eq!(all["identities"].as_array().unwrap().len(), 1);
    let sessions = all["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    assert_eq!((&sessions[0]["id"], &sessions[0]["ended_at"]), (&json!(phone.session_id()), &Value::Null));
    assert_eq!(
        (&sessions[1]["id"], &sessions[1]["end_reason"]),
        (&json!(first.session_id()), &json!("session_replaced"))
    );
    assert_eq!(sessions[1]["device_name"], "Alice's iPhone");
    let data: Vec<_> =
        all["data"].as_array().unwrap().iter().map(|it| (&it["audience"], &it["key"], &it["value"])).collect();
    let cart = (&json!("shop-api"), &json!("cart"), &json!({"apples": 3}));
    assert_eq!(data, [cart, cart], "of the person and of the former session");
    assert_eq!((&all["consents"][0]["id"], &all["consents"][0]["app"]), (&json!("privacy"), &json!("shop")));
    let actions: Vec<_> = all["history"].as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"session.opened") && actions.contains(&"consent.given"), "{actions:?}");
    for other in ["bob's cart", "Bob", "device-of-bob", &t.sim.openid(APPID, "bob")] {
        assert!(!text.contains(other), "{other} is bob's: {text}");
    }
    let session_key = t.sim.session_key(APPID, "alice").unwrap();
    for secret in ["session_key\"", "sealed", "hash", "mjr_", &session_key, CLIENT_SECRET] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let exported = "SELECT count(*) FROM audit WHERE action = 'user.exported' AND actor = 'user'";
    assert_eq!(crate::rows::Rows::of(&t).await.all(exported).await[0][0].int(), 1);
}

#[tokio::test]
async fn the_page_is_for_people_in_their_language_and_runs_nothing() {
    let t = server().await;
    let mut phone = alice(&t).await;
    for (language, words) in [
        ("zh-CN", ["你的个人信息", "手机号", "微信", "登录记录", "本人"]),
        ("en", ["Your data", "Phone number", "WeChat", "Sign-ins", "yourself"]),
    ] {
        phone.language = language;
        let answer = phone.get("/v1/me/export?format=html").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(answer.header("content-disposition").contains(".html"));
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        let page = &answer.text;
        assert!(page.contains(&format!("<html lang=\"{language}\">")) && page.contains(NUMBER), "{page}");
        for word in words {
            assert!(page.contains(word), "{word}: {page}");
        }
        assert!(page.contains("Alice Liddell &#60;b&#62;&#38;&#34;") && !page.contains("Liddell <b>"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
}

#[tokio::test]
async fn an_export_asks_for_a_fresh_sign_in_and_a_format_that_there_is() {
    let t = server().await;
    let phone = alice(&t).await;
    let problem = phone.get("/v1/me/export?format=pdf").await.problem(400, "field_invalid");
    assert_eq!(problem["field"], "format");
    t.clock.advance(Duration::from_mins(6));
    phone.get("/v1/me/export").await.problem(403, "reauth_required");
    t.anon().get("/v1/me/export").await.problem(401, "token_missing");
    let office = basic("keeper", "keeper-secret-keeper-secret-keeper-1");
    let answer = t.anon().send(Method::GET, "/v1/me/export", None, &[("authorization", &office)]).await;
    assert_eq!(answer.status, 401, "{}", answer.text);
}

#[tokio::test]
async fn a_proof_that_is_wrong_exports_nothing_however_fresh_the_sign_in_is() {
    let t = server().await;
    let phone = alice(&t).await;
    let export = async |body: Value| phone.post("/v1/me/export", body).await;
    export(json!({"password": "WRONG"})).await.problem(403, "old_password_wrong");
    export(json!({"code": t.code("bob")})).await.problem(403, "reauth_required");
    export(json!({"code": "wrong"})).await.problem(401, "code_invalid");
    export(json!({})).await.ok(200);
    export(json!({"code": t.code("alice")})).await.ok(200);
}

#[tokio::test]
async fn whoever_proves_themselves_in_the_same_request_gets_it_however_old_the_sign_in_is() {
    let t = server().await;
    let phone = alice(&t).await;
    t.clock.advance(Duration::from_mins(6));
    let export = async |body: Value| phone.post("/v1/me/export", body).await;
    export(json!({})).await.problem(403, "reauth_required");
    phone.send(Method::POST, "/v1/me/export", None, &[]).await.problem(403, "reauth_required");
    export(json!({"code": t.code("bob")})).await.problem(403, "reauth_required");
    export(json!({"code": "wrong"})).await.problem(401, "code_invalid");
    assert_eq!(export(json!({"code": ""})).await.problem(400, "field_invalid")["field"], "code");
    export(json!({"password": "no such thing"})).await.problem(403, "old_password_wrong");
    let code = json!({"code": t.code("alice")});
    let answer = export(code.clone()).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let all = answer.ok(200);
    assert_eq!(
        (&all["account"]["id"], &all["phones"][0]["number"]),
        (&json!(phone.user_id()), &json!(format!("+86{NUMBER}")))
    );
    export(code).await.problem(401, "code_used");
    let page = phone.post("/v1/me/export?format=html", json!({"code": t.code("alice")})).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text.contains(NUMBER), "{}", page.text);
    phone.get("/v1/me/export").await.problem(403, "reauth_required");
    t.anon().post("/v1/me/export", json!({"code": t.code("alice")})).await.problem(401, "token_missing");
    let exported = "SELECT count(*) FROM audit WHERE action = 'user.exported'";
    assert_eq!(crate::rows::Rows::of(&t).await.all(exported).await[0][0].int(), 2);
}

/// Nobody can tell any more whether the two were one.
#[tokio::test]
async fn whoever_was_merged_and_parted_is_named_in_nobody_elses() {
    let t = server().await;
    let (phone, twin) = (t.phone("alice").await, t.phone("twin").await);
    let ids = [phone.user_id(), twin.user_id()];
    phone.post("/v1/me/merge", json!({"access_token": twin.access_token(), "confirm": true})).await.ok(200);
    let export = phone.get("/v1/me/export").await.ok(200);
    assert_eq!(export["account"]["other_accounts"][0]["id"], ids[1]);
    let merged = |export: &Value, action: &str| {
        let lines = export["history"].as_array().unwrap();
        lines.iter().find(|line| line["action"] == action).expect("it is told")["detail"].clone()
    };
    assert_eq!(merged(&export, "user.merged"), format!("alias {}", ids[1]), "it is their own");
    let by = menjin_server::store::Actor::command();
    t.menjin.unmerge_user(&by, ids[1].parse().unwrap()).await.unwrap();
    let (phone, twin) = (t.phone("alice").await, t.phone("twin").await);
    assert_eq!([phone.user_id(), twin.user_id()], ids);
    for (own, other, action) in [(&phone, &ids[1], "user.merged"), (&twin, &ids[0], "user.became_alias")] {
        let export = own.get("/v1/me/export").await.ok(200);
        assert!(merged(&export, action).as_str().unwrap().ends_with('…'), "{export}");
        assert!(!export.to_string().contains(other.as_str()), "{export}");
        assert!(!own.get("/v1/me/export?format=html").await.text.contains(other.as_str()));
    }
}

/// What another system called it leads to the account still, and its picture is still in the folder.
#[tokio::test]
async fn what_an_account_had_before_it_was_merged_is_in_it() {
    let t = server().await;
    let (phone, mut twin) = (t.phone("alice").await, t.phone_of("twin"));
    let profile = json!({"nickname": "Twin", "avatar_url": "https://shop.example.com/twin.png"});
    let former = twin.login(json!({"profile": profile})).await.ok(200)["user"].clone();
    let mut rows = crate::rows::Rows::of(&t).await;
    let own = phone.get("/v1/me").await.ok(200)["user"]["number"].clone();
    for (number, external_id) in [(&own, "b-1"), (&former["number"], "a-1")] {
        rows.run(&format!("UPDATE users SET external_id = '{external_id}' WHERE number = {number}")).await;
    }
    phone.put("/v1/me", json!({"nickname": "Alice"})).await.ok(200);
    phone.post("/v1/me/merge", json!({"access_token": twin.access_token(), "confirm": true})).await.ok(200);
    let export = phone.get("/v1/me/export").await.ok(200);
    let account = &export["account"];
    assert_eq!((&account["nickname"], &account["external_id"]), (&json!("Alice"), &json!("b-1")));
    let other = json!({
        "id": former["id"], "number": former["number"], "external_id": "a-1", "nickname": "Twin",
        "avatar_url": "https://shop.example.com/twin.png", "created_at": former["created_at"],
    });
    assert_eq!(export["account"]["other_accounts"], json!([other]));
    let page = phone.get("/v1/me/export?format=html").await.text;
    for word in ["a-1", "Twin", "https://shop.example.com/twin.png"] {
        assert!(page.contains(word), "{word}: {page}");
    }
}

/// Whoever signs in by a program has more than anybody could read, or a node could hold.
#[tokio::test]
async fn of_a_history_without_end_the_newest_is_in_it_and_it_says_so() {
    let t = server().await;
    let phone = t.phone("alice").await;
    assert_eq!(phone.get("/v1/me/export").await.ok(200)["shortened"], json!([]));
    let mut rows = crate::rows::Rows::of(&t).await;
    for _ in 0..13 {
        let again = "INSERT INTO audit (at, action, actor, user_id) SELECT at - 1, 'login.refused', 'user', user_id
            FROM audit WHERE user_id IS NOT NULL";
        rows.run(again).await;
    }
    phone.get("/v1/me/export").await.ok(200);
    let export = phone.get("/v1/me/export").await.ok(200);
    assert_eq!(export["history"].as_array().unwrap().len(), 10_000);
    assert_eq!(export["history"][0]["action"], "user.exported", "the newest comes first");
    assert_eq!(export["shortened"], json!([{"list": "history", "newest": 10_000}]));
    let page = phone.get("/v1/me/export?format=html").await.text;
    assert!(page.contains("the newest 10000 are here"), "{}", &page[..page.len().min(2000)]);
}

#[tokio::test]
async fn exports_are_not_asked_for_all_day() {
    let limits = "enabled = true\nper_person = 100".to_owned();
    let t = TestServer::with(Setup { limits, ..documents("1") }).await;
    let phone = t.phone("alice").await;
    for _ in 0..10 {
        phone.get("/v1/me/export").await.ok(200);
    }
    phone.get("/v1/me/export").await.problem(429, "too_many_requests");
    t.phone("bob").await.get("/v1/me/export").await.ok(200);
}

/// Where an app keeps nobody's profile there is less to give and to erase, and both are done all the same.
#[tokio::test]
async fn people_of_an_app_without_profiles_are_exported_and_erased_too() {
    let t = TestServer::with(Setup { shop: "profile = \"none\"".to_owned(), ..Setup::default() }).await;
    let phone = alice(&t).await;
    let all = phone.get("/v1/me/export").await.ok(200);
    let account = &all["account"];
    assert_eq!((&account["nickname"], &account["avatar_url"]), (&Value::Null, &Value::Null));
    assert_eq!(all["phones"][0]["number"], format!("+86{NUMBER}"), "the number is no profile");
    assert_eq!(all["identities"][0]["openid"], t.sim.openid(APPID, "alice"));
    assert!(!all.to_string().contains("Liddell"), "{all}");
    assert!(!phone.get("/v1/me/export?format=html").await.text.contains("Liddell"));
    leaves(&phone).await;
    time_passes(&t).await;
    let mut again = t.phone_of("alice");
    let answer = again.login(json!({})).await.ok(200);
    assert_eq!((&answer["is_new_user"], &answer["user"]["phone_masked"]), (&json!(true), &Value::Null));
    let openid = t.sim.openid(APPID, "alice");
    let held = format!("SELECT count(*) FROM identities WHERE openid = '{openid}'");
    assert_eq!(crate::rows::Rows::of(&t).await.all(&held).await[0][0].int(), 1, "the new one's");
}

#[tokio::test]
async fn an_operator_reads_the_same_and_the_audit_says_so() {
    let t = server().await;
    let phone = alice(&t).await;
    let by = menjin_server::store::Actor {
        kind: "operator",
        id: Some("dana".to_owned()),
        ip: Some("198.51.100.7".to_owned()),
    };
    let export = t.menjin.export_user(&by, phone.user_id().parse().unwrap()).await.unwrap();
    assert_eq!(export.phones[0].number, format!("+86{NUMBER}"));
    assert!(export.to_html(true).unwrap().contains("你的个人信息"));
    let theirs = phone.get("/v1/me/export").await.ok(200);
    let line = theirs["history"].as_array().unwrap().iter().find(|it| it["action"] == "user.exported").unwrap();
    assert_eq!((&line["by"], &line["ip"]), (&json!("operator"), &Value::Null), "an operator's address is theirs");
    assert!(!theirs.to_string().contains("dana") && !theirs.to_string().contains("198.51.100.7"));
}
