//! Ending sessions: the row, its grants and the feed, in one transaction.

use menjin_token::{SessionId, Timestamp};
use rusqlite::{Connection, ToSql, params};

use crate::store::sqlite::{events, rows};
use crate::store::{AuditLine, EndReason, Ending, Ends, EventKind, Result};

pub(super) fn end(connection: &Connection, ending: &Ending) -> Result<Vec<SessionId>> {
    let which = live(connection, &ending.which)?;
    for session in &which {
        end_one(connection, *session, ending.reason, ending.now, ending.tokens_until)?;
        let line = AuditLine { session: Some(*session), ..ending.audit.clone() };
        events::write_audit(connection, &line, ending.now)?;
    }
    Ok(which)
}

/// The live sessions that are meant.
fn live(connection: &Connection, which: &Ends) -> Result<Vec<SessionId>> {
    let of_user =
        "SELECT s.id FROM users u JOIN sessions s ON s.user = u.number WHERE s.ended_at IS NULL AND u.id = ?1";
    let select = |sql: &str, values: &[&dyn ToSql]| -> Result<Vec<SessionId>> {
        let mut statement = connection.prepare_cached(sql)?;
        Ok(statement.query_map(values, |row| rows::id(row, 0))?.collect::<rusqlite::Result<Vec<_>>>()?)
    };
    match which {
        Ends::Session(session) => {
            select("SELECT id FROM sessions WHERE ended_at IS NULL AND id = ?1", &[&session.to_bytes()])
        }
        Ends::SessionOf(user, session) => {
            select(&format!("{of_user} AND s.id = ?2"), &[&user.to_bytes(), &session.to_bytes()])
        }
        Ends::DeviceClass(user, class) => {
            select(&format!("{of_user} AND s.device_class = ?2"), &[&user.to_bytes(), &class.as_str()])
        }
        Ends::Others(user, session) => {
            select(&format!("{of_user} AND s.id <> ?2"), &[&user.to_bytes(), &session.to_bytes()])
        }
        Ends::All(user) => select(of_user, &[&user.to_bytes()]),
        Ends::Grant(grant) => select(
            "SELECT s.id FROM grants g JOIN sessions s ON s.id = g.session WHERE s.ended_at IS NULL AND g.id = ?1",
            &[&grant.to_bytes()],
        ),
    }
}

/// Ends one session, in the caller's transaction; false when it was over already.
pub(in crate::store::sqlite) fn end_one(
    connection: &Connection,
    session: SessionId,
    reason: EndReason,
    now: Timestamp,
    tokens_until: Timestamp,
) -> rusqlite::Result<bool> {
    let ended = connection
        .prepare_cached("UPDATE sessions SET ended_at = ?2, end_reason = ?3 WHERE id = ?1 AND ended_at IS NULL")?
        .execute(params![session.to_bytes(), now.millis(), reason.code()])?;
    if ended == 0 {
        return Ok(false);
    }
    connection
        .prepare_cached("UPDATE grants SET idle_until = NULL WHERE session = ?1")?
        .execute([session.to_bytes()])?;
    events::tell(connection, &EventKind::SessionEnded(session), reason.code(), now, tokens_until)?;
    Ok(true)
}
