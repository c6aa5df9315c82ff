//! Used codes in `SQLite`.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::sql::statements;
use crate::store::rows;
use crate::store::{Claiming, CodeClaim, CodeDigest, Codes, IdempotencyKey, OpenedBefore, Refused, Result};

statements! {
    REPEATED on codes = "SELECT digest, body, session, refused, called_back FROM codes
        WHERE idempotency = ?1 AND claimed_at >= ?2";
    FORGET_KEY on codes = "UPDATE codes SET idempotency = NULL WHERE idempotency = ?1";
    CLAIM on codes = "INSERT INTO codes (digest, idempotency, body, claimed_at, until) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (digest) DO NOTHING";
    RELEASE on codes = "DELETE FROM codes WHERE digest = ?1 AND session IS NULL";
    REFUSE on codes = "UPDATE codes SET refused = ?2 WHERE digest = ?1 AND session IS NULL";
    SPENT on codes = "UPDATE codes SET session = ?2, called_back = ?3 WHERE digest = ?1 AND idempotency IS NOT NULL";
}

#[async_trait]
impl Codes for Sqlite {
    async fn claim_code(&self, claiming: Claiming) -> Result<CodeClaim> {
        self.write(move |connection| claim(connection, &claiming)).await
    }

    async fn release_code(&self, code: CodeDigest) -> Result<()> {
        self.write(move |connection| RELEASE.run(connection, [code.0]).map(drop)).await
    }

    async fn refuse_code(&self, code: CodeDigest, refused: Refused) -> Result<()> {
        self.write(move |connection| refuse(connection, code, &refused)).await
    }
}

fn claim(connection: &Connection, claiming: &Claiming) -> Result<CodeClaim> {
    if let Some(idempotency) = &claiming.idempotency {
        if let Some(found) = repeated(connection, claiming, idempotency)? {
            return Ok(found);
        }
        FORGET_KEY.run(connection, [idempotency.key])?;
    }
    let claimed = CLAIM.run(
        connection,
        params![
            claiming.code.0,
            claiming.idempotency.map(|it| it.key),
            claiming.idempotency.map(|it| it.body),
            claiming.now.millis(),
            claiming.until.millis(),
        ],
    )?;
    Ok(if claimed == 1 { CodeClaim::Claimed } else { CodeClaim::Used })
}

/// What became of the same request before, if it may still be repeated.
fn repeated(connection: &Connection, claiming: &Claiming, idempotency: &IdempotencyKey) -> Result<Option<CodeClaim>> {
    let since = claiming.repeatable_since.millis();
    REPEATED.row(connection, params![idempotency.key, since], |it| rows::claimed(it, claiming, idempotency))
}

/// Notes a refusal, in the caller's transaction.
pub(super) fn refuse(connection: &Connection, code: CodeDigest, refused: &Refused) -> Result<()> {
    REFUSE.run(connection, params![code.0, refused.0]).map(drop)
}

/// Notes the session that a code opened, in the caller's transaction; only a request that may be repeated asks for it.
pub(super) fn spent(connection: &Connection, code: CodeDigest, opened: OpenedBefore) -> Result<()> {
    let OpenedBefore { session, called_back } = opened;
    SPENT.run(connection, params![code.0, session.to_bytes(), called_back]).map(drop)
}
