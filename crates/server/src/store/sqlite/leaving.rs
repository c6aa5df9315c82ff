//! People who leave, in `SQLite`: announced, called back, erased over every table.

use async_trait::async_trait;
use menjin_token::{Timestamp, UserId};
use rusqlite::{Connection, params};

use super::events::{tell, write_audit};
use super::people::by_id;
use super::sessions::{end_one, live};
use super::sql::statements;
use super::{Sqlite, operator_people};
use crate::store::columns::Columns;
use crate::store::leaving::{EmptiedTo, PART, bare, due, impersonal_detail, settled};
use crate::store::rules::{erased_session_line, left_line, left_session_line, stayed_line};
use crate::store::{
    Actor, AuditLine, Departed, Departure, Due, Emptied, Emptying, EndReason, Ends, Erased, Erasing, EventKind,
    Leaving, Result, Stayed, UserRow,
};
use crate::store::{rows, rules};

statements! {
    ANNOUNCE on users = "UPDATE users SET deletes_at = ?2, updated_at = ?3 WHERE number = ?1";
    STAY on users = "UPDATE users SET deletes_at = NULL, updated_at = ?2 WHERE number = ?1";
    DUE on users = "SELECT id, deletes_at, number FROM users WHERE deletes_at <= ?1 AND deletes_at >= ?2 AND (deletes_at > ?2 OR number > ?3)
        ORDER BY deletes_at, number LIMIT ?4";
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
    NEXT_OVER on sessions = "SELECT id FROM sessions WHERE user_number = ?1 AND ended_at IS NOT NULL AND id > ?2 ORDER BY id LIMIT ?3";
    DATA_OF_PART on session_data = "DELETE FROM session_data WHERE session IN
        (SELECT id FROM sessions WHERE user_number = ?1 AND ended_at IS NOT NULL AND id >= ?2 AND id <= ?3)";
    STRIP_PART on sessions = "UPDATE sessions SET ", bare!(), " AND id >= ?2 AND id <= ?3";
    STRIP on sessions = "UPDATE sessions SET ", bare!();
    NEXT_LINES on audit = "SELECT seq, at FROM audit WHERE user_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    HISTORY on audit = "UPDATE audit SET ip = NULL, detail = ", impersonal_detail!(), " WHERE user_id = ?1 AND seq >= ?2 AND seq <= ?3
        AND (ip IS NOT NULL OR detail IS NOT NULL)";
    EMPTY on users = "UPDATE users SET external_id = NULL, nickname = NULL, avatar_url = NULL, phone_masked = NULL, deletes_at = NULL,
        nickname_chosen_at = NULL, avatar_chosen_at = NULL, erased_at = ?2, updated_at = ?2 WHERE number = ?1";
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

    async fn due_to_leave(&self, now: Timestamp, after: Option<Due>, most: u32) -> Result<Vec<Due>> {
        let (at, number) = after.map_or((i64::MIN, 0), |last| (last.deletes_at.millis(), last.number));
        self.read(|connection| DUE.rows(connection, params![now.millis(), at, number, most], due))
    }

    async fn empty_user(&self, emptying: Emptying) -> Result<Option<Emptied>> {
        self.write_last(move |connection| {
            let Some(user) = by_id(connection, emptying.user)? else { return Ok(None) };
            if rules::not_to_erase(&user, (emptying.only_if_due, emptying.now)).is_some() {
                return Ok(None);
            }
            empty_part(connection, &user, (&emptying.emptied, emptying.now))
        })
        .await
    }

    async fn erase_user(&self, erasing: Erasing) -> Result<Erased> {
        self.write(move |connection| {
            let Some(user) = by_id(connection, erasing.user)? else { return Ok(Erased::Unknown) };
            if let Some(refused) = rules::not_to_erase(&user, (erasing.only_if_due, erasing.now)) {
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

/// Empties the next part of somebody, in the caller's transaction; up to where.
pub(super) fn empty_part(
    connection: &Connection,
    user: &UserRow,
    (emptied, now): (&Emptied, Timestamp),
) -> Result<Option<Emptied>> {
    for Name { number, id, .. } in names(connection, user)? {
        let to = emptied.of(id);
        if let Some(session) = empty_sessions(connection, number, to.session)? {
            return Ok(Some(emptied.and(id, EmptiedTo { session, ..to })));
        }
        if let Some(line) = empty_history(connection, (id, to.line), now)? {
            return Ok(Some(emptied.and(id, EmptiedTo { line, ..to })));
        }
    }
    Ok(None)
}

/// Empties the next of the sessions that are over; where it ended.
fn empty_sessions(connection: &Connection, number: i64, after: [u8; 16]) -> Result<Option<[u8; 16]>> {
    let next: Vec<[u8; 16]> = NEXT_OVER.rows(connection, params![number, after, PART], rows::value)?;
    let Some(last) = next.last().copied() else { return Ok(None) };
    DATA_OF_PART.run(connection, params![number, after, last])?;
    STRIP_PART.run(connection, params![number, after, last])?;
    Ok(Some(last))
}

/// The same of the audit.
fn empty_history(connection: &Connection, (name, after): (UserId, i64), now: Timestamp) -> Result<Option<i64>> {
    let read = |it: &mut Columns<'_>| Ok((it.get()?, it.time()?));
    let next = NEXT_LINES.rows(connection, params![name.to_bytes(), after, PART], read)?;
    let Some(last) = settled(&next, now) else { return Ok(None) };
    HISTORY.run(connection, params![name.to_bytes(), after, last])?;
    Ok(Some(last))
}

/// One of the names of somebody: their own, or one that was merged into them.
struct Name {
    number: i64,
    id: UserId,
    avatar_url: Option<String>,
}

fn names(connection: &Connection, user: &UserRow) -> Result<Vec<Name>> {
    let mut names = vec![Name { number: user.number, id: user.id, avatar_url: user.avatar_url.clone() }];
    let mut looked_at = 0;
    while let Some(number) = names.get(looked_at).map(|name| name.number) {
        let read = |it: &mut Columns<'_>| Ok(Name { number: it.get()?, id: it.id()?, avatar_url: it.get()? });
        names.extend(ALIASES.rows(connection, [number], read)?);
        looked_at += 1;
    }
    Ok(names)
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
    for Name { number, id, avatar_url } in names(connection, user)? {
        avatars.extend(avatar_url.map(|url| (id, url)));
        operator_people::forget_all(connection, number, (&erasing.line, erasing.now))?;
        for sql in [OLD_KEYS, IDENTITIES, PHONE, PASSWORD, RESETS, ROLES, CONSENTS, MERGED, MERGED_INTO] {
            sql.run(connection, [number])?;
        }
        DATA_OF_USER.run(connection, [id.to_bytes()])?;
        for sql in [DATA_OF_SESSIONS, STRIP] {
            sql.run(connection, [number])?;
        }
        HISTORY.run(connection, params![id.to_bytes(), erasing.emptied.of(id).line, i64::MAX])?;
        EMPTY.run(connection, params![number, erasing.now.millis()])?;
        let reason = EndReason::AccountClosed.code();
        tell(connection, &EventKind::UserNotBefore(id), reason, erasing.now, erasing.tokens_until)?;
    }
    write_audit(connection, &AuditLine { user: Some(user.id), ..erasing.line.clone() }, erasing.now)?;
    Ok(avatars)
}
