//! Writers of one map of session data that race on two nodes: none is lost, and no two writes mix.

use std::collections::BTreeSet;

use super::Bench;
use super::sample::{at, end, sign_in, sweeping};
use super::session_data::{
    absent, change, held, holds, of, of_user, put, put_until, read, replace, shown, version_is, write, write_if,
};
use crate::store::{DataChanged, EndReason, Ends};

pub(in crate::store) async fn racing_writers_of_one_map_lose_nothing(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    for place in [of(alice.session()), of_user(&alice)] {
        let versions = t
            .race(24, |node, nth| {
                let place = place.clone();
                async move {
                    let key = format!("key-{nth:02}");
                    let map = write(&*node, place, put(&key, &nth.to_string())).await;
                    map.at(at(1)).unwrap().find(&key).expect("what was written is there").version
                }
            })
            .await;
        assert_eq!(versions.into_iter().collect::<BTreeSet<_>>(), (1..=24).collect(), "no version is given twice");
        let all = (0..24).map(|nth| format!("key-{nth:02}={nth}")).collect::<Vec<_>>();
        assert_eq!(holds(&t, &place).await, (24, all));
    }
}

pub(in crate::store) async fn racing_replacements_never_mix(t: Bench) {
    let place = of(sign_in(&*t.store, "alice", at(0)).await.session());
    t.race(16, |node, nth| {
        let place = place.clone();
        async move {
            let value = nth.to_string();
            for _ in 0..4 {
                let map = write(&*node, place.clone(), replace(&[("a", &value), ("b", &value), ("c", &value)])).await;
                let expected = ["a", "b", "c"].map(|key| format!("{key}={value}"));
                assert_eq!(shown(&map, at(1)).1, expected);
                let (_, seen) = shown(&read(&*node, &place, at(1)).await, at(1));
                let values: BTreeSet<_> = seen.iter().map(|pair| &pair[2..]).collect();
                assert_eq!((seen.len(), values.len()), (3, 1), "{seen:?}");
            }
        }
    })
    .await;
}

pub(in crate::store) async fn racing_counters_add_up_exactly(t: Bench) {
    let place = of(sign_in(&*t.store, "alice", at(0)).await.session());
    write(&*t.store, place.clone(), put("count", "0")).await;
    let lost = t
        .race(12, |node, _| {
            let place = place.clone();
            async move {
                let (mut done, mut lost) = (0, 0_u32);
                while done < 10 {
                    let map = read(&*node, &place, at(1)).await;
                    let entry = map.at(at(1)).unwrap().find("count").unwrap();
                    let next = (entry.value.get().parse::<u32>().unwrap() + 1).to_string();
                    match write_if(&*node, place.clone(), put("count", &next), version_is(entry.version)).await {
                        DataChanged::Done(_) => done += 1,
                        DataChanged::Mismatch(Some(present)) if present > entry.version => lost += 1,
                        other @ (DataChanged::Mismatch(_) | DataChanged::Full | DataChanged::Ended(_)) => {
                            panic!("{other:?}")
                        }
                    }
                }
                lost
            }
        })
        .await;
    assert_eq!(holds(&t, &place).await, held(121, ["count=120"]));
    assert!(lost.iter().sum::<u32>() > 0, "they raced");
}

pub(in crate::store) async fn of_racing_first_writers_one_is_the_first(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    for place in [of(alice.session()), of_user(&alice)] {
        let outcomes = t
            .race(12, |node, nth| {
                let place = place.clone();
                async move { (nth, write_if(&*node, place, put("lock", &nth.to_string()), absent()).await) }
            })
            .await;
        let (first, rest): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|(_, outcome)| matches!(outcome, DataChanged::Done(_)));
        assert_eq!(first.len(), 1, "{first:?}");
        assert!(rest.iter().all(|(_, outcome)| *outcome == DataChanged::Mismatch(Some(1))), "{rest:?}");
        assert_eq!(holds(&t, &place).await, (1, vec![format!("lock={}", first[0].0)]));
    }
}

pub(in crate::store) async fn writes_that_race_an_end_are_done_or_refused_and_none_comes_after(t: Bench) {
    for round in 0..6 {
        let alice = sign_in(&*t.store, "alice", at(round)).await;
        let place = of(alice.session());
        let counts = t
            .race(8, |node, nth| {
                let place = place.clone();
                async move {
                    if nth == 0 {
                        end(&*node, Ends::Session(place.session), at(2)).await;
                        let outcome = node.change_data(change(place, put("late", "1"), at(2))).await.unwrap();
                        assert_eq!(outcome, DataChanged::Ended(EndReason::Logout));
                        return 0;
                    }
                    let mut done = 0;
                    while let DataChanged::Done(_) =
                        node.change_data(change(place.clone(), put("a", &done.to_string()), at(2))).await.unwrap()
                    {
                        done += 1;
                    }
                    done
                }
            })
            .await;
        let written: i64 = counts.into_iter().sum();
        let sql = "SELECT coalesce(max(version), 0) FROM session_data WHERE session IN (SELECT id FROM sessions WHERE opened_at = ";
        let sql = format!("{sql}{})", at(round).millis());
        assert_eq!(tokio::task::block_in_place(|| (t.raw)(&sql)), written.to_string());
    }
}

pub(in crate::store) async fn sweeps_amid_writes_lose_nothing(t: Bench) {
    let place = of(sign_in(&*t.store, "alice", at(0)).await.session());
    for nth in 0..8 {
        write(&*t.store, place.clone(), put_until(&format!("old-{nth}"), "1", 10)).await;
    }
    let now = at(20);
    t.race(16, |node, nth| {
        let place = place.clone();
        async move {
            if nth % 4 == 0 {
                node.sweep(sweeping(now)).await.unwrap();
                return;
            }
            let written = node.change_data(change(place, put(&format!("new-{nth:02}"), "1"), now)).await.unwrap();
            assert!(matches!(written, DataChanged::Done(_)), "{written:?}");
        }
    })
    .await;
    let new = (0..16).filter(|nth| nth % 4 != 0).map(|nth| format!("new-{nth:02}=1")).collect::<Vec<_>>();
    assert_eq!(shown(&read(&*t.other, &place, now).await, now), (8 + 8 + 12, new));
}
