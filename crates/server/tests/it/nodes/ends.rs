//! What ends on one node is refused by the other, whatever happens to the telling of it.

use std::sync::Arc;
use std::time::Duration;

use menjin_server::Clock as _;
use menjin_server::store::Actor as By;
use serde_json::json;

use super::cable::Cable;
use super::two;
use crate::broker::until;
use crate::harness::{Actor, Setup, TestServer};
use crate::log::Log;
use crate::rows::Rows;
use crate::store::Folder;

/// By the guard and the feed alone: this route asks the store for nothing that tells of the caller's own end.
const GUARDED: &str = "/v1/me/sessions";

async fn is_refused(phone: &Actor<'_>) {
    until(async || phone.get(GUARDED).await.status == 401).await;
    phone.get(GUARDED).await.problem(401, "session_ended");
}

/// What a transaction writes that ends the one session which is alive: the row and the feed, and nobody is woken.
async fn ending(t: &TestServer) -> String {
    let mut rows = Rows::of(t).await;
    let found = rows.all("SELECT id FROM sessions WHERE ended_at IS NULL").await;
    let [session] = &found[..] else { panic!("{found:?}") };
    let id = rows.literal(&session[0].bytes().unwrap());
    let (now, until) = (t.clock.now().millis(), t.clock.now().plus(Duration::from_mins(20)).millis());
    format!(
        "INSERT INTO events (kind, subject, reason, at, until)
         VALUES ('session_ended', {id}, 'session_ended', {now}, {until});
         UPDATE sessions SET ended_at = {now}, end_reason = 'session_ended' WHERE id = {id}"
    )
}

#[tokio::test]
async fn cl_02_every_end_on_one_node_is_heard_by_the_other() {
    let [a, b] = two(Setup::default).await;
    for round in 0..5 {
        let phone = a.phone(&format!("person {round}")).await;
        let there = b.phone_with_token(&phone.access_token());
        there.get(GUARDED).await.ok(200);
        phone.post("/v1/logout", json!({})).await.ok(204);
        is_refused(&there).await;
    }
}

#[tokio::test]
async fn an_end_that_nobody_tells_of_is_heard_by_both() {
    let [a, b] = two(Setup::default).await;
    let phone = a.phone("alice").await;
    let there = b.phone_with_token(&phone.access_token());
    there.get(GUARDED).await.ok(200);
    Rows::of(&a).await.run(&ending(&a).await).await;
    is_refused(&there).await;
    is_refused(&phone).await;
}

/// Nobody is woken here, and the feed is read when it is older than it may be, which the clock decides: at one request.
async fn one_reading_of_the_feed_is_enough(folder: Folder) {
    let folder = Arc::new(folder);
    let toml = "\n[lifetimes]\nfeed_read = \"1d\"\n";
    let [a, b] = two(|| Setup { folder: Some(Arc::clone(&folder)), toml: toml.to_owned(), ..Setup::default() }).await;
    for round in 0..5 {
        let phone = a.phone(&format!("person {round}")).await;
        let there = b.phone_with_token(&phone.access_token());
        there.get(GUARDED).await.ok(200);
        phone.post("/v1/logout", json!({})).await.ok(204);
        there.get(GUARDED).await.ok(200);
        a.advance(Duration::from_secs(31));
        there.get(GUARDED).await.problem(401, "session_ended");
    }
}

/// With SQLite, which has no wake-ups. That there is such a reading each 300 ms is shown where the feed is followed.
#[tokio::test]
async fn cl_02_one_reading_of_the_feed_is_enough() {
    one_reading_of_the_feed_is_enough(Folder::with_sqlite()).await;
}

#[tokio::test]
async fn a_database_that_was_brought_back_to_an_earlier_time_does_not_make_nodes_deaf() {
    let log = Log::start();
    let [a, b] = two(Setup::default).await;
    // Each hears something of the other, and knows a place in the feed.
    for (here, elsewhere, person) in [(&a, &b, "alice"), (&b, &a, "bob"), (&a, &b, "carol")] {
        let phone = here.phone(person).await;
        let there = elsewhere.phone_with_token(&phone.access_token());
        phone.post("/v1/logout", json!({})).await.ok(204);
        is_refused(&there).await;
    }
    let known = a.phone("dave").await;
    let known_there = b.phone_with_token(&known.access_token());
    known.post("/v1/logout", json!({})).await.ok(204);
    is_refused(&known_there).await;
    let late = a.phone("erin").await;
    let late_there = b.phone_with_token(&late.access_token());
    let mut rows = Rows::of(&a).await;
    // The places of the feed are given anew, as by a standby that had not heard of the last ones.
    let end = ending(&a).await.replace("events (kind,", "events (seq, kind,").replace("VALUES (", "VALUES (1, ");
    rows.run(&format!("BEGIN; DELETE FROM events; {end}; COMMIT")).await;
    for phone in [&late, &late_there] {
        is_refused(phone).await;
    }
    for phone in [&known, &known_there] {
        phone.get(GUARDED).await.problem(401, "session_ended");
    }
    let told = || log.text().matches("brought back to an earlier time").count();
    until(async || told() == 2).await;
    let next = a.phone("frank").await;
    let next_there = b.phone_with_token(&next.access_token());
    next_there.get(GUARDED).await.ok(200);
    next.post("/v1/logout", json!({})).await.ok(204);
    is_refused(&next_there).await;
    assert_eq!(told(), 2, "once by each node");
}

/// A node commits an end, is never answered, and is gone with all that it would have done next.
async fn a_node_that_dies_between_the_commit_and_the_wake_up_ends_the_session_all_the_same(folder: Folder) {
    let survivor = TestServer::with(Setup { folder: Some(Arc::new(folder)), ..Setup::default() }).await;
    let cable = Cable::to(survivor.folder.known_url()).await;
    let mortal = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = Some(Arc::new(Folder::on(&cable.url)));
    let setup = Setup { folder, ..survivor.for_another(Setup::default()) };
    let doomed = mortal.spawn(TestServer::with(setup)).await.unwrap();
    let token = doomed.phone("alice").await.access_token();
    let there = survivor.phone_with_token(&token);
    there.get(GUARDED).await.ok(200);
    cable.answer_no_commit();
    let asking = mortal.spawn(async move { doomed.phone_with_token(&token).post("/v1/logout", json!({})).await });
    let mut rows = Rows::of(&survivor).await;
    until(async || !rows.all("SELECT id FROM sessions WHERE ended_at IS NOT NULL").await.is_empty()).await;
    mortal.shutdown_background();
    assert!(asking.await.is_err(), "nobody was answered");
    is_refused(&there).await;
}

/// A transaction that took its place in the feed before another one, and commits after it was read.
async fn a_place_that_turns_up_behind_what_was_read_is_heard(folder: Folder) {
    let folder = Arc::new(folder);
    let [a, b] = two(|| Setup { folder: Some(Arc::clone(&folder)), ..Setup::default() }).await;
    let slow = a.phone("alice").await;
    let mut transaction = Rows::of(&a).await;
    transaction.run("BEGIN").await;
    transaction.run(&ending(&a).await).await;
    let quick = a.phone("bob").await;
    let (slow_there, quick_there) =
        (b.phone_with_token(&slow.access_token()), b.phone_with_token(&quick.access_token()));
    quick.post("/v1/logout", json!({})).await.ok(204);
    is_refused(&quick_there).await;
    for alive in [&slow, &slow_there] {
        alive.get(GUARDED).await.ok(200);
    }
    transaction.run("COMMIT").await;
    is_refused(&slow_there).await;
    is_refused(&slow).await;
}

/// The feed is not read by the clock here: who hears of an end was woken.
async fn a_wake_up_is_enough(folder: Folder) {
    let folder = Arc::new(folder);
    let toml = "\n[lifetimes]\nfeed_read = \"1d\"\nrevocation_max_lag = \"2d\"\n";
    let [a, b] = two(|| Setup { folder: Some(Arc::clone(&folder)), toml: toml.to_owned(), ..Setup::default() }).await;
    for (here, there) in [(&a, &b), (&b, &a), (&a, &b)] {
        let phone = here.phone("alice").await;
        let elsewhere = there.phone_with_token(&phone.access_token());
        elsewhere.get(GUARDED).await.ok(200);
        phone.post("/v1/logout", json!({})).await.ok(204);
        is_refused(&elsewhere).await;
    }
    let kid = a.menjin.rotate_key(&By::command()).await.unwrap();
    until(async || b.anon().get("/.well-known/jwks.json").await.text.contains(&kid)).await;
}

/// Two nodes, of which the second has a way of its own to the database.
async fn with_cable(folder: Folder) -> ([TestServer; 2], Cable) {
    let first = TestServer::with(Setup { folder: Some(Arc::new(folder)), ..Setup::default() }).await;
    let cable = Cable::to(first.folder.known_url()).await;
    let folder = Some(Arc::new(Folder::on(&cable.url)));
    let second = TestServer::with(Setup { folder, ..first.for_another(Setup::default()) }).await;
    ([first, second], cable)
}

/// What the second node does while it can't reach the database, and when it can again.
async fn closes_and_opens_again(folder: Folder, lose: fn(&Cable)) {
    let ([a, b], cable) = with_cable(folder).await;
    let (ending, living) = (a.phone("alice").await, a.phone("bob").await);
    let [ended, alive] = [&ending, &living].map(|phone| b.phone_with_token(&phone.access_token()));
    for phone in [&ended, &alive] {
        phone.get(GUARDED).await.ok(200);
    }
    lose(&cable);
    ending.post("/v1/logout", json!({})).await.ok(204);
    let visitor = b.anon();
    let (of_ended, of_alive, ready) = tokio::join!(ended.get(GUARDED), alive.get(GUARDED), visitor.get("/readyz"));
    for answer in [of_ended, of_alive, ready] {
        assert!(!answer.header("retry-after").is_empty());
        assert_eq!(answer.problem(503, "store_unavailable")["action"], "retry");
    }
    assert_eq!(visitor.get("/healthz").await.text, "ok");
    visitor.get("/.well-known/jwks.json").await.ok(200);
    a.advance(Duration::from_secs(31));
    let token = living.refresh_token();
    let (of_ended, of_alive, refreshed) =
        tokio::join!(ended.get(GUARDED), alive.get(GUARDED), visitor.refresh_with(&token));
    for answer in [of_ended, of_alive] {
        answer.problem(503, "revocations_stale");
    }
    refreshed.problem(503, "store_unavailable");
    until(async || living.get(GUARDED).await.status == 200).await;
    cable.mend();
    is_refused(&ended).await;
    until(async || alive.get(GUARDED).await.status == 200).await;
    visitor.refresh_with(&token).await.ok(200);
    assert_eq!(visitor.get("/readyz").await.text, "ok");
}

/// Both ways to lose it, at the same time, as it is mostly waiting.
async fn a_node_closes_and_opens_again([one, other]: [Folder; 2]) {
    let (cut, held) = (closes_and_opens_again(one, Cable::cut), closes_and_opens_again(other, Cable::hold));
    tokio::join!(Box::pin(cut), Box::pin(held));
}

/// The database ends the connections of all nodes, again and again, while people sign in and out.
async fn ends_are_heard_while_connections_are_cut(folder: Folder, cut: &str) {
    let folder = Arc::new(folder);
    let [a, b] = two(|| Setup { folder: Some(Arc::clone(&folder)), ..Setup::default() }).await;
    let mut rows = Rows::of(&a).await;
    for round in 0..5 {
        let mut phone = a.phone_of(&format!("person {round}"));
        // Whoever was cut off may ask again, and only that.
        until(async || phone.login(json!({})).await.status == 200).await;
        let there = b.phone_with_token(&phone.access_token());
        until(async || there.get(GUARDED).await.status == 200).await;
        let others: Vec<i64> = rows.all(cut).await.iter().map(|row| row[0].int()).collect();
        assert!(!others.is_empty(), "both nodes have connections");
        rows.end_connections(&others).await;
        until(async || matches!(phone.post("/v1/logout", json!({})).await.status.as_u16(), 204 | 401)).await;
        is_refused(&there).await;
    }
}

mod on_postgres {
    use super::*;

    const OTHERS: &str = "SELECT pid::BIGINT FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()";

    #[tokio::test]
    async fn a_place_that_turns_up_behind_what_was_read_is_heard() {
        super::a_place_that_turns_up_behind_what_was_read_is_heard(Folder::with_postgres().await).await;
    }

    #[tokio::test]
    async fn a_node_that_dies_between_the_commit_and_the_wake_up_ends_the_session_all_the_same() {
        let folder = Folder::with_postgres().await;
        super::a_node_that_dies_between_the_commit_and_the_wake_up_ends_the_session_all_the_same(folder).await;
    }

    #[tokio::test]
    async fn a_wake_up_is_enough() {
        super::a_wake_up_is_enough(Folder::with_postgres().await).await;
    }

    #[tokio::test]
    async fn a_node_that_is_cut_off_or_waits_in_vain_closes_and_opens_again() {
        let folders = [Folder::with_postgres().await, Folder::with_postgres().await];
        a_node_closes_and_opens_again(folders).await;
    }

    #[tokio::test]
    async fn ends_are_heard_while_connections_are_cut() {
        super::ends_are_heard_while_connections_are_cut(Folder::with_postgres().await, OTHERS).await;
    }
}

mod on_mariadb {
    use super::*;

    const OTHERS: &str = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist
        WHERE db = database() AND id <> connection_id()";

    #[tokio::test]
    async fn a_place_that_turns_up_behind_what_was_read_is_heard() {
        super::a_place_that_turns_up_behind_what_was_read_is_heard(Folder::with_mariadb().await).await;
    }

    #[tokio::test]
    async fn a_node_that_dies_between_the_commit_and_the_wake_up_ends_the_session_all_the_same() {
        let folder = Folder::with_mariadb().await;
        super::a_node_that_dies_between_the_commit_and_the_wake_up_ends_the_session_all_the_same(folder).await;
    }

    #[tokio::test]
    async fn one_reading_of_the_feed_is_enough() {
        super::one_reading_of_the_feed_is_enough(Folder::with_mariadb().await).await;
    }

    #[tokio::test]
    async fn a_node_that_is_cut_off_or_waits_in_vain_closes_and_opens_again() {
        let folders = [Folder::with_mariadb().await, Folder::with_mariadb().await];
        a_node_closes_and_opens_again(folders).await;
    }

    #[tokio::test]
    async fn ends_are_heard_while_connections_are_cut() {
        super::ends_are_heard_while_connections_are_cut(Folder::with_mariadb().await, OTHERS).await;
    }
}
