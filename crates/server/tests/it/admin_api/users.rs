//! `/admin/v1/users`: lists, searches, and what is done to somebody.

use std::collections::BTreeSet;

use menjin_server::store::OperatorRole;
use serde_json::json;

use super::{Program, acts, each};
use crate::harness::{APPID, OTHER_APPID, Setup, TestServer};

const UNKNOWN: &str = "usr_01jd3v0000zzzzzzzzzzzzzzzz";

/// The number of somebody's phone, as the platform knows it.
fn phone_of(t: &TestServer, person: &str) -> String {
    let mut number = String::new();
    t.sim.change_person(person, |it| number.clone_from(&it.phone.number));
    number
}

#[tokio::test]
async fn people_are_paged_to_the_end_while_others_sign_in() {
    let t = TestServer::start().await;
    let mut ids = Vec::new();
    for nth in 0..7 {
        ids.push(t.phone(&format!("person {nth}")).await.user_id());
    }
    ids.reverse();
    let admin = Program::admin(&t).await;
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/users?limit=2{cursor}")).await.ok(200);
        assert!(page["items"].as_array().unwrap().len() <= 2);
        found.extend(each(page["items"].as_array().unwrap(), "id"));
        t.phone(&format!("latecomer {}", found.len())).await;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, ids, "each once, the newest first, and nobody who came meanwhile");
    assert_eq!(admin.all("/users?limit=3").await.len(), 11);
}

#[tokio::test]
async fn somebody_is_found_by_each_of_their_names_and_by_no_part_of_one() {
    let t = TestServer::with(Setup { shop: "passwords = true\nregister = true".to_owned(), ..Setup::default() }).await;
    let mut alice = t.phone_of("alice");
    let code = t.sim.phone_code(APPID, "alice");
    let signed_in = alice.login(json!({"phone_code": code})).await.ok(200);
    t.phone("bob").await;
    let lin = json!({"username": "Lin", "password": "four words make one"});
    let lin = t.anon().post("/v1/register/shop", lin).await;
    assert!(lin.status.is_success(), "{}", lin.text);
    let lin = lin.json["user"]["id"].as_str().unwrap().to_owned();
    let phone = phone_of(&t, "alice");
    let openid = t.sim.openid(APPID, "alice");
    let number = signed_in["user"]["number"].to_string();
    let admin = Program::admin(&t).await;
    let find = async |query: String| each(&admin.all(&format!("/users?{query}")).await, "id");
    let own = [alice.user_id()];
    assert_eq!(find(format!("id={}", alice.user_id())).await, own);
    assert_eq!(find(format!("number={number}")).await, own);
    assert_eq!(find(format!("phone=%2B86{phone}")).await, own);
    assert_eq!(find(format!("phone={phone}")).await, own, "a number of this country by itself");
    assert_eq!(find(format!("openid={openid}")).await, own);
    assert_eq!(find(format!("openid={openid}&platform=wechat&appid={APPID}")).await, own);
    assert_eq!(find("username=lin".to_owned()).await, [lin]);
    let nobody = [""; 0];
    for query in [
        format!("openid={openid}&appid={OTHER_APPID}"),
        format!("openid={openid}&platform=qq"),
        format!("openid={}", &openid[..openid.len() - 1]),
        format!("id={UNKNOWN}"),
        "number=999999".to_owned(),
        "username=li".to_owned(),
        "external_id=nobody".to_owned(),
        "phone=%2B8613900000000".to_owned(),
    ] {
        assert_eq!(find(query.clone()).await, nobody, "{query}");
    }
    let seen = admin.get(&format!("/users/{number}")).await.ok(200);
    assert_eq!(seen["id"], alice.user_id());
    let text = seen.to_string() + &admin.get("/users").await.text;
    assert!(!text.contains(&phone) && !text.contains(&openid), "{text}");
}

#[tokio::test]
async fn what_can_not_be_a_name_is_named() {
    let t = TestServer::start().await;
    let admin = Program::admin(&t).await;
    let refused =
        async |query: &str| admin.get(&format!("/users?{query}")).await.problem(400, "field_invalid")["field"].clone();
    assert_eq!(refused("id=ses_01jd3v0000zzzzzzzzzzzzzzzz").await, "id");
    assert_eq!(refused("number=-1").await, "number");
    assert_eq!(refused("phone=12").await, "phone");
    assert_eq!(refused("id=1&number=1").await, "number");
    assert_eq!(refused("platform=wechat").await, "openid");
    assert_eq!(refused("openid=o&phone=1").await, "openid");
    admin.get("/users/nobody").await.problem(400, "field_invalid");
    admin.get("/users/999999999999999999999999").await.problem(400, "field_invalid");
    for path in ["disable", "enable", "kick", "reset-password"] {
        admin.post(&format!("/users/{UNKNOWN}/{path}"), None).await.problem(404, "user_unknown");
    }
    admin.get(&format!("/users/{UNKNOWN}")).await.problem(404, "user_unknown");
}

#[tokio::test]
async fn a_ban_ends_everything_is_lifted_and_the_audit_names_the_operator() {
    let t = TestServer::start().await;
    let (one, two) = (t.phone("alice").await, t.phone("alice").await);
    let support = Program::of(&t, OperatorRole::Support).await;
    let user = one.user_id();
    assert_eq!(support.post(&format!("/users/{user}/disable"), None).await.ok(200)["sessions_ended"], 2);
    for phone in [&one, &two] {
        phone.get("/v1/me").await.problem(401, "user_disabled");
    }
    t.phone_of("alice").login(json!({})).await.problem(401, "user_disabled");
    assert!(support.get(&format!("/users/{user}")).await.ok(200)["disabled_at"].is_string());
    assert_eq!(support.post(&format!("/users/{user}/enable"), None).await.ok(200)["changed"], true);
    assert_eq!(support.post(&format!("/users/{user}/enable"), None).await.ok(200)["changed"], false);
    let again = t.phone("alice").await;
    assert_eq!(support.post(&format!("/users/{user}/kick"), None).await.ok(200)["sessions_ended"], 1);
    again.get("/v1/me").await.problem(401, "session_kicked");
    let lines = acts(&support, OperatorRole::Support).await;
    assert_eq!(lines, ["session.kicked", "user.enabled", "session.ended", "session.ended", "user.disabled"]);
}

#[tokio::test]
async fn a_one_use_code_sets_a_password_and_is_for_who_has_a_name() {
    let t = TestServer::with(Setup { shop: "passwords = true".to_owned(), ..Setup::default() }).await;
    let alice = t.phone("alice").await;
    let support = Program::of(&t, OperatorRole::Support).await;
    let path = format!("/users/{}/reset-password", alice.user_id());
    assert_eq!(support.post(&path, None).await.problem(400, "field_invalid")["field"], "username");
    assert_eq!(
        support.post(&path, Some(json!({"username": "a b"}))).await.problem(400, "field_invalid")["field"],
        "username"
    );
    let code = support.post(&path, Some(json!({"username": "alice"}))).await.ok(201)["code"].clone();
    assert_eq!(
        support.post(&path, Some(json!({"username": "other"}))).await.problem(400, "field_invalid")["field"],
        "username"
    );
    let next = support.post(&path, None).await.ok(201)["code"].clone();
    let redeem = async |code: serde_json::Value| {
        t.anon().post("/v1/password/reset", json!({"code": code, "new_password": "four words make one"})).await
    };
    redeem(code).await.problem(403, "reset_code_invalid");
    redeem(next).await.ok(204);
    let sign_in = json!({"username": "ALICE", "password": "four words make one"});
    assert_eq!(t.anon().post("/v1/login/shop/password", sign_in).await.ok(200)["user"]["id"], alice.user_id());
    let bob = t.phone("bob").await;
    let taken = Some(json!({"username": "Alice"}));
    support.post(&format!("/users/{}/reset-password", bob.user_id()), taken).await.problem(409, "username_taken");
}

#[tokio::test]
async fn identities_are_listed_and_the_last_one_goes_only_when_that_is_meant() {
    let t = TestServer::start().await;
    let mut alice = t.phone("alice").await;
    let user = alice.user_id();
    alice.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    assert_eq!(alice.user_id(), user, "one person by unionid");
    let support = Program::of(&t, OperatorRole::Support).await;
    let listed = support.all(&format!("/users/{user}/identities?limit=1")).await;
    let appids: BTreeSet<_> = each(&listed, "appid").into_iter().collect();
    assert_eq!(appids, BTreeSet::from([APPID.to_owned(), OTHER_APPID.to_owned()]));
    let openid = t.sim.openid(APPID, "alice");
    assert!(!listed.iter().any(|it| it.to_string().contains(&openid)), "{listed:?}");
    let path = |nth: usize| format!("/users/{user}/identities/{}", listed[nth]["id"].as_str().unwrap());
    support
        .delete(&format!("/users/{user}/identities/idn_01jd3v0000zzzzzzzzzzzzzzzz"))
        .await
        .problem(404, "identity_unknown");
    let bob = t.phone("bob").await.user_id();
    let foreign = format!("/users/{bob}/identities/{}", listed[0]["id"].as_str().unwrap());
    support.delete(&foreign).await.problem(404, "identity_unknown");
    support.delete(&path(0)).await.ok(200);
    support.delete(&path(1)).await.problem(409, "last_identity");
    let odd = support.delete(&format!("{}?even_last=yes", path(1))).await.problem(400, "field_invalid");
    assert_eq!(odd["field"], "even_last");
    support.delete(&format!("{}?even_last=true", path(1))).await.ok(200);
    alice.get("/v1/me").await.problem(401, "session_kicked");
    let lines = acts(&support, OperatorRole::Support).await;
    assert_eq!(lines.iter().filter(|action| *action == "identity.unlinked").count(), 2, "{lines:?}");
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let t = TestServer::start().await;
    let alice = t.phone("alice").await;
    let viewer = Program::of(&t, OperatorRole::Viewer).await;
    let user = alice.user_id();
    for path in ["", "/identities", "/roles"] {
        viewer.get(&format!("/users/{user}{path}")).await.ok(200);
    }
    for path in ["disable", "enable", "kick", "reset-password", "unmerge", "undelete"] {
        viewer.post(&format!("/users/{user}/{path}"), None).await.problem(403, "right_missing");
    }
    viewer.post(&format!("/users/{user}/merge"), Some(json!({"into": user}))).await.problem(403, "right_missing");
    viewer.delete(&format!("/users/{user}")).await.problem(403, "right_missing");
    viewer.get(&format!("/users/{user}/export")).await.problem(403, "right_missing");
    alice.get("/v1/me").await.ok(200);
    let session = viewer.get(&format!("/sessions/{}", alice.session_id())).await.ok(200);
    assert_eq!(session["ip"], "127.0.0.0/24", "an address without its end");
    assert!(session["user_agent"].is_null());
    let lines = viewer.all(&format!("/audit?user={user}")).await;
    assert_eq!(each(&lines, "ip"), ["127.0.0.0/24"]);
    let support = Program::of(&t, OperatorRole::Support).await;
    assert_eq!(support.get(&format!("/sessions/{}", alice.session_id())).await.ok(200)["ip"], "127.0.0.1");
    for path in [format!("/users/{user}/export"), format!("/users/{user}")] {
        let method = if path.ends_with("export") { reqwest::Method::GET } else { reqwest::Method::DELETE };
        support.send(method, &path, None).await.problem(403, "right_missing");
    }
}
