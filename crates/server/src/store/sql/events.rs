//! The feed of ends and the audit.

use std::sync::Arc;

use async_trait::async_trait;
use menjin_token::Timestamp;

use super::Database;
use super::connection::Connection;
use super::statement::statements;
use super::value::{Value, id, values};
use crate::store::rows;
use crate::store::{Audit, AuditLine, Bell, Event, EventKind, Feed, Result};

statements! {
    SINCE on events = both("SELECT kind, subject, seq, reason, at, until FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    AT on events = both("SELECT kind, subject, seq, reason, at, until FROM events WHERE seq IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    TELL on events = both("INSERT INTO events (kind, subject, reason, at, until) VALUES (?1, ?2, ?3, ?4, ?5)");
    AUDIT on audit = both(
        "INSERT INTO audit (at, action, actor, user_id, session_id, app, ip, detail, actor_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    );
}

/// Lines that are read at once: after a restore all sessions may have one, and no reading may last long.
const PAGE: u32 = 2000;

#[async_trait]
impl Feed for Database {
    fn bell(&self) -> Option<Arc<dyn Bell>> {
        self.bell.clone().map(|bell| bell as _)
    }

    async fn events_since(&self, seq: i64) -> Result<Vec<Event>> {
        let (mut events, mut after) = (Vec::new(), seq);
        loop {
            let page = self.pool.rows(&SINCE, values![after, PAGE], rows::event).await?;
            let is_last = page.len() < PAGE as usize;
            after = page.last().map_or(after, |event| event.seq);
            events.extend(page);
            if is_last {
                return Ok(events);
            }
        }
    }

    async fn events_at(&self, places: &[i64]) -> Result<Vec<Event>> {
        let mut found = Vec::new();
        for eight in places.chunks(8) {
            let place = |at: usize| Value::from(eight.get(at).copied().unwrap_or(eight[0]));
            let values: [Value<'_>; 8] = std::array::from_fn(place);
            found.extend(self.pool.rows(&AT, &values, rows::event).await?);
        }
        Ok(found)
    }
}

#[async_trait]
impl Audit for Database {
    async fn audit(&self, line: AuditLine, now: Timestamp) -> Result<()> {
        let (user, session) = (line.user.map(id), line.session.map(id));
        self.pool.run(&AUDIT, &audit_values(&line, now, user.as_ref(), session.as_ref())).await.map(drop)
    }
}

/// Adds a line to the feed, in the caller's transaction.
pub(super) async fn tell(
    on: &mut Connection<'_>,
    kind: &EventKind,
    reason: &str,
    (at, until): (Timestamp, Timestamp),
) -> Result<()> {
    let subject = kind.subject();
    TELL.run(on, values![kind.word(), subject.as_deref(), reason, at, until]).await.map(drop)
}

/// Adds a line to the audit, in the caller's transaction.
pub(super) async fn write_audit(on: &mut Connection<'_>, line: &AuditLine, now: Timestamp) -> Result<()> {
    let (user, session) = (line.user.map(id), line.session.map(id));
    AUDIT.run(on, &audit_values(line, now, user.as_ref(), session.as_ref())).await.map(drop)
}

fn audit_values<'v>(
    line: &'v AuditLine,
    now: Timestamp,
    user: Option<&'v [u8; 16]>,
    session: Option<&'v [u8; 16]>,
) -> [Value<'v>; 9] {
    let AuditLine { action, actor, by, app, ip, detail, .. } = line;
    [
        now.into(),
        (*action).into(),
        (*actor).into(),
        user.map(<[u8; 16]>::as_slice).into(),
        session.map(<[u8; 16]>::as_slice).into(),
        app.into(),
        ip.into(),
        detail.into(),
        by.into(),
    ]
}
