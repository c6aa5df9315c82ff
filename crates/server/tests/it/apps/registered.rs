//! Apps that are registered by command, beside running nodes, which learn of each change.

use std::time::Duration;

use menjin_server::config::{AppKind, PlatformName, Secret};
use menjin_server::store::Actor as By;
use menjin_server::{ByPassword, NewApp};
use menjin_sim::App;
use reqwest::Method;
use serde_json::json;

use super::{ask_token, back_ends, oauth_error};
use crate::broker::{basic, until};
use crate::harness::{APP_SECRET, Actor, Answer, Setup, TestServer, claims, header};
use crate::rows::Rows;

/// Of a third mini program.
const APPID: &str = "wx00000000000000c3";
const READ: &str = "/v1/apps/shop/platform-token";

/// A back end to register.
pub(crate) fn back_end(id: &str, scopes: Vec<String>) -> NewApp {
    let nothing = (None, None, None, None);
    let (name, audience, platform, open_account) = nothing;
    let by_password = ByPassword::default();
    NewApp { id: id.to_owned(), kind: AppKind::Backend, name, audience, scopes, platform, open_account, by_password }
}

fn mini_program(id: &str) -> NewApp {
    let platform = Some((PlatformName::Wechat, APPID.to_owned(), Secret::new(APP_SECRET)));
    let audience = Some("shop-api".to_owned());
    NewApp { kind: AppKind::MiniProgram, platform, audience, ..back_end(id, Vec::new()) }
}

const PASSWORDS: ByPassword = ByPassword { passwords: true, register: false };
/// Which no app may have.
const REGISTER_ALONE: ByPassword = ByPassword { passwords: false, register: true };

fn reader() -> NewApp {
    back_end("reports", vec!["platform-token:shop".to_owned()])
}

async fn two() -> [TestServer; 2] {
    let first = TestServer::with(back_ends()).await;
    let second = first.beside(back_ends()).await;
    [first, second]
}

async fn read(t: &TestServer, authorization: &str) -> Answer {
    t.anon().send(Method::GET, READ, None, &[("authorization", authorization)]).await
}

/// Once both nodes have heard of it.
async fn until_both(nodes: &[TestServer; 2], mut is_so: impl AsyncFnMut(&TestServer) -> bool) {
    for node in nodes {
        until(async || is_so(node).await).await;
    }
}

async fn sign_in<'a>(t: &'a TestServer, person: &str) -> (Actor<'a>, Answer) {
    let mut phone = t.phone_of(person);
    let answer = phone.login_to("kiosk", APPID, json!({})).await;
    (phone, answer)
}

#[tokio::test]
async fn a_back_end_works_on_every_node_once_it_is_registered_and_after_a_restart() {
    let nodes = two().await;
    let registered = nodes[0].menjin.add_app(&By::command(), reader()).await.unwrap();
    let shown = format!("{registered:?}");
    let secret = registered.client_secret.unwrap();
    assert!(!shown.contains(&secret), "{shown}");
    assert!(secret.starts_with("mjs_") && secret.len() == 4 + 43, "32 random bytes");
    let proof = basic("reports", &secret);
    until_both(&nodes, async |node| read(node, &proof).await.status == 200).await;
    let token = ask_token(&nodes[1], &proof, None).await.ok(200);
    let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
    for node in &nodes {
        read(node, &token).await.ok(200);
    }
    let again = nodes[0].beside(back_ends()).await;
    read(&again, &proof).await.ok(200);
    read(&again, &token).await.ok(200);
}

#[tokio::test]
async fn people_sign_in_from_a_registered_mini_program() {
    let nodes = two().await;
    nodes[0].sim.add_app(App::mini_program(APPID, APP_SECRET));
    let registered = nodes[0].menjin.add_app(&By::command(), mini_program("kiosk")).await.unwrap();
    assert!(registered.client_secret.is_none(), "what runs in people's hands keeps no secret");
    until_both(&nodes, async |node| sign_in(node, "alice").await.1.status == 200).await;
    for node in &nodes {
        let (mut phone, _) = sign_in(node, "alice").await;
        phone.get("/v1/me").await.ok(200);
        phone.refresh().await.ok(200);
    }
    let sql = "SELECT app_secret FROM apps WHERE id = 'kiosk'";
    let sealed = Rows::of(&nodes[0]).await.all(sql).await[0][0].bytes().unwrap();
    let is_in = |hay: &[u8], needle: &[u8]| hay.windows(needle.len()).any(|it| it == needle);
    assert!(!is_in(&sealed, APP_SECRET.as_bytes()) && sealed.len() > APP_SECRET.len(), "it is kept sealed");
}

#[tokio::test]
async fn a_client_secret_is_changed_without_a_gap() {
    let nodes = two().await;
    let menjin = &nodes[0].menjin;
    let old = basic("reports", &menjin.add_app(&By::command(), reader()).await.unwrap().client_secret.unwrap());
    let new = basic("reports", &menjin.add_app_secret(&By::command(), "reports").await.unwrap().client_secret);
    let refused = menjin.add_app_secret(&By::command(), "reports").await.unwrap_err().to_string();
    assert!(refused.contains("revoke"), "{refused}");
    until_both(&nodes, async |node| read(node, &new).await.status == 200).await;
    let token = async |proof: &str| {
        let body = ask_token(&nodes[1], proof, None).await.ok(200);
        format!("Bearer {}", body["access_token"].as_str().unwrap())
    };
    let (of_old, of_new) = (token(&old).await, token(&new).await);
    let views = menjin.app_views().await.unwrap();
    let view = views.iter().find(|view| view.id == "reports").unwrap();
    assert_eq!(view.secrets.len(), 2);
    menjin.revoke_app_secret(&By::command(), "reports", &view.secrets[0].id).await.unwrap();
    let revoked = if read(&nodes[0], &old).await.status == 401 { (&old, &of_old) } else { (&new, &of_new) };
    let kept = if revoked.0 == &old { (&new, &of_new) } else { (&old, &of_old) };
    until_both(&nodes, async |node| read(node, revoked.0).await.status == 401).await;
    for node in &nodes {
        read(node, revoked.0).await.problem(401, "client_invalid");
        read(node, revoked.1).await.problem(401, "token_invalid");
        oauth_error(&ask_token(node, revoked.0, None).await, 401, "invalid_client");
        read(node, kept.0).await.ok(200);
        read(node, kept.1).await.ok(200);
    }
    let gone = menjin.revoke_app_secret(&By::command(), "reports", &view.secrets[0].id).await.unwrap_err().to_string();
    assert!(gone.contains("menjin app show reports"), "{gone}");
}

#[tokio::test]
async fn a_disabled_mini_program_is_shut_out_at_once_and_its_sessions_come_back_with_it() {
    let nodes = two().await;
    nodes[0].sim.add_app(App::mini_program(APPID, APP_SECRET));
    nodes[0].menjin.add_app(&By::command(), mini_program("kiosk")).await.unwrap();
    until_both(&nodes, async |node| sign_in(node, "alice").await.1.status == 200).await;
    let (phone, _) = sign_in(&nodes[1], "alice").await;
    nodes[0].menjin.disable_app(&By::command(), "kiosk").await.unwrap();
    until_both(&nodes, async |node| {
        node.phone_with_token(&phone.access_token()).get("/v1/me/sessions").await.status == 401
    })
    .await;
    for node in &nodes {
        let there = node.phone_with_token(&phone.access_token());
        for path in ["/v1/me", "/v1/me/sessions"] {
            there.get(path).await.problem(401, "token_expired");
        }
        there.refresh_with(&phone.refresh_token()).await.problem(404, "app_unknown");
        sign_in(node, "alice").await.1.problem(404, "app_unknown");
    }
    nodes[0].menjin.enable_app(&By::command(), "kiosk").await.unwrap();
    nodes[0].advance(Duration::from_secs(3));
    until_both(&nodes, async |node| sign_in(node, "bob").await.1.status == 200).await;
    let refreshed = nodes[0].anon().refresh_with(&phone.refresh_token()).await.ok(200);
    let back = nodes[1].phone_with_token(refreshed["access_token"].as_str().unwrap());
    back.get("/v1/me").await.ok(200);
}

/// A registration or a sign-in there.
async fn at_the_desk(t: &TestServer, act: &str, name: &str) -> Answer {
    let path = if act == "register" { "/v1/register/desk" } else { "/v1/login/desk/password" };
    t.anon().post(path, json!({"username": name, "password": "correct horse battery"})).await
}

#[tokio::test]
async fn people_sign_in_by_password_where_a_registered_app_lets_them_and_for_as_long() {
    let nodes = two().await;
    let menjin = &nodes[0].menjin;
    let by_password = ByPassword { passwords: true, register: true };
    let desk = NewApp { kind: AppKind::Web, by_password, ..back_end("desk", Vec::new()) };
    menjin.add_app(&By::command(), desk).await.unwrap();
    until_both(&nodes, async |node| at_the_desk(node, "sign in", "nobody").await.status == 401).await;
    let made = at_the_desk(&nodes[1], "register", "alice").await.ok(201);
    assert_eq!(claims(made["access_token"].as_str().unwrap())["aud"][0], "desk");
    for node in &nodes {
        assert_eq!(at_the_desk(node, "sign in", "Alice").await.ok(200)["user"]["id"], made["user"]["id"]);
    }
    menjin.change_app_passwords(&By::command(), "desk", PASSWORDS).await.unwrap();
    until_both(&nodes, async |node| at_the_desk(node, "register", "alice").await.status == 404).await;
    for node in &nodes {
        at_the_desk(node, "register", "bob").await.problem(404, "app_unknown");
        at_the_desk(node, "sign in", "alice").await.ok(200);
    }
    menjin.change_app_passwords(&By::command(), "desk", ByPassword::default()).await.unwrap();
    // Who signs in again and again has others' places taken; who is unknown has none.
    until_both(&nodes, async |node| at_the_desk(node, "sign in", "nobody").await.status == 404).await;
    nodes[1].anon().refresh_with(made["refresh_token"].as_str().unwrap()).await.ok(200);
    let refused = menjin.change_app_passwords(&By::command(), "desk", REGISTER_ALONE).await.unwrap_err().to_string();
    assert!(refused.contains("app.desk.register"), "{refused}");
    let unknown = menjin.change_app_passwords(&By::command(), "nobody", PASSWORDS).await.unwrap_err().to_string();
    assert!(unknown.contains("menjin app list"), "{unknown}");
}

#[tokio::test]
async fn an_audience_of_the_file_shapes_the_tokens_of_a_registered_app() {
    let toml =
        "[audience.kiosk-api]\nalg = \"EdDSA\"\ntyp = \"JWT\"\n[audience.kiosk-api.claims]\nuserId = \"user.number\"\n";
    let t = TestServer::with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    t.sim.add_app(App::mini_program(APPID, APP_SECRET));
    t.menjin
        .add_app(&By::command(), NewApp { audience: Some("kiosk-api".to_owned()), ..mini_program("kiosk") })
        .await
        .unwrap();
    let (phone, _) = sign_in(&t, "alice").await;
    let (head, said) = (header(&phone.access_token()), claims(&phone.access_token()));
    assert_eq!((&head["alg"], &head["typ"], &said["userId"]), (&json!("EdDSA"), &json!("JWT"), &json!(1)));
    phone.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_removed_app_is_shut_out_for_good() {
    let nodes = two().await;
    let menjin = &nodes[0].menjin;
    let proof = basic("reports", &menjin.add_app(&By::command(), reader()).await.unwrap().client_secret.unwrap());
    until_both(&nodes, async |node| read(node, &proof).await.status == 200).await;
    menjin.remove_app(&By::command(), "reports").await.unwrap();
    until_both(&nodes, async |node| read(node, &proof).await.status == 401).await;
    let again = menjin.add_app(&By::command(), reader()).await.unwrap_err().to_string();
    assert!(again.contains("never used again"), "{again}");
    let unknown = menjin.remove_app(&By::command(), "reports").await.unwrap_err().to_string();
    assert!(unknown.contains("menjin app list"), "{unknown}");
    let restarted = nodes[0].beside(back_ends()).await;
    read(&restarted, &proof).await.problem(401, "client_invalid");
}

#[tokio::test]
async fn an_app_of_the_file_is_changed_in_the_file() {
    let t = TestServer::with(back_ends()).await;
    let menjin = &t.menjin;
    let refusals = [
        menjin.add_app(&By::command(), back_end("shop-api", Vec::new())).await.map(drop),
        menjin.add_app_secret(&By::command(), "shop-api").await.map(drop),
        menjin.revoke_app_secret(&By::command(), "shop-api", "01234567").await,
        menjin.change_app_passwords(&By::command(), "shop-api", PASSWORDS).await,
        menjin.disable_app(&By::command(), "shop-api").await,
        menjin.enable_app(&By::command(), "shop-api").await,
        menjin.remove_app(&By::command(), "shop-api").await,
    ];
    for refused in refusals {
        let why = refused.unwrap_err().to_string();
        assert!(why.contains("shop-api") && why.contains("menjin.toml"), "{why}");
    }
    read(&t, &super::proof("shop-api")).await.ok(200);
}

#[tokio::test]
async fn what_no_app_of_the_file_may_be_no_registered_one_is() {
    let t = TestServer::with(back_ends()).await;
    let scopes = |scope: &str| vec![scope.to_owned()];
    let taken = Some((PlatformName::Wechat, crate::harness::APPID.to_owned(), Secret::new(APP_SECRET)));
    let odd = [
        (back_end("Odd Id", Vec::new()), "app.id"),
        (back_end("odd", scopes("orders:read")), "app.odd.scopes"),
        (back_end("odd", scopes("platform-token:nowhere")), "app.odd.scopes"),
        (NewApp { kind: AppKind::Web, ..back_end("odd", scopes("session-data")) }, "app.odd.scopes"),
        (NewApp { audience: Some(String::new()), ..back_end("odd", Vec::new()) }, "app.odd.audience"),
        (NewApp { audience: Some(t.url.clone()), ..back_end("odd", Vec::new()) }, "app.odd.audience"),
        (NewApp { name: Some("a\nb".to_owned()), ..back_end("odd", Vec::new()) }, "app.odd.name"),
        (NewApp { platform: None, ..mini_program("odd") }, "app.odd.platform"),
        (NewApp { by_password: PASSWORDS, ..back_end("odd", Vec::new()) }, "app.odd.passwords"),
        (NewApp { kind: AppKind::Web, by_password: REGISTER_ALONE, ..back_end("odd", Vec::new()) }, "app.odd.register"),
        (NewApp { platform: taken, ..mini_program("odd") }, "the AppID (--appid) belongs to another app"),
        (
            NewApp {
                platform: Some((PlatformName::Wechat, "wx1".to_owned(), Secret::new("x"))),
                ..mini_program("odd")
            },
            "app.odd.appid",
        ),
        (
            NewApp {
                platform: Some((PlatformName::Wechat, APPID.to_owned(), Secret::new("…"))),
                ..mini_program("odd")
            },
            "app.odd.secret",
        ),
    ];
    for (new, key) in odd {
        let why = t.menjin.add_app(&By::command(), new).await.unwrap_err().to_string();
        assert!(why.contains(key), "{key}: {why}");
    }
    assert!(t.menjin.app_views().await.unwrap().iter().all(|view| view.source == "menjin.toml"));
}

#[tokio::test]
async fn every_change_is_in_the_audit_without_a_secret() {
    let t = TestServer::with(Setup::default()).await;
    let secret = t.menjin.add_app(&By::command(), reader()).await.unwrap().client_secret.unwrap();
    let another = t.menjin.add_app_secret(&By::command(), "reports").await.unwrap().client_secret;
    let views = t.menjin.app_views().await.unwrap();
    let name = &views.iter().find(|view| view.id == "reports").unwrap().secrets[0].id;
    t.menjin.revoke_app_secret(&By::command(), "reports", name).await.unwrap();
    t.menjin.disable_app(&By::command(), "reports").await.unwrap();
    t.menjin.enable_app(&By::command(), "reports").await.unwrap();
    t.menjin.remove_app(&By::command(), "reports").await.unwrap();
    let sql = "SELECT action, actor, detail FROM audit WHERE app = 'reports' ORDER BY seq";
    let rows = Rows::of(&t).await.all(sql).await;
    let lines: Vec<Vec<_>> =
        rows.iter().map(|row| row.iter().map(|it| it.text().unwrap_or_default()).collect()).collect();
    let actions: Vec<&str> = lines.iter().map(|line| line[0].as_str()).collect();
    let expected =
        ["app.added", "app.secret_added", "app.secret_revoked", "app.disabled", "app.enabled", "app.removed"];
    assert_eq!(actions, expected);
    assert!(lines.iter().all(|line| line[1] == "operator") && lines[2][2] == *name, "{lines:?}");
    let all = format!("{lines:?}");
    assert!(!all.contains(&secret) && !all.contains(&another));
}
