//! A part of the audit as one audience is told of it (MT-01).

use menjin_token::UserId;

use super::horizon::settled;
use super::told::{About, Event, Reach, id, kind, other_user, reach};
use crate::state::Menjin;
use crate::store::{AuditRow, Result};

/// Events of one part of the audit.
pub(super) struct Page {
    /// Each with the place of its line.
    pub(super) events: Vec<(AuditRow, Event)>,
    /// Everything up to here was looked at.
    pub(super) next: i64,
    /// Whether there are lines behind it already.
    pub(super) more: bool,
}

/// The events of `audience` after a place; `lines` of the audit are looked at.
pub(super) async fn page(menjin: &Menjin, audience: &str, after: i64, lines: u32) -> Result<Page> {
    let last = settled(menjin).await?;
    // A place that was never given: the store was brought back to an earlier time.
    let after = after.min(last);
    let found = menjin.store.audit_after(after, last, lines).await?;
    let is_full = found.len() >= lines as usize;
    let next = if is_full { found.last().map_or(last, |line| line.seq) } else { last };
    let mut events = Vec::new();
    for line in found {
        if let Some(event) = event(menjin, audience, &line).await? {
            events.push((line, event));
        }
    }
    Ok(Page { events, next, more: next < last })
}

/// What `audience` is told of a line; `None` when it is nothing to them.
async fn event(menjin: &Menjin, audience: &str, line: &AuditRow) -> Result<Option<Event>> {
    let Some(kind) = kind(line) else { return Ok(None) };
    let ended = match line.session.filter(|_| reach(kind) == Reach::Session) {
        Some(session) => menjin.store.end_of_session(session).await?,
        None => None,
    };
    let (app, reason) = match ended {
        Some((app, reason)) => (Some(app), reason),
        None => (line.app.clone(), None),
    };
    let is_theirs = match (reach(kind), &app, line.user) {
        (Reach::App | Reach::Session, Some(app), _) => has_audience(menjin, app, audience),
        // Also a session whose row is gone, and whose line names no app.
        (_, _, Some(user)) => knows(menjin, audience, user, line.seq).await?,
        (_, _, None) => false,
    };
    if !is_theirs {
        return Ok(None);
    }
    let own_app = app.filter(|app| has_audience(menjin, app, audience));
    let session = line.session.filter(|_| reach(kind) != Reach::Person);
    Ok(Some(Event {
        id: id(line, &menjin.digester),
        kind,
        timestamp: exact(line.at),
        data: About { user: line.user, other_user: other_user(line), session, app: own_app, reason },
    }))
}

/// Whether somebody ever signed in to an app of this audience, as far as the audit goes back. Of whom it has no sign-in at all
/// everybody hears: to who never met them, the id says nothing.
async fn knows(menjin: &Menjin, audience: &str, user: UserId, last: i64) -> Result<bool> {
    let apps = menjin.store.apps_of(user, last).await?;
    if apps.iter().any(|app| has_audience(menjin, app, audience)) {
        return Ok(true);
    }
    // Who was told that somebody is this user from now on hears of the user.
    let mut met_anybody = !apps.is_empty();
    for alias in menjin.store.aliases_of(user).await? {
        let apps = menjin.store.apps_of(alias, last).await?;
        if apps.iter().any(|app| has_audience(menjin, app, audience)) {
            return Ok(true);
        }
        met_anybody |= !apps.is_empty();
    }
    Ok(!met_anybody)
}

fn has_audience(menjin: &Menjin, app: &str, audience: &str) -> bool {
    menjin.apps.by_id(app).is_some_and(|app| app.audience == audience)
}

pub(super) fn exact(at: menjin_token::Timestamp) -> String {
    format!("{}.{:03}Z", at.to_string().trim_end_matches('Z'), at.millis().rem_euclid(1000))
}
