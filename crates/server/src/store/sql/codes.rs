//! Used codes.

use async_trait::async_trait;

use super::Database;
use super::connection::Connection;
use super::statement::statements;
use super::value::{id, values};
use crate::store::rows;
use crate::store::{Claiming, CodeClaim, CodeDigest, Codes, IdempotencyKey, OpenedBefore, Refused, Result};

statements! {
    REPEATED on codes = both("SELECT digest, body, session, refused, called_back FROM codes
        WHERE idempotency = ?1 AND claimed_at >= ?2");
    FORGET_KEY on codes = both("UPDATE codes SET idempotency = NULL WHERE idempotency = ?1 AND claimed_at < ?2");
    CLAIM on codes = each(
        "INSERT INTO codes (digest, idempotency, body, claimed_at, until) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        "INSERT INTO codes (digest, idempotency, body, claimed_at, until) VALUES (?1, ?2, ?3, ?4, ?5)",
    );
    RELEASE on codes = both("DELETE FROM codes WHERE digest = ?1 AND session IS NULL");
    REFUSE on codes = both("UPDATE codes SET refused = ?2 WHERE digest = ?1 AND session IS NULL");
    SPENT on codes = both("UPDATE codes SET session = ?2, called_back = ?3 WHERE digest = ?1 AND idempotency IS NOT NULL");
}

#[async_trait]
impl Codes for Database {
    async fn claim_code(&self, claiming: Claiming) -> Result<CodeClaim> {
        let Claiming { code, idempotency, now, until, .. } = &claiming;
        let key = idempotency.as_ref().map(|it| it.key.as_slice());
        let body = idempotency.as_ref().map(|it| it.body.as_slice());
        if self.pool.add(&CLAIM, values![&code.0, key, body, *now, *until]).await? {
            return Ok(CodeClaim::Claimed);
        }
        let Some(idempotency) = idempotency else { return Ok(CodeClaim::Used) };
        if let Some(found) = self.repeated(&claiming, idempotency).await? {
            return Ok(found);
        }
        // The key may stand on a claim that is too old to be repeated.
        self.pool.run(&FORGET_KEY, values![&idempotency.key, claiming.repeatable_since]).await?;
        if self.pool.add(&CLAIM, values![&code.0, key, body, *now, *until]).await? {
            return Ok(CodeClaim::Claimed);
        }
        Ok(self.repeated(&claiming, idempotency).await?.unwrap_or(CodeClaim::Used))
    }

    async fn release_code(&self, code: CodeDigest) -> Result<()> {
        self.pool.run(&RELEASE, values![&code.0]).await.map(drop)
    }

    async fn refuse_code(&self, code: CodeDigest, refused: Refused) -> Result<()> {
        self.pool.run(&REFUSE, values![&code.0, &refused.0]).await.map(drop)
    }
}

impl Database {
    /// What became of the same request before, if it may still be repeated.
    async fn repeated(&self, claiming: &Claiming, idempotency: &IdempotencyKey) -> Result<Option<CodeClaim>> {
        let values = values![&idempotency.key, claiming.repeatable_since];
        self.pool.row(&REPEATED, values, |it| rows::claimed(it, claiming, idempotency)).await
    }
}

/// Notes a refusal, in the caller's transaction.
pub(super) async fn refuse(on: &mut Connection<'_>, code: CodeDigest, refused: &Refused) -> Result<()> {
    REFUSE.run(on, values![&code.0, &refused.0]).await.map(drop)
}

/// Notes the session that a code opened, in the caller's transaction; only a request that may be repeated asks for it.
pub(super) async fn spent(on: &mut Connection<'_>, code: CodeDigest, opened: OpenedBefore) -> Result<()> {
    let OpenedBefore { session, called_back } = opened;
    SPENT.run(on, values![&code.0, &id(session), i64::from(called_back)]).await.map(drop)
}
