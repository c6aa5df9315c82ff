//! Lists for operators: pages that begin behind a row, whole and in order, whatever is added between them.

use menjin_token::{SessionId, Timestamp};

use super::Bench;
use super::merges::{merge, unmerge};
use super::sample::{at, end, identity, new_id, open, opening, sign_in};
use crate::store::{
    Actor, AuditLine, AuditOf, AuditPlace, AuditRow, Ban, EndReason, Ends, IdentityName, ListedSession, Store,
};

const NEWEST: SessionId = SessionId::from_bytes([0xff; 16]);

async fn audit(store: &dyn Store, of: &AuditOf) -> Vec<AuditRow> {
    let (mut all, mut place) = (Vec::new(), AuditPlace::newest());
    loop {
        let page = store.audit_behind(place, of, 2).await.unwrap();
        let Some(last) = page.last() else { return all };
        assert!(page.len() <= 2);
        place = last.place();
        all.extend(page);
    }
}

pub(in crate::store) async fn people_are_listed_the_newest_first_whoever_comes_meanwhile(t: Bench) {
    let mut numbers = Vec::new();
    for nth in 0..5 {
        numbers.push(sign_in(&*t.store, &format!("person {nth}"), at(nth)).await.user().number);
    }
    let (mut found, mut below) = (Vec::new(), i64::MAX);
    loop {
        let page = t.other.users_below(below, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        below = last.user.number;
        found.extend(page.iter().map(|it| it.user.number));
        sign_in(&*t.store, &format!("latecomer below {below}"), at(10)).await;
    }
    numbers.reverse();
    assert_eq!(found, numbers, "each once, and nobody who came later");
    assert_eq!(t.store.users_below(0, 10).await.unwrap(), []);
}

pub(in crate::store) async fn somebody_is_found_by_an_identity_whole(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let found = t.other.user_by_identity(&identity("alice")).await.unwrap();
    assert_eq!(found.as_ref(), Some(alice.user()));
    let own = identity("alice");
    let others = [
        IdentityName { platform: "qq", ..own.clone() },
        IdentityName { appid: "wx-club".into(), ..own.clone() },
        IdentityName { openid: own.openid.to_uppercase(), ..own.clone() },
        IdentityName { openid: format!("{} ", own.openid), ..own },
    ];
    for other in others {
        assert_eq!(t.store.user_by_identity(&other).await.unwrap(), None, "{other:?}");
    }
}

pub(in crate::store) async fn sessions_are_listed_the_newest_first_ended_or_not(t: Bench) {
    let mut opened = Vec::new();
    for nth in 0..5 {
        opened.push(sign_in(&*t.store, &format!("person {}", nth % 2), at(nth)).await);
    }
    end(&*t.store, Ends::Session(opened[1].session()), at(6)).await;
    let (mut found, mut behind) = (Vec::<ListedSession>::new(), NEWEST);
    loop {
        let page = t.other.sessions_before(behind, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        behind = last.session.id;
        found.extend(page);
    }
    let mut expected: Vec<_> = opened.iter().map(|it| (it.session(), it.user().id)).collect();
    expected.reverse();
    let read: Vec<_> = found.iter().map(|it| (it.session.id, it.user)).collect();
    assert_eq!(read, expected);
    let ended: Vec<_> = found.iter().filter(|it| it.session.ended.is_some()).map(|it| it.session.id).collect();
    assert_eq!(ended, [opened[1].session()]);
}

pub(in crate::store) async fn ended_sessions_of_somebody_are_listed_by_themselves(t: Bench) {
    let mut ended = Vec::new();
    let mut number = 0;
    for nth in 0..5 {
        let signed_in = sign_in(&*t.store, "alice", at(nth)).await;
        end(&*t.store, Ends::Session(signed_in.session()), at(nth)).await;
        ended.push(signed_in.session());
        number = signed_in.user().number;
    }
    sign_in(&*t.store, "alice", at(9)).await;
    let bob = sign_in(&*t.store, "bob", at(9)).await;
    end(&*t.store, Ends::Session(bob.session()), at(9)).await;
    ended.reverse();
    let ids = |rows: &[crate::store::SessionRow]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    let first = t.other.ended_sessions_of(number, NEWEST, 3).await.unwrap();
    assert_eq!(ids(&first), ended[..3]);
    assert_eq!(first[0].ended.unwrap().1, EndReason::Logout);
    assert_eq!(ids(&t.store.ended_sessions_of(number, ended[2], 3).await.unwrap()), ended[3..]);
}

pub(in crate::store) async fn a_line_of_the_audit_reads_back_as_it_was_written(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let by = Actor { kind: "operator", id: Some("lin".into()), ip: Some("192.0.2.1".into()) };
    let line = AuditLine {
        user: Some(alice.user().id),
        session: Some(alice.session()),
        app: Some("shop".into()),
        detail: Some("门禁 'quoted'".into()),
        ..by.line("user.disabled")
    };
    t.store.audit(line, at(7)).await.unwrap();
    t.store.audit(AuditLine { action: "key.rotated", actor: "system", ..AuditLine::default() }, at(8)).await.unwrap();
    let lines = audit(&*t.other, &AuditOf::All).await;
    let [bare, full, opened] = &lines[..] else { panic!("{lines:?}") };
    let expected = AuditRow {
        seq: full.seq,
        at: at(7),
        action: "user.disabled".into(),
        actor: "operator".into(),
        by: Some("lin".into()),
        user: Some(alice.user().id),
        session: Some(alice.session()),
        app: Some("shop".into()),
        ip: Some("192.0.2.1".into()),
        detail: Some("门禁 'quoted'".into()),
    };
    assert_eq!(full, &expected);
    assert_eq!((bare.user, bare.by.as_ref(), bare.at), (None, None, at(8)));
    assert_eq!(opened.action, "session.opened");
    assert_eq!(t.store.audit_line(full.seq).await.unwrap().as_ref(), Some(full));
    assert_eq!(t.store.audit_line(i64::MAX).await.unwrap(), None);
}

pub(in crate::store) async fn the_audit_is_read_to_its_end_by_time_and_by_whose_it_is(t: Bench) {
    let (alice, bob) = (sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "bob", at(1)).await);
    let by = |name: &str| Actor { kind: "operator", id: Some(name.into()), ip: None };
    // Some share a moment, and one was written later than its time.
    for (nth, secs) in [5, 5, 5, 6, 4, 7].into_iter().enumerate() {
        let (user, name) = if nth % 2 == 0 { (&alice, "lin") } else { (&bob, "mei") };
        let line = AuditLine { user: Some(user.user().id), ..by(name).line("user.enabled") };
        t.store.audit(line, at(secs)).await.unwrap();
    }
    let all = audit(&*t.store, &AuditOf::All).await;
    let mut in_order: Vec<(Timestamp, i64)> = all.iter().map(|line| (line.at, line.seq)).collect();
    assert_eq!(in_order.len(), 8);
    let read = in_order.clone();
    in_order.sort_unstable();
    in_order.dedup();
    in_order.reverse();
    assert_eq!(read, in_order, "by time, each once");
    let places = |lines: &[AuditRow]| lines.iter().map(|line| line.seq).collect::<Vec<_>>();
    let of_alice = audit(&*t.other, &AuditOf::User(alice.user().id)).await;
    assert_eq!(of_alice.len(), 4);
    assert!(of_alice.iter().all(|line| line.user == Some(alice.user().id)), "{of_alice:?}");
    assert!(places(&of_alice).is_sorted_by(|one, next| one > next), "{of_alice:?}");
    let of_mei = audit(&*t.other, &AuditOf::Actor("mei".into())).await;
    assert_eq!(of_mei.len(), 3);
    assert!(of_mei.iter().all(|line| line.by.as_deref() == Some("mei")), "{of_mei:?}");
    assert_eq!(audit(&*t.other, &AuditOf::Actor("Mei".into())).await, []);
    let older = t.store.audit_behind(AuditPlace::before(at(5)), &AuditOf::All, 10).await.unwrap();
    assert!(older.iter().all(|line| line.at < at(5)) && older.len() == 3, "{older:?}");
}

pub(in crate::store) async fn an_act_of_an_operator_names_them(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let by = Actor { kind: "operator", id: Some("lin".into()), ip: Some("192.0.2.1".into()) };
    let ban = Ban { user: alice.user().id, now: at(1), tokens_until: at(900), by: by.clone() };
    t.store.disable_user(ban.clone()).await.unwrap().unwrap();
    t.store.enable_user(ban).await.unwrap().unwrap();
    open(&*t.store, opening("alice", at(2))).await;
    let lines = audit(&*t.other, &AuditOf::Actor("lin".into())).await;
    let actions: Vec<_> = lines.iter().map(|line| (line.action.as_str(), line.ip.as_deref())).collect();
    let here = Some("192.0.2.1");
    assert_eq!(actions, [("user.enabled", here), ("session.ended", here), ("user.disabled", here)]);
    assert_eq!(audit(&*t.other, &AuditOf::User(new_id(at(0)))).await, []);
}

pub(in crate::store) async fn what_was_done_under_any_name_of_a_person_is_listed_as_theirs(t: Bench) {
    let (mut users, mut sessions) = (Vec::new(), Vec::new());
    // The lines and sessions of the three stand between one another's.
    for (nth, name) in (0..9).zip(["alice", "bob", "carol"].into_iter().cycle()) {
        let signed_in = sign_in(&*t.store, name, at(nth)).await;
        end(&*t.store, Ends::Session(signed_in.session()), at(nth)).await;
        users.push(signed_in.user().clone());
        sessions.push(signed_in.session());
    }
    let [alice, bob, carol] = [&users[0], &users[1], &users[2]];
    let own = [audit(&*t.store, &AuditOf::User(bob.id)).await, audit(&*t.store, &AuditOf::User(carol.id)).await];
    assert!(own.iter().all(|lines| lines.len() == 6), "{own:?}");
    merge(&*t.store, bob.id, alice.id, at(10)).await;
    merge(&*t.store, carol.id, alice.id, at(11)).await;
    sign_in(&*t.store, "dora", at(12)).await;

    let of_person = audit(&*t.other, &AuditOf::User(alice.id)).await;
    let expected: Vec<_> = audit(&*t.other, &AuditOf::All).await.into_iter().filter(|line| line.at < at(12)).collect();
    let mut places: Vec<_> = expected.iter().map(|line| line.seq).collect();
    places.sort_unstable_by_key(|seq| std::cmp::Reverse(*seq));
    assert_eq!(of_person.iter().map(|line| line.seq).collect::<Vec<_>>(), places, "each once, the newest first");
    assert!(own.iter().flatten().all(|line| of_person.contains(line)), "{of_person:?}");

    let (mut found, mut behind) = (Vec::new(), NEWEST);
    loop {
        let page = t.other.ended_sessions_of(alice.number, behind, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        behind = last.id;
        found.extend(page.iter().map(|row| row.id));
    }
    sessions.sort_unstable_by_key(|session| std::cmp::Reverse(*session));
    assert_eq!(found, sessions, "each once, the newest first");

    unmerge(&*t.store, bob.id, at(13)).await;
    let of_bob = audit(&*t.other, &AuditOf::User(bob.id)).await;
    assert!(own[0].iter().all(|line| of_bob.contains(line)), "{of_bob:?}");
    let of_alice = audit(&*t.other, &AuditOf::User(alice.id)).await;
    assert!(!of_alice.iter().any(|line| line.user == Some(bob.id)), "two again: {of_alice:?}");
    assert!(own[1].iter().all(|line| of_alice.contains(line)), "the other stays theirs");
    assert_eq!(t.other.ended_sessions_of(bob.number, NEWEST, 10).await.unwrap().len(), 3);
    assert_eq!(t.other.ended_sessions_of(alice.number, NEWEST, 10).await.unwrap().len(), 6);
}
