//! The feed of ends and the audit in `SQLite`.

use async_trait::async_trait;
use menjin_token::{Id, Timestamp};
use rusqlite::{Connection, params};

use super::Sqlite;
use super::sql::statements;
use crate::store::rows;
use crate::store::{Audit, AuditLine, Event, EventKind, Feed, Result};

statements! {
    SINCE on events = "SELECT kind, subject, seq, reason, at, until FROM events WHERE seq > ?1 ORDER BY seq";
    AT on events = "SELECT kind, subject, seq, reason, at, until FROM events WHERE seq = ?1";
    TELL on events = "INSERT INTO events (kind, subject, reason, at, until) VALUES (?1, ?2, ?3, ?4, ?5)";
    AUDIT on audit = "INSERT INTO audit (at, action, actor, user_id, session_id, app, ip, detail, actor_id)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
}

#[async_trait]
impl Feed for Sqlite {
    async fn events_since(&self, seq: i64) -> Result<Vec<Event>> {
        self.read(|connection| SINCE.rows(connection, [seq], rows::event))
    }

    async fn events_at(&self, places: &[i64]) -> Result<Vec<Event>> {
        self.read(|connection| {
            let at = |place: &i64| AT.row(connection, [*place], rows::event).transpose();
            places.iter().filter_map(at).collect()
        })
    }
}

#[async_trait]
impl Audit for Sqlite {
    async fn audit(&self, line: AuditLine, now: Timestamp) -> Result<()> {
        self.write(move |connection| write_audit(connection, &line, now)).await
    }
}

/// Adds a line to the feed, in the caller's transaction.
pub(super) fn tell(
    connection: &Connection,
    kind: &EventKind,
    reason: &str,
    at: Timestamp,
    until: Timestamp,
) -> Result<()> {
    TELL.run(connection, params![kind.word(), kind.subject(), reason, at.millis(), until.millis()]).map(drop)
}

/// Adds a line to the audit, in the caller's transaction.
pub(super) fn write_audit(connection: &Connection, line: &AuditLine, now: Timestamp) -> Result<()> {
    let AuditLine { action, actor, by, user, session, app, ip, detail } = line;
    AUDIT
        .run(
            connection,
            params![
                now.millis(),
                action,
                actor,
                user.map(Id::to_bytes),
                session.map(Id::to_bytes),
                app,
                ip,
                detail,
                by
            ],
        )
        .map(drop)
}
