//! Roles and who has them: told, counted, and never half read.

use std::collections::BTreeSet;

use menjin_token::{Timestamp, UserId};
use tokio::time::Instant;

use super::Bench;
use super::merges::{merge, unmerge};
use super::sample::{SignedIn, TOKEN_LIFE, at, audit_lines, fresh, sign_in, sweeping};
use crate::store::{
    AuditLine, EventKind, Held, HoldingRole, MOST_HELD, PuttingRole, RoleHeld, RoleName, RolePut, RoleRefused, RoleRow,
    RoleTurn, Store, Unmerged,
};

fn turn(now: Timestamp) -> RoleTurn {
    let audit = AuditLine { action: "role.changed", actor: "operator", ..AuditLine::default() };
    RoleTurn { now, began: Instant::now(), tokens_until: now.plus(TOKEN_LIFE), audit }
}

fn name(name: &str, audience: &str) -> RoleName {
    RoleName { name: name.into(), audience: Some(audience.to_owned()).filter(|audience| !audience.is_empty()) }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

async fn put(store: &dyn Store, of: RoleName, permissions: &[&str], includes: &[&str]) -> RolePut {
    let (permissions, includes) = (texts(permissions), texts(includes));
    store.put_role(PuttingRole { name: of, description: None, permissions, includes, turn: turn(at(0)) }).await.unwrap()
}

/// Defines a role of every audience.
async fn define(store: &dyn Store, role: &str, permissions: &[&str], includes: &[&str]) -> RoleRow {
    let put = put(store, name(role, ""), permissions, includes).await;
    let RolePut::Put(row, _) = put else { panic!("{put:?}") };
    row
}

fn holding(user: UserId, role: &str, audience: &str) -> HoldingRole {
    let RoleName { name, audience } = name(role, audience);
    HoldingRole { user, role: name, audience, id: fresh(), turn: turn(at(1)) }
}

async fn grant(store: &dyn Store, user: UserId, role: &str, audience: &str) -> RoleHeld {
    store.grant_role(holding(user, role, audience)).await.unwrap()
}

async fn revoke(store: &dyn Store, user: UserId, role: &str, audience: &str) -> RoleHeld {
    store.revoke_role(holding(user, role, audience)).await.unwrap()
}

fn names(held: &Held) -> Vec<&str> {
    held.roles.iter().map(|(name, _)| name.as_str()).collect()
}

/// What the feed tells of roles.
async fn told(store: &dyn Store) -> Vec<EventKind> {
    let of_roles = |kind: &EventKind| matches!(kind, EventKind::RolesOfUser(..) | EventKind::RoleChanged(..));
    let all = store.events_since(0).await.unwrap().into_iter();
    all.inspect(|event| assert!(event.until >= event.at.plus(TOKEN_LIFE) || !of_roles(&event.kind)))
        .map(|event| event.kind)
        .filter(of_roles)
        .collect()
}

pub(in crate::store) async fn a_role_is_what_it_was_defined_as_and_what_it_has_in_it(t: Bench) {
    assert!(t.store.roles().await.unwrap().is_empty());
    let reader = define(&*t.store, "reader", &["orders:read"], &[]).await;
    let boss = define(&*t.other, "boss", &["orders:*", "商"], &["reader"]).await;
    assert_eq!(t.store.roles().await.unwrap(), [boss.clone(), reader.clone()]);
    assert_eq!(boss.whole.roles, ["boss", "reader"]);
    assert_eq!(boss.whole.permissions, ["orders:*", "orders:read", "商"]);
    assert_eq!(boss.includes, [reader.number]);
    assert!(boss.version > reader.version);
    let same = put(&*t.store, name("boss", ""), &["orders:*", "商"], &["reader"]).await;
    assert_eq!(same, RolePut::Unchanged(boss));
    for (includes, refused) in [
        (["boss"], RoleRefused::Cycle),
        (["nobody"], RoleRefused::Unknown("nobody".into())),
        (["reader"], RoleRefused::Cycle),
    ] {
        let put = put(&*t.store, name("reader", ""), &[], &includes).await;
        assert_eq!(put, RolePut::Refused(refused));
    }
    assert_eq!(t.other.roles().await.unwrap().len(), 2);
}

pub(in crate::store) async fn what_changes_with_a_role_is_told_by_name(t: Bench) {
    define(&*t.store, "reader", &["a"], &[]).await;
    define(&*t.store, "boss", &[], &["reader"]).await;
    define(&*t.store, "other", &[], &[]).await;
    let before = told(&*t.store).await.len();
    audit_lines(&*t.store).await;
    let version = define(&*t.other, "reader", &["b"], &[]).await.version;
    let kinds = told(&*t.store).await.split_off(before);
    let changed = |role: &str| EventKind::RoleChanged(role.into(), version);
    assert_eq!(kinds, [changed("boss"), changed("reader")]);
    assert_eq!(audit_lines(&*t.store).await, 1);
    let roles = t.store.roles().await.unwrap();
    assert_eq!(roles[0].whole.permissions, ["b"]);
    put(&*t.store, name("reader", ""), &["b"], &[]).await;
    assert_eq!(told(&*t.store).await.len(), before + 2, "the same again is nothing");
    assert_eq!(audit_lines(&*t.store).await, 0);
}

pub(in crate::store) async fn who_has_a_role_has_it_for_its_audience_alone(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().clone();
    assert_eq!(alice.roles_version, None);
    define(&*t.store, "clerk", &["everywhere"], &[]).await;
    put(&*t.store, name("clerk", "wiki"), &["wiki"], &[]).await;
    put(&*t.store, name("editor", "wiki"), &["pages"], &[]).await;
    for (role, audience) in [("clerk", "shop"), ("clerk", "wiki"), ("editor", "wiki"), ("clerk", "")] {
        assert!(matches!(grant(&*t.store, alice.id, role, audience).await, RoleHeld::Changed(..)), "{role} {audience}");
    }
    for (role, audience) in [("editor", "shop"), ("editor", ""), ("nobody", "wiki")] {
        assert_eq!(grant(&*t.store, alice.id, role, audience).await, RoleHeld::RoleUnknown, "{role} {audience}");
    }
    let allowed = async |audience: &str| {
        let held = t.other.held_for(alice.number, audience).await.unwrap();
        let all: BTreeSet<_> = held.roles.into_iter().flat_map(|(_, whole)| whole.permissions).collect();
        all.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(allowed("shop").await, "everywhere");
    assert_eq!(allowed("wiki").await, "everywhere pages wiki");
    assert_eq!(allowed("club").await, "everywhere");
    assert!(matches!(revoke(&*t.other, alice.id, "clerk", "").await, RoleHeld::Changed(..)));
    assert_eq!(allowed("wiki").await, "pages wiki");
    assert_eq!(allowed("club").await, "");
    let all = t.store.roles_of(alice.number).await.unwrap();
    let all: Vec<_> = all.into_iter().map(|held| (held.role.to_string(), held.audience.unwrap_or_default())).collect();
    let expected = [("clerk everywhere", "shop"), ("clerk for wiki", "wiki"), ("editor for wiki", "wiki")];
    assert_eq!(all, expected.map(|(role, audience)| (role.to_owned(), audience.to_owned())));
}

pub(in crate::store) async fn a_grant_counts_and_is_told_and_one_that_changes_nothing_does_not(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().clone();
    define(&*t.store, "clerk", &[], &[]).await;
    let before = told(&*t.store).await.len();
    audit_lines(&*t.store).await;
    let RoleHeld::Changed(_, first) = grant(&*t.store, alice.id, "clerk", "").await else { panic!() };
    assert_eq!(grant(&*t.other, alice.id, "clerk", "").await, RoleHeld::Unchanged);
    assert_eq!(t.other.user(alice.id).await.unwrap().unwrap().roles_version, Some(first));
    let held = t.store.held_for(alice.number, "shop").await.unwrap();
    assert_eq!((names(&held), held.version), (vec!["clerk"], first));
    assert_eq!(revoke(&*t.store, alice.id, "clerk", "shop").await, RoleHeld::Unchanged);
    assert_eq!(revoke(&*t.store, alice.id, "nobody", "").await, RoleHeld::RoleUnknown);
    let RoleHeld::Changed(_, second) = revoke(&*t.other, alice.id, "clerk", "").await else { panic!() };
    assert!(second > first);
    let held = t.store.held_for(alice.number, "shop").await.unwrap();
    assert_eq!((names(&held), held.version), (vec![], second));
    let kinds = told(&*t.store).await.split_off(before);
    assert_eq!(kinds, [EventKind::RolesOfUser(alice.id, first), EventKind::RolesOfUser(alice.id, second)]);
    assert_eq!(audit_lines(&*t.store).await, 2);
    let nobody = super::sample::new_id(at(0));
    assert_eq!(grant(&*t.store, nobody, "clerk", "").await, RoleHeld::UserUnknown);
    assert_eq!(revoke(&*t.store, nobody, "clerk", "").await, RoleHeld::UserUnknown);
}

pub(in crate::store) async fn a_role_is_given_to_who_somebody_is_now_and_to_nobody_who_is_gone(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().id;
    let elder = sign_in(&*t.store, "elder", at(0)).await.user().clone();
    for role in ["clerk", "reader"] {
        define(&*t.store, role, &[], &[]).await;
    }
    merge(&*t.store, alice, elder.id, at(2)).await;
    let RoleHeld::Changed(user, version) = grant(&*t.store, alice, "clerk", "").await else { panic!() };
    assert_eq!((user, told(&*t.other).await.pop()), (elder.id, Some(EventKind::RolesOfUser(elder.id, version))));
    let lines = format!(
        "SELECT count(*) FROM audit a JOIN users u ON u.id = a.user_id WHERE a.action = 'role.changed' AND u.number = {}",
        elder.number
    );
    assert_eq!((t.raw)(&lines), "1", "the line is about whoever has it");
    assert!(matches!(revoke(&*t.store, alice, "clerk", "").await, RoleHeld::Changed(user, _) if user == elder.id));
    super::leaving::erase(&*t.store, elder.id, at(3)).await;
    for user in [alice, elder.id] {
        assert_eq!(grant(&*t.store, user, "reader", "").await, RoleHeld::UserUnknown);
    }
    assert_eq!((t.raw)("SELECT count(*) FROM user_roles"), "0");
}

pub(in crate::store) async fn a_removed_role_is_nobody_s_and_its_name_is_free(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().clone();
    let clerk = define(&*t.store, "clerk", &["a"], &[]).await;
    define(&*t.store, "boss", &["b"], &["clerk"]).await;
    for role in ["clerk", "boss"] {
        grant(&*t.store, alice.id, role, "shop").await;
    }
    let removed = t.other.remove_role(name("clerk", ""), turn(at(2))).await.unwrap().unwrap();
    assert_eq!(removed.names, ["boss", "clerk"]);
    assert_eq!(t.store.remove_role(name("clerk", ""), turn(at(2))).await.unwrap(), None);
    let held = t.store.held_for(alice.number, "shop").await.unwrap();
    assert_eq!((names(&held), held.version), (vec!["boss"], removed.version));
    assert_eq!(held.roles[0].1.permissions, ["b"]);
    // Whoever is called the same later is another role.
    let again = define(&*t.store, "clerk", &["c"], &[]).await;
    assert_ne!(again.number, clerk.number);
    assert_eq!(names(&t.store.held_for(alice.number, "shop").await.unwrap()), ["boss"]);
    assert_eq!(t.store.roles_of(alice.number).await.unwrap().len(), 1);
    assert_eq!((t.raw)("SELECT count(*) FROM user_roles"), "2");
    for _ in 0..2 {
        t.store.sweep(sweeping(at(3))).await.unwrap();
    }
    assert_eq!((t.raw)("SELECT count(*) FROM user_roles"), "1");
    assert_eq!((t.raw)("SELECT count(*) FROM roles"), "2");
}

pub(in crate::store) async fn of_racing_grants_one_changes_and_nobody_has_too_many(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().clone();
    for nth in 0..MOST_HELD + 4 {
        define(&*t.store, &format!("role{nth}"), &[], &[]).await;
    }
    let user = alice.id;
    let granted = t.race(8, |node, _| async move { grant(&*node, user, "role0", "shop").await }).await;
    assert_eq!(granted.iter().filter(|held| **held != RoleHeld::Unchanged).count(), 1, "{granted:?}");
    for nth in 1..MOST_HELD - 2 {
        assert!(matches!(grant(&*t.store, user, &format!("role{nth}"), "shop").await, RoleHeld::Changed(..)));
    }
    let last = MOST_HELD - 2;
    let granted =
        t.race(6, |node, nth| async move { grant(&*node, user, &format!("role{}", last + nth), "shop").await }).await;
    let changed: BTreeSet<_> = granted
        .iter()
        .filter_map(|held| if let RoleHeld::Changed(_, version) = held { Some(version) } else { None })
        .collect();
    assert_eq!(changed.len(), 2, "each with a version of its own: {granted:?}");
    assert_eq!(granted.iter().filter(|held| **held == RoleHeld::TooMany).count(), 4);
    assert_eq!(t.store.roles_of(alice.number).await.unwrap().len(), MOST_HELD);
}

pub(in crate::store) async fn racing_definitions_leave_no_cycle(t: Bench) {
    for round in 0..4 {
        let role = move |which: &str| format!("{which}{round}");
        for which in ["a", "b"] {
            define(&*t.store, &role(which), &[], &[]).await;
        }
        let put = t
            .race(4, |node, nth| async move {
                let (own, other) = if nth % 2 == 0 { ("a", "b") } else { ("b", "a") };
                put(&*node, name(&role(own), ""), &[], &[&role(other)]).await
            })
            .await;
        let stood = put.iter().filter(|put| matches!(put, RolePut::Put(..))).count();
        let refused = put.iter().filter(|put| matches!(put, RolePut::Refused(RoleRefused::Cycle))).count();
        assert_eq!((stood, refused), (1, 2), "{put:?}");
    }
}

/// The promise that tokens rest on: a version and the roles beside it are of one moment.
pub(in crate::store) async fn whoever_reads_a_version_reads_all_changes_up_to_it(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().clone();
    define(&*t.store, "clerk", &["a"], &[]).await;
    let RoleHeld::Changed(_, mut last) = grant(&*t.store, alice.id, "clerk", "shop").await else { panic!() };
    let (user, number) = (alice.id, alice.number);
    for round in 0..20 {
        let took = round % 2 == 0;
        let raced = t
            .race(6, |node, nth| async move {
                if nth == 3 {
                    let held = if took {
                        revoke(&*node, user, "clerk", "shop").await
                    } else {
                        grant(&*node, user, "clerk", "shop").await
                    };
                    let RoleHeld::Changed(_, version) = held else { panic!("{held:?}") };
                    return (None, version);
                }
                let held = node.held_for(number, "shop").await.unwrap();
                (Some(!held.roles.is_empty()), held.version)
            })
            .await;
        let changed = raced.iter().find(|(has, _)| has.is_none()).unwrap().1;
        assert!(changed > last);
        for (has, version) in raced.iter().filter_map(|(has, version)| Some(((*has)?, *version))) {
            assert!(version == last || version == changed, "{version} is neither {last} nor {changed}");
            assert_eq!(has, (version == changed) != took, "of version {version}, changed at {changed}");
        }
        let after = t.other.held_for(number, "shop").await.unwrap();
        assert_eq!((after.roles.is_empty(), after.version), (took, changed));
        last = changed;
    }
}

/// Somebody's roles at the back end `shop`, and the version that a token of theirs would bear.
async fn roles_at_shop(t: &Bench, user: &SignedIn) -> (String, i64) {
    let held = t.other.held_for(user.user().number, "shop").await.unwrap();
    let names: Vec<String> = held.roles.into_iter().map(|(name, _)| name).collect();
    (names.join(" "), held.version)
}

/// Tokens of before are outdated by a version that the roles of now come with, as after any other change of roles.
pub(in crate::store) async fn roles_go_over_with_a_new_version_and_go_back(t: Bench) {
    let (alice, bob) = (sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "bob", at(0)).await);
    for role in ["clerk", "reader"] {
        define(&*t.store, role, &[], &[]).await;
    }
    for (user, role, audience) in [(&bob, "clerk", "shop"), (&bob, "reader", ""), (&alice, "reader", "")] {
        let given = grant(&*t.store, user.user().id, role, audience).await;
        assert!(matches!(given, RoleHeld::Changed(..)), "{given:?}");
    }
    let (_, before) = roles_at_shop(&t, &alice).await;
    let plan = merge(&*t.store, bob.user().id, alice.user().id, at(5)).await;
    let (held, version) = roles_at_shop(&t, &alice).await;
    assert_eq!((held.as_str(), plan.roles_version), ("clerk reader", Some(version)));
    assert!(version > before, "{version} {before}");
    let outdated_by = async |user: &SignedIn| {
        let version = t.other.user(user.user().id).await.unwrap().unwrap().roles_version.unwrap();
        let told = told(&*t.other).await.contains(&EventKind::RolesOfUser(user.user().id, version));
        assert!(told, "{version}");
        version
    };
    assert_eq!(outdated_by(&alice).await, version);

    assert!(matches!(unmerge(&*t.other, bob.user().id, at(7)).await, Unmerged::Done { .. }));
    for (user, has) in [(&bob, "clerk reader"), (&alice, "reader")] {
        assert_eq!(roles_at_shop(&t, user).await.0, has);
        assert!(outdated_by(user).await > version);
    }
}

/// A role that stayed behind at a later merge, since the next one had it too, is still whose it was; one that was given since
/// stays with who had become of them.
pub(in crate::store) async fn each_gets_their_own_role_back(t: Bench) {
    let mut people = Vec::new();
    for person in ["carol", "bob", "alice"] {
        people.push(sign_in(&*t.store, person, at(0)).await);
    }
    let [carol, bob, alice] = &people[..] else { panic!("three") };
    define(&*t.store, "clerk", &[], &[]).await;
    for user in [carol, alice] {
        grant(&*t.store, user.user().id, "clerk", "shop").await;
    }
    merge(&*t.store, carol.user().id, bob.user().id, at(1)).await;
    let second = merge(&*t.store, bob.user().id, alice.user().id, at(2)).await;
    assert_eq!(second.moved.roles, [], "alice has it herself");
    define(&*t.store, "reader", &[], &[]).await;
    grant(&*t.store, carol.user().id, "reader", "").await;
    for user in [bob, carol] {
        assert!(matches!(unmerge(&*t.store, user.user().id, at(3)).await, Unmerged::Done { .. }));
    }
    for (user, has) in [(carol, "clerk"), (bob, ""), (alice, "clerk reader")] {
        assert_eq!(roles_at_shop(&t, user).await.0, has, "{}", user.user().number);
    }
}

pub(in crate::store) async fn a_merge_gives_nobody_more_roles_than_they_may_have(t: Bench) {
    let (alice, bob) = (sign_in(&*t.store, "alice", at(0)).await, sign_in(&*t.store, "bob", at(0)).await);
    for nth in 0..MOST_HELD + 8 {
        define(&*t.store, &format!("role{nth}"), &[], &[]).await;
        let user = if nth % 2 == 0 { &alice } else { &bob };
        grant(&*t.store, user.user().id, &format!("role{nth}"), "").await;
    }
    let plan = merge(&*t.store, bob.user().id, alice.user().id, at(5)).await;
    assert_eq!(plan.into.roles.len() + plan.moved.roles.len(), MOST_HELD);
    assert_eq!(t.other.roles_of(alice.user().number).await.unwrap().len(), MOST_HELD);
    assert!(matches!(unmerge(&*t.store, bob.user().id, at(6)).await, Unmerged::Done { .. }));
    for user in [&alice, &bob] {
        assert_eq!(t.other.roles_of(user.user().number).await.unwrap().len(), MOST_HELD / 2 + 4);
    }
}

/// Each waits for the other's turn, and none for one who waits for it.
pub(in crate::store) async fn merges_that_race_changes_of_roles_lose_none(t: Bench) {
    for nth in 0..6 {
        define(&*t.store, &format!("role{nth}"), &[], &[]).await;
    }
    for round in 0..4 {
        let stays = sign_in(&*t.store, &format!("stays {round}"), at(0)).await;
        let goes = sign_in(&*t.store, &format!("goes {round}"), at(0)).await;
        let (into, from) = (stays.user().id, goes.user().id);
        grant(&*t.store, from, "role0", "shop").await;
        let versions = t
            .race(6, |node, nth| async move {
                if nth == 0 {
                    return merge(&*node, from, into, at(1)).await.roles_version;
                }
                let user = if nth % 2 == 0 { from } else { into };
                let held = grant(&*node, user, &format!("role{nth}"), "shop").await;
                let RoleHeld::Changed(_, version) = held else { panic!("{held:?}") };
                Some(version)
            })
            .await;
        let versions: BTreeSet<i64> =
            versions.into_iter().map(|version| version.expect("each changes roles")).collect();
        let (held, last) = roles_at_shop(&t, &stays).await;
        assert_eq!(held, "role0 role1 role2 role3 role4 role5", "round {round}");
        assert_eq!((versions.len(), versions.last()), (6, Some(&last)), "round {round}: each has one of its own");
    }
}

pub(in crate::store) async fn pages_of_who_has_a_role_follow_each_other(t: Bench) {
    let role = define(&*t.store, "clerk", &[], &[]).await.number;
    define(&*t.store, "other", &[], &[]).await;
    let mut people = Vec::new();
    for nth in 0..5 {
        let user = sign_in(&*t.store, &format!("person{nth}"), at(nth)).await.user().id;
        grant(&*t.store, user, "clerk", if nth == 3 { "shop" } else { "" }).await;
        grant(&*t.store, user, "other", "").await;
        people.push(user);
    }
    let (mut after, mut found) = ([0; 16], Vec::new());
    loop {
        let page = t.other.holders(role, after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = last.id;
        found.extend(page.into_iter().map(|holder| (holder.user, holder.audience)));
    }
    let expected: Vec<_> =
        people.into_iter().enumerate().map(|(nth, user)| (user, (nth == 3).then(|| "shop".to_owned()))).collect();
    assert_eq!(found, expected);
}

pub(in crate::store) async fn a_version_is_ahead_of_one_that_a_backup_brought_back(t: Bench) {
    let alice = sign_in(&*t.store, "alice", at(0)).await.user().clone();
    define(&*t.store, "clerk", &[], &[]).await;
    let RoleHeld::Changed(_, before) = grant(&*t.store, alice.id, "clerk", "").await else { panic!() };
    (t.raw)("UPDATE roles_counter SET version = 7");
    let later = HoldingRole { turn: turn(at(60)), ..holding(alice.id, "clerk", "") };
    let RoleHeld::Changed(_, after) = t.store.revoke_role(later).await.unwrap() else { panic!() };
    assert!(after > before, "{after} {before}");
}
