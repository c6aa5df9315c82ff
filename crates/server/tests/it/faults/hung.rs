//! The database hangs: its connections stay, and nothing is answered.

use futures_util::future::join_all;
use serde_json::json;

use super::{Faulty, assert_in_trouble, in_time, number, on_each, until};
use crate::rows::Rows;

const PHONES: usize = 12;

async fn a_database_that_hangs_lets_nobody_wait_for_ever_and_nothing_is_lost(f: Faulty) {
    let mut phones = Vec::new();
    for nth in 0..PHONES {
        let mut phone = f.t.phone(&format!("person {nth}")).await;
        phone.refresh().await.ok(200);
        phones.push(phone);
    }
    f.pause().await;
    // More than there are connections, again and again; each of them is answered before its client gives up.
    for _ in 0..3 {
        let refreshing = join_all(phones.iter_mut().map(async |phone| phone.refresh().await));
        let coming =
            join_all((0..PHONES).map(async |nth| f.t.phone_of(&format!("newcomer {nth}")).login(json!({})).await));
        let ready = f.t.anon();
        let (refreshed, came, ready) = in_time(async { tokio::join!(refreshing, coming, ready.get("/readyz")) }).await;
        for answer in refreshed.into_iter().chain(came).chain([ready]) {
            assert_in_trouble(answer);
        }
    }
    assert_eq!(f.t.anon().get("/healthz").await.text, "ok");
    f.resume().await;
    f.is_ready().await;
    // What was given up on the way may have happened or not: either way the token in hand is good for the next.
    for phone in &mut phones {
        until_refreshed(phone).await;
        phone.get("/v1/me").await.ok(200);
    }
    for nth in 0..PHONES {
        f.t.phone(&format!("newcomer {nth}")).await.get("/v1/me").await.ok(200);
    }
    let mut rows = Rows::of(&f.t).await;
    let counted = rows.all("SELECT counter FROM grants WHERE counter > 0").await;
    assert_eq!(counted.iter().map(|row| row[0].int()).collect::<Vec<_>>(), [2; PHONES]);
    assert_eq!(number(&mut rows, "SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL").await, 0);
    // Connections that were given up are gone, and the pool is no larger than before.
    until(async || connections(&f).await <= 8).await;
}

async fn until_refreshed(phone: &mut crate::harness::Actor<'_>) {
    in_time(async {
        while phone.refresh().await.status != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// How many connections menjin has, besides the one that hears wake-ups.
async fn connections(f: &Faulty) -> i64 {
    let of_postgres =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'menjin' AND query NOT LIKE 'LISTEN%'";
    let of_mariadb =
        "SELECT count(*) FROM information_schema.processlist WHERE user = 'menjin' AND id <> connection_id()";
    let mut rows = Rows::of(&f.t).await;
    let sql = if matches!(rows, Rows::Postgres(_)) { of_postgres } else { of_mariadb };
    number(&mut rows, sql).await
}

on_each! {
    a_database_that_hangs_lets_nobody_wait_for_ever_and_nothing_is_lost
}
