//! Accounts: found by other names, disabled, enabled.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{Timestamp, UserId};

use super::Database;
use super::connection::Connection;
use super::error::overtaken;
use super::events::{tell, write_audit};
use super::people::by_id;
use super::sessions::{end_one, live};
use super::statement::statements;
use super::value::{id, values};
use crate::store::columns::Columns;
use crate::store::rows::{self, named_user, user_columns};
use crate::store::rules::{account_line, banned_line};
use crate::store::{Account, Accounts, Ban, Banned, EndReason, Ends, EventKind, Merges as _, Result, UserRow};

macro_rules! locked {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            user_columns!(),
            " FROM ",
            named_user!(),
            " WHERE a.id = ?1 AND u.merged_into IS NULL ",
            $lock
        )
    };
}

statements! {
    LOCKED on users = each(locked!("FOR NO KEY UPDATE OF u"), locked!("FOR UPDATE"));
    BY_EXTERNAL_ID on users = both(concat!("SELECT ", user_columns!(), " FROM ", named_user!(), " WHERE a.external_id = ?1"));
    BY_PHONE on users =
        both(concat!("SELECT ", user_columns!(), " FROM phones p JOIN users a ON a.number = p.user_number
        JOIN users u ON u.number = coalesce(a.merged_into, a.number) WHERE p.lookup = ?1"));
    ACCOUNT on users = both(concat!("SELECT ", user_columns!(), ", u.external_id FROM ", named_user!(), " WHERE a.id = ?1"));
    OWN_IDENTITIES on identities = both("SELECT platform, appid FROM identities WHERE user_number = ?1 ORDER BY id");
    DISABLE on users = both("UPDATE users SET disabled_at = ?2, updated_at = ?2 WHERE number = ?1");
    ENABLE on users = both("UPDATE users SET disabled_at = NULL, updated_at = ?2 WHERE number = ?1");
}

#[async_trait]
impl Accounts for Database {
    async fn user_by_external_id(&self, external_id: &str) -> Result<Option<UserRow>> {
        self.pool.row(&BY_EXTERNAL_ID, values![external_id], rows::user).await
    }

    async fn user_by_phone(&self, lookup: [u8; 32]) -> Result<Option<UserRow>> {
        self.pool.row(&BY_PHONE, values![&lookup], rows::user).await
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>> {
        let read = |it: &mut Columns<'_>| Ok((rows::user(it)?, it.get()?));
        let Some((user, external_id)) = self.pool.row(&ACCOUNT, values![&id(user)], read).await? else {
            return Ok(None);
        };
        let read = |it: &mut Columns<'_>| Ok((it.get()?, it.get()?));
        let identities = self.pool.rows(&OWN_IDENTITIES, values![user.number], read).await?;
        let aliases = self.aliases_of(user.id).await?;
        Ok(Some(Account { user, external_id, aliases, identities }))
    }

    async fn disable_user(&self, ban: Ban) -> Result<Option<Banned>> {
        self.transact(&ban, |on, ban| disable(on, ban).boxed()).await
    }

    async fn enable_user(&self, ban: Ban) -> Result<Option<Option<Timestamp>>> {
        self.transact(&ban, |on, ban| enable(on, ban).boxed()).await
    }
}

/// A user whose sign-ins wait for the end of the caller's transaction.
pub(super) async fn locked(on: &mut Connection<'_>, user: UserId) -> Result<Option<UserRow>> {
    let found = LOCKED.row(on, values![&id(user)], rows::user).await?;
    if found.is_none() && by_id(on, user).await?.is_some() {
        // They were merged while the lock was waited for.
        return Err(overtaken());
    }
    Ok(found)
}

async fn disable(on: &mut Connection<'_>, ban: &Ban) -> Result<Option<Banned>> {
    let Some(user) = locked(on, ban.user).await? else { return Ok(None) };
    let ban = &Ban { user: user.id, ..ban.clone() };
    if user.disabled_at.is_none() {
        DISABLE.run(on, values![user.number, ban.now]).await?;
        write_audit(on, &account_line(ban, "user.disabled"), ban.now).await?;
    }
    let (reason, times) = (EndReason::UserDisabled, (ban.now, ban.tokens_until));
    let mut sessions = Vec::new();
    for (session, _) in live(on, &Ends::All(ban.user)).await? {
        if end_one(on, session, reason, times).await? {
            write_audit(on, &banned_line(ban, session), ban.now).await?;
            sessions.push(session);
        }
    }
    tell(on, &EventKind::UserNotBefore(ban.user), reason.code(), times).await?;
    Ok(Some(Banned { before: user.disabled_at, sessions }))
}

async fn enable(on: &mut Connection<'_>, ban: &Ban) -> Result<Option<Option<Timestamp>>> {
    let Some(user) = locked(on, ban.user).await? else { return Ok(None) };
    let ban = &Ban { user: user.id, ..ban.clone() };
    if user.disabled_at.is_some() {
        ENABLE.run(on, values![user.number, ban.now]).await?;
        write_audit(on, &account_line(ban, "user.enabled"), ban.now).await?;
        let times = (ban.now, ban.tokens_until);
        tell(on, &EventKind::UserNotBefore(ban.user), EndReason::Kicked.code(), times).await?;
    }
    Ok(Some(user.disabled_at))
}
