//! Signing keys and master keys in `SQLite`.

use async_trait::async_trait;
use menjin_token::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{Sqlite, events, rows};
use crate::store::{EventKind, KeyRow, KeyState, Keys, MasterKeyRow, Result, Rotating, SealedCount, SealedValue};

/// Every column that holds something sealed: table, row's name, column.
const SEALED: [(&str, &str, &str); 6] = [
    ("data_keys", "name", "sealed"),
    ("signing_keys", "kid", "private"),
    ("session_keys", "id", "sealed"),
    ("phones", "id", "sealed"),
    ("grants", "id", "secret"),
    ("platform_tokens", "app", "sealed"),
];

#[async_trait]
impl Keys for Sqlite {
    async fn signing_keys(&self) -> Result<Vec<KeyRow>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT kid, alg, private, created_at, active_at, retired_at, revoked_at FROM signing_keys ORDER BY created_at, kid",
            )?;
            Ok(statement.query_map([], key_row)?.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    }

    async fn rotate_key(&self, rotating: Rotating) -> Result<bool> {
        self.write(move |connection| rotate(connection, &rotating)).await
    }

    async fn revoke_key(&self, kid: &str, now: Timestamp, tokens_until: Timestamp) -> Result<bool> {
        let kid = kid.to_owned();
        self.write(move |connection| {
            let revoked = connection
                .prepare_cached("UPDATE signing_keys SET revoked_at = ?2 WHERE kid = ?1 AND revoked_at IS NULL")?
                .execute(params![kid, now.millis()])?;
            if revoked == 1 {
                events::tell(connection, &EventKind::KeyRevoked(kid), "token_invalid", now, tokens_until)?;
            }
            Ok(revoked == 1)
        })
        .await
    }

    async fn forget_keys(&self, before: Timestamp) -> Result<u64> {
        self.write(move |connection| {
            let forgotten = connection
                .prepare_cached("DELETE FROM signing_keys WHERE coalesce(revoked_at, retired_at) < ?1")?
                .execute([before.millis()])?;
            Ok(forgotten as u64)
        })
        .await
    }

    async fn master_keys(&self) -> Result<Vec<MasterKeyRow>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT id, since FROM master_keys ORDER BY since")?;
            let found = statement
                .query_map([], |row| Ok(MasterKeyRow { id: rows::bytes(row, 0)?, since: rows::time(row, 1)? }))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(found)
        })
    }

    async fn use_master_key(&self, id: [u8; 4], now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            connection
                .prepare_cached("INSERT INTO master_keys (id, since) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING")?
                .execute(params![id, now.millis()])?;
            Ok(())
        })
        .await
    }

    async fn sealed_counts(&self) -> Result<Vec<SealedCount>> {
        self.read(|connection| {
            let mut counts = Vec::new();
            for (table, _, column) in SEALED {
                counts.extend(count(
                    connection,
                    table,
                    &format!("SELECT substr({column}, 2, 4), count(*) FROM {table} GROUP BY 1"),
                )?);
            }
            let refresh = "SELECT master_key, count(*) FROM grants WHERE idle_until IS NOT NULL GROUP BY 1";
            counts.extend(count(connection, "refresh tokens", refresh)?);
            Ok(counts)
        })
    }

    async fn sealed_elsewhere(&self, id: [u8; 4], limit: u32) -> Result<Vec<SealedValue>> {
        self.read(|connection| {
            let mut found = Vec::new();
            for (table, name, column) in SEALED {
                let left = i64::from(limit) - i64::try_from(found.len()).unwrap_or(i64::MAX);
                if left <= 0 {
                    break;
                }
                let mut statement = connection.prepare_cached(&format!(
                    "SELECT CAST({name} AS BLOB), {column} FROM {table} WHERE substr({column}, 2, 4) <> ?1 LIMIT ?2"
                ))?;
                let values = statement.query_map(params![id, left], |row| {
                    Ok(SealedValue { table, row: row.get(0)?, sealed: row.get(1)? })
                })?;
                for value in values {
                    found.push(value?);
                }
            }
            Ok(found)
        })
    }

    async fn reseal(&self, values: Vec<(SealedValue, Vec<u8>)>) -> Result<()> {
        self.write(move |connection| {
            for (value, anew) in &values {
                let Some((table, name, column)) = SEALED.iter().find(|(table, _, _)| *table == value.table) else {
                    continue;
                };
                connection
                    .prepare_cached(&format!(
                        "UPDATE {table} SET {column} = ?3 WHERE CAST({name} AS BLOB) = ?1 AND {column} = ?2"
                    ))?
                    .execute(params![value.row, value.sealed, anew])?;
            }
            Ok(())
        })
        .await
    }

    async fn data_key(&self, name: &'static str, candidate: Vec<u8>) -> Result<Vec<u8>> {
        self.write(move |connection| {
            connection
                .prepare_cached("INSERT INTO data_keys (name, sealed) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
                .execute(params![name, candidate])?;
            Ok(connection
                .prepare_cached("SELECT sealed FROM data_keys WHERE name = ?1")?
                .query_row([name], |row| row.get(0))?)
        })
        .await
    }

    async fn forget_master_key(&self, id: [u8; 4]) -> Result<()> {
        self.write(move |connection| {
            connection.prepare_cached("DELETE FROM master_keys WHERE id = ?1")?.execute([id])?;
            Ok(())
        })
        .await
    }
}

fn rotate(connection: &Connection, rotating: &Rotating) -> Result<bool> {
    let newest: Option<String> = connection
        .prepare_cached(
            "SELECT max(created_at), kid FROM signing_keys WHERE revoked_at IS NULL AND retired_at IS NULL",
        )?
        .query_row([], |row| row.get(1))?;
    if newest != rotating.newest {
        return Ok(false);
    }
    let key = &rotating.key;
    connection
        .prepare_cached("UPDATE signing_keys SET retired_at = ?1 WHERE retired_at IS NULL AND revoked_at IS NULL")?
        .execute([key.active_at.millis()])?;
    connection
        .prepare_cached(
            "INSERT INTO signing_keys (kid, alg, private, created_at, active_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![key.kid, key.alg.as_str(), key.private, key.created_at.millis(), key.active_at.millis()])?;
    events::tell(connection, &EventKind::KeysChanged, "", key.created_at, key.active_at)?;
    Ok(true)
}

fn key_row(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    let alg: String = row.get(1)?;
    let revoked_at = rows::time_or_null(row, 6)?;
    Ok(KeyRow {
        kid: row.get(0)?,
        alg: alg
            .parse()
            .map_err(|_| rows::impossible(1, "signing_keys.alg: an algorithm that this program does not know"))?,
        private: row.get(2)?,
        state: if revoked_at.is_some() { KeyState::Revoked } else { KeyState::Live },
        created_at: rows::time(row, 3)?,
        active_at: rows::time(row, 4)?,
        retired_at: rows::time_or_null(row, 5)?,
        revoked_at,
    })
}

fn count(connection: &Connection, table: &'static str, sql: &str) -> Result<Vec<SealedCount>> {
    let mut statement = connection.prepare(sql)?;
    let counts = statement
        .query_map([], |row| {
            Ok(SealedCount {
                table,
                master_key: rows::bytes(row, 0)?,
                rows: u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default(),
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(counts)
}
