//! The audit: every event of a sign-in's life leaves its line, with who and where, and a refusal that changed nothing none.

use std::time::Duration;

use menjin_server::store::Actor;
use reqwest::Method;
use serde_json::json;

use crate::broker::{basic, until};
use crate::harness::{APPID, Setup, TestServer, header};
use crate::rows::{Cell, Rows};

/// The lines since the last look: action, actor, and whether user, session, app and address stand there.
struct Audit {
    rows: Rows,
    seen: i64,
}

#[derive(Debug, PartialEq, Eq)]
struct Line {
    action: String,
    actor: String,
    user: Option<Vec<u8>>,
    session: Option<Vec<u8>>,
    app: Option<String>,
    ip: Option<String>,
    detail: Option<String>,
}

impl Audit {
    async fn of(t: &TestServer) -> Self {
        Self { rows: Rows::of(t).await, seen: 0 }
    }

    async fn news(&mut self) -> Vec<Line> {
        let columns = "seq, action, actor, user_id, session_id, app, ip, detail";
        let sql = format!("SELECT {columns} FROM audit WHERE seq > {} ORDER BY seq", self.seen);
        let found = self.rows.all(&sql).await;
        self.seen = found.last().map_or(self.seen, |row| row[0].int());
        let line = |row: &Vec<Cell>| Line {
            action: row[1].text().unwrap(),
            actor: row[2].text().unwrap(),
            user: row[3].bytes(),
            session: row[4].bytes(),
            app: row[5].text(),
            ip: row[6].text(),
            detail: row[7].text(),
        };
        found.iter().map(line).collect()
    }

    async fn told(&mut self, expected: &[&str]) -> Vec<Line> {
        let news = self.news().await;
        let actions: Vec<&str> = news.iter().map(|line| line.action.as_str()).collect();
        assert_eq!(actions, expected);
        news
    }

    /// The same of what is written after the answer.
    async fn comes(&mut self, expected: &[&str]) -> Vec<Line> {
        let mut news = Vec::new();
        until(async || {
            news.extend(self.news().await);
            news.len() >= expected.len()
        })
        .await;
        let actions: Vec<&str> = news.iter().map(|line| line.action.as_str()).collect();
        assert_eq!(actions, expected);
        news
    }
}

#[tokio::test]
async fn ad_07_a_session_tells_of_its_opening_and_its_end_whatever_ends_it() {
    let t = TestServer::start().await;
    let mut audit = Audit::of(&t).await;
    let mut phone = t.phone_of("alice");
    phone.login(json!({"device": {"id": "d1"}})).await.ok(200);
    let opened = audit.told(&["session.opened"]).await;
    assert_eq!((opened[0].app.as_deref(), opened[0].ip.as_deref()), (Some("shop"), Some("127.0.0.1")));
    assert!(opened[0].user.is_some() && opened[0].session.is_some(), "{opened:?}");
    assert_eq!(opened[0].detail.as_deref(), Some("new user"), "{opened:?}");
    phone.login(json!({"device": {"id": "d1"}})).await.ok(200);
    let replaced = audit.told(&["session.replaced", "session.opened"]).await;
    assert_eq!((&replaced[0].session, &replaced[0].user), (&opened[0].session, &opened[0].user));
    phone.post("/v1/logout", json!({})).await.ok(204);
    let out = audit.told(&["session.logout"]).await;
    assert_eq!((&out[0].session, &out[0].user), (&replaced[1].session, &opened[0].user));
    let (one, two) = (t.phone("alice").await, t.phone("alice").await);
    one.delete(&format!("/v1/me/sessions/{}", two.session_id())).await.ok(204);
    one.post("/v1/logout", json!({"refresh_token": one.refresh_token()})).await.ok(204);
    let ended = audit.told(&["session.opened", "session.opened", "session.ended", "session.logout"]).await;
    assert_eq!((&ended[2].session, &ended[3].session), (&ended[1].session, &ended[0].session));
    assert!(ended.iter().all(|line| line.user == opened[0].user && line.app.as_deref() == Some("shop")), "{ended:?}");
}

#[tokio::test]
async fn ad_07_a_theft_a_lost_answer_and_an_expiry_leave_their_lines() {
    let t = TestServer::start().await;
    let mut audit = Audit::of(&t).await;
    let mut phone = t.phone("alice").await;
    let first = phone.refresh_token();
    phone.refresh().await.ok(200);
    phone.refresh_with(&first).await.ok(200);
    audit.told(&["session.opened"]).await;
    t.advance(Duration::from_secs(31));
    let recovered = phone.refresh_with(&first).await.ok(200);
    phone.refresh().await.problem(401, "refresh_reused");
    phone.refresh_with(recovered["refresh_token"].as_str().unwrap()).await.problem(401, "refresh_reused");
    let lines = audit.told(&["refresh_recovered", "refresh_reused"]).await;
    assert_eq!((lines[0].actor.as_str(), lines[1].actor.as_str()), ("user", "system"));
    assert!(lines.iter().all(|line| line.session.is_some() && line.user.is_some()), "{lines:?}");
    let mut idle = t.phone("bob").await;
    t.advance(Duration::from_hours(24 * 31));
    idle.refresh().await.problem(401, "session_expired");
    audit.told(&["session.opened", "session_expired"]).await;
}

#[tokio::test]
async fn ad_07_a_number_and_the_keys_of_the_ring_leave_theirs_and_no_number_stands_there() {
    let t = TestServer::start().await;
    let mut audit = Audit::of(&t).await;
    let mut phone = t.phone_of("alice");
    phone.login(json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
    let number = phone.get("/v1/me").await.ok(200)["user"]["phone_masked"].as_str().unwrap().to_owned();
    let mut bound = audit.news().await;
    bound.sort_by(|one, two| one.action.cmp(&two.action));
    let actions: Vec<&str> = bound.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["phone.bound", "session.opened"]);
    assert!(!format!("{bound:?}").contains(&number[number.len() - 4..]), "not even its end");
    let kid = header(&phone.access_token())["kid"].as_str().unwrap().to_owned();
    let next = t.menjin.rotate_key(&Actor::command()).await.unwrap();
    t.menjin.revoke_key(&Actor::command(), &kid).await.unwrap();
    let keys = audit.told(&["key.rotated", "key.revoked"]).await;
    assert_eq!((keys[0].detail.as_deref(), keys[1].detail.as_deref()), (Some(next.as_str()), Some(kid.as_str())));
    assert!(keys.iter().all(|line| line.actor == "operator"));
}

#[tokio::test]
async fn ad_07_a_wrong_secret_of_a_back_end_stands_there_once_a_minute() {
    let own = "ledger-secret-0123456789abcdef0123456789";
    let toml =
        format!("[[app]]\nid = \"ledger\"\nkind = \"backend\"\naudience = \"shop-api\"\nclient_secret = \"{own}\"\n");
    let limits = "enabled = true".to_owned();
    let t = TestServer::with(Setup { toml, limits, ..Setup::default() }).await;
    let mut audit = Audit::of(&t).await;
    let asks = async |id: &str, secret: &str| {
        let proof = basic(id, secret);
        t.anon().send(Method::GET, "/v1/events", None, &[("authorization", &proof)]).await
    };
    asks("ledger", own).await.problem(403, "insufficient_scope");
    // Whoever made the name up has filled nothing.
    asks("nobody", "a-guess").await.problem(401, "client_invalid");
    for guess in ["a-guess", "another-guess", "a-third-guess"] {
        asks("ledger", guess).await.problem(401, "client_invalid");
    }
    let lines = audit.comes(&["app.refused"]).await;
    assert_eq!((lines[0].actor.as_str(), lines[0].app.as_deref()), ("app", Some("ledger")));
    assert_eq!((lines[0].ip.as_deref(), lines[0].detail.as_deref()), (Some("127.0.0.1"), None));
    t.phone("alice").await;
    audit.told(&["session.opened"]).await;
}

#[tokio::test]
async fn ad_07_somebody_who_is_shut_out_and_comes_again_stands_there() {
    let t = TestServer::start().await;
    let alice = t.phone("alice").await;
    t.menjin.disable_user(&Actor::command(), alice.user_id().parse().unwrap()).await.unwrap();
    let mut audit = Audit::of(&t).await;
    let opened = audit.news().await.remove(0);
    t.phone_of("alice").login(json!({})).await.problem(401, "user_disabled");
    let refused = audit.told(&["login.refused"]).await.remove(0);
    assert_eq!((&refused.user, &refused.app, &refused.ip), (&opened.user, &opened.app, &opened.ip));
    assert_eq!((refused.session, refused.detail.as_deref()), (None, Some("user disabled")));
}

#[tokio::test]
async fn what_is_refused_and_changes_nothing_fills_no_audit() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let mut audit = Audit::of(&t).await;
    audit.told(&["session.opened"]).await;
    t.anon().post("/v1/login/shop", json!({"code": "0nonsense"})).await.problem(401, "code_invalid");
    t.anon().post("/v1/login/shop", json!({"code": "0nonsense"})).await.problem(401, "code_used");
    phone.refresh_with("mjr_nonsense").await.problem(401, "token_invalid");
    phone.delete("/v1/me/sessions/ses_01jd3v0000zzzzzzzzzzzzzzzz").await.problem(404, "session_unknown");
    phone.delete("/v1/me/sessions").await.ok(204);
    t.anon().send(Method::POST, "/v1/logout", None, &[]).await.problem(401, "token_missing");
    audit.told(&[]).await;
}

/// Whether the alarm of the export is on.
async fn is_failing(t: &TestServer) -> bool {
    let metrics = t.admin_get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with("menjin_audit_export_failing ")).unwrap();
    line.ends_with(" 1")
}

#[tokio::test]
async fn old_lines_are_on_the_disk_before_they_go_and_what_can_t_be_written_stays() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("audit");
    // A file stands where the folder should be.
    std::fs::write(&place, "").unwrap();
    let toml = format!("[audit]\nexport_folder = {:?}\n", place.display().to_string());
    let t = TestServer::with(Setup { toml, ..Setup::default() }).await;
    let alice = t.phone("alice").await;
    t.advance(Duration::from_hours(24 * 181));
    let young = t.phone("bob").await;
    let error = format!("{:#}", t.menjin.upkeep().await.unwrap_err());
    assert!(error.contains("`audit.export_folder`") && error.contains("stay in the store"), "{error}");
    // The round of its start found nothing old, and may still be about to say so.
    until(async || t.menjin.upkeep().await.is_err() && is_failing(&t).await).await;
    let mut audit = Audit::of(&t).await;
    let kept = audit.news().await;
    assert_eq!(kept[0].action, "session.opened", "{kept:?}");
    std::fs::remove_file(&place).unwrap();
    t.menjin.upkeep().await.unwrap();
    audit.seen = 0;
    let left = audit.news().await;
    assert!(left.iter().all(|line| line.user != kept[0].user || line.action != "session.opened"), "{left:?}");
    assert!(left.iter().any(|line| line.action == "session.opened"), "bob's is young");
    let files: Vec<_> = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let text = std::fs::read_to_string(&files[0]).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&line["action"], &line["user"]), (&json!("session.opened"), &json!(alice.user_id())));
    assert!(!text.contains(&young.user_id()));
    assert!(!is_failing(&t).await);
    t.menjin.upkeep().await.unwrap();
    assert_eq!(std::fs::read_to_string(&files[0]).unwrap(), text, "nothing twice");
    // What this node can't write another one has written meanwhile.
    t.advance(Duration::from_hours(24 * 181));
    std::fs::remove_dir_all(&place).unwrap();
    std::fs::write(&place, "").unwrap();
    t.menjin.upkeep().await.unwrap_err();
    assert!(is_failing(&t).await);
    audit.rows.run(&format!("DELETE FROM audit WHERE at < {}", t.menjin_now().millis())).await;
    t.menjin.upkeep().await.unwrap();
    assert!(!is_failing(&t).await);
}
