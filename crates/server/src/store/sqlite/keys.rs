//! Signing keys and master keys in `SQLite`.

use async_trait::async_trait;
use menjin_token::{Algorithm, Timestamp};
use rusqlite::{Connection, params};

use super::sql::statements;
use super::{Sqlite, events};
use crate::store::rows;
use crate::store::rules::KEY_TOLD;
use crate::store::{EventKind, KeyRow, Keys, MasterKeyRow, Result, Revoking, Rotating, SealedCount, SealedValue};

statements! {
    RING on signing_keys = "SELECT kid, alg, private, created_at, active_at, retired_at, revoked_at FROM signing_keys
        ORDER BY created_at, kid";
    NEWEST on signing_keys = "SELECT kid FROM signing_keys WHERE alg = ?1 AND revoked_at IS NULL AND retired_at IS NULL
        ORDER BY created_at DESC, kid DESC LIMIT 1";
    RETIRE on signing_keys = "UPDATE signing_keys SET retired_at = ?1 WHERE alg = ?2 AND retired_at IS NULL AND revoked_at IS NULL";
    ADD on signing_keys = "INSERT INTO signing_keys (kid, alg, private, created_at, active_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    REVOKE on signing_keys = "UPDATE signing_keys SET revoked_at = ?2 WHERE kid = ?1 AND revoked_at IS NULL";
    FORGET on signing_keys = "DELETE FROM signing_keys WHERE coalesce(revoked_at, retired_at) < ?1";
    MASTERS on master_keys = "SELECT id, since FROM master_keys ORDER BY since, id";
    USE_MASTER on master_keys = "INSERT INTO master_keys (id, since) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING";
    FORGET_MASTER on master_keys = "DELETE FROM master_keys WHERE id = ?1";
    KEEP_DATA_KEY on data_keys = "INSERT INTO data_keys (name, sealed) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
    DATA_KEY on data_keys = "SELECT sealed FROM data_keys WHERE name = ?1";
}

#[async_trait]
impl Keys for Sqlite {
    async fn signing_keys(&self) -> Result<Vec<KeyRow>> {
        self.read(|connection| RING.rows(connection, [], rows::key))
    }

    async fn rotate_key(&self, rotating: Rotating) -> Result<bool> {
        self.write(move |connection| rotate(connection, &rotating)).await
    }

    async fn retire_line(&self, alg: Algorithm, at: Timestamp, now: Timestamp) -> Result<bool> {
        self.write(move |connection| {
            let retired = RETIRE.run(connection, params![at.millis(), alg.as_str()])? > 0;
            if retired {
                events::tell(connection, &EventKind::KeysChanged, "", now, at.max(now.plus(KEY_TOLD)))?;
            }
            Ok(retired)
        })
        .await
    }

    async fn revoke_key(&self, revoking: Revoking) -> Result<bool> {
        self.write(move |connection| {
            let Revoking { kid, now, tokens_until, audit } = revoking;
            let revoked = REVOKE.run(connection, params![kid, now.millis()])? == 1;
            if revoked {
                events::tell(connection, &EventKind::KeyRevoked(kid), "token_invalid", now, tokens_until)?;
                events::write_audit(connection, &audit, now)?;
            }
            Ok(revoked)
        })
        .await
    }

    async fn forget_keys(&self, before: Timestamp) -> Result<u64> {
        self.write(move |connection| Ok(FORGET.run(connection, [before.millis()])? as u64)).await
    }

    async fn master_keys(&self) -> Result<Vec<MasterKeyRow>> {
        self.read(|connection| MASTERS.rows(connection, [], |it| Ok(MasterKeyRow { id: it.get()?, since: it.time()? })))
    }

    async fn use_master_key(&self, id: [u8; 4], now: Timestamp) -> Result<()> {
        self.write(move |connection| USE_MASTER.run(connection, params![id, now.millis()]).map(drop)).await
    }

    async fn sealed_counts(&self) -> Result<Vec<SealedCount>> {
        self.scan(super::sealed::counts).await
    }

    async fn sealed_elsewhere(&self, id: [u8; 4], limit: u32) -> Result<Vec<SealedValue>> {
        self.scan(move |connection| super::sealed::elsewhere(connection, id, limit)).await
    }

    async fn reseal(&self, values: Vec<(SealedValue, Vec<u8>)>) -> Result<()> {
        self.write_last(move |connection| super::sealed::reseal(connection, &values)).await
    }

    async fn data_key(&self, name: &'static str, candidate: Vec<u8>) -> Result<Vec<u8>> {
        self.write(move |connection| {
            KEEP_DATA_KEY.run(connection, params![name, candidate])?;
            Ok(DATA_KEY.value(connection, [name])?.unwrap_or(candidate))
        })
        .await
    }

    async fn forget_master_key(&self, id: [u8; 4]) -> Result<()> {
        self.write(move |connection| FORGET_MASTER.run(connection, [id]).map(drop)).await
    }
}

fn rotate(connection: &Connection, rotating: &Rotating) -> Result<bool> {
    let newest: Option<String> = NEWEST.value(connection, [rotating.key.alg.as_str()])?;
    if newest != rotating.newest {
        return Ok(false);
    }
    let key = &rotating.key;
    RETIRE.run(connection, params![key.active_at.millis(), key.alg.as_str()])?;
    ADD.run(
        connection,
        params![key.kid, key.alg.as_str(), key.private, key.created_at.millis(), key.active_at.millis()],
    )?;
    events::tell(
        connection,
        &EventKind::KeysChanged,
        "",
        key.created_at,
        key.active_at.max(key.created_at.plus(KEY_TOLD)),
    )?;
    if let Some(line) = &rotating.audit {
        events::write_audit(connection, line, key.created_at)?;
    }
    Ok(true)
}
