//! What menjin does by itself each minute: sweep what is over, rotate keys that are due, forget quiet addresses.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::state::Menjin;

const EVERY: Duration = Duration::from_mins(1);
const BATCH: u32 = 500;

pub(crate) async fn run(menjin: Menjin) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = once(&menjin).await {
            tracing::warn!(error = format!("{error:#}"), "upkeep failed and is tried again in a minute");
        }
    }
}

async fn once(menjin: &Menjin) -> anyhow::Result<()> {
    let now = menjin.clock.now();
    menjin.limits.forget_quiet();
    menjin.ended.forget_before(now);
    menjin.ring.rotate_if_due(menjin.key_tools(), now).await?;
    let lifetimes = &menjin.config.lifetimes;
    while menjin.store.sweep(now, now.minus(lifetimes.audit), now.minus(lifetimes.ended_sessions), BATCH).await?.more {}
    Ok(())
}
