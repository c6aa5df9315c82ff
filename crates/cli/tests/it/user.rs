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
        let url = server.url();
        let info: Value = client.get(format!("{url}/dev/info")).send().await.unwrap().json().await.unwrap();
        let app = info["app"]["id"].as_str().unwrap();
        let body = json!({"person": "alice"});
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
    assert!(text.contains("disabled      20") && text.contains("sessions      0"), "{text}");
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
    assert_eq!((&listed[0]["id"], &listed[0]["user"]), (&json!(id), &json!(alice.user())));
    assert!(json_of(data.path(), &["session", "end", id])["ended"].as_bool().unwrap());
    assert!(run_in(data.path(), &["session", "end", id]).ok().contains("was over already"));
    alice.hears("session_kicked").await;
    let shown = json_of(data.path(), &["session", "show", id]);
    assert_eq!((&shown["end_reason"], &shown["user"]), (&json!("session_kicked"), &json!(alice.user())));
    assert_eq!(json_of(data.path(), &["session", "list", alice.user()]), json!([]));
    assert_eq!(Signed::sign_in(&alice.server, &alice.client).await.status(), 200);
    assert_eq!(json_of(data.path(), &["user", "kick", alice.user()])["sessions_ended"], 1);
    assert_eq!(json_of(data.path(), &["session", "end", "--user", alice.user()])["sessions_ended"], 0);
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
        run_in(folder.path(), &["user", verb, "alice"]).refused(&["alice", "usr_", "--external-id"]);
    }
    run_in(folder.path(), &["session", "list", nobody]).refused(&["no user has the id"]);
    run_in(folder.path(), &["session", "show", "ses_01jd3v0000zzzzzzzzzzzzzzzz"])
        .refused(&["no session has the id", "ended_sessions"]);
    run_in(folder.path(), &["session", "end", "nonsense"]).refused(&["nonsense", "ses_"]);
}
