//! The audit as operators read it, by command, over HTTP and in the console: its lines, the newest first, and one of them.
//!
//! Not here: writing it (each room, in the transaction of what was done), its export and its end.

use std::time::Duration;

use menjin_token::{SessionId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::NotDone;
use crate::state::Menjin;
use crate::store::{AuditOf, AuditPlace, AuditRow};

/// Lines that are looked at for a page, where no index helps to find them.
const LOOKED_AT: u32 = 2000;
/// Lines are written in the order of time but for so much: transactions are that long, and clocks differ.
const DISORDER: Duration = Duration::from_mins(1);

/// A line of the audit.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AuditLine)]
pub struct AuditLineView {
    /// Its number: later ones are higher.
    #[schema(example = 4711)]
    pub seq: i64,
    /// When it was done.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What was done.
    #[schema(example = "session.kicked")]
    pub action: String,
    /// Who did it: `user`, `operator`, `app`, `platform` or `system`.
    #[schema(example = "operator")]
    pub actor: String,
    /// Which one: an operator's name, `token:NAME` of a program, or an app. Null for the person themselves, and for commands.
    #[schema(example = "lin")]
    pub actor_id: Option<String>,
    /// To whom.
    #[schema(value_type = Option<String>, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub user: Option<UserId>,
    /// To which session.
    #[schema(value_type = Option<String>, example = "ses_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub session: Option<SessionId>,
    /// Through which app.
    #[schema(example = "shop")]
    pub app: Option<String>,
    /// From where; without its end for whoever may only look.
    #[schema(example = "192.0.2.1")]
    pub ip: Option<String>,
    /// What else matters.
    pub detail: Option<String>,
}

impl From<AuditRow> for AuditLineView {
    fn from(row: AuditRow) -> Self {
        let AuditRow { seq, at, action, actor, by: actor_id, user, session, app, ip, detail } = row;
        Self { seq, at, action, actor, actor_id, user, session, app, ip, detail }
    }
}

/// Which lines.
#[derive(Debug, Clone)]
pub struct AuditAsked {
    /// Whose.
    pub of: AuditOf,
    /// Of what was done.
    pub action: Option<String>,
    /// Of what these did: `user`, `operator` …
    pub actor: Option<String>,
    /// Through this app.
    pub app: Option<String>,
    /// To this session.
    pub session: Option<SessionId>,
    /// Not older.
    pub since: Option<Timestamp>,
    /// Older.
    pub until: Option<Timestamp>,
    /// Behind this line.
    pub behind: Option<AuditPlace>,
    /// At most so many.
    pub limit: u32,
}

/// Lines that were found.
#[derive(Debug)]
pub struct AuditFound {
    /// The newest first.
    pub items: Vec<AuditLineView>,
    /// Behind which line there may be more.
    pub next: Option<AuditPlace>,
}

impl AuditAsked {
    fn is_met(&self, row: &AuditRow) -> bool {
        let is = |wanted: &Option<String>, found: Option<&String>| wanted.is_none() || wanted.as_ref() == found;
        is(&self.action, Some(&row.action))
            && is(&self.actor, Some(&row.actor))
            && is(&self.app, row.app.as_ref())
            && (self.session.is_none() || self.session == row.session)
            && self.since.is_none_or(|since| row.at >= since)
            && self.until.is_none_or(|until| row.at < until)
    }

    /// Whether everything that an index does not find is wanted.
    fn wants_all(&self) -> bool {
        let has_words = self.action.is_some() || self.actor.is_some() || self.app.is_some() || self.session.is_some();
        !has_words && self.since.is_none() && self.until.is_none()
    }
}

impl Menjin {
    /// Lines of the audit, the newest first.
    pub async fn audit(&self, asked: &AuditAsked) -> Result<AuditFound, NotDone> {
        let begin = match (&asked.of, asked.until) {
            (AuditOf::All, Some(until)) => AuditPlace::before(until),
            _ => AuditPlace::newest(),
        };
        let most = if asked.wants_all() { asked.limit + 1 } else { LOOKED_AT };
        let rows = self.store.audit_behind(asked.behind.unwrap_or(begin), &asked.of, most).await?;
        let is_full = rows.len() >= most as usize;
        let (mut items, mut last) = (Vec::new(), None);
        for row in rows {
            let is_too_old = asked.since.is_some_and(|since| row.at.plus(DISORDER) < since);
            if is_too_old {
                return Ok(AuditFound { items, next: None });
            }
            if items.len() == asked.limit as usize {
                return Ok(AuditFound { items, next: last });
            }
            last = Some(row.place());
            if asked.is_met(&row) {
                items.push(row.into());
            }
        }
        Ok(AuditFound { items, next: last.filter(|_| is_full) })
    }

    /// One line of the audit.
    pub async fn audit_line(&self, seq: i64) -> Result<AuditLineView, NotDone> {
        let kept_days = self.config.lifetimes.audit.as_secs() / 86_400;
        let row = self.store.audit_line(seq).await?;
        row.map(AuditLineView::from).ok_or(NotDone::AuditLineUnknown(seq, kept_days))
    }
}
