//! What menjin does by itself each minute: sweep what is over, carry out what platforms told, erase who left, rotate keys that are due, forget quiet addresses.

use std::time::Duration;

use anyhow::Context as _;
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
    /// One round of it; `serve` does one each minute.
    pub async fn upkeep(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        self.limits.forget_quiet();
        self.ended.forget_before(now.minus(LEAP));
        self.told.forget_before(now.minus(LEAP));
        let rotated = self.ring.rotate_if_due(self.key_tools(), now).await;
        let lifetimes = &self.config.lifetimes;
        let audit_before = now.minus(lifetimes.audit);
        let exports = self.config.audit.export_folder.is_some();
        let sweeping = Sweeping {
            now,
            feed_before: now.minus(LEAP),
            // With a folder for them, lines go once they are written there.
            audit_before: if exports { Timestamp::from_millis(i64::MIN) } else { audit_before },
            ended_before: now.minus(lifetimes.ended_sessions),
            tokens_until: self.tokens_until(now),
            batch: BATCH,
        };
        while self.store.sweep(sweeping).await?.more {}
        push::drain(self).await?;
        let archived = archive::run(self, audit_before).await;
        let erased = erase_due(self).await;
        rotated?;
        erased?;
        archived?;
        // Last, and not for long: the folder may be another machine's that does not answer.
        tokio::time::timeout(PATIENCE, sweep_avatars(self)).await.context("`avatars.folder` does not answer")??;
        Ok(())
    }
}
