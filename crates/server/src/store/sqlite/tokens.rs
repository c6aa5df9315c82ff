//! Platform tokens in `SQLite`.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::sql::statements;
use crate::store::{PlatformTokenRow, PlatformTokens, Result};

statements! {
    TOKEN on platform_tokens = "SELECT version, sealed, expires_at FROM platform_tokens WHERE app = ?1";
    FIRST on platform_tokens = "INSERT INTO platform_tokens (app, version, sealed, expires_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (app) DO NOTHING";
    NEXT on platform_tokens = "UPDATE platform_tokens SET version = ?2, sealed = ?3, expires_at = ?4
        WHERE app = ?1 AND version = ?5";
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

    async fn put_platform_token(&self, app: &str, former: i64, row: PlatformTokenRow) -> Result<bool> {
        let app = app.to_owned();
        self.write(move |connection| {
            let expires_at = row.expires_at.millis();
            let changed = if former == 0 {
                FIRST.run(connection, params![app, row.version, row.sealed, expires_at])?
            } else {
                NEXT.run(connection, params![app, row.version, row.sealed, expires_at, former])?
            };
            Ok(changed == 1)
        })
        .await
    }
}
