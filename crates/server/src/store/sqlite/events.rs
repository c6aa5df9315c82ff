//! The feed of ends and the audit in `SQLite`.

use async_trait::async_trait;
use menjin_token::{Id, Timestamp};
use rusqlite::{Connection, params};

use super::Sqlite;
use super::sql::{Columns, Corrupt, statements};
use crate::store::{Audit, AuditLine, Event, EventKind, Feed, Result};

statements! {
    SINCE on events = "SELECT kind, subject, seq, reason, at, until FROM events WHERE seq > ?1 ORDER BY seq";
    TELL on events = "INSERT INTO events (kind, subject, reason, at, until) VALUES (?1, ?2, ?3, ?4, ?5)";
    AUDIT on audit = "INSERT INTO audit (at, action, actor, user, session, app, ip, detail)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
}

#[async_trait]
impl Feed for Sqlite {
    async fn events_since(&self, seq: i64) -> Result<Vec<Event>> {
        self.read(|connection| SINCE.rows(connection, [seq], event))
    }
}

#[async_trait]
impl Audit for Sqlite {
    async fn audit(&self, line: AuditLine, now: Timestamp) -> Result<()> {
        self.write(move |connection| write_audit(connection, &line, now)).await
    }
}

fn event(it: &mut Columns<'_>) -> Result<Event, Corrupt> {
    Ok(Event {
        kind: match it.word(Kind::parse)? {
            Kind::SessionEnded => EventKind::SessionEnded(it.id()?),
            Kind::KeyRevoked => EventKind::KeyRevoked(String::from_utf8_lossy(&it.get::<Vec<u8>>()?).into_owned()),
            Kind::KeysChanged => it.get::<Option<Vec<u8>>>().map(|_| EventKind::KeysChanged)?,
        },
        seq: it.get()?,
        reason: it.get()?,
        at: it.time()?,
        until: it.time()?,
    })
}

/// The kinds as they are stored.
#[derive(Clone, Copy)]
enum Kind {
    SessionEnded,
    KeyRevoked,
    KeysChanged,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::SessionEnded => "session_ended",
            Self::KeyRevoked => "key_revoked",
            Self::KeysChanged => "keys_changed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::SessionEnded, Self::KeyRevoked, Self::KeysChanged].into_iter().find(|kind| kind.as_str() == text)
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
    let (kind, subject) = match kind {
        EventKind::SessionEnded(id) => (Kind::SessionEnded, Some(id.to_bytes().to_vec())),
        EventKind::KeyRevoked(name) => (Kind::KeyRevoked, Some(name.as_bytes().to_vec())),
        EventKind::KeysChanged => (Kind::KeysChanged, None),
    };
    TELL.run(connection, params![kind.as_str(), subject, reason, at.millis(), until.millis()]).map(drop)
}

/// Adds a line to the audit, in the caller's transaction.
pub(super) fn write_audit(connection: &Connection, line: &AuditLine, now: Timestamp) -> Result<()> {
    let AuditLine { action, actor, user, session, app, ip, detail } = line;
    AUDIT
        .run(
            connection,
            params![now.millis(), action, actor, user.map(Id::to_bytes), session.map(Id::to_bytes), app, ip, detail],
        )
        .map(drop)
}
