//! Used codes in `SQLite`.

use async_trait::async_trait;
use menjin_token::Id;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Sqlite, rows};
use crate::store::{Claiming, CodeClaim, CodeDigest, Codes, IdempotencyKey, Refused, Result};

#[async_trait]
impl Codes for Sqlite {
    async fn claim_code(&self, claiming: Claiming) -> Result<CodeClaim> {
        self.write(move |connection| claim(connection, &claiming)).await
    }

    async fn release_code(&self, code: CodeDigest) -> Result<()> {
        self.write(move |connection| {
            connection.prepare_cached("DELETE FROM codes WHERE digest = ?1 AND session IS NULL")?.execute([code.0])?;
            Ok(())
        })
        .await
    }

    async fn refuse_code(&self, code: CodeDigest, refused: Refused) -> Result<()> {
        self.write(move |connection| {
            connection
                .prepare_cached("UPDATE codes SET refused = ?2 WHERE digest = ?1 AND session IS NULL")?
                .execute(params![code.0, refused.0])?;
            Ok(())
        })
        .await
    }
}

fn claim(connection: &Connection, claiming: &Claiming) -> Result<CodeClaim> {
    if let Some(idempotency) = &claiming.idempotency {
        if let Some(found) = repeated(connection, claiming, idempotency)? {
            return Ok(found);
        }
        connection
            .prepare_cached("UPDATE codes SET idempotency = NULL WHERE idempotency = ?1")?
            .execute([idempotency.key])?;
    }
    let claimed = connection
        .prepare_cached(
            "INSERT INTO codes (digest, idempotency, body, claimed_at, until) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (digest) DO NOTHING",
        )?
        .execute(params![
            claiming.code.0,
            claiming.idempotency.map(|it| it.key),
            claiming.idempotency.map(|it| it.body),
            claiming.now.millis(),
            claiming.until.millis(),
        ])?;
    Ok(if claimed == 1 { CodeClaim::Claimed } else { CodeClaim::Used })
}

/// What became of the same request before, if it may still be repeated.
fn repeated(connection: &Connection, claiming: &Claiming, idempotency: &IdempotencyKey) -> Result<Option<CodeClaim>> {
    let mut statement = connection
        .prepare_cached("SELECT body, session, refused FROM codes WHERE idempotency = ?1 AND claimed_at >= ?2")?;
    let found = statement
        .query_row(params![idempotency.key, claiming.repeatable_since.millis()], |row| {
            let body: [u8; 32] = rows::bytes(row, 0)?;
            if body != idempotency.body {
                return Ok(CodeClaim::Mismatch);
            }
            if let Some(session) = row.get::<_, Option<[u8; 16]>>(1)? {
                return Ok(CodeClaim::Done(Id::from_bytes(session)));
            }
            Ok(row
                .get::<_, Option<String>>(2)?
                .map_or(CodeClaim::InFlight, |refused| CodeClaim::Refused(Refused(refused))))
        })
        .optional()?;
    Ok(found)
}
