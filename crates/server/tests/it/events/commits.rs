//! A line that is committed late: places are given before, and others behind it are there already.

use serde_json::json;

use super::receiver::Receiver;
use super::sent::begun;
use super::{all, ask, kinds, reading};
use crate::broker::until;
use crate::harness::{Setup, TestServer};
use crate::rows::Rows;
use crate::store::Folder;

/// Somebody else's transaction gets a place and stands still; what comes behind it waits for its end.
async fn what_stands_still_is_waited_for(folder: Folder, ends: &str) {
    let receiver = Receiver::start().await;
    let folder = Some(std::sync::Arc::new(folder));
    let t = TestServer::with(Setup { folder, ..reading(&receiver.entry("crm", "shop-api")) }).await;
    begun(&t, 1).await;
    let alice = t.phone("alice").await;
    until(async || receiver.taken().len() == 1).await;
    let mut other = Rows::of(&t).await;
    other.run("BEGIN").await;
    let user = "(SELECT user_id FROM (SELECT user_id FROM audit WHERE action = 'session.opened' LIMIT 1) AS opened)";
    let line =
        format!("INSERT INTO audit (at, action, actor, user_id) VALUES (1, 'user.disabled', 'operator', {user})");
    other.run(&line).await;
    let bob = t.phone("bob").await;
    // As long as a reader can wait for it.
    let next = ask(&t, "crm", "?wait=2").await.ok(200);
    assert_eq!(next["items"].as_array().unwrap().len(), 1, "{next}");
    let waited = ask(&t, "crm", &format!("?after={}&wait=2", next["next"].as_str().unwrap())).await.ok(200);
    assert_eq!(waited["items"], json!([]), "bob's line is there, and nobody is told before the one that is missing");
    assert_eq!(receiver.taken().len(), 1);
    other.run(ends).await;
    let expected: &[&str] = if ends == "COMMIT" {
        &["user.created", "user.disabled", "user.created"]
    } else {
        &["user.created", "user.created"]
    };
    until(async || receiver.taken().len() == expected.len()).await;
    assert_eq!(receiver.kinds(), expected);
    assert_eq!(kinds(&all(&t, "crm").await), expected);
    let told: Vec<_> = receiver.taken().iter().map(|sent| sent.event()["data"]["user"].clone()).collect();
    assert_eq!((told.first(), told.last()), (Some(&json!(alice.user_id())), Some(&json!(bob.user_id()))));
}

mod on_postgres {
    use super::*;

    /// Somebody else's transaction stands still with a place, and everybody who asks would wait for it a little.
    #[tokio::test]
    async fn however_many_ask_meanwhile_all_are_answered() {
        let folder = Some(std::sync::Arc::new(Folder::with_postgres().await));
        let t = TestServer::with(Setup { folder, ..reading("") }).await;
        let alice = t.phone("alice").await;
        let mut other = Rows::of(&t).await;
        other.run("BEGIN; INSERT INTO audit (at, action, actor) VALUES (1, 'key.rotated', 'operator')").await;
        t.phone("bob").await;
        let answers = futures_util::future::join_all((0..200).map(|_| ask(&t, "crm", ""))).await;
        for answer in answers {
            let items = answer.ok(200)["items"].clone();
            assert_eq!((&items[0]["data"]["user"], items.as_array().map(Vec::len)), (&json!(alice.user_id()), Some(1)));
        }
        other.run("ROLLBACK").await;
    }

    #[tokio::test]
    async fn a_line_that_is_committed_late_is_told_in_its_place() {
        what_stands_still_is_waited_for(Folder::with_postgres().await, "COMMIT").await;
    }

    #[tokio::test]
    async fn a_place_whose_transaction_was_rolled_back_holds_nobody_up() {
        what_stands_still_is_waited_for(Folder::with_postgres().await, "ROLLBACK").await;
    }
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_committed_late_is_told_in_its_place() {
        what_stands_still_is_waited_for(Folder::with_mariadb().await, "COMMIT").await;
    }

    #[tokio::test]
    async fn a_place_whose_transaction_was_rolled_back_holds_nobody_up() {
        what_stands_still_is_waited_for(Folder::with_mariadb().await, "ROLLBACK").await;
    }
}
