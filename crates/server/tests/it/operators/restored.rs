//! Operators and their programs after a backup was brought back: what was taken from somebody since stays taken.

use std::path::Path;
use std::sync::Arc;

use menjin_server::Clock as _;
use menjin_server::config::StorePlace;
use menjin_server::moving::{Settle, across, settle};
use menjin_server::store::{Actor, OperatorRole};
use reqwest::Method;

use super::hand::Hand;
use crate::harness::TestServer;
use crate::restored::{config_on, serving};
use crate::store::Folder;

/// Whether a program's token opens anything.
async fn opens(t: &TestServer, token: &str) -> bool {
    let bearer = format!("Bearer {token}");
    let answer = Hand::new(t).send(Method::GET, "/admin/v1/operator", None, &[("authorization", &bearer)]).await;
    assert!([200, 401].contains(&answer.status.as_u16()), "{}", answer.text);
    answer.status == 200
}

async fn token(t: &TestServer, name: &str) -> String {
    let made = t.menjin.create_operator_token(&Actor::command(), name, OperatorRole::Admin, None).await;
    made.unwrap().token
}

/// A database server's own tool brings back a token that was revoked since: nobody knows, so none works.
async fn no_token_of_before_works(database: Folder, copy: Folder, keep_sessions: bool) {
    let (database, copy) = (Arc::new(database), Arc::new(copy));
    let t = serving(&database).await;
    let export = token(&t, "export").await;
    assert!(opens(&t, &export).await);
    t.stop().await;
    let place = |url: &str| StorePlace::parse(url, Path::new("")).unwrap();
    let (from, to) = (place(database.store_url().await), place(copy.store_url().await));
    across(&from, &to, &|_, _, _| ()).await.unwrap();
    let t = serving(&database).await;
    t.menjin.revoke_operator_token(&Actor::command(), "export").await.unwrap();
    let now = t.clock.now();
    t.stop().await;
    let how = Settle { keep_sessions, number_gap: 10, now };
    let settled = settle(&config_on(copy.store_url().await, copy.path()), &how, &|_, _| ()).await.unwrap();
    assert_eq!(settled.tokens, u64::from(!keep_sessions));
    let t = serving(&copy).await;
    assert_eq!(opens(&t, &export).await, keep_sessions, "as sessions do, they live on where that is asked for");
    let anew = token(&t, if keep_sessions { "another" } else { "export" }).await;
    assert!(opens(&t, &anew).await);
}

/// Makes tests of it on a database server.
macro_rules! brought_back {
    ($folder:path) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn no_token_of_before_works() {
            super::no_token_of_before_works($folder().await, $folder().await, false).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn with_sessions_kept_tokens_work_on() {
            super::no_token_of_before_works($folder().await, $folder().await, true).await;
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
    use crate::harness::APPID;
    use crate::restored::{back_up, bring_back};
    use crate::rows::Rows;

    #[tokio::test]
    async fn what_was_revoked_unlinked_or_removed_since_stays_so() {
        let folder = Arc::new(Folder::with_sqlite());
        let t = serving(&folder).await;
        let by = Actor::command();
        let (kept, revoked) = (token(&t, "kept").await, token(&t, "revoked").await);
        let mut rows = Rows::of(&t).await;
        for (person, name) in [("alice", "root"), ("bob", "lin"), ("carol", "wei")] {
            t.phone(person).await;
            Hand::of(&t, name, OperatorRole::Admin).await;
            let openid = t.sim.openid(APPID, person);
            rows.run(&format!("INSERT INTO operator_people (operator, identity, linked_at) SELECT '{name}', id, 0 FROM identities WHERE openid = '{openid}'")).await;
        }
        drop(rows);
        back_up(folder.path());
        t.menjin.revoke_operator_token(&by, "revoked").await.unwrap();
        t.menjin.unlink_operator(&by, "lin").await.unwrap();
        t.menjin.remove_operator(&by, "wei").await.unwrap();
        let now = t.clock.now();
        t.stop().await;
        bring_back(folder.path(), false, now);
        let t = serving(&folder).await;
        assert!(opens(&t, &kept).await);
        assert!(!opens(&t, &revoked).await);
        let all = t.menjin.operators().await.unwrap();
        let links: Vec<_> = all.iter().map(|it| (it.name.as_str(), it.linked_at.is_some())).collect();
        assert_eq!(links, [("lin", false), ("root", true)]);
    }
}
