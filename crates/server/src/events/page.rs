//! A part of the audit as one audience is told of it (MT-01).

use std::collections::HashMap;

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
    let mut telling = Telling { menjin, audience, last: next, met: HashMap::new() };
    let mut events = Vec::new();
    for line in found {
        if let Some(event) = telling.event(&line).await? {
            events.push((line, event));
        }
    }
    Ok(Page { events, next, more: next < last })
}

/// One audience is told of one part of the audit.
struct Telling<'m> {
    menjin: &'m Menjin,
    audience: &'m str,
    /// The last place of this part.
    last: i64,
    /// Asked once for each user: it takes longer the more often somebody signed in, which they choose themselves.
    met: HashMap<UserId, Met>,
}

/// At which place of the audit somebody signed in first.
#[derive(Clone, Copy, Default)]
struct Met {
    by_audience: Option<i64>,
    by_anybody: Option<i64>,
}

impl Telling<'_> {
    /// What the audience is told of a line; `None` when it is nothing to them.
    async fn event(&mut self, line: &AuditRow) -> Result<Option<Event>> {
        let Some(kind) = kind(line) else { return Ok(None) };
        let menjin = self.menjin;
        let ended = match line.session.filter(|_| reach(kind) == Reach::Session) {
            Some(session) => menjin.store.end_of_session(session).await?,
            None => None,
        };
        let (app, reason) = match ended {
            Some((app, reason)) => (Some(app), reason),
            None => (line.app.clone(), None),
        };
        let is_theirs = match (reach(kind), &app, line.user) {
            (Reach::App | Reach::Session, Some(app), _) => self.is_of_audience(app),
            // Also a session whose row is gone, and whose line names no app.
            (_, _, Some(user)) => self.knows(user, line.seq).await?,
            (_, _, None) => false,
        };
        if !is_theirs {
            return Ok(None);
        }
        let own_app = app.filter(|app| self.is_of_audience(app));
        let session = line.session.filter(|_| reach(kind) != Reach::Person);
        Ok(Some(Event {
            id: id(line, &menjin.digester),
            kind,
            timestamp: exact(line.at),
            data: About { user: line.user, other_user: other_user(line), session, app: own_app, reason },
        }))
    }

    /// Whether somebody had signed in to an app of this audience by then, as far as the audit goes back. Of whom it has no
    /// sign-in at all everybody hears: to who never met them, the id says nothing.
    async fn knows(&mut self, user: UserId, place: i64) -> Result<bool> {
        let met = if let Some(met) = self.met.get(&user) {
            *met
        } else {
            let met = self.ask_where_met(user).await?;
            *self.met.entry(user).or_insert(met)
        };
        Ok(met.by_audience.is_some_and(|first| first <= place) || met.by_anybody.is_none_or(|first| first > place))
    }

    async fn ask_where_met(&self, user: UserId) -> Result<Met> {
        // Who was told that somebody is this user from now on hears of the user.
        let mut users = self.menjin.store.aliases_of(user).await?;
        users.push(user);
        let mut met = Met::default();
        for user in users {
            for (app, first) in self.menjin.store.apps_of(user, self.last).await? {
                let earlier = |known: Option<i64>| Some(known.map_or(first, |known| known.min(first)));
                met.by_anybody = earlier(met.by_anybody);
                if self.is_of_audience(&app) {
                    met.by_audience = earlier(met.by_audience);
                }
            }
        }
        Ok(met)
    }

    fn is_of_audience(&self, app: &str) -> bool {
        self.menjin.apps.by_id(app).is_some_and(|app| app.audience == self.audience)
    }
}

pub(super) fn exact(at: menjin_token::Timestamp) -> String {
    format!("{}.{:03}Z", at.to_string().trim_end_matches('Z'), at.millis().rem_euclid(1000))
}
