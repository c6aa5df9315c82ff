//! A database that reads, and whose COMMITs stand still: a standby that should confirm them does not (PostgreSQL).

use std::future::Future;
use std::sync::Arc;

use futures_util::future::join_all;
use menjin_testbed::Postgres;
use serde_json::json;

use super::two;
use crate::broker::until;
use crate::harness::{Actor, Answer, Setup};
use crate::store::{DatabaseServer, Folder};

/// Asks the server as its operator; gives what it prints.
async fn operate(server: &Arc<Postgres>, database: &str, sql: &'static str) -> String {
    let (server, database) = (Arc::clone(server), database.to_owned());
    tokio::task::spawn_blocking(move || server.query(&database, sql)).await.unwrap().unwrap()
}

async fn set(server: &Arc<Postgres>, setting: &'static str) {
    operate(server, "postgres", setting).await;
    operate(server, "postgres", "SELECT pg_reload_conf()").await;
}

/// How many COMMITs stand still.
async fn standing_still(server: &Arc<Postgres>) -> usize {
    let counting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    operate(server, "postgres", counting).await.parse().unwrap()
}

/// Whoever reads goes on until `work` is done, and is answered each time.
async fn while_others_read<T>(readers: &[Actor<'_>], work: impl Future<Output = T>) -> T {
    let mut answers = 0;
    let reading = async {
        loop {
            for reader in readers {
                reader.get("/v1/me").await.ok(200);
                reader.get("/v1/me/sessions").await.ok(200);
                answers += 1;
            }
        }
    };
    let done = tokio::select! {
        done = work => done,
        never = reading => never,
    };
    assert!(answers > 20, "{answers}");
    done
}

#[track_caller]
fn assert_unavailable(answer: Answer) {
    answer.problem(503, "store_unavailable");
}

mod on_postgres {
    use super::*;

    #[tokio::test]
    async fn while_commits_stand_still_people_are_let_in_and_what_is_committed_late_is_heard_by_every_node() {
        let DatabaseServer::Postgres(server) = DatabaseServer::postgres().await else { panic!("it was asked for") };
        let url = DatabaseServer::Postgres(Arc::clone(&server)).new_database().await;
        let folder = Arc::new(Folder::on(&url));
        let [a, b] = two(|| Setup { folder: Some(Arc::clone(&folder)), ..Setup::default() }).await;
        let (alice, bob, carol) = (a.phone("alice").await, a.phone("bob").await, a.phone("carol").await);
        let everywhere = |phone: &Actor<'_>| [&a, &b].map(|node| node.phone_with_token(&phone.access_token()));
        set(&server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await;
        // The server takes a new setting in its own time: from the first COMMIT that waits on, all do.
        let first = async { while a.phone_of("dave").login(json!({})).await.status == 200 {} };
        while_others_read(&everywhere(&bob), first).await;

        // An end that its client is told nothing of, and nobody has heard of yet.
        assert_unavailable(while_others_read(&everywhere(&bob), alice.post("/v1/logout", json!({}))).await);
        assert!(standing_still(&server).await >= 2);
        for phone in everywhere(&alice) {
            phone.get("/v1/me/sessions").await.ok(200);
        }
        // Its place in the feed is passed by, and given up after twelve seconds: each of these is refused after eight. There
        // are more of them than connections.
        let ahead = "SET synchronous_commit = local; \
            INSERT INTO events (kind, reason, at, until) VALUES ('keys_changed', '', 0, 9000000000000000)";
        operate(&server, &url, ahead).await;
        for round in 0..2 {
            let come = |nth: usize| {
                let mut newcomer = a.phone_of(&format!("newcomer {round} {nth}"));
                async move { newcomer.login(json!({})).await }
            };
            let refused = while_others_read(&everywhere(&bob), join_all((0..12).map(come))).await;
            refused.into_iter().for_each(assert_unavailable);
        }
        let held = carol.refresh_token();
        assert_unavailable(b.anon().refresh_with(&held).await);

        set(&server, "ALTER SYSTEM RESET synchronous_standby_names").await;
        until(async || standing_still(&server).await == 0).await;
        for phone in everywhere(&alice) {
            until(async || phone.get("/v1/me/sessions").await.status == 401).await;
            phone.get("/v1/me/sessions").await.problem(401, "session_ended");
        }
        for phone in everywhere(&bob) {
            phone.get("/v1/me").await.ok(200);
        }
        // It was carried out late, and its answer may be asked for again.
        b.anon().refresh_with(&held).await.ok(200);
        for node in [&a, &b] {
            node.phone("newcomer 0 0").await.get("/v1/me").await.ok(200);
        }
    }
}
