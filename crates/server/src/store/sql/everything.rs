//! Everything that is kept of somebody.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::UserId;

use super::connection::{Connection, LONGEST};
use super::people::by_id;
use super::statement::statements;
use super::value::{id, values};
use super::{Database, consents};
use crate::store::columns::Columns;
use crate::store::everything::{MOST_ACTS, MOST_OVER};
use crate::store::rows::{self, past_session_columns, user_columns};
use crate::store::{Copying, Everything, Result, UserRow};

statements! {
    WHOLE_USER on users = both(concat!("SELECT ", user_columns!(), ", u.external_id, u.updated_at FROM users u WHERE u.number = ?1"));
    MERGED on users = both(concat!("SELECT ", user_columns!(), ", u.external_id FROM users u WHERE u.merged_into = ?1"));
    OWN_PHONE on phones = both("SELECT id, sealed, bound_at FROM phones WHERE user_number = ?1");
    USERNAME on passwords = both("SELECT username, changed_at FROM passwords WHERE user_number = ?1");
    KNOWN_AS on identities = both("SELECT platform, appid, openid, unionid, created_at FROM identities WHERE user_number = ?1");
    LIVE_SESSIONS on sessions =
        both(concat!("SELECT ", past_session_columns!(), " FROM sessions WHERE user_number = ?1 AND ended_at IS NULL"));
    PAST_SESSIONS on sessions = both(concat!("SELECT ", past_session_columns!(), " FROM sessions
        WHERE user_number = ?1 AND ended_at IS NOT NULL ORDER BY id DESC LIMIT ?2"));
    DATA_OF_USER on session_data = both("SELECT session, audience, version, data FROM session_data WHERE user_id = ?1");
    DATA_OF_LIVE on session_data = both("SELECT d.session, d.audience, d.version, d.data
        FROM sessions s JOIN session_data d ON d.session = s.id WHERE s.user_number = ?1 AND s.ended_at IS NULL");
    DATA_OF_PAST on session_data = both("SELECT d.session, d.audience, d.version, d.data
        FROM sessions s JOIN session_data d ON d.session = s.id WHERE s.user_number = ?1 AND s.ended_at IS NOT NULL
        AND s.id >= ?2");
    OWN_ROLES on user_roles = both("SELECT r.name, h.audience FROM user_roles h JOIN roles r ON r.number = h.role
        WHERE h.user_number = ?1 AND r.removed_at IS NULL");
    HISTORY on audit =
        both("SELECT at, action, actor, app, ip, detail FROM audit WHERE user_id = ?1 ORDER BY seq DESC LIMIT ?2");
}

#[async_trait]
impl Copying for Database {
    async fn everything_of(&self, user: UserId) -> Result<Option<Everything>> {
        self.pool.alone(&user, |on, user| everything(on, *user).boxed(), LONGEST).await
    }
}

async fn everything(on: &mut Connection<'_>, user: UserId) -> Result<Option<Everything>> {
    let read = |it: &mut Columns<'_>| Ok((rows::user(it)?, it.get()?, it.time()?));
    let Some(user) = by_id(on, user).await? else { return Ok(None) };
    let Some((user, external_id, updated_at)) = WHOLE_USER.row(on, values![user.number], read).await? else {
        return Ok(None);
    };
    let mut all = Everything::of(user, external_id, updated_at);
    let user = all.user.clone();
    add(on, &mut all, &user).await?;
    let read = |it: &mut Columns<'_>| Ok((rows::user(it)?, it.get()?));
    for (alias, external_id) in MERGED.rows(on, values![user.number], read).await? {
        add(on, &mut all, &alias).await?;
        all.merged.push((alias, external_id));
    }
    Ok(Some(all))
}

/// Adds what is kept under one of somebody's numbers.
async fn add(on: &mut Connection<'_>, all: &mut Everything, user: &UserRow) -> Result<()> {
    let (number, key) = (user.number, id(user.id));
    let phone = |it: &mut Columns<'_>| Ok((it.get()?, it.get()?, it.time()?));
    all.phones.extend(OWN_PHONE.rows(on, values![number], phone).await?);
    let username = |it: &mut Columns<'_>| Ok((it.get()?, it.time()?));
    all.usernames.extend(USERNAME.rows(on, values![number], username).await?);
    all.identities.extend(KNOWN_AS.rows(on, values![number], rows::known_as).await?);
    all.sessions.extend(LIVE_SESSIONS.rows(on, values![number], rows::past_session).await?);
    let past = PAST_SESSIONS.rows(on, values![number, MOST_OVER + 1], rows::past_session).await?;
    all.data.extend(DATA_OF_USER.rows(on, values![&key], rows::own_data).await?);
    all.data.extend(DATA_OF_LIVE.rows(on, values![number], rows::own_data).await?);
    if let Some(oldest) = past.last() {
        let oldest = id(oldest.id);
        all.data.extend(DATA_OF_PAST.rows(on, values![number, &oldest], rows::own_data).await?);
    }
    all.sessions.extend(past);
    all.consents.extend(consents::of(on, number).await?);
    let role = |it: &mut Columns<'_>| Ok((it.get()?, it.get()?));
    all.roles.extend(OWN_ROLES.rows(on, values![number], role).await?);
    all.history.extend(HISTORY.rows(on, values![&key, MOST_ACTS + 1], rows::act).await?);
    all.newest_first();
    Ok(())
}
