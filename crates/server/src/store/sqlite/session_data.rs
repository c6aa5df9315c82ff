//! Session data in `SQLite`.

use async_trait::async_trait;
use menjin_token::Timestamp;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::sql::statements;
use crate::store::data_map::{DataMap, Decision, decide};
use crate::store::rows;
use crate::store::{DataChange, DataChanged, DataPlace, DataRead, EndReason, Result, SessionData};

statements! {
    READ on session_data = "SELECT s.expires_at, s.ended_at, s.end_reason, d.version, d.data
        FROM sessions s LEFT JOIN session_data d ON d.id = ?2 WHERE s.id = ?1";
    WRITE on session_data = "INSERT INTO session_data (id, session, user_id, audience, version, data, until)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, data = excluded.data, until = excluded.until";
    DUE on session_data = "SELECT id, version, data FROM session_data WHERE until < ?1 ORDER BY until LIMIT ?2";
    SWEPT on session_data = "UPDATE session_data SET version = ?2, data = ?3, until = ?4 WHERE id = ?1";
}

#[async_trait]
impl SessionData for Sqlite {
    async fn read_data(&self, place: &DataPlace, now: Timestamp) -> Result<DataRead> {
        self.read(|connection| read(connection, place, now))
    }

    async fn change_data(&self, change: DataChange) -> Result<DataChanged> {
        self.write(move |connection| write(connection, &change)).await
    }
}

fn read(connection: &Connection, place: &DataPlace, now: Timestamp) -> Result<DataRead> {
    let found = READ.row(connection, params![place.session.to_bytes(), place.row()], |it| rows::data(it, now))?;
    Ok(found.unwrap_or(DataRead::Ended(EndReason::Logout)))
}

fn write(connection: &Connection, change: &DataChange) -> Result<DataChanged> {
    let kept = match read(connection, &change.place, change.now)? {
        DataRead::Ended(reason) => return Ok(DataChanged::Ended(reason)),
        DataRead::Map(kept) => kept,
    };
    Ok(match decide(&kept, change)? {
        Decision::Mismatch(present) => DataChanged::Mismatch(present),
        Decision::Full => DataChanged::Full,
        Decision::Keep => DataChanged::Done(kept),
        Decision::Write(map, until) => {
            let ((session, user), until) = (change.place.owner(), until.map(Timestamp::millis));
            let values =
                params![change.place.row(), session, user, change.place.audience, map.version, map.text, until];
            WRITE.run(connection, values)?;
            DataChanged::Done(map)
        }
    })
}

/// Forgets keys that have ended, in the caller's transaction; how many maps had some.
pub(super) fn sweep(connection: &Connection, now: Timestamp, batch: u32) -> Result<usize> {
    let due: Vec<(Vec<u8>, DataMap)> = DUE.rows(connection, params![now.millis(), batch], rows::due_data)?;
    for (id, map) in &due {
        let (map, until) = map.swept(now);
        SWEPT.run(connection, params![id, map.version, map.text, until.map(Timestamp::millis)])?;
    }
    Ok(due.len())
}
