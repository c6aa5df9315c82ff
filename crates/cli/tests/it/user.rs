//! `menjin user …` and `menjin session …`, beside a running server.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::{Server, run_in};

/// A running `menjin dev`, and somebody who is signed in there.
struct Signed {
    server: Server,
    client: reqwest::Client,
    pair: Value,
}

impl Signed {
    async fn in_dev(data: &Path) -> Self {
        let server = Server::dev(data);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let pair = Self::sign_in(&server, &client).await;
        Self { server, client, pair: pair.json().await.unwrap() }
    }

    async fn sign_in(server: &Server, client: &reqwest::Client) -> reqwest::Response {
        Self::sign_in_as(server, client, "alice").await
    }

    async fn sign_in_as(server: &Server, client: &reqwest::Client, person: &str) -> reqwest::Response {
        let url = server.url();
        let info: Value = client.get(format!("{url}/dev/info")).send().await.unwrap().json().await.unwrap();
        let app = info["app"]["id"].as_str().unwrap();
        let body = json!({"person": person});
        let code: Value =
            client.post(format!("{url}/dev/wx/login")).json(&body).send().await.unwrap().json().await.unwrap();
        let device = json!({"id": "d1", "class": "tablet", "name": "Pad 门禁"});
        let body = json!({"code": code["code"], "device": device});
        client.post(format!("{url}/v1/login/{app}")).json(&body).send().await.unwrap()
    }

    fn user(&self) -> &str {
        self.pair["user"]["id"].as_str().unwrap()
    }

    /// What the person's list of sessions answers, by the feed alone.
    async fn code(&self) -> String {
        let request = self.client.get(format!("{}/v1/me/sessions", self.server.url()));
        let answer = request.bearer_auth(self.pair["access_token"].as_str().unwrap()).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        body["code"].as_str().unwrap_or("ok").to_owned()
    }

    async fn hears(&self, code: &str) {
        let heard = async { while self.code().await != code {} };
        tokio::time::timeout(std::time::Duration::from_secs(10), heard).await.expect("the feed is read often");
    }
}

fn json_of(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&run_in(folder, &[arguments, &["--json"]].concat()).ok()).unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn a_ban_reaches_a_running_server_and_is_lifted() {
    let data = tempdir().unwrap();
    let alice = Signed::in_dev(data.path()).await;
    assert_eq!(alice.code().await, "ok");
    let number = alice.pair["user"]["number"].to_string();
    let shown = json_of(data.path(), &["user", "show", &number]);
    assert_eq!(
        (&shown["id"], &shown["sessions"], &shown["disabled_at"]),
        (&json!(alice.user()), &json!(1), &Value::Null)
    );
    assert_eq!(shown["identities"].as_array().unwrap().len(), 1);
    assert!(!shown.to_string().contains("openid"));
    let banned = json_of(data.path(), &["user", "disable", alice.user()]);
    assert_eq!(banned["sessions_ended"], 1);
    alice.hears("user_disabled").await;
    assert_eq!(Signed::sign_in(&alice.server, &alice.client).await.status(), 401);
    let text = run_in(data.path(), &["user", "show", alice.user()]).ok();
    assert!(text.contains("state         disabled\ndisabled      20"), "{text}");
    assert!(text.contains("sessions      0"), "{text}");
    assert!(run_in(data.path(), &["user", "enable", alice.user()]).ok().contains("may sign in again"));
    assert!(run_in(data.path(), &["user", "enable", alice.user()]).ok().contains("was not disabled"));
    assert_eq!(Signed::sign_in(&alice.server, &alice.client).await.status(), 200);
}

#[cfg(unix)]
#[tokio::test]
async fn sessions_are_listed_shown_and_ended_beside_a_running_server() {
    let data = tempdir().unwrap();
    let alice = Signed::in_dev(data.path()).await;
    let id = alice.pair["session_id"].as_str().unwrap();
    let list = run_in(data.path(), &["session", "list", alice.user()]).ok();
    assert!(list.starts_with("SESSION") && list.contains(id) && list.contains("tablet (Pad 门禁)"), "{list}");
    let listed = json_of(data.path(), &["session", "list", alice.user()]);
    assert_eq!(json_of(data.path(), &["session", "list"]), listed, "everybody's");
    assert_eq!(json_of(data.path(), &["session", "list", "--app", listed[0]["app"].as_str().unwrap()]), listed);
    assert_eq!(json_of(data.path(), &["session", "list", "--app", "another"]), json!([]));
    assert_eq!(json_of(data.path(), &["session", "list", "--before", id]), json!([]));
    assert_eq!((&listed[0]["id"], &listed[0]["user"]), (&json!(id), &json!(alice.user())));
    assert!(json_of(data.path(), &["session", "end", id])["ended"].as_bool().unwrap());
    assert!(run_in(data.path(), &["session", "end", id]).ok().contains("was over already"));
    alice.hears("session_kicked").await;
    let shown = json_of(data.path(), &["session", "show", id]);
    assert_eq!((&shown["end_reason"], &shown["user"]), (&json!("session_kicked"), &json!(alice.user())));
    assert_eq!(json_of(data.path(), &["session", "list", alice.user()]), json!([]));
    assert_eq!(json_of(data.path(), &["session", "list"]), json!([]));
    assert_eq!(json_of(data.path(), &["session", "list", "--ended"])[0]["id"], id);
    assert_eq!(Signed::sign_in(&alice.server, &alice.client).await.status(), 200);
    assert_eq!(json_of(data.path(), &["user", "kick", alice.user()])["sessions_ended"], 1);
    assert_eq!(json_of(data.path(), &["session", "end", "--user", alice.user()])["sessions_ended"], 0);
}

/// The one session that there is so many times more: somebody has as many in each app, and there may be many apps.
fn multiply_session(folder: &Path, many: u8) {
    let store = rusqlite::Connection::open(folder.join("menjin.db")).unwrap();
    let copy = "CREATE TEMP TABLE one AS SELECT * FROM sessions; CREATE TEMP TABLE its_grant AS SELECT * FROM grants";
    store.execute_batch(copy).unwrap();
    let mut id: Vec<u8> = store.query_row("SELECT id FROM one", [], |row| row.get(0)).unwrap();
    id[14] = !id[14];
    for nth in 0..many {
        id[15] = nth;
        store.execute("UPDATE one SET id = ?1", [&id]).unwrap();
        store.execute("UPDATE its_grant SET id = ?1, session = ?1", [&id]).unwrap();
        let add = "INSERT INTO sessions SELECT * FROM one; INSERT INTO grants SELECT * FROM its_grant";
        store.execute_batch(add).unwrap();
    }
}

#[tokio::test]
async fn a_list_of_sessions_is_whole_or_says_that_there_are_more() {
    let data = tempdir().unwrap();
    let alice = Signed::in_dev(data.path()).await;
    multiply_session(data.path(), 69);
    let of_alice = json_of(data.path(), &["session", "list", alice.user()]);
    let ids: Vec<&str> = of_alice.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 70, "all that are live");
    let app = of_alice[0]["app"].as_str().unwrap();
    assert_eq!(json_of(data.path(), &["session", "list", alice.user(), "--app", app]), of_alice);
    assert_eq!(json_of(data.path(), &["session", "list", alice.user(), "--app", "another"]), json!([]));
    let older = json_of(data.path(), &["session", "list", alice.user(), "--before", ids[40]]);
    assert_eq!(older.as_array().unwrap()[..], of_alice.as_array().unwrap()[41..]);

    let cut = |arguments: &[&str], shown: usize| {
        let ran = run_in(data.path(), &[&["session", "list", "--json"], arguments].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap().as_array().unwrap().len(), shown);
        let told = format!("--before {}", ids[shown - 1]);
        assert!(ran.err.contains(&told) && ran.err.contains("--limit") && ran.err.lines().count() == 1, "{}", ran.err);
    };
    cut(&[], 50);
    cut(&[alice.user(), "--ended"], 50);
    cut(&[alice.user(), "--limit", "69"], 69);
    // The last part is whole, and says nothing.
    for arguments in [&["--before", ids[49]][..], &["--limit", "70"], &[alice.user(), "--limit", "70"]] {
        run_in(data.path(), &[&["session", "list"], arguments].concat()).ok();
    }
}

#[test]
fn who_is_not_there_and_what_is_no_name_are_refused_clearly() {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    run_in(folder.path(), &["migrate"]).ok();
    let nobody = "usr_01jd3v0000zzzzzzzzzzzzzzzz";
    for verb in ["show", "disable", "enable", "kick"] {
        run_in(folder.path(), &["user", verb, nobody]).refused(&["no user has the id", nobody]);
        run_in(folder.path(), &["user", verb, "41"]).refused(&["no user has the number 41"]);
        run_in(folder.path(), &["user", verb, "--external-id", "emp-1"])
            .refused(&["no user has the external id", "emp-1"]);
        run_in(folder.path(), &["user", verb, "--phone", "+8613800000000"]).refused(&["no user has this phone number"]);
        run_in(folder.path(), &["user", verb, "--phone", "12"]).refused(&["+8613800000000"]);
        let other_names = ["--external-id", "--phone", "--username", "--openid"];
        run_in(folder.path(), &["user", verb, "alice"]).refused(&[&["alice", "usr_"][..], &other_names].concat());
    }
    run_in(folder.path(), &["user", "search", "zzz"]).refused(&["--username", "--openid"]);
    run_in(folder.path(), &["user", "unmerge", "41"]).refused(&["no user has the number 41"]);
    run_in(folder.path(), &["session", "list", nobody]).refused(&["no user has the id"]);
    run_in(folder.path(), &["session", "show", "ses_01jd3v0000zzzzzzzzzzzzzzzz"])
        .refused(&["no session has the id", "ended_sessions"]);
    run_in(folder.path(), &["session", "end", "nonsense"]).refused(&["nonsense", "ses_"]);
}

#[tokio::test]
async fn somebody_is_exported_deleted_kept_and_erased() {
    let data = tempdir().unwrap();
    let alice = Signed::in_dev(data.path()).await;
    let user = alice.user();
    let export = json_of(data.path(), &["user", "export", user]);
    assert_eq!((&export["account"]["id"], export["sessions"].as_array().map(Vec::len)), (&json!(user), Some(1)));
    let page = run_in(data.path(), &["user", "export", user, "--html", "--language", "zh", "--to", "alice.html"]).ok();
    assert!(page.contains("alice.html"), "{page}");
    let file = data.path().join("alice.html");
    assert!(std::fs::read_to_string(&file).unwrap().contains("Pad 门禁"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    run_in(data.path(), &["user", "export", user, "--html", "--to", "alice.html"]).refused(&["is it there already?"]);
    let deleted = json_of(data.path(), &["user", "delete", user]);
    assert_eq!((&deleted["erased"], &deleted["sessions_ended"]), (&json!(false), &json!(1)));
    assert!(deleted["deletes_at"].as_str().is_some_and(|at| at.starts_with("20")), "{deleted}");
    alice.hears("user_deleting").await;
    let number = alice.pair["user"]["number"].to_string();
    let shown = |line: &str| {
        let text = run_in(data.path(), &["user", "show", &number]).ok();
        assert!(text.lines().any(|it| it.starts_with(line)), "{line:?} is not in: {text}");
    };
    shown("state         leaving");
    shown("deletes at    20");
    shown("erased        -");
    assert!(run_in(data.path(), &["user", "undelete", user]).ok().contains("stays"));
    run_in(data.path(), &["user", "undelete", user]).refused(&["there is nothing to undo"]);
    run_in(data.path(), &["user", "delete", user, "--now"]).refused(&["--yes"]);
    assert!(run_in(data.path(), &["user", "delete", user, "--now", "--yes"]).ok().contains("is erased"));
    run_in(data.path(), &["user", "export", user]).refused(&["was erased"]);
    shown("state         erased");
    shown("deletes at    -");
    shown("erased        20");
    let found = run_in(data.path(), &["user", "search", &number]).ok();
    assert!(found.trim_end().ends_with("erased"), "{found}");
    let signed_in: Value = Signed::sign_in(&alice.server, &alice.client).await.json().await.unwrap();
    assert_eq!(signed_in["is_new_user"], true);
}

#[cfg(unix)]
#[tokio::test]
async fn two_users_are_merged_and_parted_beside_a_running_server() {
    let data = tempdir().unwrap();
    let alice = Signed::in_dev(data.path()).await;
    let bob: Value = Signed::sign_in_as(&alice.server, &alice.client, "bob").await.json().await.unwrap();
    let bob = bob["user"]["id"].as_str().unwrap();
    let preview = run_in(data.path(), &["user", "merge", alice.user(), bob, "--preview"]).ok();
    assert!(preview.contains("nothing was done") && preview.contains(bob), "{preview}");
    assert_eq!(alice.code().await, "ok");
    let done = json_of(data.path(), &["user", "merge", alice.user(), bob]);
    assert_eq!(
        (&done["merged"], &done["moved"]["identities"], &done["sessions_ended"]),
        (&json!(true), &json!(1), &json!(1))
    );
    alice.hears("user_merged").await;
    let shown = json_of(data.path(), &["user", "show", alice.user()]);
    assert_eq!((&shown["id"], &shown["aliases"]), (&json!(bob), &json!([alice.user()])));
    let again = run_in(data.path(), &["user", "merge", alice.user(), bob]);
    again.refused(&["merged before"]);
    let identities = json_of(data.path(), &["user", "identities", bob]);
    assert_eq!(identities.as_array().unwrap().len(), 2);
    let (number, bobs) = (alice.pair["user"]["number"].to_string(), shown["number"].to_string());
    run_in(data.path(), &["user", "merge", &number, &bobs]).refused(&["merged before"]);
    run_in(data.path(), &["user", "unmerge", &bobs]).refused(&["were not merged"]);
    let parted = json_of(data.path(), &["user", "unmerge", &number]);
    assert_eq!((&parted["user"], &parted["from"]), (&json!(alice.user()), &json!(bob)));
    let identities = json_of(data.path(), &["user", "identities", alice.user()]);
    let identity = identities[0]["id"].as_str().unwrap();
    let last = ["user", "unlink", alice.user(), "--identity", identity];
    run_in(data.path(), &last).refused(&["last way to sign in"]);
    let forced = json_of(data.path(), &[&last[..], &["--even-last"]].concat());
    assert_eq!(forced["identity"], json!(identity));
}

#[tokio::test]
async fn people_their_former_sessions_and_what_was_done_are_listed_and_found() {
    let folder = tempdir().unwrap();
    let signed = Signed::in_dev(folder.path()).await;
    let other: Value = Signed::sign_in_as(&signed.server, &signed.client, "bob").await.json().await.unwrap();
    let other = other["user"]["id"].as_str().unwrap();
    let ids = |value: &Value, member: &str| -> Vec<String> {
        value.as_array().unwrap().iter().map(|it| it[member].as_str().unwrap().to_owned()).collect()
    };
    let listed = json_of(folder.path(), &["user", "list"]);
    assert_eq!(ids(&listed, "id"), [other, signed.user()], "the newest first");
    let first = listed[0]["number"].to_string();
    assert_eq!(ids(&json_of(folder.path(), &["user", "list", "--below", &first]), "id"), [signed.user()]);
    assert_eq!(ids(&json_of(folder.path(), &["user", "search", signed.user()]), "id"), [signed.user()]);
    assert_eq!(json_of(folder.path(), &["user", "search", "--openid", "nobodys"]), json!([]));
    run_in(folder.path(), &["user", "ban", signed.user()]).ok();
    assert_eq!(json_of(folder.path(), &["session", "list", signed.user()]), json!([]));
    let ended = json_of(folder.path(), &["session", "list", signed.user(), "--ended"]);
    assert_eq!(ids(&ended, "end_reason"), ["user_disabled"]);
    let lines = json_of(folder.path(), &["audit", "list", "--user", signed.user()]);
    assert_eq!(ids(&lines, "action"), ["session.ended", "user.disabled", "session.opened"]);
    let seq = lines[1]["seq"].to_string();
    assert_eq!(json_of(folder.path(), &["audit", "show", &seq]), lines[1]);
    run_in(folder.path(), &["audit", "show", "999999"]).refused(&["no line 999999", "lifetimes.audit"]);
    run_in(folder.path(), &["user", "unban", signed.user()]).ok();
}

#[cfg(unix)]
#[tokio::test]
async fn a_one_use_code_lets_somebody_choose_a_password() {
    let data = tempdir().unwrap();
    let alice = Signed::in_dev(data.path()).await;
    run_in(data.path(), &["user", "reset-password", alice.user()]).refused(&["--give-name"]);
    let reset = json_of(data.path(), &["user", "reset-password", alice.user(), "--give-name", "alice"]);
    assert_eq!(reset["user"], alice.user());
    let printed = run_in(data.path(), &["user", "reset-password", "--username", "ALICE"]).ok();
    let code = printed.lines().next().unwrap();
    assert!(code.starts_with("mjp_") && printed.contains("POST /v1/password/reset"), "{printed}");
    let redeem = async |code: &str| {
        let body = json!({"code": code, "new_password": "correct horse battery"});
        let url = format!("{}/v1/password/reset", alice.server.url());
        alice.client.post(url).json(&body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(redeem(reset["code"].as_str().unwrap()).await, 403, "a newer one was made");
    assert_eq!(redeem(code).await, 204);
    assert_eq!(redeem(code).await, 403);
    assert_eq!(alice.code().await, "password_changed");
}
