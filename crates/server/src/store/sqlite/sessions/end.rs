//! Ending sessions: the row and the feed, in one transaction. Their grants stay as they are: the sweeper passes them by.

use menjin_token::{SessionId, Timestamp, UserId};
use rusqlite::{Connection, Params, params};

use crate::store::rows;
use crate::store::sqlite::events;
use crate::store::sqlite::sql::{Sql, statements};
use crate::store::{AuditLine, EndReason, Ending, Ends, EventKind, Opening, Result};

macro_rules! live {
    () => {
        "SELECT s.id, u.id FROM users u JOIN sessions s ON s.user_number = u.number WHERE s.ended_at IS NULL AND "
    };
}

statements! {
    ONE on sessions = live!(), "s.id = ?1";
    ONE_OF on sessions = live!(), "u.id = ?1 AND s.id = ?2";
    ON_CLASS on sessions = live!(), "u.id = ?1 AND s.device_class = ?2";
    ALL on sessions = live!(), "u.id = ?1";
    OTHERS on sessions = live!(), "u.id = ?1 AND s.id <> ?2";
    OF_GRANT on sessions = live!(), "s.id = (SELECT session FROM grants WHERE id = ?1)";
    ENDED on sessions = "SELECT ended_at, end_reason FROM sessions WHERE id = ?1";
    OF_ONE_GRANT on grants = "SELECT session FROM grants WHERE id = ?1";
    END on sessions = "UPDATE sessions SET ended_at = ?2, end_reason = ?3, replaced_by = ?4 WHERE id = ?1 AND ended_at IS NULL";
}

pub(super) fn end(connection: &Connection, ending: &Ending) -> Result<Vec<SessionId>> {
    let which = live(connection, &ending.which)?;
    if which.is_empty() {
        tell_again(connection, ending)?;
    }
    for (session, user) in &which {
        end_one(connection, *session, ending.reason, ending.now, ending.tokens_until)?;
        let line = AuditLine { session: Some(*session), user: Some(*user), ..ending.audit.clone() };
        events::write_audit(connection, &line, ending.now)?;
    }
    Ok(which.into_iter().map(|(session, _)| session).collect())
}

/// Whoever asks again may never have been answered, and others never have heard of the end: one whose tokens may live is told
/// once more.
fn tell_again(connection: &Connection, ending: &Ending) -> Result<()> {
    let session = match &ending.which {
        Ends::Session(session) | Ends::SessionOf(_, session) => Some(*session),
        Ends::Grant(grant) => OF_ONE_GRANT.row(connection, [grant.to_bytes()], rows::id)?,
        Ends::DeviceClass(..) | Ends::All(_) | Ends::Others(..) => None,
    };
    let Some(session) = session else { return Ok(()) };
    let ended = ENDED.row(connection, [session.to_bytes()], rows::ended)?.flatten();
    if let Some((_, reason)) = ended.filter(|(at, _)| ending.is_doubted(*at)) {
        events::tell(connection, &EventKind::SessionEnded(session), reason.code(), ending.now, ending.tokens_until)?;
    }
    Ok(())
}

/// The live sessions that are meant, and whose they are.
pub(in crate::store::sqlite) fn live(connection: &Connection, which: &Ends) -> Result<Vec<(SessionId, UserId)>> {
    match which {
        Ends::Session(session) => found(connection, ONE, [session.to_bytes()]),
        Ends::SessionOf(user, session) => found(connection, ONE_OF, [user.to_bytes(), session.to_bytes()]),
        Ends::DeviceClass(user, class) => found(connection, ON_CLASS, params![user.to_bytes(), class.as_str()]),
        Ends::All(user) => found(connection, ALL, [user.to_bytes()]),
        Ends::Others(user, session) => found(connection, OTHERS, [user.to_bytes(), session.to_bytes()]),
        Ends::Grant(grant) => found(connection, OF_GRANT, [grant.to_bytes()]),
    }
}

fn found(connection: &Connection, sql: Sql, values: impl Params) -> Result<Vec<(SessionId, UserId)>> {
    sql.rows(connection, values, |it| Ok((it.id()?, it.id()?)))
}

/// Ends one session, in the caller's transaction; false when it was over already.
pub(in crate::store::sqlite) fn end_one(
    connection: &Connection,
    session: SessionId,
    reason: EndReason,
    now: Timestamp,
    tokens_until: Timestamp,
) -> Result<bool> {
    end_for(connection, session, (reason, None), (now, tokens_until))
}

/// The same for one whose place a new session takes.
pub(super) fn replace(connection: &Connection, session: SessionId, opening: &Opening) -> Result<bool> {
    let why = (EndReason::Replaced, Some(opening.session));
    end_for(connection, session, why, (opening.now, opening.tokens_until))
}

fn end_for(
    connection: &Connection,
    session: SessionId,
    (reason, replaced_by): (EndReason, Option<SessionId>),
    (now, tokens_until): (Timestamp, Timestamp),
) -> Result<bool> {
    let values = params![session.to_bytes(), now.millis(), reason.code(), replaced_by.map(SessionId::to_bytes)];
    if END.run(connection, values)? == 0 {
        return Ok(false);
    }
    events::tell(connection, &EventKind::SessionEnded(session), reason.code(), now, tokens_until)?;
    Ok(true)
}
