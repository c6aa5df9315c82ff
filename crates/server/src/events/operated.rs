//! What operators see of events: those of every audience, the newest first.

use menjin_token::UserId;

use super::page::exact;
use super::told::{About, Event, Reach, id, kind, other_user, reach};
use crate::problem::NotDone;
use crate::state::Menjin;
use crate::store::{AuditOf, AuditPlace, AuditRow};

/// Lines of the audit that are looked at for a page.
const LOOKED_AT: u32 = 2000;

/// Which events.
#[derive(Debug)]
pub(crate) struct EventsAsked {
    /// About whom; about everybody, when not given.
    pub(crate) user: Option<UserId>,
    /// Of this type.
    pub(crate) kind: Option<&'static str>,
    /// Behind this line of the audit.
    pub(crate) behind: Option<AuditPlace>,
    /// At most so many.
    pub(crate) limit: u32,
}

impl Menjin {
    /// Events, the newest first, and behind which line there may be more.
    pub(crate) async fn events(&self, asked: &EventsAsked) -> Result<(Vec<Event>, Option<AuditPlace>), NotDone> {
        let of = asked.user.map_or(AuditOf::All, AuditOf::User);
        let behind = asked.behind.unwrap_or_else(AuditPlace::newest);
        let rows = self.store.audit_behind(behind, &of, LOOKED_AT).await?;
        let is_full = rows.len() >= LOOKED_AT as usize;
        let (mut found, mut last) = (Vec::new(), None);
        for row in rows {
            if found.len() == asked.limit as usize {
                return Ok((found, last));
            }
            last = Some(row.place());
            let Some(kind) = kind(&row).filter(|kind| asked.kind.is_none_or(|wanted| wanted == *kind)) else {
                continue;
            };
            found.push(self.event(row, kind).await?);
        }
        Ok((found, last.filter(|_| is_full)))
    }

    async fn event(&self, line: AuditRow, kind: &'static str) -> Result<Event, NotDone> {
        let ended = match line.session.filter(|_| reach(kind) == Reach::Session) {
            Some(session) => self.store.end_of_session(session).await?,
            None => None,
        };
        let (app, reason) = ended.unzip();
        let session = line.session.filter(|_| reach(kind) != Reach::Person);
        Ok(Event {
            id: id(&line, &self.digester),
            kind,
            timestamp: exact(line.at),
            data: About {
                user: line.user,
                other_user: other_user(&line),
                session,
                app: app.or(line.app),
                reason: reason.flatten(),
            },
        })
    }
}
