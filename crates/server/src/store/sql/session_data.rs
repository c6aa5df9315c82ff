//! Session data: a map's row is locked while a write decides, so that racing writers come one after the other.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::Timestamp;

use super::Database;
use super::connection::Connection;
use super::error::overtaken;
use super::statement::statements;
use super::value::{Value, id, values};
use crate::store::data_map::{DataMap, Decision, decide};
use crate::store::rows;
use crate::store::{DataChange, DataChanged, DataPlace, DataRead, EndReason, Result, SessionData};

statements! {
    READ on session_data = both("SELECT s.expires_at, s.ended_at, s.end_reason, d.version, d.data
        FROM sessions s LEFT JOIN session_data d ON d.id = ?2 WHERE s.id = ?1");
    LOCKED on session_data = both("SELECT version, data FROM session_data WHERE id = ?1 FOR UPDATE");
    FIRST on session_data = each(
        "INSERT INTO session_data (id, session, user_id, audience, version, data) VALUES (?1, ?2, ?3, ?4, 0, '')
        ON CONFLICT DO NOTHING",
        "INSERT INTO session_data (id, session, user_id, audience, version, data) VALUES (?1, ?2, ?3, ?4, 0, '')
        ON DUPLICATE KEY UPDATE id = id",
    );
    LIVES on sessions = each(
        "SELECT id FROM sessions WHERE id = ?1 AND ended_at IS NULL FOR SHARE",
        "SELECT id FROM sessions WHERE id = ?1 AND ended_at IS NULL LOCK IN SHARE MODE",
    );
    WRITE on session_data = both("UPDATE session_data SET version = ?2, data = ?3, until = ?4 WHERE id = ?1");
    DUE on session_data = both("SELECT id, version, data FROM session_data WHERE until < ?1 ORDER BY until LIMIT ?2
        FOR UPDATE SKIP LOCKED");
}

#[async_trait]
impl SessionData for Database {
    async fn read_data(&self, place: &DataPlace, now: Timestamp) -> Result<DataRead> {
        let (session, row) = (id(place.session), place.row());
        let found = self.pool.row(&READ, values![&session, &row], |it| rows::data(it, now)).await?;
        Ok(found.unwrap_or(DataRead::Ended(EndReason::Logout)))
    }

    async fn change_data(&self, change: DataChange) -> Result<DataChanged> {
        self.transact(&change, |on, change| write(on, change).boxed()).await
    }
}

async fn write(on: &mut Connection<'_>, change: &DataChange) -> Result<DataChanged> {
    let DataChange { place, now, .. } = change;
    let row = place.row();
    let found = READ.row(on, values![&id(place.session), &row], |it| rows::data(it, *now)).await?;
    let seen = match found {
        None => return Ok(DataChanged::Ended(EndReason::Logout)),
        Some(DataRead::Ended(reason)) => return Ok(DataChanged::Ended(reason)),
        Some(DataRead::Map(seen)) => seen,
    };
    let kept = match LOCKED.row(on, values![&row], rows::data_map).await? {
        Some(kept) => kept,
        // There is a row to lock only once there is something to write.
        None => match decide(&seen, change)? {
            Decision::Write(..) => first(on, place, &row).await?,
            decision @ (Decision::Keep | Decision::Mismatch(_) | Decision::Full) => {
                return written(on, &row, seen, decision).await;
            }
        },
    };
    let decision = decide(&kept, change)?;
    written(on, &row, kept, decision).await
}

/// Makes the row of a map that was never written, and locks it; another writer may have been first.
async fn first(on: &mut Connection<'_>, place: &DataPlace, row: &[u8]) -> Result<DataMap> {
    if LIVES.row(on, values![&id(place.session)], rows::value::<[u8; 16]>).await?.is_none() {
        // It ended meanwhile, perhaps with a merge or an erasure: this one begins again, and finds that.
        return Err(overtaken());
    }
    let (session, user) = place.owner();
    let [session, user] = [&session, &user].map(|it| Value::Bytes(it.as_ref().map(<[u8; 16]>::as_slice)));
    FIRST.run(on, &[Some(row).into(), session, user, (&place.audience).into()]).await?;
    Ok(LOCKED.row(on, values![Some(row)], rows::data_map).await?.unwrap_or_default())
}

async fn written(on: &mut Connection<'_>, row: &[u8], kept: DataMap, decision: Decision) -> Result<DataChanged> {
    Ok(match decision {
        Decision::Mismatch(present) => DataChanged::Mismatch(present),
        Decision::Full => DataChanged::Full,
        Decision::Keep => DataChanged::Done(kept),
        Decision::Write(map, until) => {
            WRITE.run(on, values![Some(row), map.version, &map.text, until]).await?;
            DataChanged::Done(map)
        }
    })
}

/// Forgets keys that have ended, in the caller's transaction; how many maps had some.
pub(super) async fn sweep(on: &mut Connection<'_>, (now, batch): (Timestamp, u32)) -> Result<u64> {
    let due: Vec<(Vec<u8>, DataMap)> = DUE.rows(on, values![now, batch], rows::due_data).await?;
    for (row, map) in &due {
        let (map, until) = map.swept(now);
        WRITE.run(on, values![row, map.version, &map.text, until]).await?;
    }
    Ok(due.len() as u64)
}
