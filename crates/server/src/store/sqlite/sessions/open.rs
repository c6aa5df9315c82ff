//! Opening a session: find or make the user, keep what the platform gave, make room, open; one transaction.

use menjin_token::{Id, IdentityId, SessionId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::end_one;
use crate::store::sqlite::events::write_audit;
use crate::store::sqlite::people::apply_profile;
use crate::store::sqlite::rows::{self, USER};
use crate::store::{AuditLine, Device, EndReason, Opened, Opening, PhoneChange, Result, Standing, UserRow};

pub(super) fn open(connection: &Connection, opening: Opening) -> Result<Opened> {
    let (identity, number, is_new_user) = find_or_make(connection, &opening)?;
    apply_profile(connection, number, &opening.profile, opening.now)?;
    if let Some(phone) = &opening.phone {
        bind_phone(connection, number, phone, opening.now)?;
    }
    let user = user(connection, number)?;
    if user.disabled_at.is_some() {
        return Ok(Opened::Disabled);
    }
    keep_session_key(connection, identity, &opening)?;
    let replaced = make_room(connection, number, &opening)?;
    insert_session(connection, identity, number, &opening)?;
    insert_grant(connection, &opening)?;
    connection
        .prepare_cached("UPDATE codes SET session = ?2 WHERE digest = ?1")?
        .execute(params![opening.code.0, opening.session.to_bytes()])?;
    write_audit(connection, &opened_line(&opening, &user, is_new_user), opening.now)?;
    let standing = Standing {
        grant: opening.grant,
        counter: 0,
        session: opening.session,
        app: opening.app,
        auth_time: opening.now,
        amr: opening.amr.to_owned(),
        idle_until: opening.idle_until,
        secret: opening.secret,
        user,
    };
    Ok(Opened::Open { standing: Box::new(standing), is_new_user, replaced })
}

/// The person of this identity; of another identity with the same unionid; or a new one.
fn find_or_make(connection: &Connection, opening: &Opening) -> Result<(IdentityId, i64, bool)> {
    let name = &opening.identity;
    let known: Option<(IdentityId, i64, Option<String>)> = connection
        .prepare_cached("SELECT id, user, unionid FROM identities WHERE platform = ?1 AND appid = ?2 AND openid = ?3")?
        .query_row(params![name.platform, name.appid, name.openid], |row| {
            Ok((rows::id(row, 0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    if let Some((identity, number, unionid)) = known {
        if let Some((new, account)) = &opening.unionid
            && unionid.as_ref() != Some(new)
        {
            connection
                .prepare_cached("UPDATE identities SET unionid = ?2, open_account = ?3 WHERE id = ?1")?
                .execute(params![identity.to_bytes(), new, account])?;
        }
        return Ok((identity, number, false));
    }
    let (number, is_new_user) = match by_unionid(connection, opening)? {
        Some(number) => (number, false),
        None => (insert_user(connection, opening)?, true),
    };
    connection
        .prepare_cached(
            "INSERT INTO identities (id, user, platform, appid, openid, open_account, unionid, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            opening.new_identity.to_bytes(),
            number,
            name.platform,
            name.appid,
            name.openid,
            opening.unionid.as_ref().map(|(_, account)| account),
            opening.unionid.as_ref().map(|(unionid, _)| unionid),
            opening.now.millis(),
        ])?;
    Ok((opening.new_identity, number, is_new_user))
}

fn by_unionid(connection: &Connection, opening: &Opening) -> Result<Option<i64>> {
    let Some((unionid, account)) = &opening.unionid else { return Ok(None) };
    let found = connection
        .prepare_cached(
            "SELECT user FROM identities WHERE platform = ?1 AND open_account = ?2 AND unionid = ?3 ORDER BY created_at, id LIMIT 1",
        )?
        .query_row(params![opening.identity.platform, account, unionid], |row| row.get(0))
        .optional()?;
    Ok(found)
}

fn insert_user(connection: &Connection, opening: &Opening) -> Result<i64> {
    connection
        .prepare_cached("INSERT INTO users (id, created_at, updated_at) VALUES (?1, ?2, ?2)")?
        .execute(params![opening.new_user.to_bytes(), opening.now.millis()])?;
    Ok(connection.last_insert_rowid())
}

fn user(connection: &Connection, number: i64) -> Result<UserRow> {
    let mut statement = connection.prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.number = ?1"))?;
    Ok(statement.query_row([number], |row| rows::user(row, 0))?)
}

/// The newest proof wins: numbers are recycled, so a former holder loses the number, never the account.
fn bind_phone(connection: &Connection, number: i64, phone: &PhoneChange, now: Timestamp) -> Result<()> {
    let former: Option<i64> = connection
        .prepare_cached("SELECT user FROM phones WHERE lookup = ?1 AND user <> ?2")?
        .query_row(params![phone.lookup, number], |row| row.get(0))
        .optional()?;
    if let Some(former) = former {
        connection.prepare_cached("DELETE FROM phones WHERE user = ?1")?.execute([former])?;
        connection
            .prepare_cached("UPDATE users SET phone_masked = NULL, updated_at = ?2 WHERE number = ?1")?
            .execute([former, now.millis()])?;
        let line = AuditLine {
            action: "phone.moved",
            actor: "user",
            user: Some(user(connection, former)?.id),
            ..AuditLine::default()
        };
        write_audit(connection, &line, now)?;
    }
    connection.prepare_cached("DELETE FROM phones WHERE user = ?1")?.execute([number])?;
    connection
        .prepare_cached("INSERT INTO phones (id, user, lookup, sealed, bound_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![phone.row, number, phone.lookup, phone.sealed, now.millis()])?;
    connection
        .prepare_cached("UPDATE users SET phone_masked = ?2, updated_at = ?3 WHERE number = ?1")?
        .execute(params![number, phone.masked, now.millis()])?;
    Ok(())
}

/// The newest key is kept; the one before serves a while longer.
fn keep_session_key(connection: &Connection, identity: IdentityId, opening: &Opening) -> Result<()> {
    let Some((row, sealed, digest)) = &opening.session_key else { return Ok(()) };
    let current: Option<([u8; 16], [u8; 32])> = connection
        .prepare_cached(
            "SELECT id, digest FROM session_keys WHERE identity = ?1 AND superseded_at IS NULL ORDER BY obtained_at DESC LIMIT 1",
        )?
        .query_row([identity.to_bytes()], |row| Ok((rows::bytes(row, 0)?, rows::bytes(row, 1)?)))
        .optional()?;
    if let Some((former, former_digest)) = current {
        if former_digest == *digest {
            return Ok(());
        }
        connection
            .prepare_cached("UPDATE session_keys SET superseded_at = ?2, kept_until = ?3 WHERE id = ?1")?
            .execute(params![former, opening.now.millis(), opening.superseded_until.millis()])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO session_keys (id, identity, sealed, digest, obtained_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![row, identity.to_bytes(), sealed, digest, opening.now.millis()])?;
    Ok(())
}

/// A live session beside the new one.
struct Beside {
    id: SessionId,
    app: String,
    device: Option<String>,
}

/// Ends the same device's former session, then the oldest ones over the limits.
fn make_room(connection: &Connection, number: i64, opening: &Opening) -> Result<Vec<SessionId>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, app, device_id FROM sessions WHERE user = ?1 AND ended_at IS NULL ORDER BY opened_at, id",
    )?;
    let beside = statement
        .query_map([number], |row| Ok(Beside { id: rows::id(row, 0)?, app: row.get(1)?, device: row.get(2)? }))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let replaced = to_replace(&beside, opening);
    for session in &replaced {
        end_one(connection, *session, EndReason::Replaced, opening.now, opening.tokens_until)?;
        let line = AuditLine {
            action: "session.replaced",
            actor: "user",
            session: Some(*session),
            app: Some(opening.app.clone()),
            detail: Some(format!("by {}", opening.session)),
            ..AuditLine::default()
        };
        write_audit(connection, &line, opening.now)?;
    }
    Ok(replaced)
}

/// Which of the live sessions, the oldest first, give way to the new one.
fn to_replace(beside: &[Beside], opening: &Opening) -> Vec<SessionId> {
    let same_app = |it: &&Beside| it.app == opening.app;
    let mut replaced: Vec<SessionId> = if let Some(device) = &opening.device.id {
        beside.iter().filter(same_app).filter(|it| it.device.as_ref() == Some(device)).map(|it| it.id).collect()
    } else {
        let without: Vec<_> = beside.iter().filter(same_app).filter(|it| it.device.is_none()).map(|it| it.id).collect();
        let over = (without.len() + 1).saturating_sub(opening.limit.without_device as usize);
        without.into_iter().take(over).collect()
    };
    let left: Vec<_> = beside.iter().map(|it| it.id).filter(|id| !replaced.contains(id)).collect();
    let over = (left.len() + 1).saturating_sub(opening.limit.in_all as usize);
    replaced.extend(left.into_iter().take(over));
    replaced
}

fn insert_session(connection: &Connection, identity: IdentityId, number: i64, opening: &Opening) -> Result<()> {
    let Device { id, class, name, system, ip, user_agent } = &opening.device;
    connection
        .prepare_cached(
            "INSERT INTO sessions (id, user, app, identity, amr, device_id, device_class, device_name, device_system, ip, user_agent, opened_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            opening.session.to_bytes(),
            number,
            opening.app,
            identity.to_bytes(),
            opening.amr,
            id,
            class.as_str(),
            name,
            system,
            ip,
            user_agent,
            opening.now.millis(),
            opening.expires_at.millis(),
        ])?;
    Ok(())
}

fn insert_grant(connection: &Connection, opening: &Opening) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO grants (id, session, app, secret, master_key, counter, rotated_at, idle_until) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)",
        )?
        .execute(params![
            opening.grant.to_bytes(),
            opening.session.to_bytes(),
            opening.app,
            opening.secret,
            opening.master_key,
            opening.now.millis(),
            opening.idle_until.millis(),
        ])?;
    Ok(())
}

fn opened_line(opening: &Opening, user: &UserRow, is_new_user: bool) -> AuditLine {
    AuditLine {
        action: "session.opened",
        actor: "user",
        user: Some(user.id),
        session: Some(opening.session),
        app: Some(opening.app.clone()),
        ip: opening.device.ip.clone(),
        detail: is_new_user.then(|| format!("new user {}", Id::to_string(&user.id))),
    }
}
