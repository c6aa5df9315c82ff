//! What a role comes to with the roles in it, and what changes with one of them: the same on every back end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::roles::{
    Held, HeldRole, MOST_PERMISSIONS, MOST_ROLES, PuttingRole, RoleName, RoleRefused, RoleRow, RolesTold, Whole,
};
use menjin_token::Timestamp;

/// The code of the 401 that outdated tokens get.
pub(super) const REASON: &str = "token_expired";

/// The version that follows. It is ahead of every one that was ever given, also where a backup brought an older counter back:
/// tokens may hold one that is not known any more.
pub(super) fn next_version(last: i64, now: Timestamp) -> i64 {
    last.saturating_add(1).max(now.millis())
}

/// The version after a restore: ahead of every one that was given since the backup, also by a node whose clock was ahead.
pub(super) fn restored_version(now: Timestamp) -> i64 {
    now.plus(Duration::from_mins(1)).millis()
}

/// Rows to write for a change of roles, in the place of those that stood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// The role that was asked for, where one was defined.
    pub(super) own: RoleRow,
    /// Whether it is a new one.
    pub(super) is_new: bool,
    /// Others, that come to something else now.
    pub(super) others: Vec<RoleRow>,
    /// Names of all that come to something else.
    pub(super) names: Vec<String>,
}

impl Rewritten {
    pub(super) fn told(&self, version: i64) -> RolesTold {
        RolesTold { names: self.names.clone(), version }
    }
}

/// The role that `name` means to the audience of `within`: its own, else that of every one.
pub(super) fn meant<'r>(all: &'r [RoleRow], name: &str, within: Option<&str>) -> Option<&'r RoleRow> {
    let called = |audience: Option<&str>| {
        all.iter().find(|row| row.name.name == name && row.name.audience.as_deref() == audience)
    };
    within.and_then(|audience| called(Some(audience))).or_else(|| called(None))
}

/// The roles that somebody may have under this name for this audience, as [`meant`] found one or the other when they got it.
pub(super) fn all_meant<'r>(
    all: &'r [RoleRow],
    name: &'r str,
    audience: Option<&'r str>,
) -> impl Iterator<Item = i64> + 'r {
    let is_meant = move |row: &&RoleRow| {
        let own = row.name.audience.as_deref();
        row.name.name == name && (own.is_none() || own == audience)
    };
    all.iter().filter(is_meant).map(|row| row.number)
}

/// What a definition comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Defined {
    Changed(Rewritten),
    /// It stood so before.
    Same(RoleRow),
}

/// What a definition changes.
pub(super) fn put(all: &[RoleRow], putting: &PuttingRole, version: i64) -> Result<Defined, RoleRefused> {
    let PuttingRole { name, description, permissions, includes, turn } = putting;
    let before = all.iter().find(|row| row.name == *name);
    if before.is_none() && all.len() >= MOST_ROLES {
        return Err(RoleRefused::TooMany);
    }
    let mut numbers = BTreeSet::new();
    for included in includes {
        // The audience's own may have that of every one by its name in it, and no other itself.
        let within = if *included == name.name { None } else { name.audience.as_deref() };
        if *included == name.name && name.audience.is_none() {
            return Err(RoleRefused::Cycle);
        }
        let row = meant(all, included, within);
        numbers.insert(row.ok_or_else(|| RoleRefused::Unknown(included.clone()))?.number);
    }
    let own = RoleRow {
        number: before.map_or(version, |row| row.number),
        name: name.clone(),
        description: description.clone(),
        permissions: permissions.clone(),
        includes: numbers.into_iter().collect(),
        whole: Whole::default(),
        version,
        changed_at: turn.now,
    };
    let is_same = |row: &RoleRow| {
        (&row.description, &row.permissions, &row.includes) == (&own.description, &own.permissions, &own.includes)
    };
    if let Some(same) = before.filter(|row| is_same(row)) {
        return Ok(Defined::Same(same.clone()));
    }
    let mut rows: Vec<RoleRow> = all.iter().filter(|row| row.number != own.number).cloned().collect();
    rows.push(own);
    let mut changed = rewritten(all, &rows, version, turn.now)?;
    let own = changed.iter().position(|row| row.name == *name).map(|at| changed.remove(at));
    // What only describes it changes no token.
    let names: BTreeSet<String> = changed.iter().chain(&own).map(|row| row.name.name.clone()).collect();
    let own = own.map_or_else(|| with_whole(&by_number(&rows), &rows[rows.len() - 1]), Ok)?;
    let names = names.into_iter().collect();
    Ok(Defined::Changed(Rewritten { own, is_new: before.is_none(), others: changed, names }))
}

/// What a removal changes; `None` when there is no such role. `own` is the row that goes.
pub(super) fn remove(all: &[RoleRow], name: &RoleName, version: i64, now: Timestamp) -> Option<Rewritten> {
    let own = all.iter().find(|row| row.name == *name)?.clone();
    let without = |row: &RoleRow| {
        let includes = row.includes.iter().copied().filter(|number| *number != own.number).collect();
        RoleRow { includes, ..row.clone() }
    };
    let rows: Vec<RoleRow> = all.iter().filter(|row| row.number != own.number).map(without).collect();
    // Less in them, they are smaller than they were.
    let others = rewritten(all, &rows, version, now).unwrap_or_default();
    let names: BTreeSet<String> = others.iter().chain([&own]).map(|row| row.name.name.clone()).collect();
    Some(Rewritten { own, is_new: false, others, names: names.into_iter().collect() })
}

/// Those of `rows` that come to something else than they did, each with what it comes to.
fn rewritten(before: &[RoleRow], rows: &[RoleRow], version: i64, now: Timestamp) -> Result<Vec<RoleRow>, RoleRefused> {
    let (before, all) = (by_number(before), by_number(rows));
    let mut changed = Vec::new();
    for row in rows {
        let row = with_whole(&all, row)?;
        let is_same =
            before.get(&row.number).is_some_and(|before| before.whole == row.whole && before.includes == row.includes);
        if !is_same {
            changed.push(RoleRow { version, changed_at: now, ..row });
        }
    }
    Ok(changed)
}

fn by_number(rows: &[RoleRow]) -> BTreeMap<i64, &RoleRow> {
    rows.iter().map(|row| (row.number, row)).collect()
}

fn with_whole(all: &BTreeMap<i64, &RoleRow>, row: &RoleRow) -> Result<RoleRow, RoleRefused> {
    let (mut roles, mut permissions) = (BTreeSet::new(), BTreeSet::new());
    // Its own number may not come again below; any other may, as two roles may have a third in them.
    let (mut next, mut seen) = (vec![row], BTreeSet::from([row.number]));
    while let Some(one) = next.pop() {
        roles.insert(one.name.name.clone());
        permissions.extend(one.permissions.iter().cloned());
        for number in &one.includes {
            if *number == row.number {
                return Err(RoleRefused::Cycle);
            }
            if seen.insert(*number) {
                next.extend(all.get(number));
            }
        }
    }
    if permissions.len() > MOST_PERMISSIONS {
        return Err(RoleRefused::TooLarge);
    }
    let whole = Whole { roles: roles.into_iter().collect(), permissions: permissions.into_iter().collect() };
    Ok(RoleRow { whole, ..row.clone() })
}

/// What rows of the counter beside each role come to; a role that was removed has nothing to say.
pub(super) fn held(rows: Vec<(i64, Option<(String, Whole)>)>) -> Held {
    let version = rows.first().map_or(0, |(version, _)| *version);
    let mut roles: Vec<(String, Whole)> = rows.into_iter().filter_map(|(_, role)| role).collect();
    roles.sort_by(|one, other| one.0.cmp(&other.0));
    Held { version, roles }
}

/// The order in which roles are shown.
pub(super) fn by_name(mut rows: Vec<RoleRow>) -> Vec<RoleRow> {
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows
}

/// The order in which somebody's roles are shown.
pub(super) fn in_order(mut held: Vec<HeldRole>) -> Vec<HeldRole> {
    held.sort_by(|one, other| (&one.role, &one.audience).cmp(&(&other.role, &other.audience)));
    held
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::store::AuditLine;
    use crate::store::roles::RoleTurn;

    const NOW: Timestamp = Timestamp::from_secs(5);

    fn putting(name: &str, audience: Option<&str>, permissions: &[&str], includes: &[&str]) -> PuttingRole {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        PuttingRole {
            name: RoleName { name: name.to_owned(), audience: audience.map(str::to_owned) },
            description: None,
            permissions: texts(permissions),
            includes: texts(includes),
            turn: RoleTurn {
                now: NOW,
                began: Instant::now(),
                tokens_until: NOW,
                audit: AuditLine { action: "role.changed", actor: "operator", ..AuditLine::default() },
            },
        }
    }

    /// Carries a definition out; the names that are told.
    fn define(all: &mut Vec<RoleRow>, version: i64, putting: &PuttingRole) -> Result<Vec<String>, RoleRefused> {
        let Defined::Changed(Rewritten { own, others, names, .. }) = put(all, putting, version)? else {
            return Ok(Vec::new());
        };
        for row in others.into_iter().chain([own]) {
            all.retain(|it| it.number != row.number);
            all.push(row);
        }
        Ok(names)
    }

    fn whole(all: &[RoleRow], name: &str) -> (String, String) {
        let row = all.iter().find(|row| row.name.name == name).unwrap();
        (row.whole.roles.join(" "), row.whole.permissions.join(" "))
    }

    #[test]
    fn a_role_has_all_that_the_roles_in_it_have() {
        let mut all = Vec::new();
        define(&mut all, 1, &putting("reader", None, &["orders:read"], &[])).unwrap();
        define(&mut all, 2, &putting("clerk", None, &["orders:write"], &["reader"])).unwrap();
        define(&mut all, 3, &putting("boss", None, &["*"], &["clerk", "reader"])).unwrap();
        assert_eq!(whole(&all, "boss"), ("boss clerk reader".into(), "* orders:read orders:write".into()));
        // Whatever has it in itself changes with it, and is told.
        let told = define(&mut all, 4, &putting("reader", None, &["shop:read"], &[])).unwrap();
        assert_eq!(told, ["boss", "clerk", "reader"]);
        assert_eq!(whole(&all, "boss").1, "* orders:write shop:read");
        assert!(define(&mut all, 5, &putting("reader", None, &["shop:read"], &[])).unwrap().is_empty());
        let removed = remove(&all, &RoleName::everywhere("clerk"), 6, NOW).unwrap();
        assert_eq!(removed.names, ["boss", "clerk"]);
        assert_eq!(removed.others[0].whole.roles, ["boss", "reader"]);
    }

    #[test]
    fn a_cycle_is_refused_wherever_it_closes() {
        let mut all = Vec::new();
        define(&mut all, 1, &putting("a", None, &[], &[])).unwrap();
        define(&mut all, 2, &putting("b", None, &[], &["a"])).unwrap();
        define(&mut all, 3, &putting("c", None, &[], &["b"])).unwrap();
        for includes in [["a"], ["b"], ["c"]] {
            let refused = define(&mut all, 4, &putting("a", None, &[], &includes));
            assert_eq!(refused, Err(RoleRefused::Cycle), "{includes:?}");
        }
        assert_eq!(define(&mut all, 4, &putting("new", None, &[], &["new"])), Err(RoleRefused::Cycle));
        assert_eq!(define(&mut all, 4, &putting("a", None, &[], &["d"])), Err(RoleRefused::Unknown("d".into())));
    }

    #[test]
    fn a_name_means_the_audience_s_own_role_and_else_that_of_every_one() {
        let mut all = Vec::new();
        define(&mut all, 1, &putting("reader", None, &["read"], &[])).unwrap();
        define(&mut all, 2, &putting("reader", Some("wiki"), &["pages:read"], &[])).unwrap();
        define(&mut all, 3, &putting("clerk", Some("shop"), &[], &["reader"])).unwrap();
        define(&mut all, 4, &putting("editor", Some("wiki"), &[], &["reader"])).unwrap();
        assert_eq!(whole(&all, "clerk").1, "read");
        assert_eq!(whole(&all, "editor").1, "pages:read");
        // One of every audience has none of a single one in it.
        let refused = define(&mut all, 5, &putting("all", None, &[], &["editor"]));
        assert_eq!(refused, Err(RoleRefused::Unknown("editor".into())));
        // The audience's own may have the other of its name in it.
        for (version, permission) in [(6, "pages:write"), (7, "pages:*")] {
            define(&mut all, version, &putting("reader", Some("wiki"), &[permission], &["reader"])).unwrap();
            assert_eq!(whole(&all, "editor").1, format!("{permission} read"));
        }
    }

    #[test]
    fn there_are_bounds() {
        let many: Vec<String> = (0..=MOST_PERMISSIONS).map(|nth| format!("p{nth}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut all = Vec::new();
        define(&mut all, 1, &putting("a", None, &many[..MOST_PERMISSIONS], &[])).unwrap();
        let refused = define(&mut all, 2, &putting("b", None, &many[MOST_PERMISSIONS..], &["a"]));
        assert_eq!(refused, Err(RoleRefused::TooLarge));
        for nth in 1..MOST_ROLES {
            let version = i64::try_from(nth).unwrap() + 10;
            define(&mut all, version, &putting(&format!("role{nth}"), None, &[], &[])).unwrap();
        }
        assert_eq!(define(&mut all, 999, &putting("more", None, &[], &[])), Err(RoleRefused::TooMany));
        assert!(define(&mut all, 999, &putting("a", None, &[], &[])).is_ok(), "one that is there");
    }

    #[test]
    fn a_version_is_ahead_of_all_before() {
        let now = Timestamp::from_millis(1000);
        assert_eq!([next_version(0, now), next_version(1000, now), next_version(5000, now)], [1000, 1001, 5001]);
    }
}
