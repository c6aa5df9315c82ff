//! Master keys: which are in use, and moving what is sealed from one to the next (design §4.1).

use menjin_token::Timestamp;

use crate::entropy::Entropy;
use crate::seal::{Digester, Sealed, Sealer, hex};
use crate::store::{SealedValue, Store};

use super::Tools;

/// Values moved in one transaction.
const BATCH: u32 = 500;

/// A master key that is still in use was dropped from the configuration.
#[derive(Debug, thiserror::Error)]
#[error(
    "`secret_key`: this database is sealed under master key {id}, which is not configured: is this the secret_key (or the file secret_key_file) that all nodes have? Only if you have changed it on purpose, put the former one into `old_secret_keys`, run `menjin key rewrap`, and drop it when `menjin key status` shows nothing under it"
)]
pub struct DroppedMasterKey {
    id: String,
}

/// Notes the present master key and refuses to start without one that is in use.
pub(crate) async fn admit(store: &dyn Store, sealer: &Sealer, now: Timestamp) -> anyhow::Result<()> {
    for row in store.master_keys().await? {
        if !sealer.knows(row.id) {
            return Err(DroppedMasterKey { id: hex(row.id) }.into());
        }
    }
    store.use_master_key(sealer.present(), now).await?;
    Ok(())
}

/// The key that keyed digests are made with; it outlives a change of the master key.
pub(crate) async fn digester(store: &dyn Store, sealer: &Sealer, entropy: &dyn Entropy) -> anyhow::Result<Digester> {
    const NAME: &str = "digest";
    let candidate = sealer.seal(Sealed::DataKey, NAME.as_bytes(), &entropy.bytes::<32>(), entropy);
    let kept = store.data_key(NAME, candidate).await?;
    Ok(Digester::new(&sealer.open(Sealed::DataKey, NAME.as_bytes(), &kept)?))
}

/// Seals everything anew under the present master key; returns how much. Old keys under which nothing is left are forgotten.
pub(crate) async fn rewrap(tools: Tools<'_>) -> anyhow::Result<u64> {
    let present = tools.sealer.present();
    let mut moved = 0;
    loop {
        let values = tools.store.sealed_elsewhere(present, BATCH).await?;
        if values.is_empty() {
            break;
        }
        moved += values.len() as u64;
        let anew = values
            .into_iter()
            .map(|value| seal_anew(&value, tools).map(|anew| (value, anew)))
            .collect::<anyhow::Result<_>>()?;
        tools.store.reseal(anew).await?;
    }
    let counts = tools.store.sealed_counts().await?;
    for row in tools.store.master_keys().await? {
        if row.id != present && counts.iter().all(|count| count.master_key != row.id) {
            tools.store.forget_master_key(row.id).await?;
        }
    }
    Ok(moved)
}

fn seal_anew(value: &SealedValue, tools: Tools<'_>) -> anyhow::Result<Vec<u8>> {
    let what =
        Sealed::of_table(value.table).ok_or_else(|| anyhow::anyhow!("table {} holds nothing sealed", value.table))?;
    let plain = tools.sealer.open(what, &value.row, &value.sealed)?;
    Ok(tools.sealer.seal(what, &value.row, &plain, tools.entropy))
}
