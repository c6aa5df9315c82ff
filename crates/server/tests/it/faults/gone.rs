//! The database is restarted, dies and comes back, or hangs, amid refreshes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use super::{Faulty, assert_in_trouble, in_time, number, on_each, until};
use crate::harness::Actor;
use crate::rows::Rows;

const PHONES: usize = 10;

/// What becomes of the database.
#[derive(Clone, Copy)]
enum Outage {
    Stopped,
    Killed,
    Hung,
}

/// What the phones see.
#[derive(Default)]
struct Seen {
    refreshed: AtomicUsize,
    troubles: AtomicUsize,
    /// Each phone has had enough after its next refresh.
    enough: AtomicBool,
}

/// Refreshes again and again with the token it holds, whatever it is told; how often it got the next one.
async fn refresh_on_and_on(phone: &mut Actor<'_>, seen: &Seen) -> usize {
    let mut refreshed = 0;
    loop {
        let is_last = seen.enough.load(Ordering::SeqCst);
        let held = phone.refresh_token();
        let answer = phone.refresh().await;
        if answer.status == 200 {
            assert_ne!(phone.refresh_token(), held);
            refreshed += 1;
            seen.refreshed.fetch_add(1, Ordering::SeqCst);
            if is_last {
                return refreshed;
            }
        } else {
            assert_in_trouble(answer);
            seen.troubles.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn all_refresh_some_more(seen: &Seen) {
    let before = seen.refreshed.load(Ordering::SeqCst);
    until(async || seen.refreshed.load(Ordering::SeqCst) >= before + 5 * PHONES).await;
}

async fn a_database_that_is_restarted_or_hangs_amid_refreshes_burns_no_token(f: Faulty) {
    let mut phones = Vec::new();
    for nth in 0..PHONES {
        phones.push(f.t.phone(&format!("person {nth}")).await);
    }
    let seen = Seen::default();
    let refreshing = join_all(phones.iter_mut().map(|phone| refresh_on_and_on(phone, &seen)));
    let restarting = async {
        for outage in [Outage::Stopped, Outage::Killed, Outage::Hung] {
            all_refresh_some_more(&seen).await;
            match outage {
                Outage::Stopped => f.stop().await,
                Outage::Killed => f.database.kill().await,
                Outage::Hung => f.pause().await,
            }
            assert_in_trouble(f.t.anon().get("/readyz").await);
            let troubles = seen.troubles.load(Ordering::SeqCst);
            until(async || seen.troubles.load(Ordering::SeqCst) >= troubles + PHONES).await;
            match outage {
                Outage::Stopped | Outage::Killed => f.database.start_again().await,
                Outage::Hung => f.resume().await,
            }
            f.is_ready().await;
            all_refresh_some_more(&seen).await;
        }
        seen.enough.store(true, Ordering::SeqCst);
    };
    let (refreshed, ()) = in_time(async { tokio::join!(refreshing, restarting) }).await;

    // As often as the phones got another token, the row moved on; and nobody had to recover, nobody's session is over.
    let mut rows = Rows::of(&f.t).await;
    let counted = rows.all("SELECT g.counter FROM grants g ORDER BY g.counter").await;
    let mut refreshed: Vec<_> = refreshed.into_iter().map(|count| i64::try_from(count).unwrap()).collect();
    refreshed.sort_unstable();
    assert_eq!(counted.iter().map(|row| row[0].int()).collect::<Vec<_>>(), refreshed);
    for none in [
        "SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL",
        "SELECT count(*) FROM events WHERE kind = 'session_ended'",
        "SELECT count(*) FROM audit WHERE action LIKE 'refresh%'",
    ] {
        assert_eq!(number(&mut rows, none).await, 0, "{none}");
    }
    for phone in &mut phones {
        phone.get("/v1/me").await.ok(200);
        phone.refresh().await.ok(200);
    }
}

async fn while_it_is_gone_tokens_are_good_for_half_a_minute_and_then_nobody_gets_in(f: Faulty) {
    let mut phone = f.t.phone("alice").await;
    f.stop().await;
    // The guard lets them in as before: what fails is what stands in the store.
    assert_in_trouble(phone.get("/v1/me").await);
    f.t.advance(Duration::from_secs(28));
    assert_in_trouble(phone.get("/v1/me").await);
    assert_in_trouble(f.t.anon().get("/readyz").await);
    f.t.advance(Duration::from_secs(4));
    // Many at once wait no longer than one.
    let many = join_all((0..20).map(async |nth| phone.get(["/v1/me", "/v1/me/sessions"][nth % 2]).await)).await;
    for answer in many {
        assert_eq!(answer.header("retry-after"), "1");
        answer.problem(503, "revocations_stale");
    }
    f.t.anon().get("/.well-known/jwks.json").await.ok(200);
    assert_eq!(f.t.anon().get("/healthz").await.text, "ok");
    f.database.start_again().await;
    f.is_ready().await;
    until(async || phone.get("/v1/me").await.status == 200).await;
    phone.refresh().await.ok(200);
    f.t.phone("bob").await.get("/v1/me").await.ok(200);
}

async fn who_was_signed_out_before_stays_out_afterwards(f: Faulty) {
    let (mut alice, bob) = (f.t.phone("alice").await, f.t.phone("bob").await);
    alice.post("/v1/logout", serde_json::json!({})).await.ok(204);
    f.database.kill().await;
    f.database.start_again().await;
    f.is_ready().await;
    alice.get("/v1/me").await.problem(401, "session_ended");
    alice.refresh().await.problem(401, "session_ended");
    until(async || bob.get("/v1/me").await.status == 200).await;
}

on_each! {
    a_database_that_is_restarted_or_hangs_amid_refreshes_burns_no_token
    while_it_is_gone_tokens_are_good_for_half_a_minute_and_then_nobody_gets_in
    who_was_signed_out_before_stays_out_afterwards
}
