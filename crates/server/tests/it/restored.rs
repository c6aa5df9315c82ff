//! A restored backup, as clients see it (design §4.3): who was signed in, and what they still hold.

use std::path::Path;

use menjin_server::config::Config;
use menjin_server::moving::{Backup, Restore, backup, restore};
use menjin_token::Timestamp;

use crate::harness::{MASTER_KEY, Setup};

/// The same before and after, so that tokens have one issuer.
const URL: &str = "https://login.menjin.test";

fn setup() -> Setup {
    Setup { public_url: Some(URL.to_owned()), ..Setup::default() }
}

fn config(folder: &Path) -> Config {
    let text = format!(
        "secret_key = \"{MASTER_KEY}\"\n[server]\npublic_url = \"{URL}\"\n[store]\nurl = \"sqlite://menjin.db\"\n"
    );
    Config::parse(&text, folder).unwrap()
}

fn back_up(folder: &Path) {
    let file = folder.join("backup.db");
    let done = backup(&config(folder), &Backup { file: &file, overwrite: false }, &|_, _| ()).unwrap();
    assert!(done.users > 0 && done.bytes > 0);
}

fn bring_back(folder: &Path, keep_sessions: bool, now: Timestamp) {
    let file = folder.join("backup.db");
    let how = Restore { file: &file, overwrite: true, keep_sessions, number_gap: 10, now };
    restore(&config(folder), &how, &|_, _| ()).unwrap();
}

mod sqlite_only {
    use std::sync::Arc;

    use menjin_server::Clock as _;
    use serde_json::json;

    use super::{back_up, bring_back, setup};
    use crate::harness::{Setup, TestServer};
    use crate::store::Folder;

    #[tokio::test]
    async fn access_tokens_of_before_are_refused_and_say_why() {
        let folder = Some(Arc::new(Folder::with_sqlite()));
        let t = TestServer::with(Setup { folder, ..setup() }).await;
        let early = t.phone("alice").await.access_token();
        back_up(t.folder.path());
        let late = t.phone("bob").await.access_token();
        let now = t.clock.now();
        let folder = t.stop().await;
        bring_back(folder.path(), false, now);
        let t = TestServer::with(Setup { folder: Some(folder), ..setup() }).await;
        for token in [early, late] {
            t.phone_with_token(&token).get("/v1/me").await.problem(401, "restored");
        }
        let mut alice = t.phone_of("alice");
        assert_eq!(alice.login(json!({})).await.ok(200)["is_new_user"], false);
        alice.get("/v1/me").await.ok(200);
    }

    #[tokio::test]
    async fn with_sessions_kept_their_tokens_go_on_and_those_of_later_ones_do_not() {
        let folder = Some(Arc::new(Folder::with_sqlite()));
        let t = TestServer::with(Setup { folder, ..setup() }).await;
        let early = t.phone("alice").await;
        let (access, refresh) = (early.access_token(), early.refresh_token());
        back_up(t.folder.path());
        let mut early = early.clone();
        early.refresh().await.ok(200);
        let newer = early.refresh_token();
        let late = t.phone("bob").await.access_token();
        let now = t.clock.now();
        let folder = t.stop().await;
        bring_back(folder.path(), true, now);
        let t = TestServer::with(Setup { folder: Some(folder), ..setup() }).await;
        t.phone_with_token(&access).get("/v1/me").await.ok(200);
        t.phone_with_token(&late).get("/v1/me").await.problem(401, "restored");
        t.anon().refresh_with(&newer).await.problem(401, "restored");
        t.anon().refresh_with(&refresh).await.problem(401, "restored");
        t.phone_with_token(&access).get("/v1/me").await.problem(401, "restored");
    }
}
