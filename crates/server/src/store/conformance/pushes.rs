//! What platforms tell is queued once, carried out once, and leaves of people what it should.

use std::collections::BTreeSet;
use std::time::Duration;

use menjin_token::Timestamp;

use super::Bench;
use super::merges::{merge, unmerge};
use super::passwords::{first, password};
use super::sample::{
    MASTER, TOKEN_LIFE, at, audit_lines, ended, fresh, identity, in_club, live, new_id, open, opening, sealed, sign_in,
    sorted, sweeping, with_phone,
};
use crate::store::{
    CarriedOut, CarryingOut, ClaimedPush, ClaimingPush, Device, Emptied, EndReason, Event, EventKind, IdentityName,
    MovedIn, NewIdentity, NewPush, Newcomer, Opening, PasswordSet, ProfileChange, PushAsks, Queued, Store, Unmerged,
    UserRow, Who,
};

const FIRST: Duration = Duration::from_secs(30);
const ALL: PushAsks = PushAsks::Forget { nickname: true, avatar: true, phone: true };
const AVATAR: &str = "https://shop.example.com/a.png";

pub(super) fn push(now: Timestamp) -> NewPush {
    NewPush { digest: fresh(), nonce: fresh(), app: "shop".into(), sealed: sealed(MASTER, "a push"), now }
}

pub(super) async fn queue(store: &dyn Store, push: NewPush) -> Queued {
    store.queue_push(push).await.unwrap()
}

async fn claim(store: &dyn Store, now: Timestamp) -> Option<ClaimedPush> {
    let claiming = ClaimingPush { now, first: FIRST, longest: Duration::from_hours(1) };
    store.claim_push(claiming).await.unwrap()
}

fn carrying(claimed: &ClaimedPush, identity: IdentityName, asks: PushAsks, now: Timestamp) -> CarryingOut {
    CarryingOut {
        claim: claimed.claim,
        identity,
        asks,
        app: claimed.app.clone(),
        why: "told by the platform".into(),
        received_at: claimed.received_at,
        emptied: Emptied::default(),
        now,
        tokens_until: now.plus(TOKEN_LIFE),
        known_until: now.plus(Duration::from_hours(1)),
    }
}

/// Queues, claims and carries out at `now` what the platform asks of `name`.
pub(super) async fn told(store: &dyn Store, name: IdentityName, asks: PushAsks, now: Timestamp) -> CarriedOut {
    assert_eq!(queue(store, push(now)).await, Queued::Waiting);
    let claimed = claim(store, now).await.unwrap();
    store.carry_out_push(carrying(&claimed, name, asks, now)).await.unwrap()
}

fn with_profile(opening: Opening) -> Opening {
    let profile = ProfileChange { nickname: Some("Alice".into()), avatar_url: Some(AVATAR.into()), is_chosen: true };
    Opening { profile, ..opening }
}

async fn user(t: &Bench, of: &UserRow) -> UserRow {
    t.other.user(of.id).await.unwrap().unwrap()
}

pub(in crate::store) async fn of_racing_callers_one_queues_a_push_and_the_rest_see_it_repeated(t: Bench) {
    let first = push(at(0));
    let told = first.clone();
    let queued = t
        .race(16, move |node, nth| {
            let again = NewPush { nonce: if nth % 2 == 0 { fresh() } else { told.nonce }, ..told.clone() };
            async move { queue(&*node, again).await }
        })
        .await;
    assert_eq!(queued.iter().filter(|it| **it == Queued::Waiting).count(), 1, "{queued:?}");
    assert_eq!(queued.iter().filter(|it| **it == Queued::Repeated).count(), 15, "{queued:?}");
    let nonce = (t.raw)("SELECT count(*) FROM pushes");
    assert_eq!(nonce, "1");
}

pub(in crate::store) async fn another_push_by_the_same_request_is_not_queued(t: Bench) {
    let first = push(at(0));
    assert_eq!(queue(&*t.store, first.clone()).await, Queued::Waiting);
    let replayed = NewPush { nonce: first.nonce, ..push(at(1)) };
    assert_eq!(queue(&*t.other, replayed.clone()).await, Queued::NonceSeen);
    assert_eq!(queue(&*t.other, NewPush { nonce: fresh(), ..replayed }).await, Queued::Waiting);
}

pub(in crate::store) async fn of_racing_workers_each_gets_another_push_the_oldest_first(t: Bench) {
    let mut queued = BTreeSet::new();
    for nth in 0..6 {
        let it = push(at(nth));
        queued.insert(it.digest);
        queue(&*t.store, it).await;
    }
    let first = claim(&*t.store, at(10)).await.unwrap();
    assert_eq!(first.received_at, at(0));
    let claimed = t.race(12, |node, _| async move { claim(&*node, at(10)).await }).await;
    let claimed: Vec<_> = claimed.into_iter().flatten().collect();
    assert!(claimed.len() <= 5 && !claimed.is_empty(), "{claimed:?}");
    let mut digests: BTreeSet<_> = claimed.iter().map(|it| it.claim.digest).collect();
    digests.insert(first.claim.digest);
    assert_eq!(digests.len(), 1 + claimed.len(), "nobody has the same");
    // Whoever met only rows that others held came away with nothing, and finds the rest.
    while let Some(left) = claim(&*t.other, at(10)).await {
        assert!(digests.insert(left.claim.digest));
    }
    assert_eq!(digests, queued);
    assert!(claim(&*t.store, at(10).plus(FIRST).minus(Duration::from_secs(1))).await.is_none(), "all are claimed");
    let again = claim(&*t.store, at(10).plus(FIRST)).await.unwrap();
    assert_eq!((again.claim.tries, queued.contains(&again.claim.digest)), (2, true));
    assert_eq!(again.sealed, sealed(MASTER, "a push"));
}

pub(in crate::store) async fn a_push_is_carried_out_once_by_whoever_claimed_it_last(t: Bench) {
    let alice = open(&*t.store, with_profile(opening("alice", at(0)))).await;
    queue(&*t.store, push(at(1))).await;
    let dead = claim(&*t.store, at(1)).await.unwrap();
    let late = claim(&*t.other, at(1).plus(FIRST)).await.unwrap();
    assert_eq!((dead.claim.digest, late.claim.tries), (late.claim.digest, 2));
    let now = at(40);
    let slow = t.store.carry_out_push(carrying(&dead, identity("alice"), ALL, now)).await.unwrap();
    assert_eq!(slow, CarriedOut::NotOurs);
    assert_eq!(user(&t, alice.user()).await.nickname.as_deref(), Some("Alice"));
    let done = t
        .race(8, move |node, _| {
            let carrying = carrying(&late, identity("alice"), ALL, now);
            async move { node.carry_out_push(carrying).await.unwrap() }
        })
        .await;
    assert_eq!(done.iter().filter(|it| matches!(it, CarriedOut::Done { .. })).count(), 1, "{done:?}");
    assert_eq!(done.iter().filter(|it| **it == CarriedOut::NotOurs).count(), 7, "{done:?}");
    assert_eq!(user(&t, alice.user()).await.nickname, None);
    assert!(claim(&*t.store, at(1_000_000)).await.is_none());
}

pub(in crate::store) async fn what_was_told_is_forgotten_and_nothing_else(t: Bench) {
    let cases = [(true, false, false), (false, true, false), (false, false, true), (true, true, true)];
    for (nth, (nickname, avatar, phone)) in (0_u8..).zip(cases) {
        let (person, now) = (format!("person {nth}"), at(100 * i64::from(nth)));
        let alice = open(&*t.store, with_phone(with_profile(opening(&person, now)), nth)).await;
        let before = alice.user().clone();
        assert!(before.phone_masked.is_some());
        audit_lines(&*t.store).await;
        let asks = PushAsks::Forget { nickname, avatar, phone };
        let former_avatars = before.avatar_url.clone().filter(|_| avatar).map(|url| (before.id, url));
        let former_avatars = Vec::from_iter(former_avatars);
        let done = told(&*t.store, identity(&person), asks, now).await;
        let (user_id, ended) = (before.id, Vec::new());
        assert_eq!(done, CarriedOut::Done { user: user_id, ended, former_avatars, was_last: false });
        let after = UserRow {
            nickname: before.nickname.filter(|_| !nickname),
            avatar_url: before.avatar_url.filter(|_| !avatar),
            nickname_chosen_at: before.nickname_chosen_at.filter(|_| !nickname),
            avatar_chosen_at: before.avatar_chosen_at.filter(|_| !avatar),
            phone_masked: before.phone_masked.filter(|_| !phone),
            ..alice.user().clone()
        };
        assert_eq!(user(&t, alice.user()).await, after);
        let holder = t.other.user_by_phone([nth; 32]).await.unwrap();
        assert_eq!(holder.is_none(), phone);
        assert_eq!(audit_lines(&*t.store).await, u64::from(nickname || avatar) + u64::from(phone));
        assert_eq!(live(&*t.store, alice.user(), now).await, [alice.session()], "nobody is signed out");
        told(&*t.store, identity(&person), asks, now).await;
        assert_eq!(audit_lines(&*t.store).await, 0, "there was nothing left to forget");
    }
}

pub(in crate::store) async fn a_number_that_was_bound_after_the_push_came_stays(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await;
    queue(&*t.store, push(at(1))).await;
    let claimed = claim(&*t.store, at(1)).await.unwrap();
    open(&*t.store, with_phone(opening("alice", at(2)), 7)).await;
    t.store.carry_out_push(carrying(&claimed, identity("alice"), ALL, at(3))).await.unwrap();
    assert!(user(&t, alice.user()).await.phone_masked.is_some());
    assert!(t.other.user_by_phone([7; 32]).await.unwrap().is_some());
}

/// It may be carried out much later than it came.
pub(in crate::store) async fn what_was_chosen_or_proved_anew_after_the_push_came_stays(t: Bench) {
    let alice = open(&*t.store, with_phone(with_profile(opening("alice", at(0))), 7)).await;
    queue(&*t.store, push(at(1))).await;
    let claimed = claim(&*t.store, at(1)).await.unwrap();
    let named = ProfileChange { nickname: Some("Alice".into()), avatar_url: None, is_chosen: true };
    t.store.change_profile(alice.user().id, named, at(2)).await.unwrap().unwrap();
    open(&*t.store, with_phone(opening("alice", at(2)), 7)).await;
    t.store.carry_out_push(carrying(&claimed, identity("alice"), ALL, at(3))).await.unwrap();
    let left = user(&t, alice.user()).await;
    assert_eq!(
        (left.nickname.as_deref(), left.nickname_chosen_at),
        (Some("Alice"), Some(at(2))),
        "though it is the same"
    );
    assert_eq!((left.avatar_url, left.avatar_chosen_at), (None, None), "which is from before");
    assert_eq!(left.phone_masked.as_deref(), Some("138****0007"));
    assert!(t.other.user_by_phone([7; 32]).await.unwrap().is_some());
    told(&*t.store, identity("alice"), ALL, at(4)).await;
    let left = user(&t, alice.user()).await;
    assert_eq!((left.nickname, left.nickname_chosen_at, left.phone_masked), (None, None, None));
}

pub(in crate::store) async fn a_closed_account_leaves_an_empty_shell_whose_names_never_come_again(t: Bench) {
    let device = Device {
        id: Some("device".into()),
        name: Some("name".into()),
        system: Some("system".into()),
        ip: Some("192.0.2.1".into()),
        user_agent: Some("agent".into()),
        ..Device::default()
    };
    let of_another_system = Newcomer {
        password: None,
        id: new_id(at(0)),
        number: 7,
        external_id: Some("emp-1".into()),
        nickname: None,
        avatar_url: None,
        created_at: at(-1000),
        disabled: false,
        identities: vec![NewIdentity { id: new_id(at(0)), name: identity("alice"), unionid: None }],
    };
    assert_eq!(t.store.move_in(vec![of_another_system], at(0), false).await.unwrap(), [MovedIn::Made]);
    let known = open(&*t.store, Opening { who: Who::ExternalId("emp-1".into()), ..opening("alice", at(0)) }).await;
    let number = known.user().number;
    let key = Some((fresh(), sealed(MASTER, "key"), fresh()));
    let first = Opening { device, session_key: key, claims: Some("{}".into()), ..opening("alice", at(1)) };
    let alice = open(&*t.store, with_phone(with_profile(first), 7)).await;
    assert_eq!(alice.user().id, known.user().id);
    let newer = Opening { session_key: Some((fresh(), sealed(MASTER, "newer"), fresh())), ..opening("alice", at(2)) };
    let second = open(&*t.store, newer).await;
    let bob = open(&*t.store, with_phone(with_profile(opening("bob", at(2))), 8)).await;
    audit_lines(&*t.store).await;
    let sessions = sorted([&known, &alice, &second]);
    let CarriedOut::Done { user: closed, mut ended, former_avatars, was_last } =
        told(&*t.store, identity("alice"), PushAsks::Close, at(5)).await
    else {
        panic!("it was hers");
    };
    ended.sort_unstable();
    assert_eq!((closed, ended, was_last), (alice.user().id, sessions.clone(), true));
    assert_eq!(former_avatars, [(closed, AVATAR.to_owned())]);
    let erased_at = Some(at(5));
    let (nickname, avatar_url, phone_masked) = (None, None, None);
    let (nickname_chosen_at, avatar_chosen_at) = (None, None);
    let rest = alice.user().clone();
    let shell = UserRow { nickname, avatar_url, nickname_chosen_at, avatar_chosen_at, phone_masked, erased_at, ..rest };
    assert_eq!(user(&t, alice.user()).await, shell);
    assert!(t.other.user_by_phone([7; 32]).await.unwrap().is_none());
    assert!(t.other.user_by_external_id("emp-1").await.unwrap().is_none());
    for row in [
        "identities WHERE openid = 'openid of alice'",
        "session_keys",
        "sessions WHERE user_number = 7 AND identity IS NOT NULL",
    ] {
        assert_eq!((t.raw)(&format!("SELECT count(*) FROM {row}")), "0", "{row}");
    }
    for session in &sessions {
        let row = t.store.session(*session).await.unwrap().unwrap();
        assert_eq!(row.device, Device::default());
        assert_eq!(row.ended.map(|(_, reason)| reason), Some(EndReason::AccountClosed));
    }
    let is_told = |event: &Event| event.reason == "account_closed" && event.until == at(5).plus(TOKEN_LIFE);
    let events = t.other.events_since(0).await.unwrap().into_iter().filter(is_told);
    let told_of: BTreeSet<_> = events.map(|event| format!("{:?}", event.kind)).collect();
    let expected = sessions.iter().map(|session| format!("{:?}", EventKind::SessionEnded(*session)));
    assert_eq!(told_of, expected.chain([format!("{:?}", EventKind::UserNotBefore(closed))]).collect());
    assert_eq!(audit_lines(&*t.store).await, 5, "the identity, each session and the person");
    assert_eq!(live(&*t.store, bob.user(), at(6)).await, [bob.session()]);
    assert_eq!(&user(&t, bob.user()).await, bob.user());
    let anew = sign_in(&*t.store, "alice", at(7)).await;
    assert!(anew.is_new_user && anew.user().id != closed && anew.user().number != number);
}

pub(in crate::store) async fn an_account_closed_beside_others_is_detached_alone(t: Bench) {
    let unionid = Some(("union of alice".to_owned(), "company".to_owned()));
    let joined = |opening: Opening| Opening { unionid: unionid.clone(), ..opening };
    let shop = open(&*t.store, with_phone(with_profile(joined(opening("alice", at(0)))), 7)).await;
    let club = open(&*t.store, in_club(joined(opening("alice", at(1))))).await;
    assert_eq!(shop.user().id, club.user().id);
    let before = user(&t, shop.user()).await;
    let done = told(&*t.store, identity("alice"), PushAsks::Close, at(5)).await;
    let (user_id, sessions) = (before.id, vec![shop.session()]);
    let expected = CarriedOut::Done { user: user_id, ended: sessions, former_avatars: Vec::new(), was_last: false };
    assert_eq!(done, expected);
    assert_eq!(user(&t, shop.user()).await, before, "what is theirs stays");
    assert_eq!(ended(&*t.other, shop.session()).await, Some(EndReason::AccountClosed));
    assert_eq!(ended(&*t.other, club.session()).await, None);
    let other = IdentityName { appid: "wx-club".into(), ..identity("alice") };
    let CarriedOut::Done { was_last, ended, .. } = told(&*t.store, other, PushAsks::Close, at(6)).await else {
        panic!("it was hers");
    };
    assert_eq!((was_last, ended), (true, vec![club.session()]));
    assert_eq!(user(&t, shop.user()).await.phone_masked, None);
}

/// The password is a way in of its own, and the person stays; what the platform told of them goes.
pub(in crate::store) async fn a_closed_account_leaves_whoever_has_a_password(t: Bench) {
    let key = Some((fresh(), sealed(MASTER, "key"), fresh()));
    let first_one = Opening { session_key: key, ..with_phone(with_profile(opening("alice", at(0))), 7) };
    let by_code = open(&*t.store, first_one).await;
    let user_id = by_code.user().id;
    let set = t.store.set_password(first(user_id, password("alice", "hash"))).await.unwrap();
    assert_eq!(set, PasswordSet::Set(vec![by_code.session()]));
    let by_code = open(&*t.store, opening("alice", at(1))).await;
    let by_name = open(&*t.store, Opening { who: Who::User(user_id), ..opening("alice", at(2)) }).await;
    audit_lines(&*t.store).await;
    let done = told(&*t.store, identity("alice"), PushAsks::Close, at(5)).await;
    let (ended_now, former_avatars) = (vec![by_code.session()], vec![(user_id, AVATAR.to_owned())]);
    assert_eq!(done, CarriedOut::Done { user: user_id, ended: ended_now, former_avatars, was_last: false });
    let left = user(&t, by_code.user()).await;
    assert_eq!((left.erased_at, left.nickname, left.avatar_url, left.phone_masked), (None, None, None, None));
    assert!(t.other.user_by_phone([7; 32]).await.unwrap().is_none());
    for table in ["identities", "session_keys", "phones"] {
        assert_eq!((t.raw)(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
    assert_eq!(live(&*t.store, by_code.user(), at(6)).await, [by_name.session()]);
    assert!(t.other.password_by_name("alice").await.unwrap().is_some_and(|found| found.user.id == user_id));
    assert_eq!(audit_lines(&*t.store).await, 4, "the identity, the session, the profile and the number");
    let anew = sign_in(&*t.store, "alice", at(7)).await;
    assert!(anew.is_new_user && anew.user().id != user_id, "the openid is somebody else's by now");
}

/// Whoever sets a password meanwhile stays, with all that was not emptied before; and whose turn is over empties no more.
pub(in crate::store) async fn of_whom_a_push_erases_each_part_is_emptied_only_while_it_would(t: Bench) {
    let (alice, bob) = (sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "bob", at(0)).await);
    (t.raw)("UPDATE sessions SET ip = '203.0.113.9', ended_at = 1, end_reason = 'session_ended'");
    (t.raw)("UPDATE audit SET ip = '203.0.113.9'");
    let left = |of: &UserRow| {
        let lines = format!("audit WHERE user_id = (SELECT id FROM users WHERE number = {})", of.number);
        [format!("sessions WHERE user_number = {}", of.number), lines]
            .map(|of| (t.raw)(&format!("SELECT count(*) FROM {of} AND ip IS NOT NULL")))
    };
    let next = async |claimed: &ClaimedPush, person: &str, emptied: &Emptied| {
        let carrying = carrying(claimed, identity(person), PushAsks::Close, at(3600));
        t.store.empty_for_push(CarryingOut { emptied: emptied.clone(), ..carrying }).await.unwrap()
    };
    queue(&*t.store, push(at(10))).await;
    let first_claim = claim(&*t.store, at(10)).await.unwrap();
    let emptied = next(&first_claim, "alice", &Emptied::default()).await.expect("her sessions");
    assert_eq!(left(alice.user()), ["0", "1"]);
    t.store.set_password(first(alice.user().id, password("alice", "hash"))).await.unwrap();
    assert_eq!(next(&first_claim, "alice", &emptied).await, None);
    assert_eq!(left(alice.user()), ["0", "1"], "she stays");
    let emptied = next(&first_claim, "bob", &Emptied::default()).await.expect("his sessions");
    let later = claim(&*t.other, at(100)).await.unwrap();
    assert_eq!(next(&first_claim, "bob", &emptied).await, None);
    assert_eq!(left(bob.user()), ["0", "1"], "it is another node's by now");
    assert!(next(&later, "bob", &emptied).await.is_some());
    assert_eq!(left(bob.user()), ["0", "0"]);
}

/// A merge keeps the way back, and what is withdrawn takes no way back.
pub(in crate::store) async fn what_is_withdrawn_goes_from_the_persons_other_names_too(t: Bench) {
    let bob = open(&*t.store, with_phone(with_profile(opening("bob", at(0))), 8)).await;
    let carol = open(&*t.store, with_profile(opening("carol", at(0)))).await;
    let alice = open(&*t.store, with_phone(with_profile(opening("alice", at(0))), 7)).await;
    merge(&*t.store, bob.user().id, carol.user().id, at(1)).await;
    merge(&*t.store, carol.user().id, alice.user().id, at(2)).await;
    // A hundred for the nickname, ten for the picture, one for the number.
    let kept = |of: &UserRow| {
        let columns = [("nickname", 100), ("avatar_url", 10), ("phone_masked", 1)];
        let sum =
            columns.map(|(column, worth)| format!("CASE WHEN {column} IS NULL THEN 0 ELSE {worth} END")).join(" + ");
        (t.raw)(&format!("SELECT {sum} FROM users WHERE number = {}", of.number))
    };
    let all = || [&alice, &carol, &bob].map(|of| kept(of.user()));
    // Carol got bob's number, and alice has one of her own.
    assert_eq!(all(), ["111", "111", "110"]);
    told(&*t.store, identity("alice"), ALL, at(3)).await;
    assert_eq!(all(), ["0", "111", "110"], "the others did not come by alice's");
    let done = told(&*t.store, identity("carol"), ALL, at(4)).await;
    let former_avatars = vec![(carol.user().id, AVATAR.to_owned())];
    let (user_id, ended) = (alice.user().id, Vec::new());
    assert_eq!(done, CarriedOut::Done { user: user_id, ended, former_avatars, was_last: false });
    assert_eq!(all(), ["0", "0", "110"]);
    assert!(t.other.user_by_phone([8; 32]).await.unwrap().is_none());
    told(&*t.store, identity("bob"), PushAsks::Forget { nickname: true, avatar: false, phone: true }, at(5)).await;
    assert_eq!(all(), ["0", "0", "10"]);
    told(&*t.store, identity("bob"), PushAsks::Close, at(6)).await;
    assert_eq!(all(), ["0", "0", "0"], "none of what they came by is left");
    assert!(matches!(unmerge(&*t.store, carol.user().id, at(7)).await, Unmerged::Done { .. }));
    assert_eq!(user(&t, carol.user()).await.nickname, None);
}

pub(in crate::store) async fn a_push_about_nobody_or_about_somebody_later_changes_nothing(t: Bench) {
    assert_eq!(told(&*t.store, identity("nobody"), ALL, at(0)).await, CarriedOut::Nobody);
    assert_eq!(told(&*t.store, identity("nobody"), PushAsks::Close, at(0)).await, CarriedOut::Nobody);
    queue(&*t.store, push(at(1))).await;
    let claimed = claim(&*t.store, at(1)).await.unwrap();
    let alice = sign_in(&*t.store, "alice", at(2)).await;
    let carried = t.store.carry_out_push(carrying(&claimed, identity("alice"), PushAsks::Close, at(3))).await.unwrap();
    assert_eq!(carried, CarriedOut::Nobody);
    assert_eq!(live(&*t.store, alice.user(), at(4)).await, [alice.session()]);
}

/// A sign-in that races the end of its account is over with it, or that of somebody new.
pub(in crate::store) async fn sign_ins_that_race_a_closing_never_leave_half_a_person(t: Bench) {
    for round in 0..4 {
        let (person, now) = (format!("person {round}"), at(100 * round));
        let before = open(&*t.store, with_phone(opening(&person, now), 9)).await;
        queue(&*t.store, push(now)).await;
        let claimed = claim(&*t.store, now).await.unwrap();
        let racing = person.clone();
        let opened = t
            .race(8, move |node, nth| {
                let carrying = carrying(&claimed, identity(&racing), PushAsks::Close, now);
                let opening = opening(&racing, now);
                async move {
                    if nth == 0 {
                        node.carry_out_push(carrying).await.unwrap();
                        return None;
                    }
                    Some(open(&*node, opening).await)
                }
            })
            .await;
        assert_eq!(live(&*t.store, before.user(), now).await, [], "round {round}");
        for it in opened.into_iter().flatten() {
            let is_of_before = it.user().id == before.user().id;
            let over = ended(&*t.store, it.session()).await;
            assert_eq!(over.is_some(), is_of_before, "round {round}: {over:?}");
        }
        let again = sign_in(&*t.other, &person, now).await;
        assert_ne!(again.user().id, before.user().id);
    }
}

pub(in crate::store) async fn a_push_that_is_given_up_waits_no_more_and_goes_after_its_time(t: Bench) {
    queue(&*t.store, push(at(0))).await;
    let dead = claim(&*t.store, at(0)).await.unwrap();
    let claimed = claim(&*t.store, at(30)).await.unwrap();
    assert!(!t.other.give_up_push(dead.claim, at(1000)).await.unwrap(), "the claim has run out");
    assert!(t.other.give_up_push(claimed.claim, at(1000)).await.unwrap());
    assert!(!t.other.give_up_push(claimed.claim, at(1000)).await.unwrap(), "it is given up");
    assert!(claim(&*t.store, at(900)).await.is_none());
    let late = t.store.carry_out_push(carrying(&claimed, identity("alice"), ALL, at(900))).await.unwrap();
    assert_eq!(late, CarriedOut::NotOurs);
    assert_eq!((t.raw)("SELECT count(*) FROM pushes WHERE sealed IS NOT NULL"), "1");
    assert_eq!(t.store.sweep(sweeping(at(1000))).await.unwrap().rows, 0);
    assert_eq!(t.store.sweep(sweeping(at(1001))).await.unwrap().rows, 1);
}

pub(in crate::store) async fn a_push_that_is_done_is_known_for_a_while_without_what_it_said(t: Bench) {
    let it = push(at(0));
    queue(&*t.store, it.clone()).await;
    assert_eq!(t.store.sweep(sweeping(at(1_000_000))).await.unwrap().rows, 0, "it waits however long");
    let claimed = claim(&*t.store, at(0)).await.unwrap();
    t.store.carry_out_push(carrying(&claimed, identity("alice"), ALL, at(0))).await.unwrap();
    assert_eq!((t.raw)("SELECT count(*) FROM pushes WHERE sealed IS NOT NULL"), "0");
    assert_eq!(queue(&*t.other, NewPush { nonce: fresh(), ..it.clone() }).await, Queued::Repeated);
    assert_eq!(t.store.sweep(sweeping(at(3600))).await.unwrap().rows, 0);
    assert_eq!(t.store.sweep(sweeping(at(3601))).await.unwrap().rows, 1);
    assert_eq!(queue(&*t.other, it).await, Queued::Waiting);
}
