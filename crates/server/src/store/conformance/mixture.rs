//! Different things of the same few people at once: nobody waits in a circle, and no half of anything is left.

use std::collections::BTreeSet;

use super::Bench;
use super::sample::{at, end, ended, in_club, on_device, open, opening, presented, sign_in, sweeping, with_phone};
use crate::store::{Ends, EventKind, Opening, Store, UserRow};

async fn masked(store: &dyn Store, user: &UserRow) -> Option<String> {
    store.user(user.id).await.unwrap().unwrap().phone_masked
}

pub(in crate::store) async fn racing_swaps_of_numbers_leave_each_number_one_holder(t: Bench) {
    for round in 0..8 {
        let opened = t
            .race(4, |node, nth| async move {
                // Each proves the other's number, on each node.
                let (person, number) = if nth / 2 == 0 { ("alice", 1) } else { ("bob", 2) };
                let number = if round % 2 == 0 { number } else { 3 - number };
                open(&*node, on_device(with_phone(opening(person, at(round)), number), "device")).await
            })
            .await;
        let mut holders = BTreeSet::new();
        for user in opened.iter().map(super::sample::SignedIn::user) {
            let held = masked(&*t.store, user).await;
            assert_eq!(held, masked(&*t.other, user).await);
            holders.extend(held.map(|number| (number, user.id)));
        }
        let numbers: BTreeSet<_> = holders.iter().map(|(number, _)| number).collect();
        assert!(!numbers.is_empty() && numbers.len() == holders.len(), "{holders:?}");
        let sealed = t.store.sealed_elsewhere([0; 4], 1000).await.unwrap();
        assert_eq!(sealed.iter().filter(|value| value.table == "phones").count(), holders.len());
    }
}

/// What one of the racing callers does with the people that all of them know.
async fn act(node: &dyn Store, nth: usize, now: menjin_token::Timestamp) -> Option<menjin_token::SessionId> {
    let unionid = |opening: Opening| Opening { unionid: Some(("union".into(), "company".into())), ..opening };
    let on = |person| on_device(opening(person, now), "device");
    let known = sign_in(node, ["alice", "bob"][nth % 2], now).await;
    match nth / 2 % 6 {
        0 => return Some(open(node, with_phone(on("alice"), 1)).await.session()),
        1 => return Some(open(node, with_phone(on("bob"), 1)).await.session()),
        2 => return Some(open(node, unionid(in_club(on("alice")))).await.session()),
        3 => drop(node.rotate(presented(known.grant(), 0, now)).await.unwrap()),
        4 => drop(end(node, Ends::All(known.user().id), now).await),
        _ => drop(node.sweep(sweeping(now)).await.unwrap()),
    }
    Some(known.session())
}

pub(in crate::store) async fn everything_at_once_fails_nobody_and_tells_each_end_once(t: Bench) {
    let mut sessions = Vec::new();
    for round in 0..3 {
        let acted = t.race(24, |node, nth| async move { act(&*node, nth, at(round)).await }).await;
        sessions.extend(acted.into_iter().flatten());
    }
    let mut told = Vec::new();
    for event in t.store.events_since(0).await.unwrap() {
        if let EventKind::SessionEnded(session) = event.kind {
            told.push((session, event.reason));
        }
    }
    let once: BTreeSet<_> = told.iter().map(|(session, _)| session).collect();
    assert_eq!(once.len(), told.len(), "{told:?}");
    for session in sessions {
        let why = ended(&*t.other, session).await.map(|reason| reason.code().to_owned());
        let said = told.iter().find(|(ended, _)| *ended == session).map(|(_, reason)| reason.clone());
        assert_eq!(why, said, "the row and the feed say the same");
    }
}
