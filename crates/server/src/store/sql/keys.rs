//! Signing keys and master keys.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{Algorithm, Timestamp};

use super::connection::Connection;
use super::statement::statements;
use super::value::values;
use super::{Database, events, sealed};
use crate::store::rows;
use crate::store::rules::KEY_TOLD;
use crate::store::{EventKind, KeyRow, Keys, MasterKeyRow, Result, Revoking, Rotating, SealedCount, SealedValue};

statements! {
    RING on signing_keys = both("SELECT kid, alg, private, created_at, active_at, retired_at, revoked_at FROM signing_keys
        ORDER BY created_at, kid");
    TURN on signing_key_turns = each(
        "INSERT INTO signing_key_turns (alg) VALUES (?1) ON CONFLICT (alg) DO UPDATE SET alg = excluded.alg",
        "INSERT INTO signing_key_turns (alg) VALUES (?1) ON DUPLICATE KEY UPDATE alg = alg",
    );
    NEWEST on signing_keys = both("SELECT kid FROM signing_keys WHERE alg = ?1 AND revoked_at IS NULL AND retired_at IS NULL
        ORDER BY created_at DESC, kid DESC LIMIT 1");
    RETIRE on signing_keys = both("UPDATE signing_keys SET retired_at = ?1 WHERE alg = ?2 AND retired_at IS NULL AND revoked_at IS NULL");
    ADD on signing_keys = both("INSERT INTO signing_keys (kid, alg, private, created_at, active_at) VALUES (?1, ?2, ?3, ?4, ?5)");
    REVOKE on signing_keys = both("UPDATE signing_keys SET revoked_at = ?2 WHERE kid = ?1 AND revoked_at IS NULL");
    FORGET on signing_keys = both("DELETE FROM signing_keys WHERE coalesce(revoked_at, retired_at) < ?1");
    MASTERS on master_keys = both("SELECT id, since FROM master_keys ORDER BY since, id");
    USE_MASTER on master_keys = each(
        "INSERT INTO master_keys (id, since) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        "INSERT INTO master_keys (id, since) VALUES (?1, ?2)",
    );
    FORGET_MASTER on master_keys = both("DELETE FROM master_keys WHERE id = ?1");
    KEEP_DATA_KEY on data_keys = each(
        "INSERT INTO data_keys (name, sealed) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        "INSERT INTO data_keys (name, sealed) VALUES (?1, ?2)",
    );
    DATA_KEY on data_keys = both("SELECT sealed FROM data_keys WHERE name = ?1");
}

#[async_trait]
impl Keys for Database {
    async fn signing_keys(&self) -> Result<Vec<KeyRow>> {
        self.pool.rows(&RING, &[], rows::key).await
    }

    async fn rotate_key(&self, rotating: Rotating) -> Result<bool> {
        self.transact(&rotating, |on, rotating| rotate(on, rotating).boxed()).await
    }

    async fn retire_line(&self, alg: Algorithm, at: Timestamp, now: Timestamp) -> Result<bool> {
        self.transact(&(alg, at, now), |on, line| retire(on, *line).boxed()).await
    }

    async fn revoke_key(&self, revoking: Revoking) -> Result<bool> {
        self.transact(&revoking, |on, revoking| revoke(on, revoking).boxed()).await
    }

    async fn forget_keys(&self, before: Timestamp) -> Result<u64> {
        self.pool.run(&FORGET, values![before]).await
    }

    async fn master_keys(&self) -> Result<Vec<MasterKeyRow>> {
        self.pool.rows(&MASTERS, &[], |it| Ok(MasterKeyRow { id: it.get()?, since: it.time()? })).await
    }

    async fn use_master_key(&self, id: [u8; 4], now: Timestamp) -> Result<()> {
        self.pool.add(&USE_MASTER, values![&id, now]).await.map(drop)
    }

    async fn sealed_counts(&self) -> Result<Vec<SealedCount>> {
        self.pool.chore(&(), |on, ()| sealed::counts(on).boxed()).await
    }

    async fn sealed_elsewhere(&self, id: [u8; 4], limit: u32) -> Result<Vec<SealedValue>> {
        self.pool.chore(&(id, limit), |on, (id, limit)| sealed::elsewhere(on, *id, *limit).boxed()).await
    }

    async fn reseal(&self, values: Vec<(SealedValue, Vec<u8>)>) -> Result<()> {
        self.transact(&values, |on, values| sealed::reseal(on, values).boxed()).await
    }

    async fn data_key(&self, name: &'static str, candidate: Vec<u8>) -> Result<Vec<u8>> {
        self.pool.add(&KEEP_DATA_KEY, values![name, &candidate]).await?;
        Ok(self.pool.row(&DATA_KEY, values![name], rows::value).await?.unwrap_or(candidate))
    }

    async fn forget_master_key(&self, id: [u8; 4]) -> Result<()> {
        self.pool.run(&FORGET_MASTER, values![&id]).await.map(drop)
    }
}

async fn rotate(on: &mut Connection<'_>, rotating: &Rotating) -> Result<bool> {
    let key = &rotating.key;
    let alg = key.alg.as_str();
    TURN.run(on, values![alg]).await?;
    let newest: Option<String> = NEWEST.row(on, values![alg], rows::value).await?;
    if newest != rotating.newest {
        return Ok(false);
    }
    RETIRE.run(on, values![key.active_at, alg]).await?;
    ADD.run(on, values![&key.kid, alg, &key.private, key.created_at, key.active_at]).await?;
    let until = key.active_at.max(key.created_at.plus(KEY_TOLD));
    events::tell(on, &EventKind::KeysChanged, "", (key.created_at, until)).await?;
    if let Some(line) = &rotating.audit {
        events::write_audit(on, line, key.created_at).await?;
    }
    Ok(true)
}

async fn retire(on: &mut Connection<'_>, (alg, at, now): (Algorithm, Timestamp, Timestamp)) -> Result<bool> {
    let retired = RETIRE.run(on, values![at, alg.as_str()]).await? > 0;
    if retired {
        events::tell(on, &EventKind::KeysChanged, "", (now, at.max(now.plus(KEY_TOLD)))).await?;
    }
    Ok(retired)
}

async fn revoke(on: &mut Connection<'_>, revoking: &Revoking) -> Result<bool> {
    let Revoking { kid, now, tokens_until, audit } = revoking;
    let revoked = REVOKE.run(on, values![kid, *now]).await? == 1;
    if revoked {
        events::tell(on, &EventKind::KeyRevoked(kid.clone()), "token_invalid", (*now, *tokens_until)).await?;
        events::write_audit(on, audit, *now).await?;
    }
    Ok(revoked)
}
