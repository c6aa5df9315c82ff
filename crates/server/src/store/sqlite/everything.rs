//! Everything that is kept of somebody, in `SQLite`.

use async_trait::async_trait;
use menjin_token::UserId;
use rusqlite::{Connection, params};

use super::people::by_id;
use super::sql::statements;
use super::{Sqlite, consents};
use crate::store::columns::Columns;
use crate::store::everything::{MOST_ACTS, MOST_OVER};
use crate::store::rows::{self, past_session_columns, user_columns};
use crate::store::{Copying, Everything, Result, UserRow};

statements! {
    USER on users = "SELECT ", user_columns!(), ", u.external_id, u.updated_at FROM users u WHERE u.number = ?1";
    MERGED on users = "SELECT ", user_columns!(), ", u.external_id FROM users u WHERE u.merged_into = ?1";
    PHONE on phones = "SELECT id, sealed, bound_at FROM phones WHERE user_number = ?1";
    USERNAME on passwords = "SELECT username, changed_at FROM passwords WHERE user_number = ?1";
    KNOWN_AS on identities = "SELECT platform, appid, openid, unionid, created_at FROM identities WHERE user_number = ?1";
    LIVE on sessions = "SELECT ", past_session_columns!(), " FROM sessions WHERE user_number = ?1 AND ended_at IS NULL";
    OVER on sessions = "SELECT ", past_session_columns!(), " FROM sessions WHERE user_number = ?1 AND ended_at IS NOT NULL
        ORDER BY id DESC LIMIT ?2";
    DATA_OF_USER on session_data = "SELECT session, audience, version, data FROM session_data WHERE user_id = ?1";
    DATA_OF_LIVE on session_data = "SELECT d.session, d.audience, d.version, d.data FROM sessions s JOIN session_data d ON d.session = s.id
        WHERE s.user_number = ?1 AND s.ended_at IS NULL";
    DATA_OF_OVER on session_data = "SELECT d.session, d.audience, d.version, d.data FROM sessions s JOIN session_data d ON d.session = s.id
        WHERE s.user_number = ?1 AND s.ended_at IS NOT NULL AND s.id >= ?2";
    ROLES on user_roles = "SELECT r.name, h.audience FROM user_roles h JOIN roles r ON r.number = h.role
        WHERE h.user_number = ?1 AND r.removed_at IS NULL";
    HISTORY on audit = "SELECT at, action, actor, app, ip, detail FROM audit WHERE user_id = ?1 ORDER BY seq DESC LIMIT ?2";
}

#[async_trait]
impl Copying for Sqlite {
    async fn everything_of(&self, user: UserId) -> Result<Option<Everything>> {
        self.scan(move |connection| everything(connection, user)).await
    }
}

fn everything(connection: &Connection, user: UserId) -> Result<Option<Everything>> {
    let read = |it: &mut Columns<'_>| Ok((rows::user(it)?, it.get()?, it.time()?));
    let Some(user) = by_id(connection, user)? else { return Ok(None) };
    let Some((user, external_id, updated_at)) = USER.row(connection, [user.number], read)? else { return Ok(None) };
    let mut all = Everything::of(user, external_id, updated_at);
    let user = all.user.clone();
    add(connection, &mut all, &user)?;
    for (alias, external_id) in MERGED.rows(connection, [user.number], |it| Ok((rows::user(it)?, it.get()?)))? {
        add(connection, &mut all, &alias)?;
        all.merged.push((alias, external_id));
    }
    Ok(Some(all))
}

/// Adds what is kept under one of somebody's numbers.
fn add(connection: &Connection, all: &mut Everything, user: &UserRow) -> Result<()> {
    let (number, id) = ([user.number], [user.id.to_bytes()]);
    all.phones.extend(PHONE.rows(connection, number, |it| Ok((it.get()?, it.get()?, it.time()?)))?);
    all.usernames.extend(USERNAME.rows(connection, number, |it| Ok((it.get()?, it.time()?)))?);
    all.identities.extend(KNOWN_AS.rows(connection, number, rows::known_as)?);
    all.sessions.extend(LIVE.rows(connection, number, rows::past_session)?);
    let over = OVER.rows(connection, params![user.number, MOST_OVER + 1], rows::past_session)?;
    all.data.extend(DATA_OF_USER.rows(connection, id, rows::own_data)?);
    all.data.extend(DATA_OF_LIVE.rows(connection, number, rows::own_data)?);
    if let Some(oldest) = over.last() {
        let those = params![user.number, oldest.id.to_bytes()];
        all.data.extend(DATA_OF_OVER.rows(connection, those, rows::own_data)?);
    }
    all.sessions.extend(over);
    all.consents.extend(consents::of(connection, user.number)?);
    all.roles.extend(ROLES.rows(connection, number, |it| Ok((it.get()?, it.get()?)))?);
    all.history.extend(HISTORY.rows(connection, params![user.id.to_bytes(), MOST_ACTS + 1], rows::act)?);
    all.newest_first();
    Ok(())
}
