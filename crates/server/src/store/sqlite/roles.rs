//! Roles, and who has them, in `SQLite`.

use async_trait::async_trait;
use menjin_token::{Timestamp, UserId};
use rusqlite::{Connection, params};

use super::Sqlite;
use super::events::{tell, write_audit};
use super::people::by_id;
use super::sql::statements;
use crate::store::role_rows::{self, role_columns};
use crate::store::role_rules::{self, Defined, Rewritten};
use crate::store::roles::{MOST_HELD, numbers_text, texts_text, whole_text};
use crate::store::rows;
use crate::store::{
    EventKind, Held, HeldRole, Holder, HoldingRole, PuttingRole, Result, RoleHeld, RoleName, RolePut, RoleRow,
    RoleTurn, Roles, RolesTold, UserRow,
};

statements! {
    VERSION on roles_counter = "SELECT version FROM roles_counter WHERE id = 1";
    FIRST on roles_counter = "INSERT INTO roles_counter (id, version) VALUES (1, 0)";
    COUNT_ON on roles_counter = "UPDATE roles_counter SET version = ?1 WHERE id = 1";
    ALL on roles = "SELECT ", role_columns!(), " FROM roles WHERE removed_at IS NULL";
    ADD on roles = "INSERT INTO roles (number, name, audience, description, permissions, includes, whole, version, changed_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    CHANGE on roles = "UPDATE roles SET description = ?2, permissions = ?3, includes = ?4, whole = ?5, version = ?6,
        changed_at = ?7 WHERE number = ?1";
    REMOVE on roles = "UPDATE roles SET name = NULL, removed_at = ?2 WHERE number = ?1";
    GIVE on user_roles = "INSERT INTO user_roles (id, user_number, role, audience, granted_at) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO NOTHING";
    TAKE on user_roles = "DELETE FROM user_roles WHERE user_number = ?1 AND role = ?2 AND audience = ?3";
    COUNT on user_roles = "SELECT count(*) FROM user_roles h CROSS JOIN roles r ON r.number = h.role
        WHERE h.user_number = ?1 AND r.removed_at IS NULL";
    STAMP on users = "UPDATE users SET roles_version = ?2 WHERE number = ?1";
    HELD on roles_counter = "SELECT c.version, r.name, r.whole FROM roles_counter c
        LEFT JOIN user_roles h ON h.user_number = ?1 AND h.audience IN ('', ?2) LEFT JOIN roles r ON r.number = h.role WHERE c.id = 1";
    OF_USER on user_roles = "SELECT r.name, r.audience, h.audience, h.granted_at FROM user_roles h
        CROSS JOIN roles r ON r.number = h.role WHERE h.user_number = ?1 AND r.removed_at IS NULL";
    HOLDERS on user_roles = "SELECT h.id, u.id, u.number, u.nickname, h.audience, h.granted_at FROM user_roles h
        JOIN users u ON u.number = h.user_number WHERE h.role = ?1 AND h.id > ?2 ORDER BY h.id LIMIT ?3";
    REMOVED on roles = "SELECT number FROM roles WHERE removed_at < ?1";
    LEFT on user_roles = "DELETE FROM user_roles WHERE id IN (SELECT id FROM user_roles WHERE role = ?1 LIMIT ?2)";
    FORGET on roles = "DELETE FROM roles WHERE number = ?1";
}

#[async_trait]
impl Roles for Sqlite {
    async fn roles(&self) -> Result<Vec<RoleRow>> {
        self.read(all)
    }

    async fn put_role(&self, putting: PuttingRole) -> Result<RolePut> {
        self.write(move |connection| put(connection, &putting)).await
    }

    async fn remove_role(&self, name: RoleName, turn: RoleTurn) -> Result<Option<RolesTold>> {
        self.write(move |connection| remove(connection, &name, &turn)).await
    }

    async fn grant_role(&self, granting: HoldingRole) -> Result<RoleHeld> {
        self.write(move |connection| grant(connection, &granting)).await
    }

    async fn revoke_role(&self, revoking: HoldingRole) -> Result<RoleHeld> {
        self.write(move |connection| revoke(connection, &revoking)).await
    }

    async fn held_for(&self, user: i64, audience: &str) -> Result<Held> {
        self.read(|connection| HELD.rows(connection, params![user, audience], role_rows::held)).map(role_rules::held)
    }

    async fn roles_of(&self, user: i64) -> Result<Vec<HeldRole>> {
        self.read(|connection| OF_USER.rows(connection, [user], role_rows::held_role)).map(role_rules::in_order)
    }

    async fn holders(&self, role: i64, after: [u8; 16], limit: u32) -> Result<Vec<Holder>> {
        self.read(|connection| HOLDERS.rows(connection, params![role, after, limit], role_rows::holder))
    }
}

fn all(connection: &Connection) -> Result<Vec<RoleRow>> {
    ALL.rows(connection, [], role_rows::role).map(role_rules::by_name)
}

/// The version of a change, in the caller's transaction. Nobody else's change comes between.
fn version(connection: &Connection, now: Timestamp) -> Result<i64> {
    let last = VERSION.value(connection, [])?;
    if last.is_none() {
        FIRST.run(connection, [])?;
    }
    Ok(role_rules::next_version(last.unwrap_or_default(), now))
}

fn put(connection: &Connection, putting: &PuttingRole) -> Result<RolePut> {
    let turn = &putting.turn;
    let (all, version) = (all(connection)?, version(connection, turn.now)?);
    let rewritten = match role_rules::put(&all, putting, version) {
        Err(refused) => return Ok(RolePut::Refused(refused)),
        Ok(Defined::Same(row)) => return Ok(RolePut::Unchanged(row)),
        Ok(Defined::Changed(rewritten)) => rewritten,
    };
    let own = &rewritten.own;
    if rewritten.is_new {
        let (name, audience) = (&own.name.name, own.name.stored_audience());
        let (permissions, includes) = (texts_text(&own.permissions), numbers_text(&own.includes));
        let (whole, changed_at) = (whole_text(&own.whole), own.changed_at.millis());
        let description = &own.description;
        let values =
            params![own.number, name, audience, description, permissions, includes, whole, version, changed_at];
        ADD.run(connection, values)?;
    } else {
        change(connection, own)?;
    }
    let told = tell_all(connection, &rewritten, version, turn)?;
    Ok(RolePut::Put(rewritten.own, told))
}

fn remove(connection: &Connection, name: &RoleName, turn: &RoleTurn) -> Result<Option<RolesTold>> {
    let (all, version) = (all(connection)?, version(connection, turn.now)?);
    let Some(rewritten) = role_rules::remove(&all, name, version, turn.now) else { return Ok(None) };
    REMOVE.run(connection, params![rewritten.own.number, turn.now.millis()])?;
    tell_all(connection, &rewritten, version, turn).map(Some)
}

fn change(connection: &Connection, row: &RoleRow) -> Result<()> {
    let (permissions, includes) = (texts_text(&row.permissions), numbers_text(&row.includes));
    let (whole, changed_at) = (whole_text(&row.whole), row.changed_at.millis());
    let values = params![row.number, row.description, permissions, includes, whole, row.version, changed_at];
    CHANGE.run(connection, values).map(drop)
}

/// Writes the roles that change with one, moves the counter, tells the feed and writes the audit.
fn tell_all(connection: &Connection, rewritten: &Rewritten, version: i64, turn: &RoleTurn) -> Result<RolesTold> {
    for row in &rewritten.others {
        change(connection, row)?;
    }
    COUNT_ON.run(connection, [version])?;
    for name in &rewritten.names {
        let kind = EventKind::RoleChanged(name.clone(), version);
        tell(connection, &kind, role_rules::REASON, turn.now, turn.until())?;
    }
    write_audit(connection, &turn.audit, turn.now)?;
    Ok(rewritten.told(version))
}

fn grant(connection: &Connection, granting: &HoldingRole) -> Result<RoleHeld> {
    let found = by_id(connection, granting.user)?.filter(|user| user.erased_at.is_none());
    let Some(user) = found else { return Ok(RoleHeld::UserUnknown) };
    let all = all(connection)?;
    let Some(role) = role_rules::meant(&all, &granting.role, granting.audience.as_deref()) else {
        return Ok(RoleHeld::RoleUnknown);
    };
    let now = granting.turn.now.millis();
    let audience = granting.audience.as_deref().unwrap_or_default();
    if GIVE.run(connection, params![granting.id, user.number, role.number, audience, now])? == 0 {
        return Ok(RoleHeld::Unchanged);
    }
    if COUNT.value::<i64>(connection, [user.number])? > i64::try_from(MOST_HELD).ok() {
        TAKE.run(connection, params![user.number, role.number, audience])?;
        return Ok(RoleHeld::TooMany);
    }
    stamp(connection, &user, &granting.turn)
}

fn revoke(connection: &Connection, revoking: &HoldingRole) -> Result<RoleHeld> {
    let Some(user) = by_id(connection, revoking.user)? else { return Ok(RoleHeld::UserUnknown) };
    let all = all(connection)?;
    let mut taken = 0;
    let meant: Vec<i64> = role_rules::all_meant(&all, &revoking.role, revoking.audience.as_deref()).collect();
    for role in &meant {
        let audience = revoking.audience.as_deref().unwrap_or_default();
        taken += TAKE.run(connection, params![user.number, role, audience])?;
    }
    match (taken, meant.is_empty()) {
        (0, true) => Ok(RoleHeld::RoleUnknown),
        (0, false) => Ok(RoleHeld::Unchanged),
        _ => stamp(connection, &user, &revoking.turn),
    }
}

/// From now on every token of theirs that is older is outdated.
fn stamp(connection: &Connection, user: &UserRow, turn: &RoleTurn) -> Result<RoleHeld> {
    let version = version(connection, turn.now)?;
    COUNT_ON.run(connection, [version])?;
    STAMP.run(connection, params![user.number, version])?;
    let kind = EventKind::RolesOfUser(user.id, version);
    tell(connection, &kind, role_rules::REASON, turn.now, turn.until())?;
    write_audit(connection, &turn.line(user.id), turn.now)?;
    Ok(RoleHeld::Changed(user.id, version))
}

/// The same of somebody whose roles came or went with a merge, which says so to the audit; the version.
pub(super) fn moved(
    connection: &Connection,
    (number, user): (i64, UserId),
    (now, until): (Timestamp, Timestamp),
) -> Result<i64> {
    let version = version(connection, now)?;
    COUNT_ON.run(connection, [version])?;
    STAMP.run(connection, params![number, version])?;
    tell(connection, &EventKind::RolesOfUser(user, version), role_rules::REASON, now, until)?;
    Ok(version)
}

/// Takes removed roles from those who had them, and forgets each that nobody had any more.
pub(super) fn sweep(connection: &Connection, now: Timestamp, batch: u32) -> Result<usize> {
    let mut swept = 0;
    for role in REMOVED.rows(connection, [now.millis()], rows::value::<i64>)? {
        let taken = LEFT.run(connection, params![role, batch])?;
        swept += taken;
        if taken == 0 {
            swept += FORGET.run(connection, [role])?;
        }
        if swept >= batch as usize {
            break;
        }
    }
    Ok(swept)
}
