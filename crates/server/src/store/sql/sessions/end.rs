//! Ending sessions: the row and the feed, in one transaction. Their grants stay as they are: the sweeper passes them by.

use menjin_token::{SessionId, Timestamp, UserId};

use crate::store::rows;
use crate::store::sql::connection::Connection;
use crate::store::sql::events;
use crate::store::sql::statement::{Sql, statements};
use crate::store::sql::value::{Value, id, values};
use crate::store::{AuditLine, EndReason, Ending, Ends, EventKind, Opening, Result};

macro_rules! live {
    () => {
        "SELECT s.id, u.id FROM users u JOIN sessions s ON s.user_number = u.number WHERE s.ended_at IS NULL AND "
    };
}

statements! {
    ONE on sessions = both(concat!(live!(), "s.id = ?1"));
    ONE_OF on sessions = both(concat!(live!(), "u.id = ?1 AND s.id = ?2"));
    ON_CLASS on sessions = both(concat!(live!(), "u.id = ?1 AND s.device_class = ?2"));
    EACH on sessions = both(concat!(live!(), "u.id = ?1"));
    OTHERS on sessions = both(concat!(live!(), "u.id = ?1 AND s.id <> ?2"));
    OF_GRANT on sessions = both(concat!(live!(), "s.id = (SELECT session FROM grants WHERE id = ?1)"));
    ENDED on sessions = both("SELECT ended_at, end_reason FROM sessions WHERE id = ?1");
    OF_ONE_GRANT on grants = both("SELECT session FROM grants WHERE id = ?1");
    END on sessions = both("UPDATE sessions SET ended_at = ?2, end_reason = ?3, replaced_by = ?4 WHERE id = ?1 AND ended_at IS NULL");
}

pub(super) async fn end(on: &mut Connection<'_>, ending: &Ending) -> Result<Vec<SessionId>> {
    let mut ended = Vec::new();
    for (session, user) in live(on, &ending.which).await? {
        if end_one(on, session, ending.reason, (ending.now, ending.tokens_until)).await? {
            let line = AuditLine { session: Some(session), user: Some(user), ..ending.audit.clone() };
            events::write_audit(on, &line, ending.now).await?;
            ended.push(session);
        }
    }
    if ended.is_empty() {
        tell_again(on, ending).await?;
    }
    Ok(ended)
}

/// Whoever asks again may never have been answered, and others never have heard of the end: one whose tokens may live is told
/// once more.
async fn tell_again(on: &mut Connection<'_>, ending: &Ending) -> Result<()> {
    let session = match &ending.which {
        Ends::Session(session) | Ends::SessionOf(_, session) => Some(*session),
        Ends::Grant(grant) => OF_ONE_GRANT.row(on, values![&id(*grant)], rows::id).await?,
        Ends::DeviceClass(..) | Ends::All(_) | Ends::Others(..) => None,
    };
    let Some(session) = session else { return Ok(()) };
    let ended = ENDED.row(on, values![&id(session)], rows::ended).await?.flatten();
    if let Some((_, reason)) = ended.filter(|(at, _)| ending.is_doubted(*at)) {
        let times = (ending.now, ending.tokens_until);
        events::tell(on, &EventKind::SessionEnded(session), reason.code(), times).await?;
    }
    Ok(())
}

/// The live sessions that are meant, and whose they are; always in the same order, so that nobody waits in a circle.
pub(in crate::store::sql) async fn live(on: &mut Connection<'_>, which: &Ends) -> Result<Vec<(SessionId, UserId)>> {
    let mut found = match which {
        Ends::Session(session) => found(on, &ONE, values![&id(*session)]).await,
        Ends::SessionOf(user, session) => found(on, &ONE_OF, values![&id(*user), &id(*session)]).await,
        Ends::DeviceClass(user, class) => found(on, &ON_CLASS, values![&id(*user), class.as_str()]).await,
        Ends::All(user) => found(on, &EACH, values![&id(*user)]).await,
        Ends::Others(user, session) => found(on, &OTHERS, values![&id(*user), &id(*session)]).await,
        Ends::Grant(grant) => found(on, &OF_GRANT, values![&id(*grant)]).await,
    }?;
    found.sort_unstable();
    Ok(found)
}

async fn found(on: &mut Connection<'_>, sql: &'static Sql, values: &[Value<'_>]) -> Result<Vec<(SessionId, UserId)>> {
    sql.rows(on, values, |it| Ok((it.id()?, it.id()?))).await
}

/// Ends one session, in the caller's transaction; false when it was over already.
pub(in crate::store::sql) async fn end_one(
    on: &mut Connection<'_>,
    session: SessionId,
    reason: EndReason,
    times: (Timestamp, Timestamp),
) -> Result<bool> {
    end_for(on, session, (reason, None), times).await
}

/// The same for one whose place a new session takes.
pub(super) async fn replace(on: &mut Connection<'_>, session: SessionId, opening: &Opening) -> Result<bool> {
    let by = id(opening.session);
    end_for(on, session, (EndReason::Replaced, Some(&by)), (opening.now, opening.tokens_until)).await
}

async fn end_for(
    on: &mut Connection<'_>,
    session: SessionId,
    (reason, replaced_by): (EndReason, Option<&[u8; 16]>),
    (now, tokens_until): (Timestamp, Timestamp),
) -> Result<bool> {
    let replaced_by = replaced_by.map(<[u8; 16]>::as_slice);
    if END.run(on, values![&id(session), now, reason.code(), replaced_by]).await? == 0 {
        return Ok(false);
    }
    events::tell(on, &EventKind::SessionEnded(session), reason.code(), (now, tokens_until)).await?;
    Ok(true)
}
