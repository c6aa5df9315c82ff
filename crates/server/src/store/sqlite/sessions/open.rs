//! Opening a session: find or make the user, keep what the platform gave, make room, open; one transaction.

use menjin_token::IdentityId;
use rusqlite::{Connection, params};

use super::end::replace;
use crate::store::rows::{self, user_columns};
use crate::store::rules::{self, opened_line, replaced_line, to_replace};
use crate::store::sqlite::events::write_audit;
use crate::store::sqlite::people::{apply_profile, by_id, by_number};
use crate::store::sqlite::sql::statements;
use crate::store::sqlite::{accounts, codes, phones};
use crate::store::{Device, IdentityName, Opened, Opening, ProfileChange, Result, UserRow, Who};

statements! {
    KNOWN on identities = "SELECT ", user_columns!(), ", i.id, i.unionid, i.open_account, i.session_key_digest
        FROM identities i JOIN users u ON u.number = i.user_number WHERE i.platform = ?1 AND i.appid = ?2 AND i.openid = ?3";
    BY_UNIONID on identities = "SELECT ", user_columns!(), " FROM identities i JOIN users u ON u.number = i.user_number
        WHERE i.platform = ?1 AND i.open_account = ?2 AND i.unionid = ?3 ORDER BY i.created_at, i.id LIMIT 1";
    NEW_USER on users = "INSERT INTO users (id, nickname, avatar_url, created_at, updated_at, external_id) VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
    NEW_IDENTITY on identities = "INSERT INTO identities (id, user_number, platform, appid, openid, open_account, unionid, created_at,
        session_key_row, session_key, session_key_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    LATE_UNIONID on identities = "UPDATE identities SET unionid = ?2, open_account = ?3 WHERE id = ?1";
    SUPERSEDE on session_keys = "INSERT INTO session_keys (id, identity, sealed, superseded_at, kept_until)
        SELECT session_key_row, id, session_key, ?2, ?3 FROM identities WHERE id = ?1 AND session_key IS NOT NULL";
    KEEP on identities = "UPDATE identities SET session_key_row = ?2, session_key = ?3, session_key_digest = ?4 WHERE id = ?1";
    BESIDE on sessions = "SELECT id, app, device_id, device_class FROM sessions WHERE user_number = ?1 AND ended_at IS NULL ORDER BY opened_at, id";
    NEW_SESSION on sessions = "INSERT INTO sessions (id, user_number, app, identity, amr, device_id, device_class, device_name, device_system,
        ip, user_agent, opened_at, expires_at, claims) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    NEW_GRANT on grants = "INSERT INTO grants (id, session, app, secret, master_key, counter, rotated_at, idle_until, sweep_at)
        VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?7)";
}

pub(super) fn open(connection: &Connection, opening: &Opening) -> Result<Opened> {
    let found = find(connection, opening)?;
    let replaced = match &found {
        Some(found) if found.user.disabled_at.is_some() => return refuse(connection, opening, Opened::Disabled),
        Some(found) => {
            let beside = BESIDE.rows(connection, [found.user.number], rows::beside)?;
            let Some(replaced) = to_replace(&beside, opening) else {
                return refuse(connection, opening, Opened::Full);
            };
            replaced
        }
        None if opening.who.may_be_new() => Vec::new(),
        None => return Ok(Opened::Unknown),
    };
    let Entrant { identity, user, is_new_user } = enter(connection, found, opening)?;
    for session in &replaced {
        replace(connection, *session, opening)?;
        write_audit(connection, &replaced_line(opening, &user, *session), opening.now)?;
    }
    insert_session(connection, identity, user.number, opening)?;
    insert_grant(connection, opening)?;
    if let Some(phone) = &opening.phone {
        phones::bind(connection, &user, phone, opening.now)?;
    }
    if let Some(code) = opening.code.filter(|_| opening.repeatable) {
        codes::spent(connection, code, opening.session.to_bytes())?;
    }
    write_audit(connection, &opened_line(opening, &user, is_new_user), opening.now)?;
    let changed = !is_new_user && opening.profile != ProfileChange::default() || opening.phone.is_some();
    let user = if changed { by_number(connection, user.number)?.unwrap_or(user) } else { user };
    Ok(Opened::Open { standing: Box::new(rules::standing(opening, user)), is_new_user, replaced })
}

/// Nobody comes in, and nothing is written but that.
fn refuse(connection: &Connection, opening: &Opening, outcome: Opened) -> Result<Opened> {
    if let Some((code, refused)) = opening.code.zip(rules::refused(&outcome)) {
        codes::refuse(connection, code, &refused)?;
    }
    Ok(outcome)
}

/// Somebody who was here before, and their identity if they came by it before.
struct Found {
    user: UserRow,
    identity: Option<Known>,
}

/// An identity that was seen before.
struct Known {
    id: IdentityId,
    unionid: Option<(String, String)>,
    session_key: Option<[u8; 32]>,
}

/// Whom the opening names; of an unknown identity, whoever has another one with the same unionid.
fn find(connection: &Connection, opening: &Opening) -> Result<Option<Found>> {
    let user = match &opening.who {
        Who::Identity(name) => {
            let known = known(connection, name)?;
            if known.is_some() {
                return Ok(known);
            }
            by_unionid(connection, name, opening)?
        }
        Who::User(id) => by_id(connection, *id)?,
        Who::Number(number) => by_number(connection, *number)?,
        Who::ExternalId(name) => accounts::by_external_id(connection, name)?,
    };
    Ok(user.map(|user| Found { user, identity: None }))
}

fn known(connection: &Connection, name: &IdentityName) -> Result<Option<Found>> {
    KNOWN.row(connection, params![name.platform, name.appid, name.openid], |it| {
        let user = rows::user(it)?;
        let id = it.of_table("identities").id()?;
        let unionid: Option<String> = it.get()?;
        let known = Known { id, unionid: unionid.zip(it.get()?), session_key: it.get()? };
        Ok(Found { user, identity: Some(known) })
    })
}

fn by_unionid(connection: &Connection, name: &IdentityName, opening: &Opening) -> Result<Option<UserRow>> {
    let Some((unionid, account)) = &opening.unionid else { return Ok(None) };
    BY_UNIONID.row(connection, params![name.platform, account, unionid], rows::user)
}

/// Who comes in, and by which identity.
struct Entrant {
    identity: Option<IdentityId>,
    user: UserRow,
    is_new_user: bool,
}

/// Makes whoever is new, and writes what is new about somebody known.
fn enter(connection: &Connection, found: Option<Found>, opening: &Opening) -> Result<Entrant> {
    let is_new_user = found.is_none();
    let (user, known) = match found {
        Some(Found { user, identity }) => (user, identity),
        None => (insert_user(connection, opening)?, None),
    };
    if !is_new_user && opening.profile != ProfileChange::default() {
        apply_profile(connection, user.number, &opening.profile, opening.now)?;
    }
    let identity = match (known, &opening.who) {
        (Some(known), _) => {
            come_again(connection, &known, opening)?;
            Some(known.id)
        }
        (None, Who::Identity(name)) => {
            insert_identity(connection, user.number, name, opening)?;
            Some(opening.new_identity)
        }
        (None, Who::User(_) | Who::Number(_) | Who::ExternalId(_)) => None,
    };
    Ok(Entrant { identity, user, is_new_user })
}

/// Writes what is new about a known identity: a late unionid, the newest `session_key`.
fn come_again(connection: &Connection, known: &Known, opening: &Opening) -> Result<()> {
    let identity = known.id.to_bytes();
    if let Some((new, account)) = &opening.unionid
        && known.unionid.as_ref() != opening.unionid.as_ref()
    {
        LATE_UNIONID.run(connection, params![identity, new, account])?;
    }
    if let Some((row, sealed, digest)) = &opening.session_key
        && known.session_key.as_ref() != Some(digest)
    {
        let (now, until) = (opening.now.millis(), opening.superseded_until.millis());
        SUPERSEDE.run(connection, params![identity, now, until])?;
        KEEP.run(connection, params![identity, row, sealed, digest])?;
    }
    Ok(())
}

fn insert_user(connection: &Connection, opening: &Opening) -> Result<UserRow> {
    let ProfileChange { nickname, avatar_url } = opening.profile.clone();
    let id = opening.new_user;
    let external_id = opening.who.external_id();
    NEW_USER.run(connection, params![id.to_bytes(), nickname, avatar_url, opening.now.millis(), external_id])?;
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

fn insert_identity(connection: &Connection, number: i64, name: &IdentityName, opening: &Opening) -> Result<()> {
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

fn insert_session(connection: &Connection, identity: Option<IdentityId>, number: i64, opening: &Opening) -> Result<()> {
    let Device { id, class, name, system, ip, user_agent } = &opening.device;
    NEW_SESSION
        .run(
            connection,
            params![
                opening.session.to_bytes(),
                number,
                opening.app,
                identity.map(IdentityId::to_bytes),
                opening.amr,
                id,
                class.as_str(),
                name,
                system,
                ip,
                user_agent,
                opening.now.millis(),
                opening.expires_at.millis(),
                opening.claims,
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
