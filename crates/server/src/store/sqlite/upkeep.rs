//! Sweeping in `SQLite`: small batches, queued behind everything else.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp};
use rusqlite::{Connection, params};

use super::sessions::end_one;
use super::{Sqlite, rows};
use crate::store::{EndReason, Result, Swept, Upkeep};

/// What is deleted by age: table, key, age column, and which of the three times counts.
const BY_AGE: [(&str, &str, &str, Age); 5] = [
    ("codes", "digest", "until", Age::Now),
    ("session_keys", "id", "kept_until", Age::Now),
    ("events", "seq", "until", Age::Now),
    ("audit", "seq", "at", Age::Audit),
    ("sessions", "id", "ended_at", Age::Ended),
];

#[derive(Clone, Copy)]
enum Age {
    Now,
    Audit,
    Ended,
}

#[async_trait]
impl Upkeep for Sqlite {
    async fn sweep(
        &self,
        now: Timestamp,
        audit_before: Timestamp,
        ended_before: Timestamp,
        batch: u32,
    ) -> Result<Swept> {
        let mut swept = Swept::default();
        for (table, key, column, age) in BY_AGE {
            let before = match age {
                Age::Now => now,
                Age::Audit => audit_before,
                Age::Ended => ended_before,
            };
            let sql =
                format!("DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {column} < ?1 LIMIT ?2)");
            let rows = self
                .writer
                .write_last(move |connection| {
                    Ok(connection.prepare_cached(&sql)?.execute(params![before.millis(), batch])?)
                })
                .await?;
            swept.rows += rows as u64;
            swept.more |= rows as u64 >= u64::from(batch);
        }
        let ended = self.writer.write_last(move |connection| end_idle(connection, now, batch)).await?;
        swept.rows += ended;
        swept.more |= ended >= u64::from(batch);
        Ok(swept)
    }

    async fn ready(&self) -> Result<()> {
        self.read(|connection| {
            Ok(connection.prepare_cached("SELECT 1 FROM _migrations LIMIT 1")?.query_row([], |_| Ok(()))?)
        })?;
        self.write(|_| Ok(())).await
    }
}

fn end_idle(connection: &Connection, now: Timestamp, batch: u32) -> Result<u64> {
    let mut statement = connection.prepare_cached("SELECT session FROM grants WHERE idle_until < ?1 LIMIT ?2")?;
    let idle: Vec<SessionId> =
        statement.query_map(params![now.millis(), batch], |row| rows::id(row, 0))?.collect::<rusqlite::Result<_>>()?;
    for session in &idle {
        // Their access tokens died long ago, so the feed line may go at once.
        end_one(connection, *session, EndReason::Expired, now, now)?;
    }
    Ok(idle.len() as u64)
}
