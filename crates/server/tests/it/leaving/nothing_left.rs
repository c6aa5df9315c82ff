//! Once somebody is gone, no table and no file has anything of them: every table is filled first, then all of it is searched.

use std::path::Path;

use menjin_server::NewRole;
use menjin_server::store::{Actor, OperatorRole, RoleName};
use menjin_sim::SessionKeyPolicy;
use menjin_token::UserId;
use reqwest::Method;
use serde_json::{Value, json};

use super::{NICKNAME, NUMBER, documents, leaves, time_passes};
use crate::broker::basic;
use crate::harness::{APPID, OTHER_APPID, Setup, TestServer};
use crate::me::{sample, upload};
use crate::rows::{Cell, Rows};
use crate::store::Folder;

const KEEPER: &str = "keeper-secret-keeper-secret-keeper-1";
const PASSWORD: &str = "correct horse battery staple of alice";

/// Tables that hold something of people: the test fills each, and what says something of alice must be gone from it.
const OF_PEOPLE: [&str; 14] = [
    "users",
    "identities",
    "phones",
    "session_keys",
    "sessions",
    "grants",
    "session_data",
    "passwords",
    "password_resets",
    "user_roles",
    "merges",
    "consents",
    "operator_people",
    "audit",
];

/// The others, and why nothing of a person stands there. A new table must be put into one of the two lists, and into `erase` of
/// `store/*/leaving.rs` if it holds something of people.
const OF_NOBODY: [(&str, &str); 23] = [
    ("codes", "digests of used codes, for minutes"),
    ("arrivals", "sealed, whoever it is, for a minute"),
    ("pushes", "sealed until it is carried out, and found by a digest alone"),
    ("unionid_turns", "digests, gone with their transaction"),
    ("events", "ids alone, for as long as tokens live"),
    ("apps", "apps"),
    ("app_secrets", "apps"),
    ("platform_tokens", "apps"),
    ("platform_token_claims", "apps"),
    ("roles", "what there is to have"),
    ("roles_counter", "a number"),
    ("signing_keys", "keys"),
    ("signing_key_turns", "keys"),
    ("master_keys", "keys"),
    ("data_keys", "keys"),
    ("operators", "operators"),
    ("operator_links", "operators"),
    ("operator_sessions", "operators"),
    ("operator_tokens", "operators"),
    ("places", "how far each webhook and the export have read the audit"),
    ("_migrations", "the schema"),
    ("_migration_steps", "the schema"),
    ("sqlite_sequence", "the highest numbers"),
];

/// What no other request of these tests has.
const FROM: [(&str, &str); 2] = [("x-forwarded-for", "203.0.113.77"), ("user-agent", "AgentOfAlice/1.0")];

async fn server() -> TestServer {
    let mut setup = documents("1");
    let keeper = format!(
        "[[app]]\nid = \"keeper\"\nkind = \"backend\"\naudience = \"shop-api\"\nclient_secret = \"{KEEPER}\"\nscopes = [\"session-data\", \"sessions:open\"]\n"
    );
    setup.toml.push_str(&keeper);
    let server = "trusted_proxies = [\"127.0.0.1\"]".to_owned();
    TestServer::with(Setup { server, shop: "passwords = true\nneed = []".to_owned(), ..setup }).await
}

async fn by_keeper(t: &TestServer, method: Method, path: &str, (body, more): (Value, &[(&str, &str)])) -> Value {
    let proof = basic("keeper", KEEPER);
    let headers = [&[("authorization", proof.as_str())], more].concat();
    let answer = t.anon().send(method, path, Some(body.to_string()), &headers).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text);
    answer.json
}

/// Signs in from alice's own address and client.
async fn signs_in(t: &TestServer, (app, appid): (&str, &str), mut body: Value) -> Value {
    body["code"] = t.sim.js_code(appid, "alice").into();
    t.anon().send(Method::POST, &format!("/v1/login/{app}"), Some(body.to_string()), &FROM).await.ok(200)
}

/// Everything that menjin can keep of somebody.
async fn live_a_full_life(t: &TestServer) -> Value {
    t.sim.change_policy(|policy| policy.session_key = SessionKeyPolicy::Always);
    t.sim.change_person("alice", |it| NUMBER.clone_into(&mut it.phone.number));
    let device = json!({"id": "device-of-alice", "name": "iPhone of alice", "system": "iOS of alice"});
    let profile = json!({"nickname": NICKNAME, "avatar_url": "https://shop.example.com/alice.png"});
    let phone_code = t.sim.phone_code(APPID, "alice");
    signs_in(t, ("shop", APPID), json!({"profile": profile, "phone_code": phone_code, "device": device})).await;
    signs_in(t, ("club", OTHER_APPID), json!({})).await;
    let pair = signs_in(t, ("shop", APPID), json!({"device": device})).await;
    let token = pair["access_token"].as_str().unwrap();
    let phone = t.phone_with_token(token);
    keep_data(t, token).await;
    let consents = json!({"accept": [{"id": "privacy", "version": "1"}]}).to_string();
    phone.send(Method::POST, "/v1/me/consents", Some(consents), &FROM).await.ok(200);
    upload(&phone, t, &sample("camera.png")).await.ok(200);
    let password = json!({"username": "alice.of.shop", "new_password": PASSWORD}).to_string();
    let set = phone.send(Method::PUT, "/v1/me/password", Some(password), &FROM).await;
    assert_eq!(set.status, 204, "{}", set.text);
    let user: UserId = pair["user"]["id"].as_str().unwrap().parse().unwrap();
    let by = Actor::command();
    t.menjin.reset_password(&by, user, None).await.unwrap();
    let role = RoleName { name: "seller".to_owned(), audience: None };
    let new = NewRole { description: String::new(), permissions: vec!["orders:read".to_owned()], includes: Vec::new() };
    t.menjin.put_role(&by, &role, new).await.unwrap();
    t.menjin.grant_role(&by, user, "seller", None).await.unwrap();
    // She is an operator, too.
    t.menjin.create_operator(&by, "ops", OperatorRole::Viewer).await.unwrap();
    let openid = t.sim.openid(APPID, "alice");
    let link = format!(
        "INSERT INTO operator_people (operator, identity, linked_at) SELECT 'ops', id, 0 FROM identities WHERE openid = '{openid}'"
    );
    Rows::of(t).await.run(&link).await;
    // Somebody whom another system vouched for turns out to be alice.
    let claims = json!({"badge": "badge-of-alice"});
    let vouched = json!({"external_id": "emp-of-alice", "app": "shop", "device": device, "claims": claims});
    let other = by_keeper(t, Method::POST, "/v1/sessions", (vouched, &FROM)).await;
    let other_token = other["access_token"].as_str().unwrap();
    keep_data(t, other_token).await;
    let other: UserId = other["user"]["id"].as_str().unwrap().parse().unwrap();
    t.menjin.merge_users(&by, (other, user), false).await.unwrap();
    pair
}

async fn keep_data(t: &TestServer, token: &str) {
    for scope in ["session", "user"] {
        let path = format!("/v1/session/data/cart?scope={scope}");
        let value = json!({"value": format!("cart-of-alice-{scope}")});
        by_keeper(t, Method::PUT, &path, (value, &[("menjin-subject-token", token)])).await;
    }
}

/// What says something of alice: what was sent, what the platform called her, and everything sealed or digested of hers.
async fn needles(t: &TestServer, rows: &mut Rows) -> Vec<Vec<u8>> {
    let openids = [t.sim.openid(APPID, "alice"), t.sim.openid(OTHER_APPID, "alice")];
    let unionid = t.sim.unionid("company", "alice");
    let plain = [
        NICKNAME,
        NUMBER,
        "138****9876",
        "/alice.png",
        "device-of-alice",
        "iPhone of alice",
        "iOS of alice",
        "203.0.113.77",
        "AgentOfAlice",
        "cart-of-alice",
        "alice.of.shop",
        "emp-of-alice",
        "badge-of-alice",
        "/avatars/",
        &openids[0],
        &openids[1],
        &unionid,
    ];
    let mut all: Vec<Vec<u8>> = plain.iter().map(|text| text.as_bytes().to_vec()).collect();
    for sql in [
        "SELECT p.lookup, p.sealed FROM phones p",
        "SELECT i.session_key, i.session_key_digest FROM identities i JOIN users u ON u.number = i.user_number WHERE u.nickname IS NULL OR u.nickname <> 'Bob'",
        "SELECT k.sealed FROM session_keys k",
        "SELECT p.lookup, p.hash FROM passwords p",
        "SELECT r.digest FROM password_resets r",
    ] {
        let found = rows.all(sql).await;
        let found: Vec<_> = found.iter().flatten().filter_map(Cell::bytes).collect();
        assert!(!found.is_empty(), "{sql}");
        all.extend(found);
    }
    all
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Where something of hers is, as table and row.
async fn found(rows: &mut Rows, needles: &[Vec<u8>]) -> Vec<String> {
    let mut places = Vec::new();
    for table in rows.tables().await {
        for row in rows.all(&format!("SELECT * FROM {table}")).await {
            let bytes = row.iter().filter_map(Cell::bytes);
            let of_hers = bytes.into_iter().any(|cell| needles.iter().any(|needle| holds(&cell, needle)));
            if of_hers {
                places.push(format!("{table}: {row:?}"));
            }
        }
    }
    places
}

/// What every table must be known as.
async fn every_table_is_filled(rows: &mut Rows) {
    let tables = rows.tables().await;
    for table in &tables {
        let is_known = OF_PEOPLE.contains(&table.as_str()) || OF_NOBODY.iter().any(|(name, _)| name == table);
        assert!(is_known, "does {table} hold something of people? Then `erase` must empty it, and this test fill it");
    }
    for table in OF_PEOPLE {
        let count = rows.all(&format!("SELECT count(*) FROM {table}")).await[0][0].int();
        assert!(count > 0, "{table} is empty, so that this test would prove nothing");
    }
}

fn in_files(folder: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            places.extend(in_files(&path, needles));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let found = needles.iter().filter(|needle| holds(&bytes, needle));
        places.extend(found.map(|needle| format!("{}: {}", path.display(), String::from_utf8_lossy(needle))));
    }
    places
}

fn pictures(folder: &Folder) -> usize {
    let folders = std::fs::read_dir(folder.path().join("avatars")).into_iter().flatten();
    folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test]
async fn ad_08_nothing_of_somebody_who_left_is_anywhere() {
    let t = server().await;
    let mut bob = t.phone_of("bob");
    bob.login(json!({"profile": {"nickname": "Bob"}})).await.ok(200);
    live_a_full_life(&t).await;
    let pair = signs_in(&t, ("shop", APPID), json!({})).await;
    let mut rows = Rows::of(&t).await;
    every_table_is_filled(&mut rows).await;
    let needles = needles(&t, &mut rows).await;
    let before = found(&mut rows, &needles).await;
    assert!(before.len() > 20, "{before:#?}");
    assert_eq!(pictures(&t.folder), 1);
    let lines = "SELECT count(*) FROM audit WHERE user_id IS NOT NULL";
    let written = rows.all(lines).await[0][0].int();
    leaves(&t.phone_with_token(pair["access_token"].as_str().unwrap())).await;
    time_passes(&t).await;
    let after = found(&mut rows, &needles).await;
    assert!(after.is_empty(), "{after:#?}");
    // She may do nothing, and nobody lost anything with her.
    for table in ["user_roles", "operator_people"] {
        assert_eq!(rows.all(&format!("SELECT count(*) FROM {table}")).await[0][0].int(), 0, "{table}");
    }
    let kept = rows.all(lines).await[0][0].int();
    assert!(kept > written, "the lines themselves stay: {kept} of {written}");
    bob.login(json!({})).await.ok(200);
    assert_eq!(bob.get("/v1/me").await.ok(200)["user"]["nickname"], "Bob");
    assert_eq!(pictures(&t.folder), 0);
    drop(rows);
    let folder = t.stop().await;
    let places = in_files(folder.path(), &needles);
    assert!(places.is_empty(), "{places:#?}");
}

/// The same of whoever closes their account at the platform: both ways lead through one erasure.
#[tokio::test]
async fn nothing_is_left_of_somebody_who_was_erased_at_once() {
    let t = server().await;
    let pair = live_a_full_life(&t).await;
    let mut rows = Rows::of(&t).await;
    let needles = needles(&t, &mut rows).await;
    let user = pair["user"]["id"].as_str().unwrap().parse().unwrap();
    t.menjin.delete_user(&Actor::command(), user, menjin_server::WhenToDelete::Now).await.unwrap();
    let after = found(&mut rows, &needles).await;
    assert!(after.is_empty(), "{after:#?}");
    // An access token that was given before says nothing to anybody.
    t.phone_with_token(pair["access_token"].as_str().unwrap()).get("/v1/me").await.problem(401, "account_closed");
}
