//! The audit read in order, in `SQLite`: one transaction after the other writes, so that no line turns up behind others.

use std::collections::BTreeSet;

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};
use rusqlite::params;

use super::Sqlite;
use super::sql::statements;
use crate::store::columns::Columns;
use crate::store::rows::{self, audit_columns};
use crate::store::{AuditRow, ClaimedPlace, ClaimingPlace, MovingPlace, Result, Run, Trail};

statements! {
    AFTER on audit = "SELECT ", audit_columns!(), " FROM audit WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3";
    LAST on audit = "SELECT seq FROM audit WHERE seq > ?1 ORDER BY seq DESC LIMIT 1";
    APPS_OF on audit = "SELECT app, min(seq) FROM audit WHERE user_id = ?1 AND seq <= ?2 AND action = 'session.opened' AND app IS NOT NULL GROUP BY app";
    END_OF_SESSION on sessions = "SELECT app, end_reason FROM sessions WHERE id = ?1";
    OLDEST on audit = "SELECT ", audit_columns!(), " FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2";
    FORGET on audit = "DELETE FROM audit WHERE seq = ?1";
    PLACE on places = "SELECT seq FROM places WHERE name = ?1";
    BEGIN on places = "INSERT INTO places (name, seq, claim, held_until, tries, due_at) VALUES (?1, ?2, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
    RAISE on places = "UPDATE places SET seq = ?2 WHERE name = ?1 AND seq < ?2";
    CLAIM on places = "UPDATE places SET claim = claim + 1, held_until = ?3 WHERE name = ?1 AND held_until <= ?2 AND due_at <= ?2";
    CLAIMED on places = "SELECT seq, claim, tries FROM places WHERE name = ?1";
    MOVE on places = "UPDATE places SET seq = ?3, tries = ?4, due_at = ?5, held_until = ?6 WHERE name = ?1 AND claim = ?2";
}

#[async_trait]
impl Trail for Sqlite {
    async fn audit_after(&self, after: i64, last: i64, limit: u32) -> Result<Vec<AuditRow>> {
        self.read(|connection| AFTER.rows(connection, params![after.saturating_add(1), last, limit], rows::audit_row))
    }

    async fn audit_run(&self, after: i64) -> Result<Run> {
        let highest = self.read(|connection| LAST.value::<i64>(connection, [after]))?.unwrap_or(after).max(after);
        Ok(Run { last: highest, highest })
    }

    async fn audit_writers(&self) -> Result<Option<BTreeSet<String>>> {
        Ok(None)
    }

    async fn audit_pending(&self, _after: i64, _last: i64) -> Result<Option<i64>> {
        Ok(None)
    }

    async fn apps_of(&self, user: UserId, last: i64) -> Result<Vec<(String, i64)>> {
        let read = |it: &mut Columns<'_>| Ok((it.get()?, it.get()?));
        self.read(|connection| APPS_OF.rows(connection, params![user.to_bytes(), last], read))
    }

    async fn end_of_session(&self, session: SessionId) -> Result<Option<(String, Option<String>)>> {
        let read = |it: &mut Columns<'_>| Ok((it.get()?, it.get()?));
        self.read(|connection| END_OF_SESSION.row(connection, [session.to_bytes()], read))
    }

    async fn oldest_audit(&self, before: Timestamp, limit: u32) -> Result<Vec<AuditRow>> {
        self.read(|connection| OLDEST.rows(connection, params![before.millis(), limit], rows::audit_row))
    }

    async fn forget_audit(&self, places: Vec<i64>) -> Result<u64> {
        self.write_last(move |connection| {
            let mut forgotten = 0;
            for place in places {
                forgotten += FORGET.run(connection, [place])? as u64;
            }
            Ok(forgotten)
        })
        .await
    }

    async fn place(&self, name: &str) -> Result<Option<i64>> {
        self.read(|connection| PLACE.value(connection, [name]))
    }

    async fn begin_place(&self, name: &str, seq: i64) -> Result<i64> {
        let name = name.to_owned();
        self.write(move |connection| {
            BEGIN.run(connection, params![name, seq])?;
            Ok(PLACE.value(connection, [name])?.unwrap_or(seq))
        })
        .await
    }

    async fn raise_place(&self, name: &str, seq: i64) -> Result<()> {
        let name = name.to_owned();
        self.write_last(move |connection| RAISE.run(connection, params![name, seq]).map(drop)).await
    }

    async fn claim_place(&self, claiming: ClaimingPlace) -> Result<Option<ClaimedPlace>> {
        self.write(move |connection| {
            let ClaimingPlace { name, now, until } = claiming;
            if CLAIM.run(connection, params![name, now.millis(), until.millis()])? == 0 {
                return Ok(None);
            }
            CLAIMED.row(connection, [name], rows::claimed_place)
        })
        .await
    }

    async fn move_place(&self, moving: MovingPlace) -> Result<bool> {
        self.write(move |connection| {
            let MovingPlace { name, claim, seq, tries, due_at, until } = moving;
            let values = params![name, claim, seq, tries, due_at.millis(), until.millis()];
            Ok(MOVE.run(connection, values)? == 1)
        })
        .await
    }
}
