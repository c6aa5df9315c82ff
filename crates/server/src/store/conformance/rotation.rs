//! Refresh counters: one successor whoever races, lost answers given again, theft and restored stores seen (design §4.3).

use std::time::Duration;

use menjin_token::{GrantId, Timestamp};

use super::Bench;
use super::sample::{GRACE, IDLE, at, end, ended, live, new_id, open, opening, presented, sign_in};
use crate::store::{EndReason, Ends, EventKind, Opening, Rotation, Standing, Store};

async fn rotate(store: &dyn Store, grant: GrantId, counter: u32, now: Timestamp) -> Rotation {
    store.rotate(presented(grant, counter, now)).await.unwrap()
}

/// What became of it, and which counter is current then.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Became {
    Rotated(u32),
    Repeated(u32),
    Recovered(u32),
    Stolen,
    Restored,
    Expired,
    Ended(EndReason),
    Unknown,
}

impl From<Rotation> for Became {
    fn from(rotation: Rotation) -> Self {
        match rotation {
            Rotation::Rotated(standing) => Self::Rotated(standing.counter),
            Rotation::Repeated(standing) => Self::Repeated(standing.counter),
            Rotation::Recovered(standing) => Self::Recovered(standing.counter),
            Rotation::Stolen(_) => Self::Stolen,
            Rotation::Restored(_) => Self::Restored,
            Rotation::Expired(_) => Self::Expired,
            Rotation::Ended(reason) => Self::Ended(reason),
            Rotation::Unknown => Self::Unknown,
        }
    }
}

async fn became(store: &dyn Store, grant: GrantId, counter: u32, now: Timestamp) -> Became {
    rotate(store, grant, counter, now).await.into()
}

/// So many callers present the same counter at once.
async fn racing(t: &Bench, count: usize, grant: GrantId, counter: u32, now: Timestamp) -> Vec<Became> {
    t.race(count, |node, _| async move { became(&*node, grant, counter, now).await }).await
}

fn counted(all: &[Became], one: Became) -> usize {
    all.iter().filter(|it| **it == one).count()
}

pub(in crate::store) async fn a_current_counter_moves_on(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    for counter in 0..5 {
        let now = at(100 + i64::from(counter));
        let rotation = rotate(&*t.other, alice.grant(), counter, now).await;
        let Rotation::Rotated(standing) = rotation else { panic!("{rotation:?}") };
        let Standing { grant, session, app, auth_time, amr, idle_until, secret, user, .. } = *standing;
        assert_eq!((standing.counter, idle_until), (counter + 1, now.plus(IDLE)));
        assert_eq!((grant, session, auth_time), (alice.grant(), alice.session(), at(0)));
        assert_eq!((app.as_str(), amr.as_str(), &user), ("shop", "wechat", alice.user()));
        assert_eq!(secret, alice.standing.secret);
        assert_eq!(t.store.session(session).await.unwrap().unwrap().seen_at, now);
    }
    assert_eq!(t.store.events_since(0).await.unwrap(), []);
}

pub(in crate::store) async fn of_racing_callers_with_one_counter_one_moves_it_and_all_get_its_successor(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    for counter in 0..3 {
        let all = racing(&t, 12, alice.grant(), counter, at(i64::from(counter))).await;
        assert_eq!(counted(&all, Became::Rotated(counter + 1)), 1, "{all:?}");
        assert_eq!(counted(&all, Became::Repeated(counter + 1)), 11, "{all:?}");
    }
    assert_eq!(ended(&*t.store, alice.session()).await, None);
}

pub(in crate::store) async fn a_lost_answer_is_given_again_within_the_grace(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let Rotation::Rotated(first) = rotate(&*t.store, alice.grant(), 0, at(10)).await else { panic!("it is current") };
    for now in [at(10), at(11), at(10).plus(GRACE)] {
        let rotation = rotate(&*t.other, alice.grant(), 0, now).await;
        let Rotation::Repeated(again) = rotation else { panic!("{rotation:?}") };
        let pair = |standing: &Standing| (standing.counter, standing.idle_until, standing.secret.clone());
        assert_eq!(pair(&again), pair(&first), "nothing has changed");
    }
    assert_eq!(t.store.session(alice.session()).await.unwrap().unwrap().seen_at, at(10));
    assert_eq!(became(&*t.store, alice.grant(), 1, at(50)).await, Became::Rotated(2));
}

pub(in crate::store) async fn a_lost_successor_is_superseded_after_the_grace(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    assert_eq!(became(&*t.store, alice.grant(), 0, at(10)).await, Became::Rotated(1));
    let late = at(10).plus(GRACE).plus(Duration::from_millis(1));
    assert_eq!(became(&*t.store, alice.grant(), 0, late).await, Became::Recovered(2));
    assert_eq!(
        became(&*t.store, alice.grant(), 0, late.plus(GRACE)).await,
        Became::Repeated(2),
        "the grace began anew"
    );
    let later = late.plus(2 * GRACE);
    assert_eq!(became(&*t.store, alice.grant(), 0, later).await, Became::Recovered(3), "lost again");
    assert_eq!(became(&*t.store, alice.grant(), 3, later).await, Became::Rotated(4));
    assert_eq!(ended(&*t.store, alice.session()).await, None);
}

pub(in crate::store) async fn racing_recoveries_supersede_once(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    assert_eq!(became(&*t.store, alice.grant(), 0, at(0)).await, Became::Rotated(1));
    let all = racing(&t, 10, alice.grant(), 0, at(100)).await;
    assert_eq!((counted(&all, Became::Recovered(2)), counted(&all, Became::Repeated(2))), (1, 9), "{all:?}");
}

pub(in crate::store) async fn a_superseded_successor_is_theft(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    assert_eq!(became(&*t.store, alice.grant(), 0, at(0)).await, Became::Rotated(1));
    assert_eq!(became(&*t.store, alice.grant(), 0, at(100)).await, Became::Recovered(2));
    assert_eq!(became(&*t.store, alice.grant(), 1, at(101)).await, Became::Stolen);
    assert_eq!(became(&*t.store, alice.grant(), 2, at(102)).await, Became::Ended(EndReason::RefreshReused));
}

pub(in crate::store) async fn an_older_counter_is_theft_and_ends_the_session(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let other = sign_in(&*t.store, "alice", at(0)).await;
    for counter in 0..3 {
        assert_eq!(became(&*t.store, alice.grant(), counter, at(1)).await, Became::Rotated(counter + 1));
    }
    let rotation = rotate(&*t.other, alice.grant(), 1, at(2)).await;
    assert!(matches!(rotation, Rotation::Stolen(session) if session == alice.session()), "{rotation:?}");
    let row = t.store.session(alice.session()).await.unwrap().unwrap();
    assert_eq!(row.ended, Some((at(2), EndReason::RefreshReused)));
    let events = t.store.events_since(0).await.unwrap();
    let told: Vec<_> = events.into_iter().map(|event| (event.kind, event.reason)).collect();
    assert_eq!(told, [(EventKind::SessionEnded(alice.session()), "refresh_reused".into())]);
    assert_eq!(live(&*t.store, alice.user(), at(3)).await, [other.session()], "the person's others live on");
}

pub(in crate::store) async fn of_racing_thieves_one_ends_the_session(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    for counter in 0..2 {
        became(&*t.store, alice.grant(), counter, at(1)).await;
    }
    let all = racing(&t, 8, alice.grant(), 0, at(2)).await;
    assert_eq!(counted(&all, Became::Stolen), 1, "{all:?}");
    assert_eq!(counted(&all, Became::Ended(EndReason::RefreshReused)), 7, "{all:?}");
    assert_eq!(t.store.events_since(0).await.unwrap().len(), 1);
}

pub(in crate::store) async fn a_newer_counter_than_the_row_is_a_restored_store(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let rotation = rotate(&*t.store, alice.grant(), 1, at(1)).await;
    assert!(matches!(rotation, Rotation::Restored(session) if session == alice.session()), "{rotation:?}");
    assert_eq!(ended(&*t.other, alice.session()).await, Some(EndReason::Restored));
    assert_eq!(became(&*t.other, alice.grant(), 0, at(2)).await, Became::Ended(EndReason::Restored));
}

pub(in crate::store) async fn idle_for_too_long_is_the_end(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let last = at(0).plus(IDLE).minus(Duration::from_millis(1));
    assert_eq!(became(&*t.store, alice.grant(), 0, last).await, Became::Rotated(1), "just in time");
    let rotation = rotate(&*t.store, alice.grant(), 1, last.plus(IDLE)).await;
    assert!(matches!(rotation, Rotation::Expired(session) if session == alice.session()), "{rotation:?}");
    assert_eq!(ended(&*t.store, alice.session()).await, Some(EndReason::Expired));
    assert_eq!(became(&*t.store, alice.grant(), 1, last).await, Became::Ended(EndReason::Expired));
    assert_eq!(t.store.events_since(0).await.unwrap()[0].reason, "session_expired");
}

pub(in crate::store) async fn too_old_is_the_end(t: Bench) {
    let opening = Opening { idle_until: at(5000), expires_at: at(1000), ..opening("alice", at(0)) };
    let alice = open(&*t.store, opening).await;
    assert_eq!(became(&*t.store, alice.grant(), 0, at(1000)).await, Became::Expired);
    assert_eq!(ended(&*t.store, alice.session()).await, Some(EndReason::Expired));
}

pub(in crate::store) async fn a_refresh_never_outlives_the_session(t: Bench) {
    let alice = open(&*t.store, Opening { expires_at: at(1000), ..opening("alice", at(0)) }).await;
    let rotation = rotate(&*t.store, alice.grant(), 0, at(900)).await;
    let Rotation::Rotated(standing) = rotation else { panic!("{rotation:?}") };
    assert_eq!(standing.idle_until, at(1000));
}

pub(in crate::store) async fn an_ended_session_says_why(t: Bench) {
    let reasons = [
        EndReason::Logout,
        EndReason::Replaced,
        EndReason::Kicked,
        EndReason::Expired,
        EndReason::PasswordChanged,
        EndReason::RefreshReused,
        EndReason::Restored,
    ];
    for reason in reasons {
        let alice = sign_in(&*t.store, "alice", at(0)).await;
        let ending = super::sample::ending(Ends::Session(alice.session()), reason, at(1));
        t.store.end_sessions(ending).await.unwrap();
        // Whatever is presented: the current one, a newer, or too late.
        for (counter, now) in [(0, at(2)), (7, at(2)), (0, at(2).plus(12 * IDLE))] {
            assert_eq!(became(&*t.other, alice.grant(), counter, now).await, Became::Ended(reason));
        }
    }
}

pub(in crate::store) async fn an_unknown_grant_is_unknown(t: Bench) {
    let unknown = new_id(at(0));
    assert_eq!(became(&*t.store, unknown, 0, at(0)).await, Became::Unknown);
    assert!(t.store.grant(unknown).await.unwrap().is_none());
}

pub(in crate::store) async fn a_refresh_that_races_an_end_never_survives_it(t: Bench) {
    for round in 0..6 {
        let alice = sign_in(&*t.store, &format!("person {round}"), at(0)).await;
        let (grant, session) = (alice.grant(), alice.session());
        let all = t
            .race(9, |node, nth| async move {
                if nth == 4 {
                    assert_eq!(end(&*node, Ends::Session(session), at(1)).await, [session]);
                    return None;
                }
                Some(became(&*node, grant, 0, at(1)).await)
            })
            .await;
        let over = Became::Ended(EndReason::Logout);
        for one in all.into_iter().flatten() {
            assert!([Became::Rotated(1), Became::Repeated(1), over].contains(&one), "{one:?}");
        }
        for counter in [0, 1] {
            assert_eq!(became(&*t.other, grant, counter, at(2)).await, over);
        }
    }
}
