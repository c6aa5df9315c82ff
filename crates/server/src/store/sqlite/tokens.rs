//! Platform tokens in `SQLite`.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};

use super::{Sqlite, rows};
use crate::store::{PlatformTokenRow, PlatformTokens, Result};

#[async_trait]
impl PlatformTokens for Sqlite {
    async fn platform_token(&self, app: &str) -> Result<Option<PlatformTokenRow>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT version, sealed, expires_at FROM platform_tokens WHERE app = ?1")?;
            let row = statement
                .query_row([app], |row| {
                    Ok(PlatformTokenRow { version: row.get(0)?, sealed: row.get(1)?, expires_at: rows::time(row, 2)? })
                })
                .optional()?;
            Ok(row)
        })
    }

    async fn put_platform_token(&self, app: &str, former: i64, row: PlatformTokenRow) -> Result<bool> {
        let app = app.to_owned();
        self.write(move |connection| {
            let changed = connection
                .prepare_cached(
                    "INSERT INTO platform_tokens (app, version, sealed, expires_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (app) DO UPDATE SET version = ?2, sealed = ?3, expires_at = ?4 WHERE version = ?5",
                )?
                .execute(params![app, row.version, row.sealed, row.expires_at.millis(), former])?;
            Ok(changed == 1)
        })
        .await
    }
}
