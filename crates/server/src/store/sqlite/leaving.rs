//! People who leave, in `SQLite`: announced, called back, erased over every table.

use std::collections::VecDeque;

use async_trait::async_trait;
use menjin_token::{Timestamp, UserId};
use rusqlite::{Connection, params};

use super::events::{tell, write_audit};
use super::people::by_id;
use super::sessions::{end_one, live};
use super::sql::statements;
use super::{Sqlite, operator_people};
use crate::store::leaving::impersonal_detail;
use crate::store::rules::{erased_session_line, left_line, left_session_line, stayed_line};
use crate::store::{
    Actor, AuditLine, Departed, Departure, EndReason, Ends, Erased, Erasing, EventKind, Leaving, Result, Stayed,
    UserRow,
};
use crate::store::{rows, rules};

statements! {
    ANNOUNCE on users = "UPDATE users SET deletes_at = ?2, updated_at = ?3 WHERE number = ?1";
    STAY on users = "UPDATE users SET deletes_at = NULL, updated_at = ?2 WHERE number = ?1";
    DUE on users = "SELECT id FROM users WHERE deletes_at <= ?1 ORDER BY deletes_at LIMIT ?2";
    ALIASES on users = "SELECT number, id, avatar_url FROM users WHERE merged_into = ?1";
    OLD_KEYS on session_keys = "DELETE FROM session_keys WHERE identity IN (SELECT id FROM identities WHERE user_number = ?1)";
    IDENTITIES on identities = "DELETE FROM identities WHERE user_number = ?1";
    PHONE on phones = "DELETE FROM phones WHERE user_number = ?1";
    PASSWORD on passwords = "DELETE FROM passwords WHERE user_number = ?1";
    RESETS on password_resets = "DELETE FROM password_resets WHERE user_number = ?1";
    ROLES on user_roles = "DELETE FROM user_roles WHERE user_number = ?1";
    CONSENTS on consents = "DELETE FROM consents WHERE user_number = ?1";
    MERGED on merges = "DELETE FROM merges WHERE user_number = ?1";
    MERGED_INTO on merges = "DELETE FROM merges WHERE into_number = ?1";
    DATA_OF_USER on session_data = "DELETE FROM session_data WHERE user_id = ?1";
    DATA_OF_SESSIONS on session_data = "DELETE FROM session_data WHERE session IN
        (SELECT id FROM sessions WHERE user_number = ?1 AND ended_at IS NOT NULL)";
    STRIP on sessions = "UPDATE sessions SET identity = NULL, device_id = NULL, device_name = NULL, device_system = NULL, ip = NULL,
        user_agent = NULL, claims = NULL WHERE user_number = ?1 AND ended_at IS NOT NULL";
    HISTORY on audit = "UPDATE audit SET ip = NULL, detail = ", impersonal_detail!(), " WHERE user_id = ?1";
    EMPTY on users = "UPDATE users SET external_id = NULL, nickname = NULL, avatar_url = NULL, phone_masked = NULL, deletes_at = NULL,
        erased_at = ?2, updated_at = ?2 WHERE number = ?1";
}

#[async_trait]
impl Leaving for Sqlite {
    async fn announce_leaving(&self, departure: Departure) -> Result<Departed> {
        self.write(move |connection| announce(connection, &departure)).await
    }

    async fn cancel_leaving(&self, user: UserId, by: Actor, now: Timestamp) -> Result<Stayed> {
        self.write(move |connection| {
            let Some(user) = by_id(connection, user)? else { return Ok(Stayed::Unknown) };
            let stayed = rules::stays(&user);
            if let Stayed::Stays(_) = stayed {
                stay(connection, &user, &stayed_line(&by, user.id), now)?;
            }
            Ok(stayed)
        })
        .await
    }

    async fn due_to_leave(&self, now: Timestamp, most: u32) -> Result<Vec<UserId>> {
        self.read(|connection| DUE.rows(connection, params![now.millis(), most], rows::id))
    }

    async fn erase_user(&self, erasing: Erasing) -> Result<Erased> {
        self.write(move |connection| {
            let Some(user) = by_id(connection, erasing.user)? else { return Ok(Erased::Unknown) };
            if let Some(refused) = rules::not_to_erase(&user, &erasing) {
                return Ok(refused);
            }
            let mut ended = Vec::new();
            for (session, _) in live(connection, &Ends::All(user.id))? {
                end_one(connection, session, EndReason::AccountClosed, erasing.now, erasing.tokens_until)?;
                write_audit(connection, &erased_session_line(&erasing, user.id, session), erasing.now)?;
                ended.push(session);
            }
            let former_avatars = erase(connection, &user, &erasing)?;
            Ok(Erased::Erased { ended, former_avatars })
        })
        .await
    }
}

fn announce(connection: &Connection, departure: &Departure) -> Result<Departed> {
    let Some(user) = by_id(connection, departure.user)? else { return Ok(Departed::Unknown) };
    if user.erased_at.is_some() {
        return Ok(Departed::Gone);
    }
    let Departure { now, tokens_until, .. } = *departure;
    let deletes_at = user.deletes_at.unwrap_or(departure.deletes_at);
    if user.deletes_at.is_none() {
        ANNOUNCE.run(connection, params![user.number, deletes_at.millis(), now.millis()])?;
        write_audit(connection, &left_line(departure, user.id), now)?;
    }
    let reason = EndReason::UserDeleting;
    let mut ended = Vec::new();
    for (session, _) in live(connection, &Ends::All(user.id))? {
        end_one(connection, session, reason, now, tokens_until)?;
        write_audit(connection, &left_session_line(departure, user.id, session), now)?;
        ended.push(session);
    }
    tell(connection, &EventKind::UserNotBefore(user.id), reason.code(), now, tokens_until)?;
    Ok(Departed::Begun { deletes_at, ended })
}

/// Somebody is called back, in the caller's transaction.
pub(super) fn stay(connection: &Connection, user: &UserRow, line: &AuditLine, now: Timestamp) -> Result<()> {
    STAY.run(connection, params![user.number, now.millis()])?;
    write_audit(connection, line, now)
}

/// Erases somebody all of whose sessions are over, and all that was merged into them, in the caller's transaction; the
/// pictures that they had. Whatever table gets a column about people needs its statement here.
pub(super) fn erase(connection: &Connection, user: &UserRow, erasing: &Erasing) -> Result<Vec<(UserId, String)>> {
    let mut avatars = Vec::new();
    let mut left = VecDeque::from([(user.number, user.id, user.avatar_url.clone())]);
    while let Some((number, id, avatar_url)) = left.pop_front() {
        left.extend(ALIASES.rows(connection, [number], |it| Ok((it.get()?, it.id()?, it.get()?)))?);
        avatars.extend(avatar_url.map(|url| (id, url)));
        operator_people::forget_all(connection, number, (&erasing.line, erasing.now))?;
        for sql in [OLD_KEYS, IDENTITIES, PHONE, PASSWORD, RESETS, ROLES, CONSENTS, MERGED, MERGED_INTO] {
            sql.run(connection, [number])?;
        }
        DATA_OF_USER.run(connection, [id.to_bytes()])?;
        for sql in [DATA_OF_SESSIONS, STRIP] {
            sql.run(connection, [number])?;
        }
        HISTORY.run(connection, [id.to_bytes()])?;
        EMPTY.run(connection, params![number, erasing.now.millis()])?;
        let reason = EndReason::AccountClosed.code();
        tell(connection, &EventKind::UserNotBefore(id), reason, erasing.now, erasing.tokens_until)?;
    }
    write_audit(connection, &AuditLine { user: Some(user.id), ..erasing.line.clone() }, erasing.now)?;
    Ok(avatars)
}
