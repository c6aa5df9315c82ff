//! Rotating a refresh counter: the whole of design §4.3 in one transaction.

use super::end;
use crate::store::rows::{self, standing_columns, user_columns};
use crate::store::rules::{Found, Meaning, refresh_line};
use crate::store::sql::connection::Connection;
use crate::store::sql::events::write_audit;
use crate::store::sql::statement::statements;
use crate::store::sql::value::{id, values};
use crate::store::{EndReason, Presented, Result, Rotation, Standing};

macro_rules! find {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            standing_columns!(),
            ", ",
            user_columns!(),
            ", s.expires_at, s.ended_at, s.end_reason, g.spent, g.rotated_at
            FROM grants g JOIN sessions s ON s.id = g.session JOIN users u ON u.number = s.user_number
            WHERE g.id = ?1 ",
            $lock
        )
    };
}

statements! {
    FIND on grants = each(find!("FOR NO KEY UPDATE OF g, s"), find!("FOR UPDATE"));
    ADVANCE on grants = both("UPDATE grants SET counter = ?2, spent = ?3, rotated_at = ?4, idle_until = ?5, master_key = ?6
        WHERE id = ?1");
}

pub(super) async fn rotate(on: &mut Connection<'_>, presented: &Presented) -> Result<Rotation> {
    let Some(found) = FIND.row(on, values![&id(presented.grant)], rows::found).await? else {
        return Ok(Rotation::Unknown);
    };
    if let Some(reason) = found.ended() {
        return Ok(Rotation::Ended(reason));
    }
    let session = found.standing.session;
    if found.standing.user.disabled_at.is_some() {
        end_session(on, presented, &found.standing, EndReason::UserDisabled).await?;
        return Ok(Rotation::Ended(EndReason::UserDisabled));
    }
    if found.is_over(presented.now) {
        end_session(on, presented, &found.standing, EndReason::Expired).await?;
        return Ok(Rotation::Expired(session));
    }
    Ok(match found.meaning(presented) {
        Meaning::Current => Rotation::Rotated(Box::new(advance(on, found, presented, Some(presented.counter)).await?)),
        Meaning::LostAnswer => Rotation::Repeated(Box::new(found.standing)),
        Meaning::LostSuccessor => {
            write_audit(on, &refresh_line(&found.standing, "refresh_recovered", "user"), presented.now).await?;
            let spent = found.spent;
            Rotation::Recovered(Box::new(advance(on, found, presented, spent).await?))
        }
        Meaning::Theft => {
            end_session(on, presented, &found.standing, EndReason::RefreshReused).await?;
            Rotation::Stolen(session)
        }
        Meaning::Restored => {
            end_session(on, presented, &found.standing, EndReason::Restored).await?;
            Rotation::Restored(session)
        }
    })
}

async fn advance(on: &mut Connection<'_>, found: Found, presented: &Presented, spent: Option<u32>) -> Result<Standing> {
    let counter = found.standing.counter.saturating_add(1);
    let idle_until = presented.now.plus(presented.idle).min(found.expires_at);
    let grant = id(presented.grant);
    let values = values![&grant, counter, spent, presented.now, idle_until, &presented.master_key];
    ADVANCE.run(on, values).await?;
    Ok(Standing { counter, idle_until, ..found.standing })
}

async fn end_session(on: &mut Connection<'_>, presented: &Presented, of: &Standing, reason: EndReason) -> Result<()> {
    end::end_one(on, of.session, reason, (presented.now, presented.tokens_until)).await?;
    write_audit(on, &refresh_line(of, reason.code(), "system"), presented.now).await
}
