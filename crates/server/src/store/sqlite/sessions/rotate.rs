//! Rotating a refresh counter: the whole of design §4.3 in one transaction.

use menjin_token::{SessionId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{STANDING, STANDING_COLUMNS, end, end_reason, standing};
use crate::store::sqlite::events::write_audit;
use crate::store::sqlite::rows::{self, USER, USER_COLUMNS};
use crate::store::{AuditLine, EndReason, Presented, Result, Rotation, Standing};

/// A grant and what decides about it.
struct Found {
    standing: Standing,
    spent: Option<u32>,
    rotated_at: Timestamp,
    expires_at: Timestamp,
    ended: Option<EndReason>,
}

/// What a presented counter means (a pure function of the row).
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Current,
    LostAnswer,
    LostSuccessor,
    Theft,
    Restored,
}

pub(super) fn rotate(connection: &Connection, presented: &Presented) -> Result<Rotation> {
    let Some(found) = find(connection, presented)? else { return Ok(Rotation::Unknown) };
    if let Some(reason) = found.ended {
        return Ok(Rotation::Ended(reason));
    }
    let session = found.standing.session;
    if found.standing.user.disabled_at.is_some() {
        end_session(connection, presented, session, EndReason::UserDisabled)?;
        return Ok(Rotation::Ended(EndReason::UserDisabled));
    }
    if presented.now >= found.standing.idle_until || presented.now >= found.expires_at {
        end_session(connection, presented, session, EndReason::Expired)?;
        return Ok(Rotation::Expired(session));
    }
    match meaning(&found, presented) {
        Meaning::Current => {
            Ok(Rotation::Rotated(Box::new(advance(connection, found, presented, Some(presented.counter))?)))
        }
        Meaning::LostAnswer => Ok(Rotation::Repeated(Box::new(found.standing))),
        Meaning::LostSuccessor => {
            let line = AuditLine {
                action: "refresh_recovered",
                actor: "user",
                session: Some(session),
                ..AuditLine::default()
            };
            write_audit(connection, &line, presented.now)?;
            let spent = found.spent;
            Ok(Rotation::Recovered(Box::new(advance(connection, found, presented, spent)?)))
        }
        Meaning::Theft => {
            end_session(connection, presented, session, EndReason::RefreshReused)?;
            Ok(Rotation::Stolen(session))
        }
        Meaning::Restored => {
            end_session(connection, presented, session, EndReason::Restored)?;
            Ok(Rotation::Restored(session))
        }
    }
}

fn meaning(found: &Found, presented: &Presented) -> Meaning {
    if presented.counter == found.standing.counter {
        Meaning::Current
    } else if presented.counter > found.standing.counter {
        Meaning::Restored
    } else if found.spent != Some(presented.counter) {
        Meaning::Theft
    } else if presented.now <= found.rotated_at.plus(presented.grace) {
        Meaning::LostAnswer
    } else {
        Meaning::LostSuccessor
    }
}

fn find(connection: &Connection, presented: &Presented) -> Result<Option<Found>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {STANDING}, {USER}, g.spent, g.rotated_at, s.expires_at, s.ended_at, s.end_reason
         FROM grants g JOIN sessions s ON s.id = g.session JOIN users u ON u.number = s.user WHERE g.id = ?1"
    ))?;
    let found = statement
        .query_row([presented.grant.to_bytes()], |row| {
            let rest = STANDING_COLUMNS + USER_COLUMNS;
            let ended = match rows::time_or_null(row, rest + 3)? {
                None => None,
                Some(_) => Some(end_reason(row, rest + 4)?),
            };
            Ok(Found {
                standing: standing(row)?,
                spent: row.get(rest)?,
                rotated_at: rows::time(row, rest + 1)?,
                expires_at: rows::time(row, rest + 2)?,
                ended,
            })
        })
        .optional()?;
    Ok(found)
}

fn advance(connection: &Connection, found: Found, presented: &Presented, spent: Option<u32>) -> Result<Standing> {
    let counter = found.standing.counter.saturating_add(1);
    let idle_until = presented.now.plus(presented.idle).min(found.expires_at);
    connection
        .prepare_cached("UPDATE grants SET counter = ?2, spent = ?3, rotated_at = ?4, idle_until = ?5, master_key = ?6 WHERE id = ?1")?
        .execute(params![
            presented.grant.to_bytes(),
            counter,
            spent,
            presented.now.millis(),
            idle_until.millis(),
            presented.master_key
        ])?;
    Ok(Standing { counter, idle_until, ..found.standing })
}

fn end_session(connection: &Connection, presented: &Presented, session: SessionId, reason: EndReason) -> Result<()> {
    end::end_one(connection, session, reason, presented.now, presented.tokens_until)?;
    let line = AuditLine { action: reason.code(), actor: "system", session: Some(session), ..AuditLine::default() };
    write_audit(connection, &line, presented.now)
}
