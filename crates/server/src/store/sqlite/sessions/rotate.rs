//! Rotating a refresh counter: the whole of design §4.3 in one transaction.

use rusqlite::{Connection, params};

use super::end;
use crate::store::rows::{self, standing_columns, user_columns};
use crate::store::rules::{Found, Meaning, refresh_line};
use crate::store::sqlite::events::write_audit;
use crate::store::sqlite::sql::statements;
use crate::store::{EndReason, Presented, Result, Rotation, Standing};

statements! {
    FIND on grants = "SELECT ", standing_columns!(), ", ", user_columns!(), ", s.expires_at, s.ended_at, s.end_reason, g.spent, g.rotated_at
        FROM grants g JOIN sessions s ON s.id = g.session JOIN users u ON u.number = s.user_number WHERE g.id = ?1";
    ADVANCE on grants = "UPDATE grants SET counter = ?2, spent = ?3, rotated_at = ?4, idle_until = ?5, master_key = ?6 WHERE id = ?1";
}

pub(super) fn rotate(connection: &Connection, presented: &Presented) -> Result<Rotation> {
    let Some(found) = FIND.row(connection, [presented.grant.to_bytes()], rows::found)? else {
        return Ok(Rotation::Unknown);
    };
    if let Some(reason) = found.ended() {
        return Ok(Rotation::Ended(reason));
    }
    let session = found.standing.session;
    if found.standing.user.disabled_at.is_some() {
        end_session(connection, presented, &found.standing, EndReason::UserDisabled)?;
        return Ok(Rotation::Ended(EndReason::UserDisabled));
    }
    if found.is_over(presented.now) {
        end_session(connection, presented, &found.standing, EndReason::Expired)?;
        return Ok(Rotation::Expired(session));
    }
    match found.meaning(presented) {
        Meaning::Current => {
            Ok(Rotation::Rotated(Box::new(advance(connection, found, presented, Some(presented.counter))?)))
        }
        Meaning::LostAnswer => Ok(Rotation::Repeated(Box::new(found.standing))),
        Meaning::LostSuccessor => {
            write_audit(connection, &refresh_line(&found.standing, "refresh_recovered", "user"), presented.now)?;
            let spent = found.spent;
            Ok(Rotation::Recovered(Box::new(advance(connection, found, presented, spent)?)))
        }
        Meaning::Theft => {
            end_session(connection, presented, &found.standing, EndReason::RefreshReused)?;
            Ok(Rotation::Stolen(session))
        }
        Meaning::Restored => {
            end_session(connection, presented, &found.standing, EndReason::Restored)?;
            Ok(Rotation::Restored(session))
        }
    }
}

fn advance(connection: &Connection, found: Found, presented: &Presented, spent: Option<u32>) -> Result<Standing> {
    let counter = found.standing.counter.saturating_add(1);
    let idle_until = presented.now.plus(presented.idle).min(found.expires_at);
    ADVANCE.run(
        connection,
        params![
            presented.grant.to_bytes(),
            counter,
            spent,
            presented.now.millis(),
            idle_until.millis(),
            presented.master_key
        ],
    )?;
    Ok(Standing { counter, idle_until, ..found.standing })
}

fn end_session(connection: &Connection, presented: &Presented, of: &Standing, reason: EndReason) -> Result<()> {
    end::end_one(connection, of.session, reason, presented.now, presented.tokens_until)?;
    write_audit(connection, &refresh_line(of, reason.code(), "system"), presented.now)
}
