//! The audit read in order, on a database server: places are given before transactions commit, so a line may turn up behind
//! others, and a COMMIT that waits for a standby may be long about it.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{SessionId, Timestamp, UserId};

use super::Database;
use super::connection::{Connection, Dialect};
use super::statement::statements;
use super::value::{id, values};
use crate::store::columns::Columns;
use crate::store::rows::{self, audit_columns};
use crate::store::trail::unbroken;
use crate::store::{AuditRow, ClaimedPlace, ClaimingPlace, MovingPlace, Result, Run, Trail};

statements! {
    AFTER on audit = both(concat!("SELECT ", audit_columns!(), " FROM audit WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3"));
    NEXT_PLACES on audit = both("SELECT seq FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    PLACES_BETWEEN on audit = both("SELECT seq FROM audit WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3");
    LAST_PLACE on audit = both("SELECT seq FROM audit WHERE seq > ?1 ORDER BY seq DESC LIMIT 1");
    WRITERS on audit = each(
        "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = 'audit'::regclass
        AND mode = 'RowExclusiveLock' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        "SELECT 'audit' FROM audit WHERE seq IS NULL",
    );
    APPS_OF on audit = both("SELECT app, min(seq) AS first_seq FROM audit
        WHERE user_id = ?1 AND seq <= ?2 AND action = 'session.opened' AND app IS NOT NULL GROUP BY app");
    END_OF_SESSION on sessions = both("SELECT app, end_reason FROM sessions WHERE id = ?1");
    OLDEST_LINES on audit = both(concat!("SELECT ", audit_columns!(), " FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2"));
    FORGET_LINES on audit = both("DELETE FROM audit WHERE seq IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    PLACE on places = both("SELECT seq FROM places WHERE name = ?1");
    BEGIN_PLACE on places = each(
        "INSERT INTO places (name, seq, claim, held_until, tries, due_at) VALUES (?1, ?2, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
        "INSERT INTO places (name, seq, claim, held_until, tries, due_at) VALUES (?1, ?2, 0, 0, 0, 0)",
    );
    RAISE_PLACE on places = both("UPDATE places SET seq = ?2 WHERE name = ?1 AND seq < ?2");
    CLAIM_PLACE on places = both("UPDATE places SET claim = claim + 1, held_until = ?3 WHERE name = ?1 AND held_until <= ?2 AND due_at <= ?2");
    CLAIMED_PLACE on places = both("SELECT seq, claim, tries FROM places WHERE name = ?1");
    MOVE_PLACE on places =
        both("UPDATE places SET seq = ?3, tries = ?4, due_at = ?5, held_until = ?6 WHERE name = ?1 AND claim = ?2");
}

/// So many places are looked at in one reading.
const WINDOW: u32 = 2000;
const READING: Duration = Duration::from_secs(3);

#[async_trait]
impl Trail for Database {
    async fn audit_after(&self, after: i64, last: i64, limit: u32) -> Result<Vec<AuditRow>> {
        self.pool.rows(&AFTER, values![after.saturating_add(1), last, limit], rows::audit_row).await
    }

    async fn audit_run(&self, after: i64) -> Result<Run> {
        let next = self.pool.rows(&NEXT_PLACES, values![after, WINDOW], rows::value::<i64>).await?;
        let last = unbroken(after, &next);
        let is_all = next.len() < WINDOW as usize;
        let seen = next.last().copied().unwrap_or(after);
        let beyond = if is_all { None } else { self.pool.row(&LAST_PLACE, values![after], rows::value::<i64>).await? };
        Ok(Run { last, highest: beyond.unwrap_or(seen).max(seen) })
    }

    async fn audit_writers(&self) -> Result<Option<BTreeSet<String>>> {
        if self.pool.dialect() == Dialect::MySql {
            return Ok(None);
        }
        let read = |it: &mut Columns<'_>| it.get::<String>();
        Ok(Some(self.pool.rows(&WRITERS, &[], read).await?.into_iter().collect()))
    }

    async fn audit_pending(&self, after: i64, last: i64) -> Result<Option<i64>> {
        let (mut from, last) = (after + 1, last - 1);
        while from <= last {
            // What is not committed is read first: a line that is committed meanwhile counts as pending until it is asked again.
            let range = (from, last);
            let written = self.pool.alone(&range, |on, range| dirty(on, *range).boxed(), READING).await?;
            let to = if written.len() < WINDOW as usize { last } else { written.last().copied().unwrap_or(last) };
            let committed = self.pool.rows(&PLACES_BETWEEN, values![from, to, WINDOW], rows::value::<i64>).await?;
            let committed: BTreeSet<i64> = committed.into_iter().collect();
            if let Some(pending) = written.into_iter().find(|place| !committed.contains(place)) {
                return Ok(Some(pending));
            }
            from = to + 1;
        }
        Ok(None)
    }

    async fn apps_of(&self, user: UserId, last: i64) -> Result<Vec<(String, i64)>> {
        let read = |it: &mut Columns<'_>| Ok((it.get()?, it.get()?));
        self.pool.rows(&APPS_OF, values![&id(user), last], read).await
    }

    async fn end_of_session(&self, session: SessionId) -> Result<Option<(String, Option<String>)>> {
        let read = |it: &mut Columns<'_>| Ok((it.get()?, it.get()?));
        self.pool.row(&END_OF_SESSION, values![&id(session)], read).await
    }

    async fn oldest_audit(&self, before: Timestamp, limit: u32) -> Result<Vec<AuditRow>> {
        self.pool.rows(&OLDEST_LINES, values![before, limit], rows::audit_row).await
    }

    async fn forget_audit(&self, places: Vec<i64>) -> Result<u64> {
        self.transact(&places, |on, places| forget(on, places).boxed()).await
    }

    async fn place(&self, name: &str) -> Result<Option<i64>> {
        self.pool.row(&PLACE, values![name], rows::value::<i64>).await
    }

    async fn begin_place(&self, name: &str, seq: i64) -> Result<i64> {
        self.pool.add(&BEGIN_PLACE, values![name, seq]).await?;
        Ok(self.place(name).await?.unwrap_or(seq))
    }

    async fn raise_place(&self, name: &str, seq: i64) -> Result<()> {
        self.pool.run(&RAISE_PLACE, values![name, seq]).await.map(drop)
    }

    async fn claim_place(&self, claiming: ClaimingPlace) -> Result<Option<ClaimedPlace>> {
        self.transact(&claiming, |on, claiming| claim(on, claiming).boxed()).await
    }

    async fn move_place(&self, moving: MovingPlace) -> Result<bool> {
        let MovingPlace { name, claim, seq, tries, due_at, until } = &moving;
        Ok(self.pool.run(&MOVE_PLACE, values![name, *claim, *seq, *tries, *due_at, *until]).await? == 1)
    }
}

/// Places of lines that are written, committed or not; MySQL alone needs to know.
async fn dirty(on: &mut Connection<'_>, (first, last): (i64, i64)) -> Result<Vec<i64>> {
    if on.dialect() == Dialect::Postgres {
        return Ok(Vec::new());
    }
    on.say("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED").await?;
    on.say("BEGIN").await?;
    let places = PLACES_BETWEEN.rows(on, values![first, last, WINDOW], rows::value::<i64>).await?;
    on.say("COMMIT").await?;
    Ok(places)
}

async fn forget(on: &mut Connection<'_>, places: &[i64]) -> Result<u64> {
    let mut forgotten = 0;
    for eight in places.chunks(8) {
        let place = |at: usize| super::value::Value::from(eight.get(at).copied().unwrap_or(eight[0]));
        let values: [super::value::Value<'_>; 8] = std::array::from_fn(place);
        forgotten += FORGET_LINES.run(on, &values).await?;
    }
    Ok(forgotten)
}

async fn claim(on: &mut Connection<'_>, claiming: &ClaimingPlace) -> Result<Option<ClaimedPlace>> {
    let ClaimingPlace { name, now, until } = claiming;
    if CLAIM_PLACE.run(on, values![name, *now, *until]).await? == 0 {
        return Ok(None);
    }
    CLAIMED_PLACE.row(on, values![name], rows::claimed_place).await
}
