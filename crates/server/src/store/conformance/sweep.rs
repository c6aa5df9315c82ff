//! Sweeping takes what is over, up to a batch of each table, and nothing that lives.

use std::time::Duration;

use super::Bench;
use super::sample::{
    IDLE, MASTER, TOKEN_LIFE, at, end, ended, fresh, identity, live, open, opening, presented, sealed, sign_in,
    sweeping,
};
use crate::store::{
    AuditLine, Claiming, CodeClaim, CodeDigest, EndReason, Ends, EventKind, Opening, Rotation, Store, Sweeping, Swept,
};

async fn sweep(store: &dyn Store, sweeping: Sweeping) -> Swept {
    store.sweep(sweeping).await.unwrap()
}

fn just_after(secs: i64) -> menjin_token::Timestamp {
    at(secs).plus(Duration::from_millis(1))
}

async fn claim(store: &dyn Store, code: CodeDigest, until: i64) -> CodeClaim {
    let claiming = Claiming { code, idempotency: None, now: at(0), until: at(until), repeatable_since: at(0) };
    store.claim_code(claiming).await.unwrap()
}

pub(in crate::store) async fn codes_go_after_their_time(t: Bench) {
    let [early, late] = [CodeDigest(fresh()), CodeDigest(fresh())];
    claim(&*t.store, early, 600).await;
    claim(&*t.store, late, 700).await;
    assert_eq!(sweep(&*t.store, sweeping(at(600))).await, Swept { rows: 0, more: false });
    assert_eq!(claim(&*t.store, early, 600).await, CodeClaim::Used);
    assert_eq!(sweep(&*t.store, sweeping(just_after(600))).await, Swept { rows: 1, more: false });
    assert_eq!(claim(&*t.store, early, 600).await, CodeClaim::Claimed, "it is forgotten");
    assert_eq!(claim(&*t.store, late, 700).await, CodeClaim::Used);
}

pub(in crate::store) async fn superseded_session_keys_go_after_their_time(t: Bench) {
    for (key, secs) in [("one", 0), ("two", 10)] {
        let session_key = Some((fresh(), sealed(MASTER, key), fresh()));
        open(&*t.store, Opening { session_key, superseded_until: at(600), ..opening("alice", at(secs)) }).await;
    }
    assert_eq!(sweep(&*t.store, sweeping(at(600))).await.rows, 0);
    assert_eq!(sweep(&*t.store, sweeping(just_after(600))).await.rows, 1);
    let left = t.store.session_keys(&identity("alice"), at(0)).await.unwrap();
    assert_eq!(left.into_iter().map(|key| key.sealed).collect::<Vec<_>>(), [sealed(MASTER, "two")]);
}

pub(in crate::store) async fn events_go_after_their_time(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    end(&*t.store, Ends::Session(alice.session()), at(0)).await;
    assert_eq!(sweep(&*t.store, sweeping(at(0).plus(TOKEN_LIFE))).await.rows, 0);
    assert_eq!(sweep(&*t.store, sweeping(just_after(0).plus(TOKEN_LIFE))).await.rows, 1);
    assert_eq!(t.other.events_since(0).await.unwrap(), []);
}

pub(in crate::store) async fn audit_lines_go_after_their_time(t: Bench) {
    for secs in [0, 10, 20] {
        t.store
            .audit(AuditLine { action: "key.rotated", actor: "operator", ..AuditLine::default() }, at(secs))
            .await
            .unwrap();
    }
    let before = |secs| Sweeping { audit_before: at(secs), ..sweeping(at(0)) };
    assert_eq!(sweep(&*t.store, before(10)).await.rows, 1);
    assert_eq!(sweep(&*t.store, before(10)).await.rows, 0);
    assert_eq!(sweep(&*t.store, before(21)).await.rows, 2);
}

pub(in crate::store) async fn ended_sessions_go_after_their_time_with_their_grants(t: Bench) {
    let [gone, kept, alive] = [
        sign_in(&*t.store, "alice", at(0)).await,
        sign_in(&*t.store, "alice", at(0)).await,
        sign_in(&*t.store, "alice", at(0)).await,
    ];
    end(&*t.store, Ends::Session(gone.session()), at(10)).await;
    end(&*t.store, Ends::Session(kept.session()), at(20)).await;
    let before = |secs| Sweeping { ended_before: at(secs), ..sweeping(at(0)) };
    assert_eq!(sweep(&*t.store, before(10)).await.rows, 0);
    assert_eq!(sweep(&*t.store, before(20)).await.rows, 1);
    assert!(t.other.session(gone.session()).await.unwrap().is_none());
    assert!(t.other.user_of_session(gone.session()).await.unwrap().is_none());
    assert!(t.other.grant(gone.grant()).await.unwrap().is_none());
    let rotation = t.other.rotate(presented(gone.grant(), 0, at(30))).await.unwrap();
    assert!(matches!(rotation, Rotation::Unknown), "{rotation:?}");
    assert_eq!(ended(&*t.store, kept.session()).await, Some(EndReason::Logout));
    assert_eq!(sweep(&*t.store, before(1_000_000)).await.rows, 1);
    assert_eq!(live(&*t.store, alive.user(), at(30)).await, [alive.session()], "what lives is never too old");
    assert_eq!(t.store.user(alive.user().id).await.unwrap().as_ref(), Some(alive.user()));
}

pub(in crate::store) async fn idle_sessions_end_as_expired(t: Bench) {
    let [idle, used] = [sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "alice", at(0)).await];
    t.store.rotate(presented(used.grant(), 0, at(100))).await.unwrap();
    assert_eq!(sweep(&*t.store, sweeping(at(0).plus(IDLE))).await.rows, 0);
    let now = just_after(0).plus(IDLE);
    let rows = sweep(&*t.store, sweeping(now)).await.rows;
    assert_eq!(rows, 2, "one ends, one was refreshed and is looked at again later");
    let row = t.store.session(idle.session()).await.unwrap().unwrap();
    assert_eq!(row.ended, Some((now, EndReason::Expired)));
    let events = t.other.events_since(0).await.unwrap();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&event.kind, event.reason.as_str()), (&EventKind::SessionEnded(idle.session()), "session_expired"));
    assert_eq!(event.until, now.plus(TOKEN_LIFE));
    assert_eq!(live(&*t.store, used.user(), now).await, [used.session()]);
    assert_eq!(sweep(&*t.store, sweeping(now)).await.rows, 0, "once");
    let rotation = t.store.rotate(presented(idle.grant(), 0, now)).await.unwrap();
    assert!(matches!(rotation, Rotation::Ended(EndReason::Expired)), "{rotation:?}");
    let later = just_after(100).plus(IDLE);
    assert_eq!(sweep(&*t.store, sweeping(later)).await.rows, 1);
    assert_eq!(ended(&*t.store, used.session()).await, Some(EndReason::Expired));
    assert_eq!(sweep(&*t.store, sweeping(later)).await.rows, 0);
}

pub(in crate::store) async fn a_session_that_ended_otherwise_keeps_its_reason(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    end(&*t.store, Ends::Session(alice.session()), at(10)).await;
    sweep(&*t.store, sweeping(just_after(0).plus(IDLE))).await;
    let row = t.store.session(alice.session()).await.unwrap().unwrap();
    assert_eq!(row.ended, Some((at(10), EndReason::Logout)));
    assert_eq!(t.store.events_since(0).await.unwrap(), [], "its line has gone, and there is no second one");
    let rotation = t.store.rotate(presented(alice.grant(), 0, at(20))).await.unwrap();
    assert!(matches!(rotation, Rotation::Ended(EndReason::Logout)), "{rotation:?}");
}

pub(in crate::store) async fn each_table_is_swept_by_batches(t: Bench) {
    // Seven of each, all over at once: codes, superseded keys, ended sessions with events and audit lines, idle sessions.
    for nth in 0..8 {
        let session_key = Some((fresh(), sealed(MASTER, "key"), fresh()));
        let opening = Opening { session_key, superseded_until: at(1), ..opening("alice", at(0)) };
        if nth < 7 {
            claim(&*t.store, CodeDigest(fresh()), 1).await;
            end(&*t.store, Ends::Session(open(&*t.store, opening).await.session()), at(0)).await;
            open(&*t.store, Opening { idle_until: at(1), ..super::sample::opening("bob", at(0)) }).await;
        } else {
            open(&*t.store, opening).await;
        }
    }
    // An audit line for each of 15 sign-ins and 7 ends; the grants of ended sessions are idle later.
    let now = at(1).plus(TOKEN_LIFE);
    let all = Sweeping { audit_before: at(1), ended_before: at(1), batch: 3, ..sweeping(now) };
    let mut rounds = Vec::new();
    loop {
        let swept = sweep(&*t.store, all).await;
        rounds.push(swept.rows);
        if !swept.more {
            break;
        }
    }
    assert_eq!(rounds.iter().sum::<u64>(), 7 * 5 + 22, "{rounds:?}");
    assert_eq!(rounds[0], 6 * 3, "a batch of each of six tables: {rounds:?}");
    assert!(rounds.iter().all(|rows| *rows <= 18), "{rounds:?}");
    assert_eq!(sweep(&*t.store, all).await, Swept::default(), "nothing is left");
}

pub(in crate::store) async fn a_sweep_amid_sign_ins_takes_nothing_that_lives(t: Bench) {
    let now = at(100_000);
    let all = Sweeping { audit_before: now, ended_before: now, ..sweeping(now) };
    let opened = t
        .race(16, |node, nth| async move {
            if nth % 4 == 1 {
                sweep(&*node, all).await;
                return None;
            }
            let code = CodeDigest(fresh());
            let claiming = Claiming { code, idempotency: None, now, until: now, repeatable_since: now };
            assert_eq!(node.claim_code(claiming).await.unwrap(), CodeClaim::Claimed);
            let opened = open(&*node, Opening { code: Some(code), ..opening(&format!("person {nth}"), now) }).await;
            Some((code, opened))
        })
        .await;
    for (code, it) in opened.into_iter().flatten() {
        assert_eq!(live(&*t.store, it.user(), now).await, [it.session()]);
        assert_eq!(claim(&*t.store, code, 600).await, CodeClaim::Used);
    }
}

pub(in crate::store) async fn a_store_that_works_is_ready(t: Bench) {
    t.store.ready().await.unwrap();
    t.other.ready().await.unwrap();
}
