//! Passwords in `SQLite`.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};
use rusqlite::{Connection, params};

use super::Sqlite;
use super::events::write_audit;
use super::people::by_id;
use super::sessions::{end_one, live};
use super::sql::statements;
use crate::store::rows::{self, user_columns};
use crate::store::rules::{password_line, password_session_line, registered_line};
use crate::store::{
    EndReason, Ends, NewPassword, Opening, PasswordReset, PasswordRow, PasswordSet, Passwords, ResetAllowed, Result,
    SettingPassword, UserRow, Who,
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

statements! {
    BY_NAME on passwords = password!("p.lookup = ?1");
    OWN_PASSWORD on passwords = password!("u.id = ?1");
    HOLDER on passwords = "SELECT user_number FROM passwords WHERE lookup = ?1";
    CHOSEN on passwords = "SELECT changed_at FROM passwords WHERE user_number = ?1";
    ADD on passwords = "INSERT INTO passwords (id, user_number, username, lookup, form, hash, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    CHANGE on passwords = "UPDATE passwords SET form = ?2, hash = ?3, changed_at = ?4 WHERE id = ?1";
    REHASH on passwords = "UPDATE passwords SET form = ?3, hash = ?4 WHERE id = ?1 AND hash = ?2";
    FORM_NEAR on passwords = "SELECT form FROM passwords WHERE id >= ?1 ORDER BY id LIMIT 1";
    RESET on password_resets = "INSERT INTO password_resets (digest, user_number, until) VALUES (?1, ?2, ?3)";
    RESET_OF on password_resets = "SELECT u.id FROM password_resets r JOIN users u ON u.number = r.user_number
        WHERE r.digest = ?1 AND r.until > ?2";
    VOID on password_resets = "DELETE FROM password_resets WHERE user_number = ?1";
}

#[async_trait]
impl Passwords for Sqlite {
    async fn password_by_name(&self, lookup: &str) -> Result<Option<PasswordRow>> {
        self.read(|connection| BY_NAME.row(connection, [lookup], rows::password))
    }

    async fn password_of(&self, user: UserId) -> Result<Option<PasswordRow>> {
        self.read(|connection| OWN_PASSWORD.row(connection, [user.to_bytes()], rows::password))
    }

    async fn set_password(&self, setting: SettingPassword) -> Result<PasswordSet> {
        self.write(move |connection| set(connection, &setting)).await
    }

    async fn rehash_password(&self, former: Vec<u8>, to: NewPassword) -> Result<bool> {
        self.write(move |connection| {
            let NewPassword { row, form, hash, .. } = &to;
            Ok(REHASH.run(connection, params![row, former, form, hash])? > 0)
        })
        .await
    }

    async fn allow_reset(&self, reset: PasswordReset) -> Result<ResetAllowed> {
        self.write(move |connection| allow_reset(connection, &reset)).await
    }

    async fn reset_of(&self, digest: [u8; 32], now: Timestamp) -> Result<Option<UserId>> {
        self.read(|connection| RESET_OF.row(connection, params![digest, now.millis()], rows::id))
    }

    async fn password_form_near(&self, point: [u8; 16]) -> Result<Option<String>> {
        self.read(|connection| match FORM_NEAR.value(connection, [point])? {
            Some(form) => Ok(Some(form)),
            // Behind the last one comes the first.
            None => FORM_NEAR.value(connection, [[0; 16]]),
        })
    }
}

/// Somebody who may have a password: nothing more is kept of whoever was erased.
fn holder_to_be(connection: &Connection, user: UserId) -> Result<Option<UserRow>> {
    Ok(by_id(connection, user)?.filter(|user| user.erased_at.is_none()))
}

fn set(connection: &Connection, setting: &SettingPassword) -> Result<PasswordSet> {
    let Some(user) = holder_to_be(connection, setting.user)? else { return Ok(PasswordSet::Unknown) };
    if let Some(code) = setting.reset
        && RESET_OF.row(connection, params![code, setting.now.millis()], rows::id)? != Some(user.id)
    {
        return Ok(PasswordSet::CodeUnknown);
    }
    if let Some(kept) = setting.keep
        && (user.disabled_at.is_some() || live(connection, &Ends::SessionOf(user.id, kept))?.is_empty())
    {
        return Ok(PasswordSet::SessionOver);
    }
    if chosen(connection, user.number)? != setting.before {
        return Ok(PasswordSet::Overtaken);
    }
    let NewPassword { row, form, hash, .. } = &setting.password;
    match setting.before {
        Some(before) => {
            // Two passwords of one user never have the same time.
            let at = setting.now.max(Timestamp::from_millis(before.millis() + 1));
            CHANGE.run(connection, params![row, form, hash, at.millis()])?;
        }
        None if !add(connection, user.number, &setting.password, setting.now)? => return Ok(PasswordSet::NameTaken),
        None => {}
    }
    VOID.run(connection, [user.number])?;
    write_audit(connection, &password_line(setting), setting.now)?;
    Ok(PasswordSet::Set(end_others(connection, &user, setting)?))
}

fn end_others(connection: &Connection, user: &UserRow, setting: &SettingPassword) -> Result<Vec<SessionId>> {
    let which = setting.keep.map_or(Ends::All(user.id), |kept| Ends::Others(user.id, kept));
    let mut ended = Vec::new();
    for (session, _) in live(connection, &which)? {
        end_one(connection, session, EndReason::PasswordChanged, setting.now, setting.tokens_until)?;
        write_audit(connection, &password_session_line(setting, session), setting.now)?;
        ended.push(session);
    }
    Ok(ended)
}

fn allow_reset(connection: &Connection, reset: &PasswordReset) -> Result<ResetAllowed> {
    let Some(user) = holder_to_be(connection, reset.user)? else { return Ok(ResetAllowed::Unknown) };
    match (chosen(connection, user.number)?, &reset.name) {
        (None, None) => return Ok(ResetAllowed::NoName),
        (Some(_), Some(_)) => return Ok(ResetAllowed::HasName),
        (None, Some(name)) if !add(connection, user.number, name, reset.now)? => return Ok(ResetAllowed::NameTaken),
        (None, Some(_)) | (Some(_), None) => {}
    }
    VOID.run(connection, [user.number])?;
    RESET.run(connection, params![reset.digest, user.number, reset.until.millis()])?;
    let line = crate::store::AuditLine { user: Some(user.id), ..reset.by.line("password.reset") };
    write_audit(connection, &line, reset.now)?;
    Ok(ResetAllowed::Allowed)
}

/// When a user's password was chosen, in the caller's transaction.
pub(super) fn chosen(connection: &Connection, number: i64) -> Result<Option<Timestamp>> {
    CHOSEN.row(connection, [number], rows::time)
}

/// A user, if this is still the time when their password was chosen; in the caller's transaction.
pub(super) fn still_chosen(connection: &Connection, user: UserId, at: Timestamp) -> Result<Option<UserRow>> {
    let Some(found) = by_id(connection, user)? else { return Ok(None) };
    // One of somebody who was merged opens nothing, whatever the one who stays has chosen.
    let is_same = found.id == user && chosen(connection, found.number)? == Some(at);
    Ok(Some(found).filter(|_| is_same))
}

/// Whether a newcomer wants a name that somebody has, in the caller's transaction.
pub(super) fn is_wanted_and_taken(connection: &Connection, who: &Who) -> Result<bool> {
    let Some(new) = who.registered() else { return Ok(false) };
    holder(connection, &new.lookup).map(|holder| holder.is_some())
}

/// Who has the name, by number, in the caller's transaction.
pub(super) fn holder(connection: &Connection, lookup: &str) -> Result<Option<i64>> {
    HOLDER.value(connection, [lookup])
}

/// Keeps the password that a newcomer registers with, in the caller's transaction.
pub(super) fn register(connection: &Connection, user: &UserRow, new: &NewPassword, opening: &Opening) -> Result<()> {
    add(connection, user.number, new, opening.now)?;
    write_audit(connection, &registered_line(opening, user), opening.now)
}

/// Keeps a user's first password, in the caller's transaction; false when somebody has the name.
pub(super) fn add(connection: &Connection, number: i64, new: &NewPassword, now: Timestamp) -> Result<bool> {
    let NewPassword { row, username, lookup, form, hash } = new;
    if holder(connection, lookup)?.is_some() {
        return Ok(false);
    }
    ADD.run(connection, params![row, number, username, lookup, form, hash, now.millis()]).map(|_| true)
}
