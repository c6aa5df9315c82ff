//! Opening a session: find or make the user, keep what the platform gave, make room, open; one transaction.
//!
//! The user's row is locked from the moment they are found, so that sign-ins of one person come one after the other.

use menjin_token::{IdentityId, SessionId};

use super::end_one;
use crate::entropy::sha256;
use crate::store::columns::Columns;
use crate::store::rows::{self, user_columns};
use crate::store::rules::{self, Beside, opened_line, replaced_line, to_replace};
use crate::store::sql::connection::Connection;
use crate::store::sql::error::overtaken;
use crate::store::sql::events::write_audit;
use crate::store::sql::people::{apply_profile, by_number};
use crate::store::sql::statement::statements;
use crate::store::sql::value::{Value, id, values};
use crate::store::sql::{codes, phones};
use crate::store::{Device, EndReason, Opened, Opening, ProfileChange, Refused, Result, UserRow};

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

macro_rules! new_identity {
    () => {
        "INSERT INTO identities (id, user_number, platform, appid, openid, open_account, unionid, created_at,
        session_key_row, session_key, session_key_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    };
}

macro_rules! new_user {
    () => {
        "INSERT INTO users (id, nickname, avatar_url, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)"
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
    NEW_USER on users = each(concat!(new_user!(), " RETURNING number"), new_user!());
    NEW_IDENTITY on identities = each(concat!(new_identity!(), " ON CONFLICT DO NOTHING"), new_identity!());
    LATE_UNIONID on identities = both("UPDATE identities SET unionid = ?2, open_account = ?3 WHERE id = ?1");
    SUPERSEDE on session_keys = both("INSERT INTO session_keys (id, identity, sealed, superseded_at, kept_until)
        SELECT session_key_row, id, session_key, ?2, ?3 FROM identities WHERE id = ?1 AND session_key IS NOT NULL");
    KEEP on identities = both("UPDATE identities SET session_key_row = ?2, session_key = ?3, session_key_digest = ?4 WHERE id = ?1");
    BESIDE on sessions = both("SELECT id, app, device_id FROM sessions WHERE user_number = ?1 AND ended_at IS NULL
        ORDER BY opened_at, id");
    NEW_SESSION on sessions = both("INSERT INTO sessions (id, user_number, app, identity, amr, device_id, device_class, device_name,
        device_system, ip, user_agent, opened_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
    NEW_GRANT on grants = both("INSERT INTO grants (id, session, app, secret, master_key, counter, rotated_at, idle_until, sweep_at)
        VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?7)");
}

pub(super) async fn open(on: &mut Connection<'_>, opening: &Opening) -> Result<Opened> {
    if let Some(phone) = &opening.phone {
        phones::line_up(on, &opening.identity, phone).await?;
    }
    let Some(entrant) = find_or_make(on, opening).await? else {
        codes::refuse(on, opening.code, &Refused(EndReason::UserDisabled.code().to_owned())).await?;
        return Ok(Opened::Disabled);
    };
    let Entrant { identity, user, is_new_user } = entrant;
    let replaced = if is_new_user { Vec::new() } else { make_room(on, &user, opening).await? };
    insert_session(on, identity, user.number, opening).await?;
    insert_grant(on, opening).await?;
    if let Some(phone) = &opening.phone {
        phones::bind(on, &user, phone, opening.now).await?;
    }
    if opening.repeatable {
        codes::spent(on, opening.code, id(opening.session)).await?;
    }
    write_audit(on, &opened_line(opening, &user, is_new_user), opening.now).await?;
    let changed = !is_new_user && opening.profile != ProfileChange::default() || opening.phone.is_some();
    let user = if changed { by_number(on, user.number).await?.unwrap_or(user) } else { user };
    Ok(Opened::Open { standing: Box::new(rules::standing(opening, user)), is_new_user, replaced })
}

/// Who comes in, and by which identity.
struct Entrant {
    identity: IdentityId,
    user: UserRow,
    is_new_user: bool,
}

/// The person of this identity; of another identity with the same unionid; or a new one. `None`: they are disabled,
/// and nothing was written.
async fn find_or_make(on: &mut Connection<'_>, opening: &Opening) -> Result<Option<Entrant>> {
    if let Some(known) = known(on, opening).await? {
        return if known.user.disabled_at.is_some() {
            Ok(None)
        } else {
            come_again(on, known, opening).await.map(Some)
        };
    }
    let Some((unionid, account)) = &opening.unionid else { return make(on, opening, None).await.map(Some) };
    let turn =
        sha256(&[opening.identity.platform.as_bytes(), &[0], account.as_bytes(), &[0], unionid.as_bytes()].concat());
    TURN.run(on, values![&turn]).await?;
    let values = values![opening.identity.platform, account, unionid];
    let joined = BY_UNIONID.row(on, values, rows::user).await?;
    // Others wait for the end of this transaction, and then find no row.
    TURN_IS_OVER.run(on, values![&turn]).await?;
    if joined.as_ref().is_some_and(|user| user.disabled_at.is_some()) {
        return Ok(None);
    }
    make(on, opening, joined).await.map(Some)
}

/// An identity that was seen before.
struct Known {
    user: UserRow,
    identity: IdentityId,
    unionid: Option<(String, String)>,
    session_key: Option<[u8; 32]>,
}

async fn known(on: &mut Connection<'_>, opening: &Opening) -> Result<Option<Known>> {
    let name = &opening.identity;
    let read = |it: &mut Columns<'_>| {
        let user = rows::user(it)?;
        let identity = it.of_table("identities").id()?;
        let (unionid, account): (Option<String>, Option<String>) = (it.get()?, it.get()?);
        Ok(Known { user, identity, unionid: unionid.zip(account), session_key: it.get()? })
    };
    KNOWN.row(on, values![name.platform, &name.appid, &name.openid], read).await
}

/// Writes what is new about somebody known: a late unionid, their newest `session_key`, their profile.
async fn come_again(on: &mut Connection<'_>, known: Known, opening: &Opening) -> Result<Entrant> {
    let Known { user, identity, unionid, session_key } = known;
    let row = id(identity);
    if let Some((new, account)) = &opening.unionid
        && unionid.as_ref() != opening.unionid.as_ref()
    {
        LATE_UNIONID.run(on, values![&row, new, account]).await?;
    }
    if let Some((key_row, sealed, digest)) = &opening.session_key
        && session_key.as_ref() != Some(digest)
    {
        SUPERSEDE.run(on, values![&row, opening.now, opening.superseded_until]).await?;
        KEEP.run(on, values![&row, key_row, sealed, digest]).await?;
    }
    apply_profile(on, &user, &opening.profile, opening.now).await?;
    Ok(Entrant { identity, user, is_new_user: false })
}

/// A new identity of `joined`, or of a new user.
async fn make(on: &mut Connection<'_>, opening: &Opening, joined: Option<UserRow>) -> Result<Entrant> {
    let is_new_user = joined.is_none();
    let user = match joined {
        Some(user) => {
            apply_profile(on, &user, &opening.profile, opening.now).await?;
            user
        }
        None => insert_user(on, opening).await?,
    };
    // Another sign-in of the same person may have made the identity meanwhile: this one begins again, and finds it.
    if !insert_identity(on, user.number, opening).await? {
        return Err(overtaken());
    }
    Ok(Entrant { identity: opening.new_identity, user, is_new_user })
}

async fn insert_user(on: &mut Connection<'_>, opening: &Opening) -> Result<UserRow> {
    let ProfileChange { nickname, avatar_url } = opening.profile.clone();
    let user = opening.new_user;
    let number = NEW_USER.number(on, values![&id(user), &nickname, &avatar_url, opening.now]).await?;
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

async fn insert_identity(on: &mut Connection<'_>, number: i64, opening: &Opening) -> Result<bool> {
    let name = &opening.identity;
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

/// Ends the same device's former session, then the oldest ones over the limits.
async fn make_room(on: &mut Connection<'_>, user: &UserRow, opening: &Opening) -> Result<Vec<SessionId>> {
    let read = |it: &mut Columns<'_>| Ok(Beside { id: it.id()?, app: it.get()?, device: it.get()? });
    let beside = BESIDE.rows(on, values![user.number], read).await?;
    let mut replaced = Vec::new();
    for session in to_replace(&beside, opening) {
        // Another node may have ended it meanwhile.
        if end_one(on, session, EndReason::Replaced, (opening.now, opening.tokens_until)).await? {
            write_audit(on, &replaced_line(opening, user, session), opening.now).await?;
            replaced.push(session);
        }
    }
    Ok(replaced)
}

async fn insert_session(on: &mut Connection<'_>, identity: IdentityId, number: i64, opening: &Opening) -> Result<()> {
    let Device { id: device, class, name, system, ip, user_agent } = &opening.device;
    let (session, identity) = (id(opening.session), id(identity));
    let values = values![
        &session,
        number,
        &opening.app,
        &identity,
        opening.amr,
        device,
        class.as_str(),
        name,
        system,
        ip,
        user_agent,
        opening.now,
        opening.expires_at,
    ];
    NEW_SESSION.run(on, values).await.map(drop)
}

async fn insert_grant(on: &mut Connection<'_>, opening: &Opening) -> Result<()> {
    let (grant, session) = (id(opening.grant), id(opening.session));
    let Opening { app, secret, master_key, now, idle_until, .. } = opening;
    NEW_GRANT.run(on, values![&grant, &session, app, secret, master_key, *now, *idle_until]).await.map(drop)
}
