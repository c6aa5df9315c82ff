//! What people agreed to, and the copy of everything that is kept of them.

use super::Bench;
use super::merges::{merge, unmerge};
use super::sample::{at, fresh, new_id, open, opening, sign_in, with_phone};
use crate::store::{
    Actor, ConsentRow, Consenting, Device, EndReason, NewConsent, Opening, Store, Unmerged, UserRow, holding,
};

pub(super) fn consenting(user: &UserRow, given: &[(&str, &str)], withdrawn: &[&str], secs: i64) -> Consenting {
    let new = |(document, version): &(&str, &str)| NewConsent {
        row: fresh(),
        document: (*document).to_owned(),
        version: (*version).to_owned(),
    };
    Consenting {
        user: user.id,
        by: Actor::user(Some("203.0.113.9".to_owned())),
        app: "shop".to_owned(),
        user_agent: Some("MicroMessenger".to_owned()),
        given: given.iter().map(new).collect(),
        withdrawn: withdrawn.iter().map(|it| (*it).to_owned()).collect(),
        now: at(secs),
    }
}

async fn says(store: &dyn Store, consenting: Consenting) -> Vec<ConsentRow> {
    store.change_consents(consenting).await.unwrap().unwrap()
}

pub(in crate::store) async fn what_somebody_agrees_to_is_kept_with_its_evidence(t: Bench) {
    let (alice, bob) = (sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "bob", at(0)).await);
    let rows = says(&*t.store, consenting(alice.user(), &[("privacy", "1"), ("terms", "7")], &[], 5)).await;
    let mut documents: Vec<_> = rows.iter().map(|row| (row.document.as_str(), row.version.as_str())).collect();
    documents.sort_unstable();
    assert_eq!(documents, [("privacy", "1"), ("terms", "7")]);
    for row in &rows {
        let evidence = (row.app.as_str(), row.ip.as_deref(), row.user_agent.as_deref(), row.given_at, row.withdrawn_at);
        assert_eq!(evidence, ("shop", Some("203.0.113.9"), Some("MicroMessenger"), at(5), None));
    }
    assert_eq!(t.other.consents_of(alice.user().number).await.unwrap(), rows);
    assert_eq!(t.other.consents_of(bob.user().number).await.unwrap(), []);
    assert_eq!((t.raw)("SELECT count(*) FROM audit WHERE action = 'consent.given'"), "2");
    let nobody = UserRow { id: new_id(at(0)), ..alice.user().clone() };
    assert!(t.store.change_consents(consenting(&nobody, &[("privacy", "1")], &[], 5)).await.unwrap().is_none());
}

pub(in crate::store) async fn the_same_version_is_kept_once_until_it_is_withdrawn(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let agrees = |version, secs| consenting(alice.user(), &[("privacy", version)], &[], secs);
    let withdraws = |secs| consenting(alice.user(), &[], &["privacy"], secs);
    assert_eq!(says(&*t.store, agrees("1", 1)).await.len(), 1);
    assert_eq!(says(&*t.store, agrees("1", 2)).await.len(), 1);
    assert_eq!(says(&*t.store, agrees("2", 3)).await.len(), 2);
    let rows = says(&*t.store, withdraws(4)).await;
    assert!(rows.iter().all(|row| row.withdrawn_at == Some(at(4))), "{rows:?}");
    says(&*t.store, withdraws(5)).await;
    let rows = says(&*t.store, agrees("2", 6)).await;
    let times: Vec<_> = rows.iter().map(|row| (row.given_at, row.withdrawn_at)).collect();
    assert_eq!(times, [(at(1), Some(at(4))), (at(3), Some(at(4))), (at(6), None)]);
    assert_eq!((t.raw)("SELECT count(*) FROM audit WHERE action = 'consent.withdrawn'"), "1");
    assert_eq!((t.raw)("SELECT count(*) FROM audit WHERE action = 'consent.given'"), "3");
}

/// What somebody said before two users were made one is theirs; what they withdraw since holds under neither name.
pub(in crate::store) async fn what_was_said_under_another_name_counts_and_is_withdrawn_with_it(t: Bench) {
    let (alice, bob) = (sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "bob", at(0)).await);
    says(&*t.store, consenting(alice.user(), &[("privacy", "1")], &[], 1)).await;
    says(&*t.store, consenting(bob.user(), &[("privacy", "2"), ("terms", "1"), ("news", "1")], &[], 2)).await;
    says(&*t.store, consenting(bob.user(), &[], &["news"], 3)).await;
    merge(&*t.store, bob.user().id, alice.user().id, at(5)).await;
    let number = alice.user().number;
    let holding_now = async || {
        let rows = t.other.consents_of(number).await.unwrap();
        let held = ["news", "privacy", "terms"].into_iter().flat_map(|it| holding(&rows, it));
        held.map(|row| format!("{} {}", row.document, row.version)).collect::<Vec<_>>()
    };
    assert_eq!(holding_now().await, ["privacy 1", "privacy 2", "terms 1"]);
    let rows = says(&*t.store, consenting(alice.user(), &[("terms", "1")], &["privacy"], 6)).await;
    assert_eq!(rows, t.other.consents_of(number).await.unwrap());
    assert_eq!(rows.len(), 4, "who agreed under the other name need not say it again: {rows:?}");
    assert_eq!(holding_now().await, ["terms 1"]);
    says(&*t.store, consenting(alice.user(), &[("privacy", "2")], &[], 7)).await;
    assert_eq!(holding_now().await, ["privacy 2", "terms 1"]);
    assert!(matches!(unmerge(&*t.store, bob.user().id, at(8)).await, Unmerged::Done { .. }));
    assert_eq!(holding_now().await, ["privacy 2"], "each has what they said themselves");
    let of_bob = t.other.consents_of(bob.user().number).await.unwrap();
    let held: Vec<_> = of_bob.iter().filter(|row| row.withdrawn_at.is_none()).map(|row| &row.document).collect();
    assert_eq!(held, ["terms"], "what was withdrawn stays so: {of_bob:?}");
}

/// The clock of one node is behind that of another.
pub(in crate::store) async fn a_consent_after_a_withdrawal_holds_whatever_the_clock_says(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    says(&*t.store, consenting(alice.user(), &[("privacy", "1"), ("terms", "1")], &[], 1)).await;
    says(&*t.store, consenting(alice.user(), &[], &["privacy"], 20)).await;
    says(&*t.other, consenting(alice.user(), &[("privacy", "1"), ("news", "1")], &[], 10)).await;
    let rows = says(&*t.other, consenting(alice.user(), &[("privacy", "1")], &[], 11)).await;
    let given: Vec<_> = holding(&rows, "privacy").map(|row| row.given_at).collect();
    assert_eq!(given, [at(20)], "it holds, and is there once: {rows:?}");
    assert_eq!(holding(&rows, "news").map(|row| row.given_at).collect::<Vec<_>>(), [at(10)]);
}

/// Whoever changes their mind by a program fills no store.
pub(in crate::store) async fn of_withdrawn_consents_the_newest_are_kept(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let bob = sign_in(&*t.store, "bob", at(0)).await;
    for person in [&alice, &bob] {
        says(&*t.store, consenting(person.user(), &[("terms", "1"), ("news", "1")], &[], 1)).await;
        says(&*t.store, consenting(person.user(), &[], &["news"], 2)).await;
    }
    for round in 0..24 {
        says(&*t.store, consenting(alice.user(), &[("privacy", "1")], &[], 10 + 2 * round)).await;
        says(&*t.store, consenting(alice.user(), &[], &["privacy"], 11 + 2 * round)).await;
    }
    let rows = says(&*t.store, consenting(alice.user(), &[("privacy", "1")], &[], 100)).await;
    let given: Vec<_> = rows.iter().filter(|row| row.document == "privacy").map(|row| row.given_at).collect();
    assert_eq!((given.len(), given[0], given[20]), (21, at(18), at(100)));
    for (document, held) in [("privacy", 1), ("terms", 1), ("news", 0)] {
        assert_eq!(holding(&rows, document).count(), held, "{document}");
    }
    let kept = rows.len() - given.len();
    assert_eq!((kept, t.other.consents_of(bob.user().number).await.unwrap().len()), (2, 2), "others stay");
}

pub(in crate::store) async fn of_racing_callers_who_agree_one_leaves_a_row(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().clone();
    let racing = alice.clone();
    let all = t
        .race(8, move |node, _| {
            let consenting = consenting(&racing, &[("privacy", "1")], &[], 1);
            async move { node.change_consents(consenting).await.unwrap().unwrap() }
        })
        .await;
    assert!(all.iter().all(|rows| rows.len() == 1), "{all:?}");
    assert_eq!(t.store.consents_of(alice.number).await.unwrap().len(), 1);
}

pub(in crate::store) async fn what_somebody_agreed_to_is_everything_that_is_kept_of_it(t: Bench) {
    let device = Device { ip: Some("203.0.113.9".into()), name: Some("iPhone".into()), ..Device::default() };
    let first = open(&*t.store, with_phone(Opening { device, ..opening("alice", at(0)) }, 7)).await;
    sign_in(&*t.store, "bob", at(0)).await;
    let newer = Opening { claims: Some("{\"shop\":7}".into()), ..opening("alice", at(1)) };
    let second = open(&*t.store, newer).await;
    super::sample::end(&*t.store, crate::store::Ends::Session(first.session()), at(2)).await;
    says(&*t.store, consenting(first.user(), &[("privacy", "1")], &[], 3)).await;
    let all = t.other.everything_of(first.user().id).await.unwrap().unwrap();
    assert_eq!((all.user.id, all.phones.len(), all.consents.len(), all.data.len()), (first.user().id, 1, 1, 0));
    let known: Vec<_> = all.identities.iter().map(|it| (it.platform.as_str(), it.openid.as_str())).collect();
    assert_eq!(known, [("wechat", "openid of alice")]);
    let sessions: Vec<_> = all.sessions.iter().map(|it| (it.id, it.ended.map(|(_, reason)| reason))).collect();
    assert_eq!(sessions, [(second.session(), None), (first.session(), Some(EndReason::Logout))]);
    assert_eq!(all.sessions[0].claims.as_deref(), Some("{\"shop\":7}"));
    assert_eq!(all.sessions[1].device.name.as_deref(), Some("iPhone"));
    assert!(all.history.iter().any(|it| it.action == "consent.given") && all.history.len() >= 4, "{:?}", all.history);
    assert!(!format!("{all:?}").contains("bob"));
    assert!(t.store.everything_of(new_id(at(0))).await.unwrap().is_none());
}
