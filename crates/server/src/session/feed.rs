//! The feed of ends on this node: read often, applied to the guard and the ring (design §4.5).

use menjin_token::Timestamp;
use tokio::time::MissedTickBehavior;

use crate::problem::Problem;
use crate::state::{Inner, Menjin};
use crate::store::EventKind;

/// Reads the feed for as long as the server runs.
pub(crate) async fn follow(menjin: Menjin, mut read_until: i64) {
    let mut tick = tokio::time::interval(menjin.config.lifetimes.feed_read);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tick.tick().await;
        match apply(&menjin, read_until).await {
            Ok(seq) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("the feed of ended sessions is read again");
                }
                read_until = seq;
            }
            Err(problem) if !failing => {
                failing = true;
                tracing::error!(error = %problem, "the feed of ended sessions can't be read");
            }
            Err(_) => {}
        }
    }
}

/// Applies what has come since `seq`; returns how far it read.
pub(crate) async fn apply(menjin: &Inner, seq: i64) -> Result<i64, Problem> {
    let now = menjin.clock.now();
    let events = menjin.store.events_since(seq).await?;
    let mut keys_changed = false;
    for event in &events {
        match &event.kind {
            EventKind::SessionEnded(session) => {
                menjin.ended.end_session(*session, &event.reason, event.at, event.until)
            }
            EventKind::KeyRevoked(_) | EventKind::KeysChanged => keys_changed = true,
        }
    }
    if keys_changed {
        menjin.ring.reload(menjin.key_tools(), now).await?;
    }
    mark(menjin, now);
    Ok(events.last().map_or(seq, |event| event.seq))
}

fn mark(menjin: &Inner, now: Timestamp) {
    menjin.ended.mark_read(now);
    menjin.ended.forget_before(now);
}
