//! The feed of ends on this node: read often, applied to the guard and the ring (design §4.5).

use tokio::time::{Instant, MissedTickBehavior};

use super::Cursor;
use crate::problem::{self, Problem};
use crate::state::{Inner, Menjin};
use crate::store::{Event, EventKind};

/// Reads the feed for as long as the server runs.
pub(crate) async fn follow(menjin: Menjin) {
    let mut tick = tokio::time::interval(menjin.config.lifetimes.feed_read);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut woken = menjin.fast.wake.listener();
    let mut failing = false;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = woken.changed() => {}
        }
        match menjin.read_feed().await {
            Ok(()) if std::mem::take(&mut failing) => tracing::info!("the feed of ended sessions is read again"),
            Err(problem) if !std::mem::replace(&mut failing, true) => {
                tracing::error!("the feed of ended sessions can't be read");
                problem::tell(&problem);
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl Inner {
    /// Applies what has come since the last reading.
    pub(crate) async fn read_feed(&self) -> Result<(), Problem> {
        let mut cursor = self.feed_read.lock().await;
        let (now, began) = (self.clock.now(), Instant::now());
        let events = self.store.events_since(cursor.begin()).await?;
        let new = cursor.take(events, (began, now), self.tokens_until(now).since(now));
        self.apply(&mut cursor, &new);
        let late = cursor.late(began);
        if !late.is_empty() {
            let found = self.store.events_at(&late).await?;
            cursor.take_late(&found);
            self.apply(&mut cursor, &found);
        }
        if cursor.keys_changed {
            self.ring.reload(self.key_tools(), now).await?;
            cursor.keys_changed = false;
        }
        self.ended.mark_read(now);
        Ok(())
    }

    fn apply(&self, cursor: &mut Cursor, events: &[Event]) {
        for event in events {
            match &event.kind {
                EventKind::SessionEnded(session) => {
                    self.ended.end_session(*session, &event.reason, event.at, event.until);
                }
                EventKind::KeyRevoked(_) | EventKind::KeysChanged => cursor.keys_changed = true,
                EventKind::Unknown => tracing::warn!("a newer node tells of something that this one does not know"),
            }
        }
    }
}
