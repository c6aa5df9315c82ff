//! Opening a session: find or make the user, keep what the platform gave, make room, open; one transaction.
//!
//! The user's row is locked from the moment they are found, so that sign-ins of one person come one after the other.

use menjin_token::IdentityId;

use super::end::replace;
use crate::entropy::sha256;
use crate::store::columns::Columns;
use crate::store::rows::{self, user_columns};
use crate::store::rules::{self, opened_line, replaced_line, to_replace};
use crate::store::sql::connection::Connection;
use crate::store::sql::error::{is_duplicate, overtaken};
use crate::store::sql::events::write_audit;
use crate::store::sql::people::{apply_profile, by_number};
use crate::store::sql::statement::statements;
use crate::store::sql::value::{Value, id, values};
use crate::store::sql::{accounts, codes, phones};
use crate::store::{Device, IdentityName, Opened, Opening, ProfileChange, Result, UserRow, Who};

macro_rules! known {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            user_columns!(),
            ", i.id, i.unionid, i.open_account, i.session_key_digest
            FROM identities i JOIN users u ON u.number = i.user_number
            WHERE i.openid = ?3 AND i.appid = ?2 AND i.platform = ?1 ",
            $lock
        )
    };
}

macro_rules! by_unionid {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            user_columns!(),
            " FROM identities i JOIN users u ON u.number = i.user_number
            WHERE i.unionid = ?3 AND i.open_account = ?2 AND i.platform = ?1 ORDER BY i.created_at, i.id LIMIT 1 ",
            $lock
        )
    };
}

macro_rules! locked {
    ($which:literal) => {
        concat!("SELECT ", user_columns!(), " FROM users u WHERE ", $which)
    };
}

macro_rules! new_identity {
    () => {
        "INSERT INTO identities (id, user_number, platform, appid, openid, open_account, unionid, created_at,
        session_key_row, session_key, session_key_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    };
}

macro_rules! new_user {
    () => {
        "INSERT INTO users (id, nickname, avatar_url, created_at, updated_at, external_id) VALUES (?1, ?2, ?3, ?4, ?4, ?5)"
    };
}

statements! {
    KNOWN on identities = each(known!("FOR NO KEY UPDATE OF u, i"), known!("FOR UPDATE"));
    TURN on unionid_turns = each(
        "INSERT INTO unionid_turns (digest) VALUES (?1) ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest",
        "INSERT INTO unionid_turns (digest) VALUES (?1) ON DUPLICATE KEY UPDATE digest = digest",
    );
    TURN_IS_OVER on unionid_turns = both("DELETE FROM unionid_turns WHERE digest = ?1");
    BY_UNIONID on identities = each(by_unionid!("FOR NO KEY UPDATE OF u"), by_unionid!("FOR UPDATE"));
    LOCKED_BY_NUMBER on users = each(locked!("u.number = ?1 FOR NO KEY UPDATE OF u"), locked!("u.number = ?1 FOR UPDATE"));
    LOCKED_BY_EXTERNAL_ID on users =
        each(locked!("u.external_id = ?1 FOR NO KEY UPDATE OF u"), locked!("u.external_id = ?1 FOR UPDATE"));
    NEW_USER on users = each(concat!(new_user!(), " RETURNING number"), new_user!());
    NEW_IDENTITY on identities = each(concat!(new_identity!(), " ON CONFLICT DO NOTHING"), new_identity!());
    LATE_UNIONID on identities = both("UPDATE identities SET unionid = ?2, open_account = ?3 WHERE id = ?1");
    SUPERSEDE on session_keys = both("INSERT INTO session_keys (id, identity, sealed, superseded_at, kept_until)
        SELECT session_key_row, id, session_key, ?2, ?3 FROM identities WHERE id = ?1 AND session_key IS NOT NULL");
    KEEP on identities = both("UPDATE identities SET session_key_row = ?2, session_key = ?3, session_key_digest = ?4 WHERE id = ?1");
    BESIDE on sessions = both("SELECT id, app, device_id, device_class FROM sessions WHERE user_number = ?1 AND ended_at IS NULL
        ORDER BY opened_at, id");
    NEW_SESSION on sessions = both("INSERT INTO sessions (id, user_number, app, identity, amr, device_id, device_class, device_name,
        device_system, ip, user_agent, opened_at, expires_at, claims)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)");
    NEW_GRANT on grants = both("INSERT INTO grants (id, session, app, secret, master_key, counter, rotated_at, idle_until, sweep_at)
        VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?7)");
}

pub(super) async fn open(on: &mut Connection<'_>, opening: &Opening) -> Result<Opened> {
    if let Some((phone, name)) = opening.phone.as_ref().zip(opening.who.identity()) {
        phones::line_up(on, name, phone).await?;
    }
    let found = find(on, opening).await?;
    let replaced = match &found {
        Some(found) if found.user.disabled_at.is_some() => return refuse(on, opening, Opened::Disabled).await,
        Some(found) => {
            let beside = BESIDE.rows(on, values![found.user.number], rows::beside).await?;
            let Some(replaced) = to_replace(&beside, opening) else {
                return refuse(on, opening, Opened::Full).await;
            };
            replaced
        }
        None if opening.who.may_be_new() => Vec::new(),
        None => return Ok(Opened::Unknown),
    };
    let Entrant { identity, user, is_new_user } = enter(on, found, opening).await?;
    let mut gone = Vec::new();
    for session in replaced {
        // Another node may have ended it meanwhile.
        if replace(on, session, opening).await? {
            write_audit(on, &replaced_line(opening, &user, session), opening.now).await?;
            gone.push(session);
        }
    }
    insert_session(on, identity, user.number, opening).await?;
    insert_grant(on, opening).await?;
    if let Some(phone) = &opening.phone {
        phones::bind(on, &user, phone, opening.now).await?;
    }
    if let Some(code) = opening.code.filter(|_| opening.repeatable) {
        codes::spent(on, code, id(opening.session)).await?;
    }
    write_audit(on, &opened_line(opening, &user, is_new_user), opening.now).await?;
    let changed = !is_new_user && opening.profile != ProfileChange::default() || opening.phone.is_some();
    let user = if changed { by_number(on, user.number).await?.unwrap_or(user) } else { user };
    Ok(Opened::Open { standing: Box::new(rules::standing(opening, user)), is_new_user, replaced: gone })
}

/// Nobody comes in, and nothing is written but that.
async fn refuse(on: &mut Connection<'_>, opening: &Opening, outcome: Opened) -> Result<Opened> {
    if let Some((code, refused)) = opening.code.zip(rules::refused(&outcome)) {
        codes::refuse(on, code, &refused).await?;
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
async fn find(on: &mut Connection<'_>, opening: &Opening) -> Result<Option<Found>> {
    let user = match &opening.who {
        Who::Identity(name) => {
            let known = known(on, name).await?;
            if known.is_some() {
                return Ok(known);
            }
            by_unionid(on, name, opening).await?
        }
        Who::User(user) => accounts::locked(on, *user).await?,
        Who::Number(number) => LOCKED_BY_NUMBER.row(on, values![*number], rows::user).await?,
        Who::ExternalId(name) => LOCKED_BY_EXTERNAL_ID.row(on, values![name], rows::user).await?,
    };
    Ok(user.map(|user| Found { user, identity: None }))
}

async fn known(on: &mut Connection<'_>, name: &IdentityName) -> Result<Option<Found>> {
    let read = |it: &mut Columns<'_>| {
        let user = rows::user(it)?;
        let id = it.of_table("identities").id()?;
        let (unionid, account): (Option<String>, Option<String>) = (it.get()?, it.get()?);
        Ok(Found { user, identity: Some(Known { id, unionid: unionid.zip(account), session_key: it.get()? }) })
    };
    KNOWN.row(on, values![name.platform, &name.appid, &name.openid], read).await
}

async fn by_unionid(on: &mut Connection<'_>, name: &IdentityName, opening: &Opening) -> Result<Option<UserRow>> {
    let Some((unionid, account)) = &opening.unionid else { return Ok(None) };
    let turn = sha256(&[name.platform.as_bytes(), &[0], account.as_bytes(), &[0], unionid.as_bytes()].concat());
    TURN.run(on, values![&turn]).await?;
    let joined = BY_UNIONID.row(on, values![name.platform, account, unionid], rows::user).await?;
    // Others wait for the end of this transaction, and then find no row.
    TURN_IS_OVER.run(on, values![&turn]).await?;
    Ok(joined)
}

/// Who comes in, and by which identity.
struct Entrant {
    identity: Option<IdentityId>,
    user: UserRow,
    is_new_user: bool,
}

/// Makes whoever is new, and writes what is new about somebody known.
async fn enter(on: &mut Connection<'_>, found: Option<Found>, opening: &Opening) -> Result<Entrant> {
    let is_new_user = found.is_none();
    let (user, known) = match found {
        Some(Found { user, identity }) => (user, identity),
        None => (insert_user(on, opening).await?, None),
    };
    if !is_new_user {
        apply_profile(on, &user, &opening.profile, opening.now).await?;
    }
    let identity = match (known, &opening.who) {
        (Some(known), _) => {
            come_again(on, &known, opening).await?;
            Some(known.id)
        }
        (None, Who::Identity(name)) => {
            // Another sign-in of the same person may have made the identity meanwhile: this one begins again, and finds it.
            if !insert_identity(on, user.number, name, opening).await? {
                return Err(overtaken());
            }
            Some(opening.new_identity)
        }
        (None, Who::User(_) | Who::Number(_) | Who::ExternalId(_)) => None,
    };
    Ok(Entrant { identity, user, is_new_user })
}

/// Writes what is new about a known identity: a late unionid, the newest `session_key`.
async fn come_again(on: &mut Connection<'_>, known: &Known, opening: &Opening) -> Result<()> {
    let row = id(known.id);
    if let Some((new, account)) = &opening.unionid
        && known.unionid.as_ref() != opening.unionid.as_ref()
    {
        LATE_UNIONID.run(on, values![&row, new, account]).await?;
    }
    if let Some((key_row, sealed, digest)) = &opening.session_key
        && known.session_key.as_ref() != Some(digest)
    {
        SUPERSEDE.run(on, values![&row, opening.now, opening.superseded_until]).await?;
        KEEP.run(on, values![&row, key_row, sealed, digest]).await?;
    }
    Ok(())
}

async fn insert_user(on: &mut Connection<'_>, opening: &Opening) -> Result<UserRow> {
    let ProfileChange { nickname, avatar_url } = opening.profile.clone();
    let user = opening.new_user;
    let (key, external_id) = (id(user), opening.who.external_id());
    let added = NEW_USER.number(on, values![&key, &nickname, &avatar_url, opening.now, external_id]).await;
    // Another opening for the same name was first: this one begins again, and finds them.
    let number = added.map_err(|error| if is_duplicate(&error) { overtaken() } else { error })?;
    Ok(UserRow {
        id: user,
        number,
        nickname,
        avatar_url,
        phone_masked: None,
        created_at: opening.now,
        disabled_at: None,
    })
}

async fn insert_identity(on: &mut Connection<'_>, number: i64, name: &IdentityName, opening: &Opening) -> Result<bool> {
    let (unionid, account) =
        opening.unionid.as_ref().map(|(unionid, account)| (unionid.as_str(), account.as_str())).unzip();
    let (row, sealed, digest) = match &opening.session_key {
        Some((row, sealed, digest)) => (Some(row.as_slice()), Some(sealed.as_slice()), Some(digest.as_slice())),
        None => (None, None, None),
    };
    let identity = id(opening.new_identity);
    let values: [Value<'_>; 11] = [
        (&identity).into(),
        number.into(),
        name.platform.into(),
        (&name.appid).into(),
        (&name.openid).into(),
        account.into(),
        unionid.into(),
        opening.now.into(),
        row.into(),
        sealed.into(),
        digest.into(),
    ];
    NEW_IDENTITY.add(on, &values).await
}

async fn insert_session(
    on: &mut Connection<'_>,
    identity: Option<IdentityId>,
    number: i64,
    opening: &Opening,
) -> Result<()> {
    let Device { id: device, class, name, system, ip, user_agent } = &opening.device;
    let (session, identity) = (id(opening.session), identity.map(id));
    let values = values![
        &session,
        number,
        &opening.app,
        identity.as_ref().map(<[u8; 16]>::as_slice),
        opening.amr,
        device,
        class.as_str(),
        name,
        system,
        ip,
        user_agent,
        opening.now,
        opening.expires_at,
        &opening.claims,
    ];
    NEW_SESSION.run(on, values).await.map(drop)
}

async fn insert_grant(on: &mut Connection<'_>, opening: &Opening) -> Result<()> {
    let (grant, session) = (id(opening.grant), id(opening.session));
    let Opening { app, secret, master_key, now, idle_until, .. } = opening;
    NEW_GRANT.run(on, values![&grant, &session, app, secret, master_key, *now, *idle_until]).await.map(drop)
}
