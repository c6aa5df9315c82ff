//! Opening a session: find or make the user, keep what the platform gave, make room, open; one transaction.

use menjin_token::{IdentityId, SessionId};
use rusqlite::{Connection, params};

use super::end_one;
use crate::store::rows::{self, user_columns};
use crate::store::rules::{self, Beside, opened_line, replaced_line, to_replace};
use crate::store::sqlite::events::write_audit;
use crate::store::sqlite::people::{apply_profile, by_number};
use crate::store::sqlite::sql::statements;
use crate::store::sqlite::{codes, phones};
use crate::store::{Device, EndReason, Opened, Opening, ProfileChange, Refused, Result, UserRow};

statements! {
    KNOWN on identities = "SELECT ", user_columns!(), ", i.id, i.unionid, i.open_account, i.session_key_digest
        FROM identities i JOIN users u ON u.number = i.user_number WHERE i.platform = ?1 AND i.appid = ?2 AND i.openid = ?3";
    BY_UNIONID on identities = "SELECT ", user_columns!(), " FROM identities i JOIN users u ON u.number = i.user_number
        WHERE i.platform = ?1 AND i.open_account = ?2 AND i.unionid = ?3 ORDER BY i.created_at, i.id LIMIT 1";
    NEW_USER on users = "INSERT INTO users (id, nickname, avatar_url, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)";
    NEW_IDENTITY on identities = "INSERT INTO identities (id, user_number, platform, appid, openid, open_account, unionid, created_at,
        session_key_row, session_key, session_key_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    LATE_UNIONID on identities = "UPDATE identities SET unionid = ?2, open_account = ?3 WHERE id = ?1";
    SUPERSEDE on session_keys = "INSERT INTO session_keys (id, identity, sealed, superseded_at, kept_until)
        SELECT session_key_row, id, session_key, ?2, ?3 FROM identities WHERE id = ?1 AND session_key IS NOT NULL";
    KEEP on identities = "UPDATE identities SET session_key_row = ?2, session_key = ?3, session_key_digest = ?4 WHERE id = ?1";
    BESIDE on sessions = "SELECT id, app, device_id FROM sessions WHERE user_number = ?1 AND ended_at IS NULL ORDER BY opened_at, id";
    NEW_SESSION on sessions = "INSERT INTO sessions (id, user_number, app, identity, amr, device_id, device_class, device_name, device_system,
        ip, user_agent, opened_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    NEW_GRANT on grants = "INSERT INTO grants (id, session, app, secret, master_key, counter, rotated_at, idle_until, sweep_at)
        VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?7)";
}

pub(super) fn open(connection: &Connection, opening: &Opening) -> Result<Opened> {
    let Some(entrant) = find_or_make(connection, opening)? else {
        codes::refuse(connection, opening.code, &Refused(EndReason::UserDisabled.code().to_owned()))?;
        return Ok(Opened::Disabled);
    };
    let Entrant { identity, user, is_new_user, .. } = &entrant;
    let replaced = make_room(connection, user, opening)?;
    insert_session(connection, *identity, user.number, opening)?;
    insert_grant(connection, opening)?;
    if let Some(phone) = &opening.phone {
        phones::bind(connection, user, phone, opening.now)?;
    }
    if opening.repeatable {
        codes::spent(connection, opening.code, opening.session.to_bytes())?;
    }
    write_audit(connection, &opened_line(opening, user, *is_new_user), opening.now)?;
    let changed = !is_new_user && opening.profile != ProfileChange::default() || opening.phone.is_some();
    let user = if changed { by_number(connection, user.number)?.unwrap_or(entrant.user) } else { entrant.user };
    let standing = rules::standing(opening, user);
    Ok(Opened::Open { standing: Box::new(standing), is_new_user: entrant.is_new_user, replaced })
}

/// Who comes in, and by which identity.
struct Entrant {
    identity: IdentityId,
    user: UserRow,
    is_new_user: bool,
}

/// The person of this identity; of another identity with the same unionid; or a new one. `None`: they are disabled,
/// and nothing was written.
fn find_or_make(connection: &Connection, opening: &Opening) -> Result<Option<Entrant>> {
    if let Some(known) = known(connection, opening)? {
        return if known.user.disabled_at.is_some() {
            Ok(None)
        } else {
            come_again(connection, known, opening).map(Some)
        };
    }
    let joined = by_unionid(connection, opening)?;
    if joined.as_ref().is_some_and(|user| user.disabled_at.is_some()) {
        return Ok(None);
    }
    let is_new_user = joined.is_none();
    let user = match joined {
        Some(user) => {
            apply_profile(connection, user.number, &opening.profile, opening.now)?;
            user
        }
        None => insert_user(connection, opening)?,
    };
    insert_identity(connection, user.number, opening)?;
    Ok(Some(Entrant { identity: opening.new_identity, user, is_new_user }))
}

/// An identity that was seen before.
struct Known {
    user: UserRow,
    identity: IdentityId,
    unionid: Option<(String, String)>,
    session_key: Option<[u8; 32]>,
}

fn known(connection: &Connection, opening: &Opening) -> Result<Option<Known>> {
    let name = &opening.identity;
    KNOWN.row(connection, params![name.platform, name.appid, name.openid], |it| {
        let user = rows::user(it)?;
        let identity = it.of_table("identities").id()?;
        let unionid: Option<String> = it.get()?;
        Ok(Known { user, identity, unionid: unionid.zip(it.get()?), session_key: it.get()? })
    })
}

/// Writes what is new about somebody known: a late unionid, their newest `session_key`, their profile.
fn come_again(connection: &Connection, known: Known, opening: &Opening) -> Result<Entrant> {
    let Known { user, identity, unionid, session_key } = known;
    if let Some((new, account)) = &opening.unionid
        && unionid.as_ref() != opening.unionid.as_ref()
    {
        LATE_UNIONID.run(connection, params![identity.to_bytes(), new, account])?;
    }
    if let Some((row, sealed, digest)) = &opening.session_key
        && session_key.as_ref() != Some(digest)
    {
        let (now, until) = (opening.now.millis(), opening.superseded_until.millis());
        SUPERSEDE.run(connection, params![identity.to_bytes(), now, until])?;
        KEEP.run(connection, params![identity.to_bytes(), row, sealed, digest])?;
    }
    if opening.profile != ProfileChange::default() {
        apply_profile(connection, user.number, &opening.profile, opening.now)?;
    }
    Ok(Entrant { identity, user, is_new_user: false })
}

fn by_unionid(connection: &Connection, opening: &Opening) -> Result<Option<UserRow>> {
    let Some((unionid, account)) = &opening.unionid else { return Ok(None) };
    BY_UNIONID.row(connection, params![opening.identity.platform, account, unionid], rows::user)
}

fn insert_user(connection: &Connection, opening: &Opening) -> Result<UserRow> {
    let ProfileChange { nickname, avatar_url } = opening.profile.clone();
    let id = opening.new_user;
    NEW_USER.run(connection, params![id.to_bytes(), nickname, avatar_url, opening.now.millis()])?;
    Ok(UserRow {
        id,
        number: connection.last_insert_rowid(),
        nickname,
        avatar_url,
        phone_masked: None,
        created_at: opening.now,
        disabled_at: None,
    })
}

fn insert_identity(connection: &Connection, number: i64, opening: &Opening) -> Result<()> {
    let name = &opening.identity;
    let (unionid, account) = opening.unionid.as_ref().map(|(unionid, account)| (unionid, account)).unzip();
    let (row, sealed, digest) = match &opening.session_key {
        Some((row, sealed, digest)) => (Some(row), Some(sealed), Some(digest)),
        None => (None, None, None),
    };
    NEW_IDENTITY
        .run(
            connection,
            params![
                opening.new_identity.to_bytes(),
                number,
                name.platform,
                name.appid,
                name.openid,
                account,
                unionid,
                opening.now.millis(),
                row,
                sealed,
                digest,
            ],
        )
        .map(drop)
}

/// Ends the same device's former session, then the oldest ones over the limits.
fn make_room(connection: &Connection, user: &UserRow, opening: &Opening) -> Result<Vec<SessionId>> {
    let beside =
        BESIDE.rows(connection, [user.number], |it| Ok(Beside { id: it.id()?, app: it.get()?, device: it.get()? }))?;
    let replaced = to_replace(&beside, opening);
    for session in &replaced {
        end_one(connection, *session, EndReason::Replaced, opening.now, opening.tokens_until)?;
        write_audit(connection, &replaced_line(opening, user, *session), opening.now)?;
    }
    Ok(replaced)
}

fn insert_session(connection: &Connection, identity: IdentityId, number: i64, opening: &Opening) -> Result<()> {
    let Device { id, class, name, system, ip, user_agent } = &opening.device;
    NEW_SESSION
        .run(
            connection,
            params![
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
            ],
        )
        .map(drop)
}

fn insert_grant(connection: &Connection, opening: &Opening) -> Result<()> {
    let (session, now, idle_until) = (opening.session.to_bytes(), opening.now.millis(), opening.idle_until.millis());
    let (secret, master_key) = (&opening.secret, opening.master_key);
    NEW_GRANT
        .run(connection, params![opening.grant.to_bytes(), session, opening.app, secret, master_key, now, idle_until])
        .map(drop)
}
