//! People.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{SessionId, Timestamp, UserId};

use super::connection::Connection;
use super::error::overtaken;
use super::statement::statements;
use super::value::{id, values};
use super::{Database, phones};
use crate::store::columns::Columns;
use crate::store::rows::{self, named_user, user_columns};
use crate::store::rules::{is_there, tells_news};
use crate::store::{
    IdentityName, KeptKey, KeyReset, People, PhoneBound, PhoneChange, ProfileChange, Result, SessionHead, UserRow,
};

statements! {
    OF_SESSION on users = both(concat!("SELECT ", user_columns!(), ", s.id, s.app, s.amr, s.opened_at, s.expires_at, s.ended_at, s.end_reason
        FROM sessions s JOIN users u ON u.number = s.user_number WHERE s.id = ?1"));
    BY_ID on users = both(concat!("SELECT ", user_columns!(), " FROM ", named_user!(), " WHERE a.id = ?1"));
    BY_NUMBER on users = both(concat!("SELECT ", user_columns!(), " FROM ", named_user!(), " WHERE a.number = ?1"));
    PICTURES on users = both(concat!("SELECT u.avatar_url FROM ", named_user!(), " WHERE a.id = ?1
        UNION ALL SELECT s.avatar_url FROM users a JOIN users s ON s.merged_into = coalesce(a.merged_into, a.number) WHERE a.id = ?1"));
    CHOSEN on users = both("UPDATE users SET nickname = coalesce(?2, nickname), avatar_url = coalesce(?3, avatar_url),
        nickname_chosen_at = CASE WHEN ?2 IS NULL THEN nickname_chosen_at ELSE ?4 END,
        avatar_chosen_at = CASE WHEN ?3 IS NULL THEN avatar_chosen_at ELSE ?4 END, updated_at = ?4
        WHERE number = ?1 AND erased_at IS NULL");
    TOLD on users = both("UPDATE users SET nickname = CASE WHEN nickname_chosen_at IS NULL THEN coalesce(?2, nickname) ELSE nickname END,
        avatar_url = CASE WHEN avatar_chosen_at IS NULL THEN coalesce(?3, avatar_url) ELSE avatar_url END, updated_at = ?4
        WHERE number = ?1 AND erased_at IS NULL");
    NEWEST_KEY on identities = both("SELECT session_key_row, session_key, NULL AS superseded_at FROM identities
        WHERE openid = ?3 AND appid = ?2 AND platform = ?1 AND session_key IS NOT NULL");
    KEYS_BEFORE on session_keys = both("SELECT k.id, k.sealed, k.superseded_at
        FROM identities i JOIN session_keys k ON k.identity = i.id
        WHERE i.openid = ?3 AND i.appid = ?2 AND i.platform = ?1 AND k.kept_until > ?4 ORDER BY k.superseded_at DESC");
    OF_KEYS on identities = each(
        "SELECT id FROM identities WHERE openid = ?3 AND appid = ?2 AND platform = ?1 FOR NO KEY UPDATE",
        "SELECT id FROM identities WHERE openid = ?3 AND appid = ?2 AND platform = ?1 FOR UPDATE",
    );
    FORGET on session_keys = both("DELETE FROM session_keys WHERE identity = ?1");
    RESET on identities = both("UPDATE identities SET session_key_row = ?3, session_key = ?4, session_key_digest = ?5
        WHERE id = ?1 AND session_key_digest = ?2");
    IDENTITY on identities = both("SELECT i.platform, i.appid, i.openid FROM sessions s JOIN identities i ON i.id = s.identity
        WHERE s.id = ?1");
}

/// A profile to change.
struct Changing {
    user: UserId,
    change: ProfileChange,
    now: Timestamp,
}

#[async_trait]
impl People for Database {
    async fn user_of_session(&self, session: SessionId) -> Result<Option<(UserRow, SessionHead)>> {
        let read = |it: &mut Columns<'_>| Ok((rows::user(it)?, rows::session_head(it)?));
        self.pool.row(&OF_SESSION, values![&id(session)], read).await
    }

    async fn user(&self, user: UserId) -> Result<Option<UserRow>> {
        self.pool.row(&BY_ID, values![&id(user)], rows::user).await
    }

    async fn user_by_number(&self, number: i64) -> Result<Option<UserRow>> {
        self.pool.row(&BY_NUMBER, values![number], rows::user).await
    }

    async fn change_profile(&self, user: UserId, change: ProfileChange, now: Timestamp) -> Result<Option<UserRow>> {
        let changing = Changing { user, change, now };
        self.transact(&changing, |on, changing| change_profile(on, changing).boxed()).await
    }

    async fn bind_phone(&self, user: UserId, phone: PhoneChange, now: Timestamp) -> Result<PhoneBound> {
        self.transact(&(user, phone, now), |on, (user, phone, now)| bind_phone(on, *user, phone, *now).boxed()).await
    }

    async fn pictures_of(&self, user: UserId) -> Result<Vec<String>> {
        let shown: Vec<Option<String>> = self.pool.rows(&PICTURES, values![&id(user)], rows::value).await?;
        Ok(shown.into_iter().flatten().collect())
    }

    async fn reset_session_keys(&self, reset: KeyReset) -> Result<()> {
        self.transact(&reset, |on, reset| reset_session_keys(on, reset).boxed()).await
    }

    async fn session_keys(&self, identity: &IdentityName, now: Timestamp) -> Result<Vec<KeptKey>> {
        let IdentityName { platform, appid, openid } = identity;
        let mut keys = self.pool.rows(&NEWEST_KEY, values![*platform, appid, openid], rows::kept_key).await?;
        keys.extend(self.pool.rows(&KEYS_BEFORE, values![*platform, appid, openid, now], rows::kept_key).await?);
        Ok(keys)
    }

    async fn identity_of_session(&self, session: SessionId) -> Result<Option<IdentityName>> {
        self.pool.row(&IDENTITY, values![&id(session)], rows::identity_name).await
    }
}

async fn change_profile(on: &mut Connection<'_>, changing: &Changing) -> Result<Option<UserRow>> {
    let Some(found) = by_id(on, changing.user).await? else { return Ok(None) };
    apply_profile(on, &found, &changing.change, changing.now).await?;
    Ok(by_id(on, changing.user).await?.filter(is_there))
}

async fn bind_phone(on: &mut Connection<'_>, user: UserId, phone: &PhoneChange, now: Timestamp) -> Result<PhoneBound> {
    let Some(found) = by_id(on, user).await? else { return Ok(PhoneBound::Nobody) };
    phones::line_up_user(on, found.number, phone).await?;
    let Some(found_now) = by_id(on, user).await?.filter(is_there) else { return Ok(PhoneBound::Nobody) };
    if found_now.number != found.number {
        // They were merged while the lock was waited for.
        return Err(overtaken());
    }
    if !phones::bind(on, &found, phone, now).await? {
        return Ok(PhoneBound::Taken);
    }
    let bound = by_id(on, user).await?.unwrap_or(found_now);
    Ok(PhoneBound::Bound(Box::new(bound)))
}

async fn reset_session_keys(on: &mut Connection<'_>, reset: &KeyReset) -> Result<()> {
    let KeyReset { identity: IdentityName { platform, appid, openid }, former, fresh } = reset;
    let found = OF_KEYS.row(on, values![*platform, appid, openid], rows::value::<[u8; 16]>).await?;
    let Some(identity) = found else { return Ok(()) };
    FORGET.run(on, values![&identity]).await?;
    let (row, sealed, digest) = match fresh {
        Some((row, sealed, digest)) => (Some(row.as_slice()), Some(sealed.as_slice()), Some(digest.as_slice())),
        None => (None, None, None),
    };
    RESET.run(on, values![&identity, former, row, sealed, digest]).await.map(drop)
}

/// A user by id, in the caller's transaction.
pub(super) async fn by_id(on: &mut Connection<'_>, user: UserId) -> Result<Option<UserRow>> {
    BY_ID.row(on, values![&id(user)], rows::user).await
}

/// A user by number, in the caller's transaction.
pub(super) async fn by_number(on: &mut Connection<'_>, number: i64) -> Result<Option<UserRow>> {
    BY_NUMBER.row(on, values![number], rows::user).await
}

/// Writes what changed of a profile, in the caller's transaction.
pub(super) async fn apply_profile(
    on: &mut Connection<'_>,
    user: &UserRow,
    change: &ProfileChange,
    now: Timestamp,
) -> Result<()> {
    let values = values![user.number, &change.nickname, &change.avatar_url, now];
    if change.is_chosen && !change.is_empty() {
        CHOSEN.run(on, values).await?;
    } else if tells_news(user, change) {
        TOLD.run(on, values).await?;
    }
    Ok(())
}
