//! People in `SQLite`.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::Sqlite;
use super::rows::{self, USER, USER_COLUMNS};
use super::sessions::{SESSION, session_row};
use crate::store::{IdentityName, KeptKey, People, ProfileChange, Result, SessionRow, UserRow};

#[async_trait]
impl People for Sqlite {
    async fn user_of_session(&self, session: SessionId) -> Result<Option<(UserRow, SessionRow)>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {USER}, {SESSION} FROM sessions s JOIN users u ON u.number = s.user JOIN grants g ON g.session = s.id WHERE s.id = ?1"
            ))?;
            let found = statement
                .query_row([session.to_bytes()], |row| Ok((rows::user(row, 0)?, session_row(row, USER_COLUMNS)?)))
                .optional()?;
            Ok(found)
        })
    }

    async fn user(&self, user: UserId) -> Result<Option<UserRow>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.id = ?1"))?;
            Ok(statement.query_row([user.to_bytes()], |row| rows::user(row, 0)).optional()?)
        })
    }

    async fn user_by_number(&self, number: i64) -> Result<Option<UserRow>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.number = ?1"))?;
            Ok(statement.query_row([number], |row| rows::user(row, 0)).optional()?)
        })
    }

    async fn change_profile(&self, user: UserId, change: ProfileChange, now: Timestamp) -> Result<Option<UserRow>> {
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.id = ?1"))?;
            let Some(found) = statement.query_row([user.to_bytes()], |row| rows::user(row, 0)).optional()? else {
                return Ok(None);
            };
            apply_profile(connection, found.number, &change, now)?;
            Ok(statement.query_row([user.to_bytes()], |row| rows::user(row, 0)).optional()?)
        })
        .await
    }

    async fn session_keys(&self, identity: &IdentityName, now: Timestamp) -> Result<Vec<KeptKey>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT k.id, k.sealed, k.superseded_at FROM session_keys k JOIN identities i ON i.id = k.identity
                 WHERE i.platform = ?1 AND i.appid = ?2 AND i.openid = ?3 AND (k.kept_until IS NULL OR k.kept_until > ?4)
                 ORDER BY k.obtained_at DESC, k.superseded_at IS NOT NULL",
            )?;
            let keys = statement
                .query_map(params![identity.platform, identity.appid, identity.openid, now.millis()], |row| {
                    Ok(KeptKey { row: rows::bytes(row, 0)?, sealed: row.get(1)?, superseded_at: rows::time_or_null(row, 2)? })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(keys)
        })
    }

    async fn identity_of_session(&self, session: SessionId) -> Result<Option<IdentityName>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT i.platform, i.appid, i.openid FROM sessions s JOIN identities i ON i.id = s.identity WHERE s.id = ?1",
            )?;
            let found = statement
                .query_row([session.to_bytes()], |row| {
                    let platform: String = row.get(0)?;
                    let platform = if platform == "wechat" { "wechat" } else { return Err(rows::impossible(0, "identities: a platform unknown here")) };
                    Ok(IdentityName { platform, appid: row.get(1)?, openid: row.get(2)? })
                })
                .optional()?;
            Ok(found)
        })
    }
}

/// Writes what changed of a profile, in the caller's transaction.
pub(super) fn apply_profile(
    connection: &Connection,
    number: i64,
    change: &ProfileChange,
    now: Timestamp,
) -> rusqlite::Result<()> {
    if change == &ProfileChange::default() {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE users SET nickname = coalesce(?2, nickname), avatar_url = coalesce(?3, avatar_url), updated_at = ?4 WHERE number = ?1",
        )?
        .execute(params![number, change.nickname, change.avatar_url, now.millis()])?;
    Ok(())
}
