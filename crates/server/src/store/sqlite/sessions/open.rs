//! Opening a session: find or make the user, keep what the platform gave, make room, open; one transaction.

use menjin_token::{IdentityId, SessionId, Timestamp};
use rusqlite::{Connection, params};

use super::end::replace;
use crate::store::merges::ByItself;
use crate::store::rows::{self, user_columns};
use crate::store::rules::{
    self, Unionid, called_back_line, newcomer, opened_line, replaced_line, shut_out_line, to_replace,
};
use crate::store::sqlite::events::write_audit;
use crate::store::sqlite::people::{apply_profile, by_id, by_number};
use crate::store::sqlite::sql::statements;
use crate::store::sqlite::{accounts, codes, leaving, merges, passwords, phones};
use crate::store::{Device, FreshKey, IdentityName, Opened, OpenedBefore, Opening, Result, UserRow, Who};

statements! {
    KNOWN on identities = "SELECT ", user_columns!(), ", i.id, i.unionid, i.open_account, i.session_key_digest
        FROM identities i JOIN users u ON u.number = i.user_number WHERE i.platform = ?1 AND i.appid = ?2 AND i.openid = ?3";
    BY_UNIONID on identities = "SELECT ", user_columns!(), " FROM identities i JOIN users u ON u.number = i.user_number
        WHERE i.platform = ?1 AND i.open_account = ?2 AND i.unionid = ?3 ORDER BY i.created_at, i.id LIMIT 1";
    HOLDERS on identities = "SELECT ", user_columns!(), " FROM identities i JOIN users u ON u.number = i.user_number
        WHERE i.platform = ?1 AND i.open_account = ?2 AND i.unionid = ?3 ORDER BY i.created_at, i.id";
    NEW_USER on users = "INSERT INTO users (id, nickname, avatar_url, created_at, updated_at, external_id, nickname_chosen_at, avatar_chosen_at)
        VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)";
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
    if passwords::is_wanted_and_taken(connection, &opening.who)? {
        return Ok(Opened::NameTaken);
    }
    let found = find(connection, opening)?;
    let replaced = match &found {
        Some(found) if found.user.disabled_at.is_some() => {
            write_audit(connection, &shut_out_line(opening, &found.user), opening.now)?;
            return refuse(connection, opening, Opened::Disabled);
        }
        Some(found) if found.user.erased_at.is_some() => return Ok(Opened::Unknown),
        Some(found) => {
            let Some(replaced) = room_for(connection, found.user.number, opening)? else {
                return refuse(connection, opening, Opened::Full);
            };
            replaced
        }
        None if opening.who.may_be_new() => Vec::new(),
        None => return Ok(Opened::Unknown),
    };
    let unionid = found.as_ref().map_or(Unionid::Settled, |found| found.unionid.clone());
    let Entrant { identity, mut user, is_new_user } = enter(connection, found, opening)?;
    for session in &replaced {
        replace(connection, *session, opening)?;
        write_audit(connection, &replaced_line(opening, &user, *session), opening.now)?;
    }
    insert_session(connection, identity, user.number, opening)?;
    insert_grant(connection, opening)?;
    if let Some(phone) = &opening.phone {
        phones::bind(connection, &user, phone, opening.now)?;
    }
    let called_back = user.deletes_at.take().is_some();
    if let Some(code) = opening.code.filter(|_| opening.repeatable) {
        codes::spent(connection, code, OpenedBefore { session: opening.session, called_back })?;
    }
    write_audit(connection, &opened_line(opening, &user, (is_new_user, &unionid)), opening.now)?;
    if called_back {
        leaving::stay(connection, &user, &called_back_line(opening, &user), opening.now)?;
    }
    let changed = !is_new_user && !opening.profile.is_empty() || opening.phone.is_some();
    let user = if changed { by_number(connection, user.number)?.unwrap_or(user) } else { user };
    let (standing, merged) = (Box::new(rules::standing(opening, user)), unionid.merged());
    Ok(Opened::Open { standing, is_new_user, replaced, merged, called_back })
}

/// Which of a user's sessions give way to the new one; `None`: none does, and it is refused.
pub(in crate::store::sqlite) fn room_for(
    connection: &Connection,
    number: i64,
    opening: &Opening,
) -> Result<Option<Vec<SessionId>>> {
    let beside = BESIDE.rows(connection, [number], rows::beside)?;
    Ok(to_replace(&beside, opening))
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
    unionid: Unionid,
}

/// An identity that was seen before.
pub(in crate::store::sqlite) struct Known {
    pub(in crate::store::sqlite) id: IdentityId,
    pub(in crate::store::sqlite) unionid: Option<(String, String)>,
    session_key: Option<[u8; 32]>,
}

/// Whom the opening names; of an unknown identity, whoever has another one with the same unionid.
fn find(connection: &Connection, opening: &Opening) -> Result<Option<Found>> {
    let user = match &opening.who {
        Who::Identity(name) => {
            if let Some((user, known)) = known(connection, name)? {
                return come_again(connection, (user, known), name, opening).map(Some);
            }
            by_unionid(connection, name, opening)?
        }
        Who::User(id) => by_id(connection, *id)?,
        Who::Number(number) => by_number(connection, *number)?,
        Who::ExternalId(name) => accounts::by_external_id(connection, name)?,
        Who::Password(id, chosen) => passwords::still_chosen(connection, *id, *chosen)?,
        Who::Registered(_) => None,
    };
    Ok(user.map(|user| Found { user, identity: None, unionid: Unionid::Settled }))
}

/// Whose an identity is, with what is known of it.
pub(in crate::store::sqlite) fn known(
    connection: &Connection,
    name: &IdentityName,
) -> Result<Option<(UserRow, Known)>> {
    KNOWN.row(connection, params![name.platform, name.appid, name.openid], |it| {
        let user = rows::user(it)?;
        let id = it.of_table("identities").id()?;
        let unionid: Option<String> = it.get()?;
        Ok((user, Known { id, unionid: unionid.zip(it.get()?), session_key: it.get()? }))
    })
}

/// Whose session a known identity opens. A unionid that comes late is noted with the identity; where somebody else has it,
/// both are made one if they may be. Else it is not noted, and everybody signs in as who they were.
fn come_again(
    connection: &Connection,
    (user, known): (UserRow, Known),
    name: &IdentityName,
    opening: &Opening,
) -> Result<Found> {
    let late = opening.unionid.as_ref().filter(|it| known.unionid.as_ref() != Some(it));
    let Some((unionid, account)) = late else {
        return Ok(Found { user, identity: Some(known), unionid: Unionid::Settled });
    };
    let (mut user, mut settled) = (user, Unionid::Settled);
    if let Some(other) = other_holder(connection, user.number, (name, unionid, account))? {
        let theirs = other.id;
        let both = (user.clone(), other);
        match merges::by_itself(connection, both, opening)? {
            ByItself::Merged(stays, done) => (user, settled) = (stays, Unionid::Merged(done)),
            ByItself::Not => return Ok(Found { user, identity: Some(known), unionid: Unionid::Taken(theirs) }),
            // Who is refused anyway loses nothing by it: there is another time to merge.
            ByItself::NoRoom(stays) => {
                return Ok(Found { user: stays, identity: Some(known), unionid: Unionid::Settled });
            }
        }
    }
    LATE_UNIONID.run(connection, params![known.id.to_bytes(), unionid, account])?;
    Ok(Found { user, identity: Some(known), unionid: settled })
}

/// Who else has this unionid; nobody, if this user has it too.
pub(in crate::store::sqlite) fn other_holder(
    connection: &Connection,
    own: i64,
    (name, unionid, account): (&IdentityName, &str, &str),
) -> Result<Option<UserRow>> {
    let holders: Vec<UserRow> = HOLDERS.rows(connection, params![name.platform, account, unionid], rows::user)?;
    let is_own = holders.iter().any(|holder| holder.number == own);
    Ok(holders.into_iter().next().filter(|_| !is_own))
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
        Some(Found { user, identity, .. }) => (user, identity),
        None => (insert_user(connection, opening)?, None),
    };
    if !is_new_user {
        apply_profile(connection, user.number, &opening.profile, opening.now)?;
    }
    let identity = match (known, &opening.who) {
        (Some(known), _) => {
            keep_key(connection, &known, opening.session_key.as_ref(), (opening.now, opening.superseded_until))?;
            Some(known.id)
        }
        (None, Who::Identity(name)) => {
            let (who, what) = ((opening.new_identity, user.number), (name, opening.unionid.as_ref()));
            insert_identity(connection, who, what, opening.session_key.as_ref(), opening.now)?;
            Some(opening.new_identity)
        }
        (None, Who::Registered(new)) => {
            passwords::register(connection, &user, new, opening)?;
            None
        }
        (None, Who::User(_) | Who::Number(_) | Who::ExternalId(_) | Who::Password(..)) => None,
    };
    Ok(Entrant { identity, user, is_new_user })
}

/// Puts a `session_key` in the place of the one that is kept, unless it is the same; that one is kept `until` then.
pub(in crate::store::sqlite) fn keep_key(
    connection: &Connection,
    known: &Known,
    fresh: Option<&FreshKey>,
    (now, until): (Timestamp, Timestamp),
) -> Result<()> {
    let Some((row, sealed, digest)) = fresh.filter(|(.., digest)| known.session_key.as_ref() != Some(digest)) else {
        return Ok(());
    };
    let identity = known.id.to_bytes();
    SUPERSEDE.run(connection, params![identity, now.millis(), until.millis()])?;
    KEEP.run(connection, params![identity, row, sealed, digest]).map(drop)
}

fn insert_user(connection: &Connection, opening: &Opening) -> Result<UserRow> {
    let user = newcomer(opening);
    let (id, external_id) = (user.id.to_bytes(), opening.who.external_id());
    let chosen = [user.nickname_chosen_at, user.avatar_chosen_at].map(|at| at.map(Timestamp::millis));
    let values = params![id, user.nickname, user.avatar_url, opening.now.millis(), external_id, chosen[0], chosen[1]];
    NEW_USER.run(connection, values)?;
    Ok(UserRow { number: connection.last_insert_rowid(), ..user })
}

/// Adds an identity, in the caller's transaction.
pub(in crate::store::sqlite) fn insert_identity(
    connection: &Connection,
    (identity, number): (IdentityId, i64),
    (name, unionid): (&IdentityName, Option<&(String, String)>),
    session_key: Option<&FreshKey>,
    now: Timestamp,
) -> Result<()> {
    let (unionid, account) = unionid.map(|(unionid, account)| (unionid, account)).unzip();
    let (row, sealed, digest) = match session_key {
        Some((row, sealed, digest)) => (Some(row), Some(sealed), Some(digest)),
        None => (None, None, None),
    };
    let IdentityName { platform, appid, openid } = name;
    let id = identity.to_bytes();
    let values = params![id, number, platform, appid, openid, account, unionid, now.millis(), row, sealed, digest];
    NEW_IDENTITY.run(connection, values).map(drop)
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
