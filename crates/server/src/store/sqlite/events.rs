//! The feed of ends and the audit in `SQLite`.

use async_trait::async_trait;
use menjin_token::{Id, Timestamp};
use rusqlite::{Connection, Row, params};

use super::{Sqlite, rows};
use crate::store::{Audit, AuditLine, Event, EventKind, Feed, Result};

#[async_trait]
impl Feed for Sqlite {
    async fn events_since(&self, seq: i64) -> Result<Vec<Event>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, kind, subject, reason, at, until FROM events WHERE seq > ?1 ORDER BY seq",
            )?;
            let events = statement.query_map([seq], event)?.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(events)
        })
    }
}

#[async_trait]
impl Audit for Sqlite {
    async fn audit(&self, line: AuditLine, now: Timestamp) -> Result<()> {
        self.write(move |connection| write_audit(connection, &line, now)).await
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let kind: String = row.get(1)?;
    let kind = match kind.as_str() {
        "session_ended" => EventKind::SessionEnded(rows::id(row, 2)?),
        "key_revoked" => EventKind::KeyRevoked(String::from_utf8_lossy(row.get_ref(2)?.as_blob()?).into_owned()),
        "keys_changed" => EventKind::KeysChanged,
        _ => return Err(rows::impossible(1, "events: a kind that this program does not know")),
    };
    Ok(Event { seq: row.get(0)?, kind, reason: row.get(3)?, at: rows::time(row, 4)?, until: rows::time(row, 5)? })
}

/// Adds a line to the feed, in the caller's transaction.
pub(super) fn tell(
    connection: &Connection,
    kind: &EventKind,
    reason: &str,
    at: Timestamp,
    until: Timestamp,
) -> rusqlite::Result<()> {
    let session;
    let (name, subject): (&str, Option<&[u8]>) = match kind {
        EventKind::SessionEnded(id) => {
            session = id.to_bytes();
            ("session_ended", Some(&session))
        }
        EventKind::KeyRevoked(name) => ("key_revoked", Some(name.as_bytes())),
        EventKind::KeysChanged => ("keys_changed", None),
    };
    connection
        .prepare_cached("INSERT INTO events (kind, subject, reason, at, until) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![name, subject, reason, at.millis(), until.millis()])?;
    Ok(())
}

/// Adds a line to the audit, in the caller's transaction.
pub(super) fn write_audit(connection: &Connection, line: &AuditLine, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO audit (at, action, actor, user, session, app, ip, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            now.millis(),
            line.action,
            line.actor,
            line.user.map(Id::to_bytes),
            line.session.map(Id::to_bytes),
            line.app,
            line.ip,
            line.detail,
        ])?;
    Ok(())
}
