//! Clocks that leap, and the end of the program, on a database server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use menjin_server::Clock as _;
use serde_json::{Value, json};

use super::{Faulty, in_time, on_each, until};
use crate::harness::{Actor, TestServer};

const HOUR: Duration = Duration::from_hours(1);

/// At whatever time it is now: who has signed out stays out, also by refresh, everybody else goes on, people come, and the
/// server lives.
async fn goes_on_as_ever(t: &TestServer, (alice, gone): (&mut Actor<'_>, &Actor<'_>), newcomer: &str) {
    t.menjin.upkeep().await.unwrap();
    // A reading of the feed from before the clock was set back vouches for nobody; the next one does.
    until(async || alice.get("/v1/me").await.json["code"] != "revocations_stale").await;
    gone.refresh_with(&gone.refresh_token()).await.problem(401, "session_ended");
    alice.refresh().await.ok(200);
    alice.get("/v1/me").await.ok(200);
    let mut newcomer = t.phone(newcomer).await;
    newcomer.get("/v1/me").await.ok(200);
    newcomer.refresh().await.ok(200);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(t.anon().get(path).await.text, "ok", "{path}");
    }
}

async fn du_09_a_clock_that_leaps_an_hour_either_way_revives_nothing_and_stops_nobody(f: Faulty) {
    let t = &f.t;
    let (mut alice, mut old, gone) = (t.phone("alice").await, t.phone("bob").await, t.phone("carol").await);
    let start = t.clock.now();
    gone.post("/v1/logout", json!({})).await.ok(204);
    t.advance(2 * HOUR);
    old.get("/v1/me").await.problem(401, "token_expired");
    gone.get("/v1/me").await.problem(401, "token_expired");
    goes_on_as_ever(t, (&mut alice, &gone), "dave").await;
    t.clock.set(start);
    // Sweeping at the later time has not forgotten who signed out.
    gone.get("/v1/me").await.problem(401, "session_ended");
    goes_on_as_ever(t, (&mut alice, &gone), "erin").await;
    t.clock.set(start.minus(HOUR));
    gone.get("/v1/me").await.problem(401, "session_ended");
    goes_on_as_ever(t, (&mut alice, &gone), "frank").await;
    t.clock.set(start.plus(HOUR));
    goes_on_as_ever(t, (&mut alice, &gone), "grace").await;
    old.refresh().await.ok(200);
}

/// Refreshes over one kept connection until the server says that it closes it; tells what failed, and the last token.
async fn refresh_until_gone(url: String, mut token: String, answered: Arc<AtomicUsize>) -> (Vec<String>, String) {
    let client = reqwest::Client::builder().no_proxy().retry(reqwest::retry::never()).build().unwrap();
    let mut failures = Vec::new();
    loop {
        let body = json!({"refresh_token": token});
        match client.post(format!("{url}/v1/token/refresh")).json(&body).send().await {
            Ok(answer) if answer.status() == 200 => {
                let is_last = answer.headers().get("connection").is_some_and(|value| value == "close");
                let pair: Value = answer.json().await.unwrap();
                pair["refresh_token"].as_str().unwrap().clone_into(&mut token);
                answered.fetch_add(1, Ordering::SeqCst);
                if is_last {
                    return (failures, token);
                }
            }
            Ok(answer) => failures.push(answer.status().to_string()),
            Err(error) => {
                failures.push(format!("{error:?}"));
                return (failures, token);
            }
        }
    }
}

async fn du_08_a_stop_fails_no_refresh(f: Faulty) {
    let Faulty { database: _database, t } = f;
    let (mut workers, mut counts) = (Vec::new(), Vec::new());
    for nth in 0..8 {
        let token = t.phone(&format!("person {nth}")).await.refresh_token();
        let answered = Arc::new(AtomicUsize::new(0));
        counts.push(Arc::clone(&answered));
        workers.push(tokio::spawn(refresh_until_gone(t.url.clone(), token, answered)));
    }
    until(async || counts.iter().all(|answered| answered.load(Ordering::SeqCst) >= 5)).await;
    let again = t.for_another(crate::harness::Setup::default());
    in_time(t.stop()).await;
    // What they hold is good on the next program.
    let next = TestServer::with(again).await;
    for worker in workers {
        let (failures, token) = worker.await.unwrap();
        assert_eq!(failures, Vec::<String>::new());
        next.anon().refresh_with(&token).await.ok(200);
    }
}

on_each! {
    du_09_a_clock_that_leaps_an_hour_either_way_revives_nothing_and_stops_nobody
    du_08_a_stop_fails_no_refresh
}
