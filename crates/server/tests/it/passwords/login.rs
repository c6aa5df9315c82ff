//! `POST /v1/login/{app}/password`: right ones, wrong ones, and what nobody learns from them.

use serde_json::json;

use super::{PASSWORD, access, audited, kept, login, open, register};
use crate::harness::{Setup, TestServer, claims};

#[tokio::test]
async fn a_name_and_a_password_open_a_session_like_any_other() {
    let t = TestServer::with(open()).await;
    let made = register(&t, "Alice", PASSWORD).await.ok(201);
    for name in ["Alice", "alice", " ALICE ", "ａｌｉｃｅ"] {
        let answer = login(&t, name, PASSWORD).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        let signed_in = answer.ok(200);
        assert_eq!(
            (&signed_in["user"]["id"], &signed_in["is_new_user"]),
            (&made["user"]["id"], &json!(false)),
            "{name}"
        );
        let token = claims(access(&signed_in));
        assert_eq!((&token["amr"], &token["aud"][0]), (&json!(["pwd"]), &json!("shop-api")));
        let mut phone = t.phone_with_token(access(&signed_in));
        assert_eq!(phone.get("/v1/me").await.ok(200)["user"]["id"], made["user"]["id"]);
        phone.refresh_with(signed_in["refresh_token"].as_str().unwrap()).await.ok(200);
        phone.forget();
    }
}

#[tokio::test]
async fn where_the_name_is_nobodys_the_answer_is_that_of_a_wrong_password() {
    let t = TestServer::with(open()).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    let mut told = Vec::new();
    for name in ["alice", "nobody", &"x".repeat(5000), "a\u{0}b", "' OR 1=1 --"] {
        let mut problem = login(&t, name, "wrong password").await.problem(401, "password_wrong");
        problem["request_id"] = json!(null);
        told.push(problem);
    }
    assert!(told.iter().all(|problem| *problem == told[0]), "{told:?}");
    assert_eq!(told[0]["action"], "none");
}

#[tokio::test]
async fn an_app_that_does_not_take_passwords_has_no_such_sign_in() {
    let t = TestServer::with(open()).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    for app in ["club", "office", "nowhere"] {
        let body = json!({"username": "alice", "password": PASSWORD});
        t.anon().post(&format!("/v1/login/{app}/password"), body.clone()).await.problem(404, "app_unknown");
        t.anon().post(&format!("/v1/register/{app}"), body).await.problem(404, "app_unknown");
    }
    let closed = TestServer::with(Setup { shop: "passwords = true".to_owned(), ..Setup::default() }).await;
    register(&closed, "alice", PASSWORD).await.problem(404, "app_unknown");
    login(&closed, "alice", PASSWORD).await.problem(401, "password_wrong");
    let off = TestServer::start().await;
    login(&off, "alice", PASSWORD).await.problem(404, "app_unknown");
}

#[tokio::test]
async fn a_request_that_lacks_something_is_told_what() {
    let t = TestServer::with(open()).await;
    for (body, field) in [
        (json!({"password": "x"}), "username"),
        (json!({"username": "alice"}), "password"),
        (json!({"username": " ", "password": "x"}), "username"),
        (json!({"username": "alice", "password": ""}), "password"),
        (json!({"username": "alice", "password": "x".repeat(4097)}), "password"),
        (json!({"username": 7, "password": "x"}), "username"),
        (json!({"username": "alice", "password": "x", "device": {"class": "toaster"}}), "device.class"),
    ] {
        let problem = t.anon().post("/v1/login/shop/password", body.clone()).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], field, "{body}");
    }
}

#[tokio::test]
async fn whoever_is_banned_hears_so_with_the_right_password_alone() {
    let t = TestServer::with(open()).await;
    let user = register(&t, "alice", PASSWORD).await.ok(201)["user"]["id"].as_str().unwrap().parse().unwrap();
    t.menjin.disable_user(&menjin_server::store::Actor::command(), user).await.unwrap();
    login(&t, "alice", "wrong password").await.problem(401, "password_wrong");
    login(&t, "alice", PASSWORD).await.problem(401, "user_disabled");
}

#[tokio::test]
async fn a_password_is_the_same_however_a_keyboard_writes_it() {
    let t = TestServer::with(open()).await;
    register(&t, "alice", "grüße aus ﬁnnland").await.ok(201);
    login(&t, "alice", "gru\u{308}ße aus finnland").await.ok(200);
    login(&t, "alice", "grusse aus finnland").await.problem(401, "password_wrong");
}

#[tokio::test]
async fn other_costs_are_taken_over_at_the_next_sign_in() {
    let t = TestServer::with(open()).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    assert_eq!(kept(&t, "alice").await.0, "argon2id$v=19$m=19456,t=2,p=1");
    let url = t.url.clone();
    let folder = Some(t.stop().await);
    let toml = "[passwords]\nmemory = 8192\niterations = 5\n".to_owned();
    let t = TestServer::with(Setup { toml, folder, public_url: Some(url), ..open() }).await;
    login(&t, "alice", "wrong password").await.problem(401, "password_wrong");
    assert_eq!(kept(&t, "alice").await.0, "argon2id$v=19$m=19456,t=2,p=1");
    login(&t, "alice", PASSWORD).await.ok(200);
    assert_eq!(kept(&t, "alice").await.0, "argon2id$v=19$m=8192,t=5,p=1");
    login(&t, "alice", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn a_refused_sign_in_is_written_down_after_its_answer() {
    let t = TestServer::with(open()).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    login(&t, "alice", "wrong password").await.problem(401, "password_wrong");
    login(&t, "nobody", "wrong password").await.problem(401, "password_wrong");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let told = audited(&t).await;
        if told == ["password.set by user", "session.opened by user", "login.refused by user"] {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{told:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn no_password_and_no_hash_stands_in_the_database() {
    let t = TestServer::with(open()).await;
    register(&t, "alice", PASSWORD).await.ok(201);
    login(&t, "alice", PASSWORD).await.ok(200);
    let mut rows = crate::rows::Rows::of(&t).await;
    let row = rows.all("SELECT hash, form FROM passwords").await.remove(0);
    let hash = String::from_utf8_lossy(&row[0].bytes().unwrap()).into_owned();
    assert!(!hash.contains("argon2") && !hash.contains(PASSWORD), "it is sealed");
}
