//! People in `SQLite`.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};
use rusqlite::{Connection, params};

use super::sql::statements;
use super::{Sqlite, phones};
use crate::store::rows::{self, named_user, user_columns};
use crate::store::rules::is_there;
use crate::store::{
    IdentityName, KeptKey, KeyReset, People, PhoneBound, PhoneChange, ProfileChange, Result, SessionHead, UserRow,
};

statements! {
    OF_SESSION on users = "SELECT ", user_columns!(), ", s.id, s.app, s.amr, s.opened_at, s.expires_at, s.ended_at, s.end_reason
        FROM sessions s JOIN users u ON u.number = s.user_number WHERE s.id = ?1";
    BY_ID on users = "SELECT ", user_columns!(), " FROM ", named_user!(), " WHERE a.id = ?1";
    BY_NUMBER on users = "SELECT ", user_columns!(), " FROM ", named_user!(), " WHERE a.number = ?1";
    PICTURES on users = "SELECT u.avatar_url FROM ", named_user!(), " WHERE a.id = ?1
        UNION ALL SELECT s.avatar_url FROM users a JOIN users s ON s.merged_into = coalesce(a.merged_into, a.number) WHERE a.id = ?1";
    CHOSEN on users = "UPDATE users SET nickname = coalesce(?2, nickname), avatar_url = coalesce(?3, avatar_url),
        nickname_chosen_at = CASE WHEN ?2 IS NULL THEN nickname_chosen_at ELSE ?4 END,
        avatar_chosen_at = CASE WHEN ?3 IS NULL THEN avatar_chosen_at ELSE ?4 END, updated_at = ?4 WHERE number = ?1";
    TOLD on users = "UPDATE users SET nickname = CASE WHEN nickname_chosen_at IS NULL THEN coalesce(?2, nickname) ELSE nickname END,
        avatar_url = CASE WHEN avatar_chosen_at IS NULL THEN coalesce(?3, avatar_url) ELSE avatar_url END, updated_at = ?4
        WHERE number = ?1 AND (nickname_chosen_at IS NULL AND coalesce(?2, nickname) IS NOT nickname
        OR avatar_chosen_at IS NULL AND coalesce(?3, avatar_url) IS NOT avatar_url)";
    KEYS on session_keys = "SELECT session_key_row, session_key, NULL AS superseded_at FROM identities
        WHERE platform = ?1 AND appid = ?2 AND openid = ?3 AND session_key IS NOT NULL
        UNION ALL SELECT k.id, k.sealed, k.superseded_at FROM identities i JOIN session_keys k ON k.identity = i.id
        WHERE i.platform = ?1 AND i.appid = ?2 AND i.openid = ?3 AND k.kept_until > ?4
        ORDER BY 3 DESC NULLS FIRST";
    OF_KEYS on identities = "SELECT id FROM identities WHERE platform = ?1 AND appid = ?2 AND openid = ?3";
    FORGET on session_keys = "DELETE FROM session_keys WHERE identity = ?1";
    RESET on identities = "UPDATE identities SET session_key_row = ?3, session_key = ?4, session_key_digest = ?5
        WHERE id = ?1 AND session_key_digest = ?2";
    IDENTITY on identities = "SELECT i.platform, i.appid, i.openid FROM sessions s JOIN identities i ON i.id = s.identity WHERE s.id = ?1";
}

#[async_trait]
impl People for Sqlite {
    async fn user_of_session(&self, session: SessionId) -> Result<Option<(UserRow, SessionHead)>> {
        self.read(|connection| {
            OF_SESSION.row(connection, [session.to_bytes()], |it| Ok((rows::user(it)?, rows::session_head(it)?)))
        })
    }

    async fn user(&self, user: UserId) -> Result<Option<UserRow>> {
        self.read(|connection| BY_ID.row(connection, [user.to_bytes()], rows::user))
    }

    async fn user_by_number(&self, number: i64) -> Result<Option<UserRow>> {
        self.read(|connection| BY_NUMBER.row(connection, [number], rows::user))
    }

    async fn change_profile(&self, user: UserId, change: ProfileChange, now: Timestamp) -> Result<Option<UserRow>> {
        self.write(move |connection| {
            let Some(found) = by_id(connection, user)?.filter(is_there) else { return Ok(None) };
            apply_profile(connection, found.number, &change, now)?;
            by_id(connection, user)
        })
        .await
    }

    async fn bind_phone(&self, user: UserId, phone: PhoneChange, now: Timestamp) -> Result<PhoneBound> {
        self.write(move |connection| {
            let Some(found) = by_id(connection, user)?.filter(is_there) else { return Ok(PhoneBound::Nobody) };
            if !phones::bind(connection, &found, &phone, now)? {
                return Ok(PhoneBound::Taken);
            }
            let bound = by_id(connection, user)?.unwrap_or(found);
            Ok(PhoneBound::Bound(Box::new(bound)))
        })
        .await
    }

    async fn pictures_of(&self, user: UserId) -> Result<Vec<String>> {
        self.read(|connection| {
            let shown: Vec<Option<String>> = PICTURES.rows(connection, [user.to_bytes()], rows::value)?;
            Ok(shown.into_iter().flatten().collect())
        })
    }

    async fn reset_session_keys(&self, reset: KeyReset) -> Result<()> {
        self.write(move |connection| reset_session_keys(connection, &reset)).await
    }

    async fn session_keys(&self, identity: &IdentityName, now: Timestamp) -> Result<Vec<KeptKey>> {
        self.read(|connection| {
            let IdentityName { platform, appid, openid } = identity;
            KEYS.rows(connection, params![platform, appid, openid, now.millis()], rows::kept_key)
        })
    }

    async fn identity_of_session(&self, session: SessionId) -> Result<Option<IdentityName>> {
        self.read(|connection| IDENTITY.row(connection, [session.to_bytes()], rows::identity_name))
    }
}

fn reset_session_keys(connection: &Connection, reset: &KeyReset) -> Result<()> {
    let KeyReset { identity: IdentityName { platform, appid, openid }, former, fresh } = reset;
    let found = OF_KEYS.value::<[u8; 16]>(connection, params![platform, appid, openid])?;
    let Some(identity) = found else { return Ok(()) };
    FORGET.run(connection, [identity])?;
    let (row, sealed, digest) = match fresh {
        Some((row, sealed, digest)) => (Some(row), Some(sealed), Some(digest)),
        None => (None, None, None),
    };
    RESET.run(connection, params![identity, former, row, sealed, digest]).map(drop)
}

/// A user by id, in the caller's transaction.
pub(super) fn by_id(connection: &Connection, user: UserId) -> Result<Option<UserRow>> {
    BY_ID.row(connection, [user.to_bytes()], rows::user)
}

/// A user by number, in the caller's transaction.
pub(super) fn by_number(connection: &Connection, number: i64) -> Result<Option<UserRow>> {
    BY_NUMBER.row(connection, [number], rows::user)
}

/// Writes what changed of a profile, in the caller's transaction.
pub(super) fn apply_profile(
    connection: &Connection,
    number: i64,
    change: &ProfileChange,
    now: Timestamp,
) -> Result<()> {
    if change.is_empty() {
        return Ok(());
    }
    let statement = if change.is_chosen { CHOSEN } else { TOLD };
    statement.run(connection, params![number, change.nickname, change.avatar_url, now.millis()]).map(drop)
}
