//! Platform tokens in `SQLite`.

use async_trait::async_trait;
use menjin_token::Timestamp;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::sql::statements;
use crate::store::columns::{Columns, Corrupt};
use crate::store::{Forced, Forcing, PlatformTokenRow, PlatformTokens, Result, TokenClaim, TokenClaiming};

statements! {
    TOKEN on platform_tokens = "SELECT version, sealed, expires_at FROM platform_tokens WHERE app = ?1";
    FIRST on platform_tokens = "INSERT INTO platform_tokens (app, version, sealed, expires_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (app) DO NOTHING";
    NEXT on platform_tokens = "UPDATE platform_tokens SET version = ?2, sealed = ?3, expires_at = ?4
        WHERE app = ?1 AND version = ?5";
    VERSION on platform_tokens = "SELECT version FROM platform_tokens WHERE app = ?1";
    CLAIMED on platform_token_claims = "SELECT claimed_until FROM platform_token_claims
        WHERE app = ?1 AND claimed_until IS NOT NULL";
    CLAIM on platform_token_claims = "INSERT INTO platform_token_claims (app, claim, claimed_until) VALUES (?1, ?2, ?3)
        ON CONFLICT (app) DO UPDATE SET claim = excluded.claim, claimed_until = excluded.claimed_until";
    END_CLAIM on platform_token_claims = "UPDATE platform_token_claims SET claim = NULL, claimed_until = NULL WHERE app = ?1";
    LEAVE on platform_token_claims = "UPDATE platform_token_claims SET claimed_until = ?3 WHERE app = ?1 AND claim = ?2";
    FORCED on platform_token_claims = "SELECT forced_at, forced_day, forced_count FROM platform_token_claims WHERE app = ?1";
    COUNT on platform_token_claims = "INSERT INTO platform_token_claims (app, forced_at, forced_day, forced_count)
        VALUES (?1, ?2, ?3, ?4) ON CONFLICT (app) DO UPDATE
        SET forced_at = excluded.forced_at, forced_day = excluded.forced_day, forced_count = excluded.forced_count";
}

#[async_trait]
impl PlatformTokens for Sqlite {
    async fn platform_token(&self, app: &str) -> Result<Option<PlatformTokenRow>> {
        self.read(|connection| {
            TOKEN.row(connection, [app], |it| {
                Ok(PlatformTokenRow { version: it.get()?, sealed: it.get()?, expires_at: it.time()? })
            })
        })
    }

    async fn claim_platform_token(&self, claiming: TokenClaiming) -> Result<TokenClaim> {
        self.write(move |connection| claim(connection, &claiming)).await
    }

    async fn platform_token_claimed_until(&self, app: &str) -> Result<Option<Timestamp>> {
        self.read(|connection| CLAIMED.row(connection, [app], until))
    }

    async fn put_platform_token(&self, app: &str, former: i64, row: PlatformTokenRow) -> Result<bool> {
        let app = app.to_owned();
        self.write(move |connection| {
            let expires_at = row.expires_at.millis();
            let changed = if former == 0 {
                FIRST.run(connection, params![app, row.version, row.sealed, expires_at])?
            } else {
                NEXT.run(connection, params![app, row.version, row.sealed, expires_at, former])?
            };
            if changed == 1 {
                END_CLAIM.run(connection, [app])?;
            }
            Ok(changed == 1)
        })
        .await
    }

    async fn leave_platform_token(&self, app: &str, claim: [u8; 16], until: Option<Timestamp>) -> Result<()> {
        let app = app.to_owned();
        let until = until.map(Timestamp::millis);
        self.write(move |connection| LEAVE.run(connection, params![app, claim, until]).map(drop)).await
    }

    async fn count_forced(&self, forcing: Forcing) -> Result<Forced> {
        self.write(move |connection| count(connection, &forcing)).await
    }
}

/// When a claim ends.
fn until(it: &mut Columns<'_>) -> Result<Timestamp, Corrupt> {
    it.time()
}

fn claim(connection: &Connection, claiming: &TokenClaiming) -> Result<TokenClaim> {
    let TokenClaiming { app, former, claim, now, until: ends, longest } = claiming;
    if VERSION.value::<i64>(connection, [app])?.unwrap_or(0) != *former {
        return Ok(TokenClaim::Replaced);
    }
    let held = CLAIMED.row(connection, [app], until)?;
    if let Some(held) = held.filter(|held| now < held && held <= longest) {
        return Ok(TokenClaim::Held(held));
    }
    CLAIM.run(connection, params![app, claim, ends.millis()])?;
    Ok(TokenClaim::Ours)
}

fn count(connection: &Connection, forcing: &Forcing) -> Result<Forced> {
    let Forcing { app, now, none_since, day, a_day } = forcing;
    let counted = FORCED.row(connection, [app], |it| Ok((it.time_or_null()?, it.get::<i64>()?, it.get::<u32>()?)))?;
    let (last, of_day, count) = counted.unwrap_or((None, *day, 0));
    if let Some(last) = last.filter(|last| none_since < last && last <= now) {
        return Ok(Forced::TooSoon(last));
    }
    let count = if of_day == *day { count } else { 0 };
    if count >= *a_day {
        return Ok(Forced::TooOften);
    }
    COUNT.run(connection, params![app, now.millis(), day, count + 1])?;
    Ok(Forced::Allowed)
}
