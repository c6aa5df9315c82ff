//! A restored backup, as clients see it (design §4.3): who was signed in, and what they still hold.

use std::path::Path;

use std::sync::Arc;

use menjin_server::config::{Config, StorePlace};
use menjin_server::moving::{Backup, Restore, Settle, across, backup, restore, settle};
use menjin_server::store::{Actor, RoleName};
use menjin_server::{Clock as _, NewRole};
use menjin_token::Timestamp;
use serde_json::json;

use crate::harness::{MASTER_KEY, Setup, TestServer, claims};
use crate::store::Folder;

/// The same before and after, so that tokens have one issuer.
const URL: &str = "https://login.menjin.test";

pub(crate) fn setup() -> Setup {
    Setup { public_url: Some(URL.to_owned()), ..Setup::default() }
}

fn config(folder: &Path) -> Config {
    config_on("sqlite://menjin.db", folder)
}

pub(crate) fn config_on(store: &str, folder: &Path) -> Config {
    let text = format!("secret_key = \"{MASTER_KEY}\"\n[server]\npublic_url = \"{URL}\"\n[store]\nurl = \"{store}\"\n");
    Config::parse(&text, folder).unwrap()
}

pub(crate) fn back_up(folder: &Path) {
    let file = folder.join("backup.db");
    let done = backup(&config(folder), &Backup { file: &file, overwrite: false }, &|_, _| ()).unwrap();
    assert!(done.users > 0 && done.bytes > 0);
}

pub(crate) fn bring_back(folder: &Path, keep_sessions: bool, now: Timestamp) {
    let file = folder.join("backup.db");
    let how = Restore { file: &file, overwrite: true, keep_sessions, number_gap: 10, now };
    restore(&config(folder), &how, &|_, _| ()).unwrap();
}

pub(crate) async fn serving(folder: &Arc<Folder>) -> TestServer {
    TestServer::with(Setup { folder: Some(Arc::clone(folder)), ..setup() }).await
}

/// A database server's own tool brings back what was there before; here a copy from that time stands for it.
async fn what_was_there_before_is_there_again(database: Folder, copy: Folder, keep_sessions: bool) {
    let (database, copy) = (Arc::new(database), Arc::new(copy));
    let t = serving(&database).await;
    let (alice, carol) = (t.phone("alice").await, t.phone("carol").await);
    let (early, refresh) = (alice.access_token(), alice.refresh_token());
    let (mut carol_was, carols) = (carol.refresh_token(), carol.user_id());
    t.stop().await;
    let place = |url: &str| StorePlace::parse(url, Path::new("")).unwrap();
    let (from, to) = (place(database.store_url().await), place(copy.store_url().await));
    across(&from, &to, &|_, _, _| ()).await.unwrap();
    // After the backup: carol goes on, and bob comes.
    let t = serving(&database).await;
    for _ in 0..2 {
        let pair = t.anon().refresh_with(&carol_was).await.ok(200);
        pair["refresh_token"].as_str().unwrap().clone_into(&mut carol_was);
    }
    let bob = t.phone("bob").await;
    let (late, late_refresh, bobs) = (bob.access_token(), bob.refresh_token(), bob.user_id());
    let now = t.clock.now();
    t.stop().await;

    let how = Settle { keep_sessions, number_gap: 10, now };
    let settled = settle(&config_on(copy.store_url().await, copy.path()), &how, &|_, _| ()).await.unwrap();
    assert_eq!(settled.ended, if keep_sessions { 0 } else { 2 });
    let t = serving(&copy).await;
    if keep_sessions {
        t.phone_with_token(&early).get("/v1/me").await.ok(200);
        t.anon().refresh_with(&refresh).await.ok(200);
    } else {
        t.phone_with_token(&early).get("/v1/me").await.problem(401, "restored");
        t.anon().refresh_with(&refresh).await.problem(401, "restored");
    }
    t.anon().refresh_with(&carol_was).await.problem(401, "restored");
    // Nothing knows of bob any more, and nobody is taken for him.
    t.phone_with_token(&late).get("/v1/me").await.problem(401, "session_ended");
    t.anon().refresh_with(&late_refresh).await.problem(401, "token_invalid");
    assert_eq!(t.phone("carol").await.user_id(), carols);
    let again = t.phone("bob").await;
    assert_ne!(again.user_id(), bobs);
    assert_eq!(
        again.get("/v1/me").await.ok(200)["user"]["number"],
        13,
        "numbers that may have been given are left out"
    );
}

/// Defines a role and gives it to somebody.
async fn make_clerk(t: &TestServer, user: &str) {
    let (by, role) = (Actor::command(), RoleName::everywhere("clerk"));
    t.menjin.put_role(&by, &role, NewRole::default()).await.unwrap();
    t.menjin.grant_role(&by, user.parse().unwrap(), "clerk", None).await.unwrap();
}

/// Who was told of a change of roles since takes tokens that are ahead of it alone.
async fn roles_of_before_are_there_again(database: Folder, copy: Folder) {
    let (database, copy) = (Arc::new(database), Arc::new(copy));
    let t = serving(&database).await;
    let alice = t.phone("alice").await.user_id();
    make_clerk(&t, &alice).await;
    t.stop().await;
    let place = |url: &str| StorePlace::parse(url, Path::new("")).unwrap();
    let (from, to) = (place(database.store_url().await), place(copy.store_url().await));
    across(&from, &to, &|_, _, _| ()).await.unwrap();
    let t = serving(&database).await;
    t.menjin.revoke_role(&Actor::command(), alice.parse().unwrap(), "clerk", None).await.unwrap();
    let since = claims(&t.phone("alice").await.access_token());
    let now = t.clock.now();
    t.stop().await;
    let how = Settle { keep_sessions: false, number_gap: 10, now };
    settle(&config_on(copy.store_url().await, copy.path()), &how, &|_, _| ()).await.unwrap();
    let t = serving(&copy).await;
    let again = claims(&t.phone("alice").await.access_token());
    assert_eq!((&since["roles"], &again["roles"]), (&json!(null), &json!(["clerk"])));
    assert!(again["rv"].as_i64() > since["rv"].as_i64(), "{again} {since}");
}

/// Makes tests of it on a database server.
macro_rules! brought_back {
    ($folder:path) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn people_sign_in_again_and_hear_why() {
            super::what_was_there_before_is_there_again($folder().await, $folder().await, false).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn with_sessions_kept_who_went_on_signs_in_again() {
            super::what_was_there_before_is_there_again($folder().await, $folder().await, true).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn roles_are_those_of_before_and_their_tokens_are_taken() {
            super::roles_of_before_are_there_again($folder().await, $folder().await).await;
        }
    };
}

mod on_postgres {
    brought_back!(crate::store::Folder::with_postgres);
}

mod on_mariadb {
    brought_back!(crate::store::Folder::with_mariadb);
}

mod sqlite_only {
    use super::*;

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
    async fn roles_are_those_of_the_backup_and_nobody_is_asked_to_refresh_for_ever() {
        let folder = Some(Arc::new(Folder::with_sqlite()));
        let t = TestServer::with(Setup { folder, ..setup() }).await;
        let (alice, bob) = (t.phone("alice").await.user_id(), t.phone("bob").await.user_id());
        make_clerk(&t, &bob).await;
        back_up(t.folder.path());
        make_clerk(&t, &alice).await;
        t.menjin.revoke_role(&Actor::command(), bob.parse().unwrap(), "clerk", None).await.unwrap();
        let now = t.clock.now();
        let folder = t.stop().await;
        bring_back(folder.path(), false, now);
        let t = TestServer::with(Setup { folder: Some(folder), ..setup() }).await;
        for (person, has) in [("alice", json!(null)), ("bob", json!(["clerk"]))] {
            let phone = t.phone(person).await;
            assert_eq!(claims(&phone.access_token())["roles"], has);
            phone.get("/v1/me").await.ok(200);
        }
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
