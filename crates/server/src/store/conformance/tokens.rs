//! The platform's access token of an app is fetched by one node at a time, replaced by whoever read the present one, and
//! forced as often as may be.

use super::Bench;
use super::sample::{MASTER, at, sealed};
use crate::store::{Forced, Forcing, PlatformTokenRow, Store, TokenClaim, TokenClaiming};

fn row(version: i64, text: &str) -> PlatformTokenRow {
    PlatformTokenRow { version, sealed: sealed(MASTER, text), expires_at: at(7200 + version) }
}

async fn read(store: &dyn Store, app: &str) -> Option<(i64, Vec<u8>, menjin_token::Timestamp)> {
    let row = store.platform_token(app).await.unwrap()?;
    Some((row.version, row.sealed, row.expires_at))
}

async fn put(store: &dyn Store, app: &str, former: i64, row: PlatformTokenRow) -> bool {
    store.put_platform_token(app, former, row).await.unwrap()
}

pub(in crate::store) async fn a_platform_token_is_put_once(t: Bench) {
    assert_eq!(read(&*t.store, "shop").await, None);
    assert!(put(&*t.store, "shop", 0, row(1, "first")).await);
    assert!(!put(&*t.other, "shop", 0, row(1, "second")).await);
    assert_eq!(read(&*t.other, "shop").await, Some((1, sealed(MASTER, "first"), at(7201))));
}

pub(in crate::store) async fn of_racing_nodes_one_replaces_the_token(t: Bench) {
    for former in 0..3 {
        let put = t
            .race(8, |node, at| async move {
                let text = format!("token {at}");
                put(&*node, "shop", former, row(former + 1, &text)).await.then_some(text)
            })
            .await;
        let winners: Vec<_> = put.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        let expected = (former + 1, sealed(MASTER, &winners[0]), at(7201 + former));
        assert_eq!(read(&*t.store, "shop").await, Some(expected));
    }
}

pub(in crate::store) async fn an_outdated_version_replaces_nothing(t: Bench) {
    assert!(!put(&*t.store, "shop", 1, row(2, "of nothing")).await);
    assert_eq!(read(&*t.store, "shop").await, None);
    assert!(put(&*t.store, "shop", 0, row(1, "first")).await);
    assert!(put(&*t.store, "shop", 1, row(2, "second")).await);
    assert!(!put(&*t.store, "shop", 1, row(2, "late")).await);
    assert!(!put(&*t.store, "shop", 3, row(4, "early")).await);
    assert_eq!(read(&*t.store, "shop").await, Some((2, sealed(MASTER, "second"), at(7202))));
}

pub(in crate::store) async fn each_app_has_its_own(t: Bench) {
    assert!(put(&*t.store, "shop", 0, row(1, "of shop")).await);
    assert!(put(&*t.store, "club", 0, row(1, "of club")).await);
    assert!(put(&*t.store, "club", 1, row(2, "of club again")).await);
    assert_eq!(read(&*t.store, "shop").await.map(|(_, sealed, _)| sealed), Some(sealed(MASTER, "of shop")));
    assert_eq!(read(&*t.store, "club").await.map(|(_, sealed, _)| sealed), Some(sealed(MASTER, "of club again")));
}

fn claiming(claim: u8, former: i64, now: i64) -> TokenClaiming {
    let (until, longest) = (at(now + 15), at(now + 75));
    TokenClaiming { app: "shop".to_owned(), former, claim: [claim; 16], now: at(now), until, longest }
}

async fn claim(store: &dyn Store, claiming: TokenClaiming) -> TokenClaim {
    store.claim_platform_token(claiming).await.unwrap()
}

pub(in crate::store) async fn of_racing_nodes_one_may_fetch_a_token(t: Bench) {
    for former in 0..3 {
        let claims = t
            .race(8, |node, at| async move { claim(&*node, claiming(u8::try_from(at).unwrap(), former, 0)).await })
            .await;
        let ours = claims.iter().filter(|claim| **claim == TokenClaim::Ours).count();
        let held = claims.iter().filter(|claim| **claim == TokenClaim::Held(at(15))).count();
        assert_eq!((ours, held), (1, 7), "{claims:?}");
        assert_eq!(t.other.platform_token_claimed_until("shop").await.unwrap(), Some(at(15)));
        assert!(put(&*t.store, "shop", former, row(former + 1, "next")).await);
        assert_eq!(t.other.platform_token_claimed_until("shop").await.unwrap(), None, "the token ends the claim");
    }
}

pub(in crate::store) async fn a_claim_is_for_the_token_that_its_claimer_saw(t: Bench) {
    assert_eq!(claim(&*t.store, claiming(1, 1, 0)).await, TokenClaim::Replaced);
    assert!(put(&*t.store, "shop", 0, row(1, "first")).await);
    assert_eq!(claim(&*t.other, claiming(1, 0, 0)).await, TokenClaim::Replaced);
    assert_eq!(claim(&*t.other, claiming(1, 1, 0)).await, TokenClaim::Ours);
    let club = TokenClaiming { app: "club".to_owned(), ..claiming(2, 0, 0) };
    assert_eq!(claim(&*t.store, club).await, TokenClaim::Ours, "another app is another matter");
}

pub(in crate::store) async fn the_claim_of_a_dead_claimer_runs_out(t: Bench) {
    assert_eq!(t.store.platform_token_claimed_until("shop").await.unwrap(), None);
    assert_eq!(claim(&*t.store, claiming(1, 0, 0)).await, TokenClaim::Ours);
    assert_eq!(claim(&*t.other, claiming(2, 0, 14)).await, TokenClaim::Held(at(15)));
    assert_eq!(claim(&*t.other, claiming(2, 0, 15)).await, TokenClaim::Ours);
    assert!(put(&*t.other, "shop", 0, row(1, "of the second")).await);
    assert!(!put(&*t.store, "shop", 0, row(1, "of the first, late")).await);
}

pub(in crate::store) async fn a_claim_from_a_clock_that_ran_ahead_counts_for_nothing(t: Bench) {
    assert_eq!(claim(&*t.store, claiming(1, 0, 3600)).await, TokenClaim::Ours);
    assert_eq!(claim(&*t.other, claiming(2, 0, 0)).await, TokenClaim::Ours);
}

pub(in crate::store) async fn a_claimer_without_a_token_leaves_its_own_claim_alone(t: Bench) {
    t.store.leave_platform_token("shop", [1; 16], None).await.unwrap();
    assert_eq!(claim(&*t.store, claiming(1, 0, 0)).await, TokenClaim::Ours);
    t.other.leave_platform_token("shop", [2; 16], None).await.unwrap();
    assert_eq!(claim(&*t.other, claiming(2, 0, 0)).await, TokenClaim::Held(at(15)));
    t.store.leave_platform_token("shop", [1; 16], Some(at(5))).await.unwrap();
    assert_eq!(claim(&*t.other, claiming(2, 0, 4)).await, TokenClaim::Held(at(5)));
    t.store.leave_platform_token("shop", [1; 16], None).await.unwrap();
    assert_eq!(claim(&*t.other, claiming(2, 0, 4)).await, TokenClaim::Ours);
}

fn forcing(now: i64, day: i64) -> Forcing {
    Forcing { app: "shop".to_owned(), now: at(now), none_since: at(now - 60), day, a_day: 3 }
}

async fn force(store: &dyn Store, forcing: Forcing) -> Forced {
    store.count_forced(forcing).await.unwrap()
}

pub(in crate::store) async fn of_racing_nodes_one_may_force_a_token(t: Bench) {
    let forced = t.race(8, |node, _| async move { force(&*node, forcing(0, 1)).await }).await;
    let allowed = forced.iter().filter(|forced| **forced == Forced::Allowed).count();
    let soon = forced.iter().filter(|forced| **forced == Forced::TooSoon(at(0))).count();
    assert_eq!((allowed, soon), (1, 7), "{forced:?}");
}

pub(in crate::store) async fn forced_tokens_are_counted_by_the_day_and_kept_apart(t: Bench) {
    assert_eq!(force(&*t.store, forcing(0, 1)).await, Forced::Allowed);
    assert_eq!(force(&*t.other, forcing(59, 1)).await, Forced::TooSoon(at(0)));
    assert_eq!(force(&*t.other, forcing(60, 1)).await, Forced::Allowed);
    assert_eq!(force(&*t.store, forcing(120, 1)).await, Forced::Allowed);
    assert_eq!(force(&*t.store, forcing(180, 1)).await, Forced::TooOften);
    assert_eq!(force(&*t.store, forcing(180, 2)).await, Forced::Allowed, "a new day");
    assert_eq!(force(&*t.store, Forcing { app: "club".to_owned(), ..forcing(180, 1) }).await, Forced::Allowed);
    assert_eq!(force(&*t.other, forcing(100, 2)).await, Forced::Allowed, "the last one is of a clock that ran ahead");
    assert_eq!(claim(&*t.store, claiming(1, 0, 0)).await, TokenClaim::Ours, "claims are another matter");
    assert!(put(&*t.store, "shop", 0, row(1, "first")).await);
    assert_eq!(force(&*t.store, forcing(101, 2)).await, Forced::TooSoon(at(100)), "a new token forgets no count");
}
