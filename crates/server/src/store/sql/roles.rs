//! Roles, and who has them. Each change holds the counter's row to its end, so changes come one after the other.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{Timestamp, UserId};

use super::Database;
use super::accounts::locked;
use super::connection::Connection;
use super::events::{tell, write_audit};
use super::statement::statements;
use super::value::values;
use crate::store::role_rows::{self, role_columns};
use crate::store::role_rules::{self, Defined, Rewritten};
use crate::store::roles::{MOST_HELD, numbers_text, texts_text, whole_text};
use crate::store::rows;
use crate::store::{
    EventKind, Held, HeldRole, Holder, HoldingRole, PuttingRole, Result, RoleHeld, RoleName, RolePut, RoleRow,
    RoleTurn, Roles, RolesTold,
};

macro_rules! added {
    ($into:literal, $otherwise:literal) => {
        concat!("INSERT INTO ", $into, $otherwise)
    };
}

statements! {
    TURN on roles_counter = both("SELECT version FROM roles_counter WHERE id = 1 FOR UPDATE");
    FIRST on roles_counter = each(
        added!("roles_counter (id, version) VALUES (1, 0)", " ON CONFLICT DO NOTHING"),
        added!("roles_counter (id, version) VALUES (1, 0)", ""),
    );
    COUNT_ON on roles_counter = both("UPDATE roles_counter SET version = ?1 WHERE id = 1");
    ALL on roles = both(concat!("SELECT ", role_columns!(), " FROM roles WHERE removed_at IS NULL"));
    ADD on roles = both("INSERT INTO roles (number, name, audience, description, permissions, includes, whole, version, changed_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    CHANGE on roles = both("UPDATE roles SET description = ?2, permissions = ?3, includes = ?4, whole = ?5, version = ?6,
        changed_at = ?7 WHERE number = ?1");
    REMOVE on roles = both("UPDATE roles SET name = NULL, removed_at = ?2 WHERE number = ?1");
    GIVE on user_roles = each(
        added!("user_roles (id, user_number, role, audience, granted_at) VALUES (?1, ?2, ?3, ?4, ?5)", " ON CONFLICT DO NOTHING"),
        added!("user_roles (id, user_number, role, audience, granted_at) VALUES (?1, ?2, ?3, ?4, ?5)", ""),
    );
    TAKE on user_roles = both("DELETE FROM user_roles WHERE user_number = ?1 AND role = ?2 AND audience = ?3");
    COUNT on user_roles = both("SELECT count(*) FROM user_roles h JOIN roles r ON r.number = h.role
        WHERE h.user_number = ?1 AND r.removed_at IS NULL");
    STAMP on users = both("UPDATE users SET roles_version = ?2 WHERE number = ?1");
    HELD on roles_counter = both("SELECT c.version, r.name, r.whole FROM roles_counter c
        LEFT JOIN user_roles h ON h.user_number = ?1 AND h.audience IN ('', ?2) LEFT JOIN roles r ON r.number = h.role WHERE c.id = 1");
    OF_USER on user_roles = both("SELECT r.name, r.audience, h.audience, h.granted_at FROM user_roles h
        JOIN roles r ON r.number = h.role WHERE h.user_number = ?1 AND r.removed_at IS NULL");
    HOLDERS on user_roles = both("SELECT h.id, u.id, u.number, u.nickname, h.audience, h.granted_at FROM user_roles h
        JOIN users u ON u.number = h.user_number WHERE h.role = ?1 AND h.id > ?2 ORDER BY h.id LIMIT ?3");
    REMOVED on roles = both("SELECT number FROM roles WHERE removed_at < ?1");
    LEFT on user_roles = each(
        "DELETE FROM user_roles WHERE id = ANY (ARRAY(SELECT id FROM user_roles WHERE role = ?1 LIMIT ?2 FOR UPDATE SKIP LOCKED))",
        "DELETE FROM user_roles WHERE role = ?1 LIMIT ?2",
    );
    FORGET on roles = each(
        "DELETE FROM roles r WHERE r.number = ?1 AND NOT EXISTS (SELECT 1 FROM user_roles h WHERE h.role = r.number)",
        "DELETE FROM roles WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM user_roles h WHERE h.role = roles.number)",
    );
}

#[async_trait]
impl Roles for Database {
    async fn roles(&self) -> Result<Vec<RoleRow>> {
        self.pool.rows(&ALL, &[], role_rows::role).await.map(role_rules::by_name)
    }

    async fn put_role(&self, putting: PuttingRole) -> Result<RolePut> {
        self.transact(&putting, |on, putting| put(on, putting).boxed()).await
    }

    async fn remove_role(&self, name: RoleName, turn: RoleTurn) -> Result<Option<RolesTold>> {
        self.transact(&(name, turn), |on, (name, turn)| remove(on, name, turn).boxed()).await
    }

    async fn grant_role(&self, granting: HoldingRole) -> Result<RoleHeld> {
        self.transact(&granting, |on, granting| grant(on, granting).boxed()).await
    }

    async fn revoke_role(&self, revoking: HoldingRole) -> Result<RoleHeld> {
        self.transact(&revoking, |on, revoking| revoke(on, revoking).boxed()).await
    }

    async fn held_for(&self, user: i64, audience: &str) -> Result<Held> {
        self.pool.rows(&HELD, values![user, audience], role_rows::held).await.map(role_rules::held)
    }

    async fn roles_of(&self, user: i64) -> Result<Vec<HeldRole>> {
        self.pool.rows(&OF_USER, values![user], role_rows::held_role).await.map(role_rules::in_order)
    }

    async fn holders(&self, role: i64, after: [u8; 16], limit: u32) -> Result<Vec<Holder>> {
        self.pool.rows(&HOLDERS, values![role, &after, limit], role_rows::holder).await
    }
}

/// The version of a change: whoever changes roles, too, waits for the end of the caller's transaction. Taken after people's rows
/// and before those of roles, so that no two wait for each other.
async fn turn(on: &mut Connection<'_>, now: Timestamp) -> Result<i64> {
    loop {
        if let Some(last) = TURN.row(on, &[], rows::value).await? {
            return Ok(role_rules::next_version(last, now));
        }
        FIRST.add(on, &[]).await?;
    }
}

async fn all(on: &mut Connection<'_>) -> Result<Vec<RoleRow>> {
    ALL.rows(on, &[], role_rows::role).await.map(role_rules::by_name)
}

async fn put(on: &mut Connection<'_>, putting: &PuttingRole) -> Result<RolePut> {
    let version = turn(on, putting.turn.now).await?;
    let all = all(on).await?;
    let rewritten = match role_rules::put(&all, putting, version) {
        Err(refused) => return Ok(RolePut::Refused(refused)),
        Ok(Defined::Same(row)) => return Ok(RolePut::Unchanged(row)),
        Ok(Defined::Changed(rewritten)) => rewritten,
    };
    let own = &rewritten.own;
    if rewritten.is_new {
        let (name, audience) = (&own.name.name, own.name.stored_audience());
        let (permissions, includes) = (texts_text(&own.permissions), numbers_text(&own.includes));
        let whole = whole_text(&own.whole);
        let values = values![
            own.number,
            name,
            audience,
            &own.description,
            &permissions,
            &includes,
            &whole,
            version,
            own.changed_at
        ];
        ADD.run(on, values).await?;
    } else {
        change(on, own).await?;
    }
    let told = tell_all(on, &rewritten, version, &putting.turn).await?;
    Ok(RolePut::Put(rewritten.own, told))
}

async fn remove(on: &mut Connection<'_>, name: &RoleName, now: &RoleTurn) -> Result<Option<RolesTold>> {
    let version = turn(on, now.now).await?;
    let all = all(on).await?;
    let Some(rewritten) = role_rules::remove(&all, name, version, now.now) else { return Ok(None) };
    REMOVE.run(on, values![rewritten.own.number, now.now]).await?;
    tell_all(on, &rewritten, version, now).await.map(Some)
}

async fn change(on: &mut Connection<'_>, row: &RoleRow) -> Result<()> {
    let (permissions, includes) = (texts_text(&row.permissions), numbers_text(&row.includes));
    let whole = whole_text(&row.whole);
    let values = values![row.number, &row.description, &permissions, &includes, &whole, row.version, row.changed_at];
    CHANGE.run(on, values).await.map(drop)
}

/// Writes the roles that change with one, moves the counter, tells the feed and writes the audit.
async fn tell_all(on: &mut Connection<'_>, rewritten: &Rewritten, version: i64, turn: &RoleTurn) -> Result<RolesTold> {
    for row in &rewritten.others {
        change(on, row).await?;
    }
    COUNT_ON.run(on, values![version]).await?;
    for name in &rewritten.names {
        let kind = EventKind::RoleChanged(name.clone(), version);
        tell(on, &kind, role_rules::REASON, (turn.now, turn.until())).await?;
    }
    write_audit(on, &turn.audit, turn.now).await?;
    Ok(rewritten.told(version))
}

async fn grant(on: &mut Connection<'_>, granting: &HoldingRole) -> Result<RoleHeld> {
    let HoldingRole { user, role, audience, id, turn: now } = granting;
    let found = locked(on, *user).await?.filter(|user| user.erased_at.is_none());
    let Some(user) = found else { return Ok(RoleHeld::UserUnknown) };
    let version = turn(on, now.now).await?;
    let all = all(on).await?;
    let Some(role) = role_rules::meant(&all, role, audience.as_deref()) else { return Ok(RoleHeld::RoleUnknown) };
    let audience = audience.as_deref().unwrap_or_default();
    if !GIVE.add(on, values![id, user.number, role.number, audience, now.now]).await? {
        return Ok(RoleHeld::Unchanged);
    }
    if COUNT.row(on, values![user.number], rows::value::<i64>).await? > i64::try_from(MOST_HELD).ok() {
        TAKE.run(on, values![user.number, role.number, audience]).await?;
        return Ok(RoleHeld::TooMany);
    }
    stamp(on, (user.number, user.id), version, now).await
}

async fn revoke(on: &mut Connection<'_>, revoking: &HoldingRole) -> Result<RoleHeld> {
    let HoldingRole { user, role, audience, turn: now, .. } = revoking;
    let Some(user) = locked(on, *user).await? else { return Ok(RoleHeld::UserUnknown) };
    let version = turn(on, now.now).await?;
    let all = all(on).await?;
    let mut taken = 0;
    let meant: Vec<i64> = role_rules::all_meant(&all, role, audience.as_deref()).collect();
    for role in &meant {
        taken += TAKE.run(on, values![user.number, *role, audience.as_deref().unwrap_or_default()]).await?;
    }
    match (taken, meant.is_empty()) {
        (0, true) => Ok(RoleHeld::RoleUnknown),
        (0, false) => Ok(RoleHeld::Unchanged),
        _ => stamp(on, (user.number, user.id), version, now).await,
    }
}

/// From now on every token of theirs that is older is outdated.
async fn stamp(
    on: &mut Connection<'_>,
    (number, user): (i64, UserId),
    version: i64,
    turn: &RoleTurn,
) -> Result<RoleHeld> {
    COUNT_ON.run(on, values![version]).await?;
    STAMP.run(on, values![number, version]).await?;
    let kind = EventKind::RolesOfUser(user, version);
    tell(on, &kind, role_rules::REASON, (turn.now, turn.until())).await?;
    write_audit(on, &turn.line(user), turn.now).await?;
    Ok(RoleHeld::Changed(user, version))
}

/// The same of somebody whose roles came or went with a merge, which says so to the audit; the version.
pub(super) async fn moved(
    on: &mut Connection<'_>,
    (number, user): (i64, UserId),
    times: (Timestamp, Timestamp),
) -> Result<i64> {
    let version = turn(on, times.0).await?;
    COUNT_ON.run(on, values![version]).await?;
    STAMP.run(on, values![number, version]).await?;
    tell(on, &EventKind::RolesOfUser(user, version), role_rules::REASON, times).await?;
    Ok(version)
}

/// Takes removed roles from those who had them, and forgets each that nobody had any more.
pub(super) async fn sweep(on: &mut Connection<'_>, (now, batch): (Timestamp, u32)) -> Result<u64> {
    let mut swept = 0;
    for role in REMOVED.rows(on, values![now], rows::value::<i64>).await? {
        let taken = LEFT.run(on, values![role, batch]).await?;
        swept += taken;
        if taken == 0 {
            swept += FORGET.run(on, values![role]).await?;
        }
        if swept >= u64::from(batch) {
            break;
        }
    }
    Ok(swept)
}
