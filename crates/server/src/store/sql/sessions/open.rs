//! Opening a session: find or make the user, keep what the platform gave, make room, open; one transaction.
//!
//! The user's row is locked from the moment they are found, so that sign-ins of one person come one after the other.

use menjin_token::{IdentityId, SessionId, Timestamp};

use super::end::replace;
use crate::entropy::sha256;
use crate::store::columns::Columns;
use crate::store::merges::ByItself;
use crate::store::rows::{self, named_user, user_columns};
use crate::store::rules::{
    self, Unionid, called_back_line, newcomer, opened_line, replaced_line, shut_out_line, to_replace,
};
use crate::store::sql::connection::Connection;
use crate::store::sql::error::{is_duplicate, overtaken};
use crate::store::sql::events::write_audit;
use crate::store::sql::people::{apply_profile, by_number};
use crate::store::sql::statement::statements;
use crate::store::sql::value::{id, values};
use crate::store::sql::{accounts, codes, leaving, merges, passwords, phones};
use crate::store::{Device, FreshKey, IdentityName, Opened, OpenedBefore, Opening, Result, UserRow, Who};

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

macro_rules! locked {
    ($which:literal) => {
        concat!("SELECT ", user_columns!(), " FROM ", named_user!(), " WHERE u.merged_into IS NULL AND ", $which)
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
        "INSERT INTO users (id, nickname, avatar_url, created_at, updated_at, external_id, nickname_chosen_at, avatar_chosen_at)
        VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)"
    };
}

statements! {
    KNOWN on identities = each(known!("FOR NO KEY UPDATE OF u, i"), known!("FOR UPDATE"));
    TURN on unionid_turns = each(
        "INSERT INTO unionid_turns (digest) VALUES (?1) ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest",
        "INSERT INTO unionid_turns (digest) VALUES (?1) ON DUPLICATE KEY UPDATE digest = digest",
    );
    TURN_IS_OVER on unionid_turns = both("DELETE FROM unionid_turns WHERE digest = ?1");
    OF_UNIONID on identities = both("SELECT user_number FROM identities
        WHERE unionid = ?3 AND open_account = ?2 AND platform = ?1 ORDER BY created_at, id");
    LOCKED_BY_NUMBER on users = each(locked!("a.number = ?1 FOR NO KEY UPDATE OF u"), locked!("a.number = ?1 FOR UPDATE"));
    LOCKED_BY_EXTERNAL_ID on users =
        each(locked!("a.external_id = ?1 FOR NO KEY UPDATE OF u"), locked!("a.external_id = ?1 FOR UPDATE"));
    CALLED_SO on users = both("SELECT number FROM users WHERE external_id = ?1");
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
    if passwords::is_wanted_and_taken(on, &opening.who).await? {
        return Ok(Opened::NameTaken);
    }
    let found = find(on, opening).await?;
    let replaced = match &found {
        Some(found) if found.user.disabled_at.is_some() => {
            write_audit(on, &shut_out_line(opening, &found.user), opening.now).await?;
            return refuse(on, opening, Opened::Disabled).await;
        }
        Some(found) if found.user.erased_at.is_some() => return Ok(Opened::Unknown),
        Some(found) => {
            let Some(replaced) = room_for(on, found.user.number, opening).await? else {
                return refuse(on, opening, Opened::Full).await;
            };
            replaced
        }
        None if opening.who.may_be_new() => Vec::new(),
        None => return Ok(Opened::Unknown),
    };
    let unionid = found.as_ref().map_or(Unionid::Settled, |found| found.unionid.clone());
    let Entrant { identity, mut user, is_new_user } = enter(on, found, opening).await?;
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
    let called_back = user.deletes_at.take().is_some();
    if let Some(code) = opening.code.filter(|_| opening.repeatable) {
        codes::spent(on, code, OpenedBefore { session: opening.session, called_back }).await?;
    }
    write_audit(on, &opened_line(opening, &user, (is_new_user, &unionid)), opening.now).await?;
    if called_back {
        leaving::stay(on, &user, &called_back_line(opening, &user), opening.now).await?;
    }
    let changed = !is_new_user && !opening.profile.is_empty() || opening.phone.is_some();
    let user = if changed { by_number(on, user.number).await?.unwrap_or(user) } else { user };
    let (standing, merged) = (Box::new(rules::standing(opening, user)), unionid.merged());
    Ok(Opened::Open { standing, is_new_user, replaced: gone, merged, called_back })
}

/// Which of a user's sessions give way to the new one; `None`: none does, and it is refused.
pub(in crate::store::sql) async fn room_for(
    on: &mut Connection<'_>,
    number: i64,
    opening: &Opening,
) -> Result<Option<Vec<SessionId>>> {
    let beside = BESIDE.rows(on, values![number], rows::beside).await?;
    Ok(to_replace(&beside, opening))
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
    unionid: Unionid,
}

/// An identity that was seen before.
pub(in crate::store::sql) struct Known {
    pub(in crate::store::sql) id: IdentityId,
    pub(in crate::store::sql) unionid: Option<(String, String)>,
    session_key: Option<[u8; 32]>,
}

/// Whom the opening names; of an unknown identity, whoever has another one with the same unionid.
async fn find(on: &mut Connection<'_>, opening: &Opening) -> Result<Option<Found>> {
    let user = match &opening.who {
        Who::Identity(name) => {
            if let Some((user, known)) = known(on, name).await? {
                return come_again(on, (user, known), name, opening).await.map(Some);
            }
            by_unionid(on, name, opening).await?
        }
        Who::User(user) => accounts::locked(on, *user).await?,
        Who::Number(number) => locked_by_number(on, *number).await?,
        Who::ExternalId(name) => locked_by_external_id(on, name).await?,
        Who::Password(user, chosen) => passwords::still_chosen(on, *user, *chosen).await?,
        Who::Registered(_) => None,
    };
    Ok(user.map(|user| Found { user, identity: None, unionid: Unionid::Settled }))
}

/// Whose an identity is, with what is known of it; both are locked.
pub(in crate::store::sql) async fn known(
    on: &mut Connection<'_>,
    name: &IdentityName,
) -> Result<Option<(UserRow, Known)>> {
    let read = |it: &mut Columns<'_>| {
        let user = rows::user(it)?;
        let id = it.of_table("identities").id()?;
        let (unionid, account): (Option<String>, Option<String>) = (it.get()?, it.get()?);
        Ok((user, Known { id, unionid: unionid.zip(account), session_key: it.get()? }))
    };
    KNOWN.row(on, values![name.platform, &name.appid, &name.openid], read).await
}

async fn by_unionid(on: &mut Connection<'_>, name: &IdentityName, opening: &Opening) -> Result<Option<UserRow>> {
    let Some((unionid, account)) = &opening.unionid else { return Ok(None) };
    let Some(holder) = holders(on, (name, unionid, account)).await?.into_iter().next() else { return Ok(None) };
    // Whoever was merged while the lock was waited for has the unionid no more.
    locked_by_number(on, holder).await?.ok_or_else(overtaken).map(Some)
}

/// By number, who has this unionid; nobody comes by it before the end of this transaction.
async fn holders(on: &mut Connection<'_>, (name, unionid, account): (&IdentityName, &str, &str)) -> Result<Vec<i64>> {
    let turn = sha256(&[name.platform.as_bytes(), &[0], account.as_bytes(), &[0], unionid.as_bytes()].concat());
    TURN.run(on, values![&turn]).await?;
    let holders = OF_UNIONID.rows(on, values![name.platform, account, unionid], rows::value).await?;
    // Others wait for the end of this transaction, and then find no row.
    TURN_IS_OVER.run(on, values![&turn]).await?;
    Ok(holders)
}

/// Who else has this unionid, locked; nobody, if this user has it too.
pub(in crate::store::sql) async fn other_holder(
    on: &mut Connection<'_>,
    own: i64,
    unionid: (&IdentityName, &str, &str),
) -> Result<Option<UserRow>> {
    let holders = holders(on, unionid).await?;
    let Some(first) = holders.first().filter(|_| !holders.contains(&own)) else { return Ok(None) };
    locked_by_number(on, *first).await?.ok_or_else(overtaken).map(Some)
}

/// The user with this number, locked.
async fn locked_by_number(on: &mut Connection<'_>, number: i64) -> Result<Option<UserRow>> {
    let found = LOCKED_BY_NUMBER.row(on, values![number], rows::user).await?;
    if found.is_none() && by_number(on, number).await?.is_some() {
        // They were merged while the lock was waited for.
        return Err(overtaken());
    }
    Ok(found)
}

async fn locked_by_external_id(on: &mut Connection<'_>, name: &str) -> Result<Option<UserRow>> {
    let found = LOCKED_BY_EXTERNAL_ID.row(on, values![name], rows::user).await?;
    if found.is_none() && CALLED_SO.row(on, values![name], rows::value::<i64>).await?.is_some() {
        return Err(overtaken());
    }
    Ok(found)
}

/// Whose session a known identity opens. A unionid that comes late is noted with the identity; where somebody else has it,
/// both are made one if they may be. Else it is not noted, and everybody signs in as who they were.
async fn come_again(
    on: &mut Connection<'_>,
    (user, known): (UserRow, Known),
    name: &IdentityName,
    opening: &Opening,
) -> Result<Found> {
    let late = opening.unionid.as_ref().filter(|it| known.unionid.as_ref() != Some(it));
    let Some((unionid, account)) = late else {
        return Ok(Found { user, identity: Some(known), unionid: Unionid::Settled });
    };
    let (mut user, mut settled) = (user, Unionid::Settled);
    if let Some(other) = other_holder(on, user.number, (name, unionid, account)).await? {
        let theirs = other.id;
        let both = (user.clone(), other);
        match merges::by_itself(on, both, opening).await? {
            ByItself::Merged(stays, done) => (user, settled) = (stays, Unionid::Merged(done)),
            ByItself::Not => return Ok(Found { user, identity: Some(known), unionid: Unionid::Taken(theirs) }),
            // Who is refused anyway loses nothing by it: there is another time to merge.
            ByItself::NoRoom(stays) => {
                return Ok(Found { user: stays, identity: Some(known), unionid: Unionid::Settled });
            }
        }
    }
    LATE_UNIONID.run(on, values![&id(known.id), unionid, account]).await?;
    Ok(Found { user, identity: Some(known), unionid: settled })
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
        Some(Found { user, identity, .. }) => (user, identity),
        None => (insert_user(on, opening).await?, None),
    };
    if !is_new_user {
        apply_profile(on, &user, &opening.profile, opening.now).await?;
    }
    let identity = match (known, &opening.who) {
        (Some(known), _) => {
            let times = (opening.now, opening.superseded_until);
            keep_key(on, &known, opening.session_key.as_ref(), times).await?;
            Some(known.id)
        }
        (None, Who::Identity(name)) => {
            // Another sign-in of the same person may have made the identity meanwhile: this one begins again, and finds it.
            let (who, what) = ((opening.new_identity, user.number), (name, opening.unionid.as_ref()));
            if !insert_identity(on, who, what, opening.session_key.as_ref(), opening.now).await? {
                return Err(overtaken());
            }
            Some(opening.new_identity)
        }
        (None, Who::Registered(new)) => {
            // Somebody else took the name meanwhile: this one begins again, and finds it taken.
            if !passwords::register(on, &user, new, opening).await? {
                return Err(overtaken());
            }
            None
        }
        (None, Who::User(_) | Who::Number(_) | Who::ExternalId(_) | Who::Password(..)) => None,
    };
    Ok(Entrant { identity, user, is_new_user })
}

/// Puts a `session_key` in the place of the one that is kept, unless it is the same; that one is kept `until` then.
pub(in crate::store::sql) async fn keep_key(
    on: &mut Connection<'_>,
    known: &Known,
    fresh: Option<&FreshKey>,
    (now, until): (Timestamp, Timestamp),
) -> Result<()> {
    let Some((row, sealed, digest)) = fresh.filter(|(.., digest)| known.session_key.as_ref() != Some(digest)) else {
        return Ok(());
    };
    let identity = id(known.id);
    SUPERSEDE.run(on, values![&identity, now, until]).await?;
    KEEP.run(on, values![&identity, row, sealed, digest]).await.map(drop)
}

async fn insert_user(on: &mut Connection<'_>, opening: &Opening) -> Result<UserRow> {
    let user = newcomer(opening);
    let UserRow { nickname, avatar_url, nickname_chosen_at, avatar_chosen_at, .. } = &user;
    let (key, external_id) = (id(user.id), opening.who.external_id());
    let values = values![&key, nickname, avatar_url, opening.now, external_id, *nickname_chosen_at, *avatar_chosen_at];
    // Another opening for the same name was first: this one begins again, and finds them.
    let added = NEW_USER.number(on, values).await;
    let number = added.map_err(|error| if is_duplicate(&error) { overtaken() } else { error })?;
    Ok(UserRow { number, ..user })
}

/// Adds an identity, unless somebody has it: whether it did.
pub(in crate::store::sql) async fn insert_identity(
    on: &mut Connection<'_>,
    (identity, number): (IdentityId, i64),
    (name, unionid): (&IdentityName, Option<&(String, String)>),
    session_key: Option<&FreshKey>,
    now: Timestamp,
) -> Result<bool> {
    let (unionid, account) = unionid.map(|(unionid, account)| (unionid.as_str(), account.as_str())).unzip();
    let (row, sealed, digest) = match session_key {
        Some((row, sealed, digest)) => (Some(row.as_slice()), Some(sealed.as_slice()), Some(digest.as_slice())),
        None => (None, None, None),
    };
    let IdentityName { platform, appid, openid } = name;
    let identity = id(identity);
    let values = values![&identity, number, *platform, appid, openid, account, unionid, now, row, sealed, digest];
    NEW_IDENTITY.add(on, values).await
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
