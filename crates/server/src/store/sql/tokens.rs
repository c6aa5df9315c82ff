//! Platform tokens.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::Timestamp;

use super::Database;
use super::connection::Connection;
use super::statement::statements;
use super::value::{Value, values};
use crate::store::rows;
use crate::store::{Forced, Forcing, PlatformTokenRow, PlatformTokens, Result, TokenClaim, TokenClaiming};

statements! {
    TOKEN on platform_tokens = both("SELECT version, sealed, expires_at FROM platform_tokens WHERE app = ?1");
    FIRST on platform_tokens = each(
        "INSERT INTO platform_tokens (app, version, sealed, expires_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        "INSERT INTO platform_tokens (app, version, sealed, expires_at) VALUES (?1, ?2, ?3, ?4)",
    );
    NEXT on platform_tokens = both("UPDATE platform_tokens SET version = ?2, sealed = ?3, expires_at = ?4
        WHERE app = ?1 AND version = ?5");
    VERSION on platform_tokens = both("SELECT version FROM platform_tokens WHERE app = ?1");
    TURN on platform_token_claims = each(
        "INSERT INTO platform_token_claims (app) VALUES (?1) ON CONFLICT (app) DO UPDATE SET app = excluded.app",
        "INSERT INTO platform_token_claims (app) VALUES (?1) ON DUPLICATE KEY UPDATE app = app",
    );
    CLAIMED on platform_token_claims = both("SELECT claimed_until FROM platform_token_claims
        WHERE app = ?1 AND claimed_until IS NOT NULL");
    CLAIM on platform_token_claims = both("UPDATE platform_token_claims SET claim = ?2, claimed_until = ?3 WHERE app = ?1");
    END_CLAIM on platform_token_claims = both("UPDATE platform_token_claims SET claim = NULL, claimed_until = NULL WHERE app = ?1");
    LEAVE on platform_token_claims = both("UPDATE platform_token_claims SET claimed_until = ?3 WHERE app = ?1 AND claim = ?2");
    FORCED on platform_token_claims = both("SELECT forced_at, forced_day, forced_count FROM platform_token_claims WHERE app = ?1");
    COUNT on platform_token_claims = both("UPDATE platform_token_claims SET forced_at = ?2, forced_day = ?3, forced_count = ?4
        WHERE app = ?1");
}

/// A token that shall take the place of another one.
struct Putting<'p> {
    app: &'p str,
    former: i64,
    row: PlatformTokenRow,
}

#[async_trait]
impl PlatformTokens for Database {
    async fn platform_token(&self, app: &str) -> Result<Option<PlatformTokenRow>> {
        let read = |it: &mut crate::store::columns::Columns<'_>| {
            Ok(PlatformTokenRow { version: it.get()?, sealed: it.get()?, expires_at: it.time()? })
        };
        self.pool.row(&TOKEN, values![app], read).await
    }

    async fn claim_platform_token(&self, claiming: TokenClaiming) -> Result<TokenClaim> {
        self.transact(&claiming, |on, claiming| claim(on, claiming).boxed()).await
    }

    async fn platform_token_claimed_until(&self, app: &str) -> Result<Option<Timestamp>> {
        self.pool.row(&CLAIMED, values![app], rows::time).await
    }

    async fn put_platform_token(&self, app: &str, former: i64, row: PlatformTokenRow) -> Result<bool> {
        let putting = Putting { app, former, row };
        self.transact(&putting, |on, putting| put(on, putting).boxed()).await
    }

    async fn leave_platform_token(&self, app: &str, claim: [u8; 16], until: Option<Timestamp>) -> Result<()> {
        self.pool.run(&LEAVE, values![app, &claim, until]).await.map(drop)
    }

    async fn count_forced(&self, forcing: Forcing) -> Result<Forced> {
        self.transact(&forcing, |on, forcing| count(on, forcing).boxed()).await
    }
}

async fn put(on: &mut Connection<'_>, putting: &Putting<'_>) -> Result<bool> {
    let Putting { app, former, row } = putting;
    let values: [Value<'_>; 5] =
        [(*app).into(), row.version.into(), (&row.sealed).into(), row.expires_at.into(), (*former).into()];
    let changed = if *former == 0 { FIRST.add(on, &values[..4]).await? } else { NEXT.run(on, &values).await? == 1 };
    if changed {
        END_CLAIM.run(on, values![*app]).await?;
    }
    Ok(changed)
}

async fn claim(on: &mut Connection<'_>, claiming: &TokenClaiming) -> Result<TokenClaim> {
    let TokenClaiming { app, former, claim, now, until, longest } = claiming;
    TURN.run(on, values![app]).await?;
    if VERSION.row(on, values![app], rows::value::<i64>).await?.unwrap_or(0) != *former {
        return Ok(TokenClaim::Replaced);
    }
    let held = CLAIMED.row(on, values![app], rows::time).await?;
    if let Some(held) = held.filter(|held| now < held && held <= longest) {
        return Ok(TokenClaim::Held(held));
    }
    CLAIM.run(on, values![app, claim, *until]).await?;
    Ok(TokenClaim::Ours)
}

async fn count(on: &mut Connection<'_>, forcing: &Forcing) -> Result<Forced> {
    let Forcing { app, now, none_since, day, a_day } = forcing;
    TURN.run(on, values![app]).await?;
    let counted =
        FORCED.row(on, values![app], |it| Ok((it.time_or_null()?, it.get::<i64>()?, it.get::<u32>()?))).await?;
    let (last, of_day, count) = counted.unwrap_or((None, *day, 0));
    if let Some(last) = last.filter(|last| none_since < last && last <= now) {
        return Ok(Forced::TooSoon(last));
    }
    let count = if of_day == *day { count } else { 0 };
    if count >= *a_day {
        return Ok(Forced::TooOften);
    }
    COUNT.run(on, values![app, *now, *day, count + 1]).await?;
    Ok(Forced::Allowed)
}
