//! `GET|POST|DELETE /v1/me/identities`.

use menjin_server::store::Actor;
use menjin_sim::Platform;
use reqwest::Method;
use serde_json::{Value, json};

use super::{CLINIC, IDENTITIES, LATER, QQ, identities, link_qq, on_qq, start};
use crate::harness::{APPID, OTHER_APPID, Setup, TestServer};
use crate::web_sign_in::browser::{Browser, VERIFIER};

#[tokio::test]
async fn an_identity_that_is_linked_signs_the_same_person_in() {
    let t = start().await;
    let phone = t.phone("alice").await;
    assert_eq!(identities(&phone).await.len(), 1);
    let linked = link_qq(&t, &phone, "alice").await.ok(201);
    assert_eq!((&linked["platform"], &linked["app"]), (&json!("qq"), &json!("qq")));
    let all = identities(&phone).await;
    assert_eq!((all.len(), &all[1]), (2, &linked));
    let (_, pair) = on_qq(&t, "alice").await;
    assert_eq!((&pair["user"]["id"], &pair["is_new_user"]), (&json!(phone.user_id()), &json!(false)));
    assert_eq!(link_qq(&t, &phone, "alice").await.ok(200), linked, "once more changes nothing");
    for answer in t.answers() {
        for appid in [APPID, QQ] {
            let openid = t.sim.openid(appid, "alice");
            assert!(!answer.text.contains(&openid), "nobody is told what a platform calls them");
        }
    }
    t.anon().get(IDENTITIES).await.problem(401, "token_missing");
}

#[tokio::test]
async fn a_site_s_identity_is_linked_by_the_code_of_its_page() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let mut browser = Browser::at(&t);
    let code = browser.arrive("qq-site", "alice").await;
    let without = phone.post(IDENTITIES, json!({"app": "qq-site", "code": code})).await.problem(400, "field_invalid");
    assert_eq!(without["field"], "code_verifier");
    let linked = phone.post(IDENTITIES, json!({"app": "qq-site", "code": code, "code_verifier": VERIFIER})).await;
    assert_eq!(linked.ok(201)["app"], "qq-site");
    assert!(phone.get("/v1/me").await.ok(200)["user"]["nickname"].is_null(), "the site's profile is not taken over");
    assert_eq!(Browser::at(&t).sign_in("qq-site", "alice").await["user"]["id"], phone.user_id());
    let code = browser.arrive("qq-site", "bob").await;
    let wrong = json!({"app": "qq-site", "code": code, "code_verifier": "x".repeat(43)});
    phone.post(IDENTITIES, wrong).await.problem(401, "code_invalid");
}

#[tokio::test]
async fn what_is_somebody_else_s_is_not_linked() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let (bob, pair) = on_qq(&t, "bob").await;
    let taken = link_qq(&t, &phone, "bob").await.problem(409, "identity_taken");
    assert!(taken["detail"].as_str().unwrap().contains("/v1/me/merge"), "{taken}");
    assert_eq!(bob.get("/v1/me").await.ok(200)["user"]["id"], pair["user"]["id"]);
    // Of the same open-platform account: the unionid tells whose it is, though nobody came by this app yet.
    let carol = t.phone("carol").await;
    let code = t.sim.js_code(OTHER_APPID, "carol");
    phone.post(IDENTITIES, json!({"app": "club", "code": code})).await.problem(409, "identity_taken");
    let code = t.sim.js_code(OTHER_APPID, "carol");
    carol.post(IDENTITIES, json!({"app": "club", "code": code})).await.ok(201);
}

#[tokio::test]
async fn mt_01_an_app_of_another_back_end_links_nobody() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let code = t.sim.js_code(CLINIC, "alice");
    phone.post(IDENTITIES, json!({"app": "clinic", "code": code})).await.problem(403, "forbidden");
    t.anon().post("/v1/login/clinic", json!({"code": code})).await.ok(200);
    for unknown in ["nobody", "door"] {
        phone.post(IDENTITIES, json!({"app": unknown, "code": "x"})).await.problem(404, "app_unknown");
    }
}

#[tokio::test]
async fn a_code_links_once_and_is_spent_once() {
    let t = start().await;
    let (alice, bob) = (t.phone("alice").await, t.phone("bob").await);
    let body = json!({"app": "qq", "code": t.sim.code_of(Platform::Qq, QQ, "alice")});
    alice.post(IDENTITIES, body.clone()).await.ok(201);
    bob.post(IDENTITIES, body.clone()).await.problem(401, "code_used");
    t.anon().post("/v1/login/qq", json!({"code": body["code"]})).await.problem(401, "code_used");
    alice.post(IDENTITIES, json!({"app": "qq", "code": "x"})).await.problem(401, "code_invalid");
    let odd = alice.post(IDENTITIES, json!({"app": "qq", "code": "汉"})).await.problem(400, "field_invalid");
    assert_eq!(odd["field"], "code");
}

#[tokio::test]
async fn linking_and_unlinking_ask_for_a_fresh_sign_in() {
    let t = start().await;
    t.freeze();
    let phone = t.phone("alice").await;
    t.advance(LATER);
    let refused = link_qq(&t, &phone, "alice").await.problem(403, "reauth_required");
    assert_eq!(refused["action"], "reauth");
    let body = |fresh: &str| {
        let code = t.sim.code_of(Platform::Qq, QQ, "alice");
        json!({"app": "qq", "code": code, "fresh": {"code": fresh}})
    };
    let others = t.code("bob");
    phone.post(IDENTITIES, body(&others)).await.problem(403, "reauth_required");
    phone.post(IDENTITIES, body("wrong")).await.problem(401, "code_invalid");
    let linked = phone.post(IDENTITIES, body(&t.code("alice"))).await.ok(201);
    let path = format!("{IDENTITIES}/{}", linked["id"].as_str().unwrap());
    phone.delete(&path).await.problem(403, "reauth_required");
    let fresh = json!({"code": t.code("alice")}).to_string();
    phone.send(Method::DELETE, &path, Some(fresh), &[]).await.ok(204);
    assert_eq!(identities(&phone).await.len(), 1);
}

#[tokio::test]
async fn a_proof_that_is_wrong_links_and_unlinks_nothing_however_fresh_the_sign_in_is() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let code = t.sim.code_of(Platform::Qq, QQ, "alice");
    let wrong = json!({"password": "zzz"});
    let link = async |fresh: &Value| phone.post(IDENTITIES, json!({"app": "qq", "code": code, "fresh": fresh})).await;
    link(&wrong).await.problem(403, "old_password_wrong");
    link(&json!({"code": t.code("bob")})).await.problem(403, "reauth_required");
    let linked = link(&json!({"code": t.code("alice")})).await.ok(201);
    let path = format!("{IDENTITIES}/{}", linked["id"].as_str().unwrap());
    phone.send(Method::DELETE, &path, Some(wrong.to_string()), &[]).await.problem(403, "old_password_wrong");
    assert_eq!(identities(&phone).await.len(), 2);
}

#[tokio::test]
async fn a_second_account_of_the_session_s_own_app_is_linked_too() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let linked = phone.post(IDENTITIES, json!({"app": "shop", "code": t.code("alice's other one")})).await.ok(201);
    assert_eq!(linked["app"], "shop");
    assert_eq!(t.phone("alice's other one").await.user_id(), phone.user_id());
}

#[tokio::test]
async fn an_identity_that_is_unlinked_opens_nothing_more() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let linked = link_qq(&t, &phone, "alice").await.ok(201);
    let (on_qq_now, _) = on_qq(&t, "alice").await;
    let path = format!("{IDENTITIES}/{}", linked["id"].as_str().unwrap());
    phone.delete(&path).await.ok(204);
    on_qq_now.get("/v1/me").await.problem(401, "session_kicked");
    phone.get("/v1/me").await.ok(200);
    assert_eq!(on_qq(&t, "alice").await.1["is_new_user"], true);
    phone.delete(&path).await.problem(404, "identity_unknown");
    phone.delete(&format!("{IDENTITIES}/nonsense")).await.problem(404, "identity_unknown");
}

#[tokio::test]
async fn the_last_way_to_sign_in_is_kept() {
    let t = start().await;
    let phone = t.phone("alice").await;
    let own = identities(&phone).await.remove(0);
    let path = format!("{IDENTITIES}/{}", own["id"].as_str().unwrap());
    let refused = phone.delete(&path).await.problem(409, "last_identity");
    assert!(refused["detail"].as_str().unwrap().contains("password"), "{refused}");
    let bob = t.phone("bob").await;
    bob.delete(&path).await.problem(404, "identity_unknown");
    link_qq(&t, &phone, "alice").await.ok(201);
    phone.delete(&path).await.ok(204);
    phone.get("/v1/me").await.problem(401, "session_kicked");
    assert_eq!(on_qq(&t, "alice").await.1["user"]["id"], phone.user_id());
}

/// Imported people have a password, whether an app takes it or not.
#[tokio::test]
async fn a_password_that_no_app_takes_is_no_way_to_sign_in() {
    for (shop, status) in [("", 409), ("passwords = true", 204)] {
        let t = TestServer::with(Setup { shop: shop.to_owned(), ..Setup::default() }).await;
        let user = t.phone("alice").await.user_id().parse().unwrap();
        let reset = t.menjin.reset_password(&Actor::command(), user, Some("alice")).await.unwrap();
        let chosen = json!({"code": reset.code, "new_password": "correct horse battery"});
        t.anon().post("/v1/password/reset", chosen).await.ok(204);
        let phone = t.phone("alice").await;
        let own = identities(&phone).await.remove(0);
        let answer = phone.delete(&format!("{IDENTITIES}/{}", own["id"].as_str().unwrap())).await;
        assert_eq!(answer.status.as_u16(), status, "{shop}: {}", answer.text);
        if status == 409 {
            answer.problem(409, "last_identity");
        }
    }
}

#[tokio::test]
async fn a_key_that_came_with_a_fresh_code_is_the_one_that_opens_data() {
    let t = start().await;
    t.freeze();
    let phone = t.phone("alice").await;
    t.advance(LATER);
    let code = t.code("alice");
    let body = json!({"app": "qq", "code": t.sim.code_of(Platform::Qq, QQ, "alice"), "fresh": {"code": code}});
    phone.post(IDENTITIES, body).await.ok(201);
    assert_eq!(phone.post("/v1/me/check-session", json!({})).await.ok(200)["valid"], true);
}
