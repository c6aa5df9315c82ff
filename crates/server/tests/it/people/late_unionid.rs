//! A unionid that comes late: the app is bound to its open-platform account after people have signed in.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{APP_SECRET, Setup, TestServer};

const OLD: &str = "wx0000000000001d1d";

/// An app of its own, which `bound` joins to the others' open-platform account.
fn app(bound: &str) -> Setup {
    let door = "[[app]]\nid = \"door\"\nkind = \"backend\"\naudience = \"shop-api\"\nclient_secret = \"door-secret-door-secret-door-secret\"\nscopes = [\"session-data\"]\n";
    let toml = format!(
        "[[app]]\nid = \"old\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"{OLD}\"\nsecret = \"{APP_SECRET}\"\naudience = \"shop-api\"\n{bound}\n{door}"
    );
    Setup { toml, ..Setup::default() }
}

/// Before and after: two nodes, of which the second knows that the app was bound.
async fn start() -> (TestServer, TestServer) {
    start_with("").await
}

/// The same, where the app's entry says more.
async fn start_with(more: &str) -> (TestServer, TestServer) {
    let before = TestServer::with(app(more)).await;
    before.sim.add_app(menjin_sim::App::mini_program(OLD, APP_SECRET).bound_to("company"));
    let after = before.beside(app(&format!("{more}open_account = \"company\""))).await;
    (before, after)
}

async fn sign_in(t: &TestServer, person: &str) -> Value {
    t.anon().post("/v1/login/old", json!({"code": t.sim.js_code(OLD, person)})).await.ok(200)
}

#[tokio::test]
async fn one_person_in_two_apps_becomes_one_user() {
    let (before, after) = start().await;
    let former = sign_in(&before, "alice").await;
    let phone = before.phone("alice").await;
    assert_ne!(former["user"]["id"], phone.user_id());
    let late = sign_in(&after, "alice").await;
    assert_eq!((&late["user"]["id"], &late["is_new_user"]), (&former["user"]["id"], &json!(false)), "who came first");
    let ended = after.phone_with_token(&phone.access_token());
    ended.get("/v1/me").await.problem(401, "user_merged");
    assert_eq!(after.phone("alice").await.user_id(), former["user"]["id"].as_str().unwrap());
}

#[tokio::test]
async fn a_sign_in_that_is_refused_as_one_too_many_merges_nobody() {
    let (before, after) = start_with("sessions = 1\nwhen_full = \"newest_refused\"\n").await;
    let former = sign_in(&before, "alice").await;
    let former = after.phone_with_token(former["access_token"].as_str().unwrap());
    let phone = before.phone("alice").await;
    let code = json!({"code": after.sim.js_code(OLD, "alice")});
    after.anon().post("/v1/login/old", code).await.problem(409, "sessions_full");
    for node in [&before, &after] {
        node.phone_with_token(&phone.access_token()).get("/v1/me").await.ok(200);
    }
    former.post("/v1/logout", json!({})).await.ok(204);
    sign_in(&after, "alice").await;
    for node in [&before, &after] {
        node.phone_with_token(&phone.access_token()).get("/v1/me").await.problem(401, "user_merged");
    }
}

#[tokio::test]
async fn two_whom_back_ends_know_stay_two_and_sign_in_as_who_they_were() {
    let (before, after) = start().await;
    let former = sign_in(&before, "alice").await;
    let phone = before.phone("alice").await;
    let proof = "Basic ZG9vcjpkb29yLXNlY3JldC1kb29yLXNlY3JldC1kb29yLXNlY3JldA==";
    for token in [former["access_token"].as_str().unwrap(), &phone.access_token()] {
        let headers = [("authorization", proof), ("menjin-subject-token", token)];
        let body = json!({"value": 1}).to_string();
        let kept = before.anon().send(Method::PUT, "/v1/session/data/level?scope=user", Some(body), &headers).await;
        assert!(kept.status.is_success(), "{}", kept.text);
    }
    let late = sign_in(&after, "alice").await;
    assert_eq!(late["user"]["id"], former["user"]["id"]);
    let shop = after.phone("alice").await;
    assert_eq!(shop.user_id(), phone.user_id());
    let own = after.phone_with_token(late["access_token"].as_str().unwrap());
    for path in ["/v1/me/export", "/v1/me/export?format=html"] {
        let export = own.get(path).await.text;
        assert!(export.contains("unionid is another user") && !export.contains(&phone.user_id()), "{path}: {export}");
    }
    let body = json!({"app": "old", "code": after.sim.js_code(OLD, "alice")});
    shop.post("/v1/me/identities", body).await.problem(409, "identity_taken");
    let merge = json!({"access_token": late["access_token"], "confirm": true});
    shop.post("/v1/me/merge", merge).await.ok(200);
    assert_eq!(sign_in(&after, "alice").await["user"]["id"], phone.user_id());
}
