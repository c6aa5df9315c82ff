//! Accounts in `SQLite`: found by other names, disabled, enabled.

use async_trait::async_trait;
use menjin_token::UserId;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::events::{tell, write_audit};
use super::merges::aliases;
use super::people::by_id;
use super::sessions::{end_one, live};
use super::sql::statements;
use crate::store::rows::{self, named_user, user_columns};
use crate::store::rules::{account_line, banned_line};
use crate::store::{Account, Accounts, Ban, Banned, EndReason, Ends, EventKind, Result, UserRow};

statements! {
    BY_EXTERNAL_ID on users = "SELECT ", user_columns!(), " FROM ", named_user!(), " WHERE a.external_id = ?1";
    BY_PHONE on users = "SELECT ", user_columns!(), " FROM phones p JOIN users a ON a.number = p.user_number
        JOIN users u ON u.number = coalesce(a.merged_into, a.number) WHERE p.lookup = ?1";
    ACCOUNT on users = "SELECT ", user_columns!(), ", u.external_id FROM ", named_user!(), " WHERE a.id = ?1";
    IDENTITIES on identities = "SELECT platform, appid FROM identities WHERE user_number = ?1 ORDER BY id";
    DISABLE on users = "UPDATE users SET disabled_at = ?2, updated_at = ?2 WHERE number = ?1";
    ENABLE on users = "UPDATE users SET disabled_at = NULL, updated_at = ?2 WHERE number = ?1";
}

#[async_trait]
impl Accounts for Sqlite {
    async fn user_by_external_id(&self, external_id: &str) -> Result<Option<UserRow>> {
        self.read(|connection| by_external_id(connection, external_id))
    }

    async fn user_by_phone(&self, lookup: [u8; 32]) -> Result<Option<UserRow>> {
        self.read(|connection| BY_PHONE.row(connection, [lookup], rows::user))
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>> {
        self.read(|connection| {
            let found = ACCOUNT.row(connection, [user.to_bytes()], |it| Ok((rows::user(it)?, it.get()?)))?;
            let Some((user, external_id)) = found else { return Ok(None) };
            let identities = IDENTITIES.rows(connection, [user.number], |it| Ok((it.get()?, it.get()?)))?;
            let mut aliases: Vec<_> = aliases(connection, user.number)?.into_iter().map(|(_, id)| id).collect();
            aliases.sort_unstable();
            Ok(Some(Account { user, external_id, aliases, identities }))
        })
    }

    async fn disable_user(&self, ban: Ban) -> Result<Option<Banned>> {
        self.write(move |connection| disable(connection, &ban)).await
    }

    async fn enable_user(&self, ban: Ban) -> Result<Option<Option<menjin_token::Timestamp>>> {
        self.write(move |connection| {
            let Some(user) = by_id(connection, ban.user)? else { return Ok(None) };
            let ban = Ban { user: user.id, ..ban };
            if user.disabled_at.is_some() {
                ENABLE.run(connection, params![user.number, ban.now.millis()])?;
                write_audit(connection, &account_line(&ban, "user.enabled"), ban.now)?;
                let user = EventKind::UserNotBefore(ban.user);
                tell(connection, &user, EndReason::Kicked.code(), ban.now, ban.tokens_until)?;
            }
            Ok(Some(user.disabled_at))
        })
        .await
    }
}

fn disable(connection: &Connection, ban: &Ban) -> Result<Option<Banned>> {
    let Some(user) = by_id(connection, ban.user)? else { return Ok(None) };
    let ban = &Ban { user: user.id, ..ban.clone() };
    if user.disabled_at.is_none() {
        DISABLE.run(connection, params![user.number, ban.now.millis()])?;
        write_audit(connection, &account_line(ban, "user.disabled"), ban.now)?;
    }
    let reason = EndReason::UserDisabled;
    let mut sessions = Vec::new();
    for (session, _) in live(connection, &Ends::All(ban.user))? {
        end_one(connection, session, reason, ban.now, ban.tokens_until)?;
        write_audit(connection, &banned_line(ban, session), ban.now)?;
        sessions.push(session);
    }
    tell(connection, &EventKind::UserNotBefore(ban.user), reason.code(), ban.now, ban.tokens_until)?;
    Ok(Some(Banned { before: user.disabled_at, sessions }))
}

/// Whom another system calls so, in the caller's transaction.
pub(super) fn by_external_id(connection: &Connection, external_id: &str) -> Result<Option<UserRow>> {
    BY_EXTERNAL_ID.row(connection, [external_id], rows::user)
}
