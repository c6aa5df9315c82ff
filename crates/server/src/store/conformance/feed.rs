//! The feed of ends: in order, complete, and dropped when nothing in it matters any more.

use std::collections::BTreeSet;

use super::Bench;
use super::sample::{TOKEN_LIFE, at, end, ending, sign_in, sweeping};
use crate::store::{EndReason, Ends, Event, EventKind};

pub(in crate::store) async fn an_end_is_told_with_its_reason_and_until_when_it_matters(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    assert_eq!(t.store.events_since(0).await.unwrap(), [], "nothing has ended");
    t.store.end_sessions(ending(Ends::Session(alice.session()), EndReason::Kicked, at(7))).await.unwrap();
    let events = t.other.events_since(0).await.unwrap();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        event,
        &Event {
            seq: event.seq,
            kind: EventKind::SessionEnded(alice.session()),
            reason: "session_kicked".into(),
            at: at(7),
            until: at(7).plus(TOKEN_LIFE),
        }
    );
    assert!(event.seq > 0, "a reader starts at 0");
}

pub(in crate::store) async fn the_oldest_comes_first_and_what_was_read_is_not_told_again(t: Bench) {
    let mut expected = Vec::new();
    for nth in 0..5 {
        let person = sign_in(&*t.store, &format!("person {nth}"), at(nth)).await;
        end(&*t.other, Ends::Session(person.session()), at(nth)).await;
        expected.push(EventKind::SessionEnded(person.session()));
    }
    let events = t.store.events_since(0).await.unwrap();
    assert_eq!(events.iter().map(|event| event.kind.clone()).collect::<Vec<_>>(), expected);
    assert!(events.is_sorted_by(|a, b| a.seq < b.seq));
    for (read, event) in events.iter().enumerate() {
        assert_eq!(t.store.events_since(event.seq).await.unwrap(), events[read + 1..]);
    }
}

pub(in crate::store) async fn however_many_there_are_all_are_read(t: Bench) {
    let many =
        "INSERT INTO events (kind, subject, reason, at, until) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1
        FROM n WHERE i < 70) SELECT 'keys_changed', NULL, '', a.i * 100 + b.i, 1 FROM n a CROSS JOIN n b ORDER BY 4";
    tokio::task::block_in_place(|| (t.raw)(many));
    let events = t.store.events_since(0).await.unwrap();
    assert_eq!(events.len(), 4900);
    assert!(events.is_sorted_by(|a, b| a.seq < b.seq));
    assert_eq!(t.other.events_since(events[1999].seq).await.unwrap(), events[2000..]);
}

pub(in crate::store) async fn a_line_goes_after_the_last_token_it_affects(t: Bench) {
    let [early, late] = [sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "alice", at(0)).await];
    end(&*t.store, Ends::Session(early.session()), at(10)).await;
    end(&*t.store, Ends::Session(late.session()), at(20)).await;
    let last = at(10).plus(TOKEN_LIFE);
    t.store.sweep(sweeping(last)).await.unwrap();
    assert_eq!(t.store.events_since(0).await.unwrap().len(), 2);
    t.store.sweep(sweeping(last.plus(std::time::Duration::from_millis(1)))).await.unwrap();
    let left = t.store.events_since(0).await.unwrap();
    let kinds: Vec<_> = left.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SessionEnded(late.session())]);
}

pub(in crate::store) async fn places_are_never_given_again(t: Bench) {
    let first = sign_in(&*t.store, "alice", at(0)).await;
    end(&*t.store, Ends::Session(first.session()), at(1)).await;
    let read = t.store.events_since(0).await.unwrap()[0].seq;
    t.store.sweep(sweeping(at(2).plus(TOKEN_LIFE))).await.unwrap();
    assert_eq!(t.store.events_since(0).await.unwrap(), []);
    let second = sign_in(&*t.store, "alice", at(5000)).await;
    end(&*t.store, Ends::Session(second.session()), at(5001)).await;
    assert_eq!(t.other.events_since(read).await.unwrap().len(), 1, "a reader that had read the first sees the second");
}

pub(in crate::store) async fn racing_ends_have_a_place_each(t: Bench) {
    let sessions = t
        .race(16, |node, nth| async move {
            let session = sign_in(&*node, &format!("person {nth}"), at(0)).await.session();
            end(&*node, Ends::Session(session), at(1)).await;
            session
        })
        .await;
    let events = t.store.events_since(0).await.unwrap();
    assert_eq!(events.len(), 16);
    assert!(events.is_sorted_by(|a, b| a.seq < b.seq));
    let told: BTreeSet<_> = events.iter().map(|event| format!("{:?}", event.kind)).collect();
    let ended: BTreeSet<_> = sessions.iter().map(|it| format!("{:?}", EventKind::SessionEnded(*it))).collect();
    assert_eq!(told, ended);
}

pub(in crate::store) async fn events_are_found_by_their_places(t: Bench) {
    for nth in 0..20 {
        let person = sign_in(&*t.store, &format!("person {nth}"), at(0)).await;
        end(&*t.store, Ends::Session(person.session()), at(1)).await;
    }
    let mut events = t.store.events_since(0).await.unwrap();
    events.retain(|event| event.seq % 2 == 0);
    assert!(events.len() >= 9, "{events:?}");
    let mut places: Vec<i64> = events.iter().map(|event| event.seq).collect();
    places.push(1_000_000);
    let mut found = t.other.events_at(&places).await.unwrap();
    found.sort_by_key(|event| event.seq);
    assert_eq!(found, events);
    assert_eq!(t.other.events_at(&[]).await.unwrap(), []);
}

pub(in crate::store) async fn both_nodes_read_the_same(t: Bench) {
    for (node, person) in [(&t.store, "alice"), (&t.other, "bob")] {
        let session = sign_in(&**node, person, at(0)).await.session();
        end(&**node, Ends::Session(session), at(1)).await;
        assert_eq!(t.store.events_since(0).await.unwrap(), t.other.events_since(0).await.unwrap());
    }
    assert_eq!(t.store.events_since(0).await.unwrap().len(), 2);
}
