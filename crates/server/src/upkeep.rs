//! What menjin does by itself each minute: sweep what is over, carry out what platforms told, rotate keys that are due, forget quiet addresses.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::MissedTickBehavior;

use crate::people::sweep_avatars;
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
        let sweeping = Sweeping {
            now,
            feed_before: now.minus(LEAP),
            audit_before: now.minus(lifetimes.audit),
            ended_before: now.minus(lifetimes.ended_sessions),
            tokens_until: self.tokens_until(now),
            batch: BATCH,
        };
        while self.store.sweep(sweeping).await?.more {}
        push::drain(self).await?;
        rotated?;
        // Last, and not for long: the folder may be another machine's that does not answer.
        tokio::time::timeout(PATIENCE, sweep_avatars(self)).await.context("`avatars.folder` does not answer")??;
        Ok(())
    }
}
