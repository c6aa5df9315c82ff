//! Passwords.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{SessionId, Timestamp, UserId};

use super::Database;
use super::accounts::locked;
use super::connection::Connection;
use super::events::write_audit;
use super::sessions::{end_one, live};
use super::statement::statements;
use super::value::{id, values};
use crate::store::rows::{self, user_columns};
use crate::store::rules::{password_line, password_session_line, registered_line};
use crate::store::{
    AuditLine, EndReason, Ends, NewPassword, Opening, PasswordReset, PasswordRow, PasswordSet, Passwords, ResetAllowed,
    Result, SettingPassword, UserRow, Who,
};

macro_rules! password {
    ($where:literal) => {
        concat!(
            "SELECT ",
            user_columns!(),
            ", p.id, p.username, p.hash, p.changed_at FROM passwords p JOIN users u ON u.number = p.user_number
            WHERE u.merged_into IS NULL AND ",
            $where
        )
    };
}

macro_rules! add {
    () => {
        "INSERT INTO passwords (id, user_number, username, lookup, form, hash, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    };
}

statements! {
    BY_NAME on passwords = both(password!("p.lookup = ?1"));
    OWN_PASSWORD on passwords = both(password!("u.id = ?1"));
    HOLDER on passwords = both("SELECT user_number FROM passwords WHERE lookup = ?1");
    CHOSEN on passwords = both("SELECT changed_at FROM passwords WHERE user_number = ?1");
    ADD on passwords = each(concat!(add!(), " ON CONFLICT DO NOTHING"), add!());
    CHANGE on passwords = both("UPDATE passwords SET form = ?2, hash = ?3, changed_at = ?4 WHERE id = ?1");
    REHASH on passwords = both("UPDATE passwords SET form = ?3, hash = ?4 WHERE id = ?1 AND hash = ?2");
    FORM_NEAR on passwords = both("SELECT form FROM passwords WHERE id >= ?1 ORDER BY id LIMIT 1");
    RESET on password_resets = both("INSERT INTO password_resets (digest, user_number, until) VALUES (?1, ?2, ?3)");
    RESET_OF on password_resets = both("SELECT u.id FROM password_resets r JOIN users u ON u.number = r.user_number
        WHERE r.digest = ?1 AND r.until > ?2");
    ALIVE on sessions = each(
        "SELECT user_number FROM sessions WHERE id = ?1 AND user_number = ?2 AND ended_at IS NULL FOR NO KEY UPDATE",
        "SELECT user_number FROM sessions WHERE id = ?1 AND user_number = ?2 AND ended_at IS NULL FOR UPDATE",
    );
    VOID on password_resets = both("DELETE FROM password_resets WHERE user_number = ?1");
}

#[async_trait]
impl Passwords for Database {
    async fn password_by_name(&self, lookup: &str) -> Result<Option<PasswordRow>> {
        self.pool.row(&BY_NAME, values![lookup], rows::password).await
    }

    async fn password_of(&self, user: UserId) -> Result<Option<PasswordRow>> {
        self.pool.row(&OWN_PASSWORD, values![&id(user)], rows::password).await
    }

    async fn set_password(&self, setting: SettingPassword) -> Result<PasswordSet> {
        self.transact(&setting, |on, setting| set(on, setting).boxed()).await
    }

    async fn rehash_password(&self, former: Vec<u8>, to: NewPassword) -> Result<bool> {
        let NewPassword { row, form, hash, .. } = &to;
        Ok(self.pool.run(&REHASH, values![row, &former, form, hash]).await? > 0)
    }

    async fn allow_reset(&self, reset: PasswordReset) -> Result<ResetAllowed> {
        self.transact(&reset, |on, reset| allow_reset(on, reset).boxed()).await
    }

    async fn reset_of(&self, digest: [u8; 32], now: Timestamp) -> Result<Option<UserId>> {
        self.pool.row(&RESET_OF, values![&digest, now], rows::id).await
    }

    async fn password_form_near(&self, point: [u8; 16]) -> Result<Option<String>> {
        match self.pool.row(&FORM_NEAR, values![&point], rows::value).await? {
            Some(form) => Ok(Some(form)),
            // Behind the last one comes the first.
            None => self.pool.row(&FORM_NEAR, values![&[0; 16]], rows::value).await,
        }
    }
}

/// Somebody who may have a password, locked: nothing more is kept of whoever was erased.
async fn holder_to_be(on: &mut Connection<'_>, user: UserId) -> Result<Option<UserRow>> {
    Ok(locked(on, user).await?.filter(|user| user.erased_at.is_none()))
}

/// The user's row is locked: whoever signs in by the former password comes before, and is ended, or after, and is refused.
async fn set(on: &mut Connection<'_>, setting: &SettingPassword) -> Result<PasswordSet> {
    let Some(user) = holder_to_be(on, setting.user).await? else { return Ok(PasswordSet::Unknown) };
    if let Some(code) = &setting.reset
        && RESET_OF.row(on, values![code, setting.now], rows::id).await? != Some(user.id)
    {
        return Ok(PasswordSet::CodeUnknown);
    }
    if let Some(kept) = setting.keep
        && (user.disabled_at.is_some() || !stays_alive(on, kept, user.number).await?)
    {
        return Ok(PasswordSet::SessionOver);
    }
    if chosen(on, user.number).await? != setting.before {
        return Ok(PasswordSet::Overtaken);
    }
    let NewPassword { row, form, hash, .. } = &setting.password;
    match setting.before {
        Some(before) => {
            // Two passwords of one user never have the same time.
            let at = setting.now.max(Timestamp::from_millis(before.millis() + 1));
            CHANGE.run(on, values![row, form, hash, at]).await?;
        }
        None if !add(on, user.number, &setting.password, setting.now).await? => return Ok(PasswordSet::NameTaken),
        None => {}
    }
    VOID.run(on, values![user.number]).await?;
    write_audit(on, &password_line(setting), setting.now).await?;
    Ok(PasswordSet::Set(end_others(on, &user, setting).await?))
}

/// Whether a session of the user's lives; nobody ends it before the end of this transaction.
async fn stays_alive(on: &mut Connection<'_>, session: SessionId, number: i64) -> Result<bool> {
    Ok(ALIVE.row(on, values![&id(session), number], rows::value::<i64>).await?.is_some())
}

async fn end_others(on: &mut Connection<'_>, user: &UserRow, setting: &SettingPassword) -> Result<Vec<SessionId>> {
    let which = setting.keep.map_or(Ends::All(user.id), |kept| Ends::Others(user.id, kept));
    let mut ended = Vec::new();
    for (session, _) in live(on, &which).await? {
        if end_one(on, session, EndReason::PasswordChanged, (setting.now, setting.tokens_until)).await? {
            write_audit(on, &password_session_line(setting, session), setting.now).await?;
            ended.push(session);
        }
    }
    Ok(ended)
}

async fn allow_reset(on: &mut Connection<'_>, reset: &PasswordReset) -> Result<ResetAllowed> {
    let Some(user) = holder_to_be(on, reset.user).await? else { return Ok(ResetAllowed::Unknown) };
    match (chosen(on, user.number).await?, &reset.name) {
        (None, None) => return Ok(ResetAllowed::NoName),
        (Some(_), Some(_)) => return Ok(ResetAllowed::HasName),
        (None, Some(name)) if !add(on, user.number, name, reset.now).await? => return Ok(ResetAllowed::NameTaken),
        (None, Some(_)) | (Some(_), None) => {}
    }
    VOID.run(on, values![user.number]).await?;
    RESET.run(on, values![&reset.digest, user.number, reset.until]).await?;
    let line = AuditLine { user: Some(user.id), ..reset.by.line("password.reset") };
    write_audit(on, &line, reset.now).await?;
    Ok(ResetAllowed::Allowed)
}

/// When a user's password was chosen, in the caller's transaction.
pub(super) async fn chosen(on: &mut Connection<'_>, number: i64) -> Result<Option<Timestamp>> {
    CHOSEN.row(on, values![number], rows::time).await
}

/// A user, locked, if this is still the time when their password was chosen; in the caller's transaction.
pub(super) async fn still_chosen(on: &mut Connection<'_>, user: UserId, at: Timestamp) -> Result<Option<UserRow>> {
    let Some(found) = locked(on, user).await? else { return Ok(None) };
    // One of somebody who was merged opens nothing, whatever the one who stays has chosen.
    let is_same = found.id == user && chosen(on, found.number).await? == Some(at);
    Ok(Some(found).filter(|_| is_same))
}

/// Whether a newcomer wants a name that somebody has, in the caller's transaction.
pub(super) async fn is_wanted_and_taken(on: &mut Connection<'_>, who: &Who) -> Result<bool> {
    let Some(new) = who.registered() else { return Ok(false) };
    holder(on, &new.lookup).await.map(|holder| holder.is_some())
}

/// Who has the name, by number, in the caller's transaction.
pub(super) async fn holder(on: &mut Connection<'_>, lookup: &str) -> Result<Option<i64>> {
    HOLDER.row(on, values![lookup], rows::value).await
}

/// Keeps the password that a newcomer registers with, in the caller's transaction; false when somebody has the name.
pub(super) async fn register(
    on: &mut Connection<'_>,
    user: &UserRow,
    new: &NewPassword,
    opening: &Opening,
) -> Result<bool> {
    let is_added = add(on, user.number, new, opening.now).await?;
    if is_added {
        write_audit(on, &registered_line(opening, user), opening.now).await?;
    }
    Ok(is_added)
}

/// Keeps a user's first password, in the caller's transaction; false when somebody has the name.
pub(super) async fn add(on: &mut Connection<'_>, number: i64, new: &NewPassword, now: Timestamp) -> Result<bool> {
    let NewPassword { row, username, lookup, form, hash } = new;
    ADD.add(on, values![row, number, username, lookup, form, hash, now]).await
}
