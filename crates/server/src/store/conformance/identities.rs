//! Identities beside sign-ins: proved once more, linked, unlinked; one identity and one unionid have one user, whoever races.

use std::time::Duration;

use menjin_token::{IdentityId, Timestamp, UserId};

use super::Bench;
use super::passwords::{first, password};
use super::sample::{
    TOKEN_LIFE, at, audit_lines, ended, fresh, identity, in_club, new_id, open, opening, sealed, sign_in,
};
use crate::store::{
    Actor, EndReason, IdentityName, Linked, Linking, Opening, ProvedIdentity, Store, Unlinked, Unlinking, Who,
};

/// An identity that its platform has just proved.
pub(super) fn proved(name: IdentityName, now: Timestamp) -> ProvedIdentity {
    ProvedIdentity { name, unionid: None, session_key: None, superseded_until: now.plus(Duration::from_mins(10)), now }
}

/// Somebody's identity in the other app of the company.
pub(super) fn in_club_of(person: &str) -> IdentityName {
    IdentityName { appid: "wx-club".into(), ..identity(person) }
}

pub(super) fn linking(user: UserId, proved: ProvedIdentity) -> Linking {
    Linking { user, new_identity: new_id(proved.now), proved, app: "club".into(), by: Actor::user(None) }
}

fn with_unionid(proved: ProvedIdentity, account: &str) -> ProvedIdentity {
    ProvedIdentity { unionid: Some(("union".into(), account.into())), ..proved }
}

pub(super) fn unlinking(user: UserId, identity: IdentityId, now: Timestamp) -> Unlinking {
    let ways = ["wx-shop", "wx-club"].map(|appid| ("wechat".to_owned(), appid.to_owned())).to_vec();
    let (by, tokens_until) = (Actor::user(None), now.plus(TOKEN_LIFE));
    Unlinking { user, identity, ways, by_password: true, even_last: false, by, now, tokens_until }
}

async fn ids(store: &dyn Store, user: UserId) -> Vec<IdentityId> {
    store.identities_of(user).await.unwrap().into_iter().map(|row| row.id).collect()
}

pub(in crate::store) async fn an_identity_that_is_linked_signs_its_user_in(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    audit_lines(&*t.store).await;
    let wanted = linking(alice.user().id, proved(in_club_of("alice"), at(1)));
    let Linked::Linked(row) = t.store.link_identity(wanted.clone()).await.unwrap() else { panic!("not linked") };
    assert_eq!((row.id, row.platform.as_str(), row.appid.as_str()), (wanted.new_identity, "wechat", "wx-club"));
    assert_eq!((row.has_unionid, row.created_at), (false, at(1)));
    assert_eq!(audit_lines(&*t.store).await, 1);
    assert_eq!(ids(&*t.other, alice.user().id).await.last(), Some(&row.id));
    let club = open(&*t.other, in_club(opening("alice", at(2)))).await;
    assert!(!club.is_new_user);
    assert_eq!(club.user().id, alice.user().id);
    audit_lines(&*t.store).await;
    let again = t.other.link_identity(linking(alice.user().id, proved(in_club_of("alice"), at(3)))).await.unwrap();
    assert_eq!(again, Linked::Already(row));
    assert_eq!(audit_lines(&*t.store).await, 0);
    let nobody = linking(new_id(at(0)), proved(in_club_of("nobody"), at(3)));
    assert_eq!(t.store.link_identity(nobody).await.unwrap(), Linked::Gone);
}

pub(in crate::store) async fn an_identity_of_somebody_else_stays_theirs(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let bob = open(&*t.store, in_club(opening("bob", at(0)))).await;
    let key = Some((fresh(), sealed(super::sample::MASTER, "key"), [7; 32]));
    let wanted = ProvedIdentity { session_key: key, ..proved(in_club_of("bob"), at(1)) };
    assert_eq!(t.store.link_identity(linking(alice.user().id, wanted)).await.unwrap(), Linked::Taken);
    assert_eq!(ids(&*t.store, alice.user().id).await.len(), 1);
    assert_eq!(open(&*t.other, in_club(opening("bob", at(2)))).await.user().id, bob.user().id);
    let keys = t.store.session_keys(&in_club_of("bob"), at(2)).await.unwrap();
    assert_eq!(keys.len(), 1, "the platform has forgotten the one before, so the new one is kept all the same");
}

pub(in crate::store) async fn a_unionid_of_somebody_else_keeps_an_identity_from_being_linked(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let unionid = Some(("union".to_owned(), "company".to_owned()));
    let bob = open(&*t.store, Opening { unionid, ..opening("bob", at(0)) }).await;
    let wanted = |account| linking(alice.user().id, with_unionid(proved(in_club_of("bob"), at(1)), account));
    assert_eq!(t.store.link_identity(wanted("company")).await.unwrap(), Linked::Taken);
    assert!(matches!(t.store.link_identity(wanted("another")).await.unwrap(), Linked::Linked(_)), "of another account");
    let own = linking(bob.user().id, with_unionid(proved(in_club_of("bobby"), at(1)), "company"));
    assert!(matches!(t.store.link_identity(own).await.unwrap(), Linked::Linked(_)));
}

pub(in crate::store) async fn an_identity_that_is_proved_once_more_keeps_its_new_key(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    assert_eq!(t.store.prove_identity(proved(identity("nobody"), at(1))).await.unwrap(), None);
    let key = |row: u8| Some(([row; 16], sealed(super::sample::MASTER, "key"), [row; 32]));
    for (row, secs) in [(1, 1), (2, 2)] {
        let again = ProvedIdentity { session_key: key(row), ..proved(identity("alice"), at(secs)) };
        assert_eq!(t.store.prove_identity(again).await.unwrap(), Some(alice.user().id));
    }
    let rows: Vec<_> =
        t.other.session_keys(&identity("alice"), at(3)).await.unwrap().iter().map(|key| key.row).collect();
    assert_eq!(rows, [[2; 16], [1; 16]]);
}

pub(in crate::store) async fn an_identity_that_is_unlinked_opens_nothing_and_its_sessions_are_over(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let user = alice.user().id;
    t.store.link_identity(linking(user, proved(in_club_of("alice"), at(1)))).await.unwrap();
    let club = open(&*t.store, in_club(opening("alice", at(2)))).await;
    let identity = ids(&*t.store, user).await[1];
    audit_lines(&*t.store).await;
    let done = t.other.unlink_identity(unlinking(user, identity, at(3))).await.unwrap();
    assert_eq!(done, Unlinked::Unlinked(vec![club.session()]));
    assert_eq!(audit_lines(&*t.store).await, 2, "the identity and the session");
    assert_eq!(ended(&*t.store, club.session()).await, Some(EndReason::Kicked));
    assert_eq!(ended(&*t.store, alice.session()).await, None);
    assert!(open(&*t.store, in_club(opening("alice", at(4)))).await.is_new_user, "somebody else from now on");
    assert_eq!(t.store.unlink_identity(unlinking(user, identity, at(5))).await.unwrap(), Unlinked::Unknown);
}

pub(in crate::store) async fn the_last_way_to_sign_in_stays(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    let user = alice.user().id;
    let [own] = ids(&*t.store, user).await[..] else { panic!("one identity") };
    assert_eq!(t.store.unlink_identity(unlinking(user, own, at(1))).await.unwrap(), Unlinked::Last);
    let gone = IdentityName { appid: "wx-gone".into(), ..identity("alice") };
    t.store.link_identity(linking(user, proved(gone, at(1)))).await.unwrap();
    let last = t.store.unlink_identity(unlinking(user, own, at(2))).await.unwrap();
    assert_eq!(last, Unlinked::Last, "nobody signs in from an app that is gone");
    let bob = sign_in(&*t.store, "bob", at(0)).await.user().id;
    assert_eq!(t.store.unlink_identity(unlinking(bob, own, at(2))).await.unwrap(), Unlinked::Unknown, "not theirs");
    // That ends the sessions.
    t.store.set_password(first(user, password("alice", "hash"))).await.unwrap();
    let nowhere = Unlinking { by_password: false, ..unlinking(user, own, at(3)) };
    assert_eq!(t.store.unlink_identity(nowhere).await.unwrap(), Unlinked::Last, "no app takes passwords");
    assert_eq!(t.store.unlink_identity(unlinking(user, own, at(3))).await.unwrap(), Unlinked::Unlinked(vec![]));
    let [others] = ids(&*t.store, bob).await[..] else { panic!("one identity") };
    let by_force = Unlinking { even_last: true, ..unlinking(bob, others, at(3)) };
    assert!(matches!(t.store.unlink_identity(by_force).await.unwrap(), Unlinked::Unlinked(_)));
}

pub(in crate::store) async fn of_racing_unlinkings_one_way_to_sign_in_is_left(t: Bench) {
    for round in 0..4 {
        let person = format!("person {round}");
        let user = sign_in(&*t.store, &person, at(0)).await.user().id;
        t.store.link_identity(linking(user, proved(in_club_of(&person), at(1)))).await.unwrap();
        let both = ids(&*t.store, user).await;
        let done = t
            .race(2, |node, nth| {
                let wanted = unlinking(user, both[nth], at(2));
                async move { node.unlink_identity(wanted).await.unwrap() }
            })
            .await;
        assert_eq!(done.iter().filter(|it| **it == Unlinked::Last).count(), 1, "{done:?}");
        assert_eq!(ids(&*t.store, user).await.len(), 1);
    }
}

/// Whoever wants to link what somebody signs in by at that moment gets it, or leaves it to them.
pub(in crate::store) async fn of_racing_links_and_first_sign_ins_one_user_has_the_identity(t: Bench) {
    for round in 0..6 {
        let (alice, bob) = (format!("alice {round}"), format!("bob {round}"));
        let alice = sign_in(&*t.store, &alice, at(0)).await.user().id;
        let users = [alice, sign_in(&*t.store, &bob, at(0)).await.user().id];
        let newcomer = format!("newcomer {round}");
        let got = t
            .race(6, |node, nth| {
                let name = in_club_of(&newcomer);
                async move {
                    if nth < 2 {
                        let who = Opening { who: Who::Identity(name), ..opening("nobody", at(1)) };
                        return Some(open(&*node, who).await.user().id);
                    }
                    let user = users[nth % 2];
                    match node.link_identity(linking(user, proved(name, at(1)))).await.unwrap() {
                        Linked::Linked(_) | Linked::Already(_) => Some(user),
                        Linked::Taken | Linked::Gone => None,
                    }
                }
            })
            .await;
        let mut owners: Vec<_> = got.into_iter().flatten().collect();
        owners.sort_unstable();
        owners.dedup();
        assert_eq!(owners.len(), 1, "round {round}");
        let one = t.store.prove_identity(proved(in_club_of(&newcomer), at(2))).await.unwrap();
        assert_eq!(one, owners.first().copied());
    }
}
