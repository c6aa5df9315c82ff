//! What menjin does by itself each minute: sweep what is over, carry out what platforms told, erase who left, rotate keys that are due, forget quiet addresses.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use menjin_token::Timestamp;
use tokio::time::MissedTickBehavior;

use crate::archive;
use crate::people::{erase_due, sweep_avatars};
use crate::push;
use crate::state::Menjin;
use crate::store::Sweeping;

const EVERY: Duration = Duration::from_mins(1);
/// Small, so that a sign-in beside it waits for a few milliseconds at most.
const BATCH: u32 = 100;
/// A round of the pictures' folder takes no longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// A clock that leaps ahead and back again must not bring back what has ended.
const LEAP: Duration = Duration::from_hours(1);

pub(crate) async fn run(menjin: Menjin) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = menjin.upkeep().await {
            metrics::counter!("menjin_upkeep_failures_total").increment(1);
            tracing::warn!(error = format!("{error:#}"), "upkeep failed and is tried again in a minute");
        }
    }
}

impl Menjin {
    /// One round of it; `serve` does one each minute. A part that fails keeps none of the others from being done.
    pub async fn upkeep(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        self.limits.forget_quiet();
        self.operator_tries.forget_quiet();
        self.ended.forget_before(now.minus(LEAP));
        self.told.forget_before(now.minus(LEAP));
        let audit_before = now.minus(self.config.lifetimes.audit);
        // Folders come last, and are not waited for long: they may be another machine's that does not answer.
        let parts = [
            self.ring.rotate_if_due(self.key_tools(), now).await.map_err(Into::into),
            self.sweep(now, audit_before).await,
            push::drain(self).await,
            erase_due(self).await,
            archive::run(self, audit_before).await,
            tokio::time::timeout(PATIENCE, sweep_avatars(self))
                .await
                .context("`avatars.folder` does not answer")
                .and_then(|swept| swept),
        ];
        parts
            .into_iter()
            .filter_map(Result::err)
            .reduce(|first, next| anyhow!("{first:#}; {next:#}"))
            .map_or(Ok(()), Err)
    }

    async fn sweep(&self, now: Timestamp, audit_before: Timestamp) -> anyhow::Result<()> {
        let exports = self.config.audit.export_folder.is_some();
        let sweeping = Sweeping {
            now,
            feed_before: now.minus(LEAP),
            // With a folder for them, lines go once they are written there.
            audit_before: if exports { Timestamp::from_millis(i64::MIN) } else { audit_before },
            ended_before: now.minus(self.config.lifetimes.ended_sessions),
            tokens_until: self.tokens_until(now),
            batch: BATCH,
        };
        while self.store.sweep(sweeping).await?.more {}
        Ok(())
    }
}
