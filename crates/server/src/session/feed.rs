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
        let mut events = self.store.events_since(cursor.begin()).await?;
        if !cursor.is_at_home(&events) {
            if cursor.begin_again(now) {
                tracing::warn!(
                    "the database was brought back to an earlier time, by a failover that lost its last moments or by a backup (`store.url`): the feed of ended sessions is read from its beginning, and sessions whose end was lost may be used again on nodes that are started from now on"
                );
            }
            events = self.store.events_since(cursor.begin()).await?;
        }
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
        if cursor.apps_changed {
            self.reload_apps().await?;
            cursor.apps_changed = false;
        }
        self.ended.mark_read(now);
        self.told.mark_read(now);
        Ok(())
    }

    fn apply(&self, cursor: &mut Cursor, events: &[Event]) {
        for event in events {
            self.told.add(event);
            match &event.kind {
                EventKind::SessionEnded(session) => {
                    self.ended.end_session(*session, &event.reason, event.at, event.until);
                }
                EventKind::UserNotBefore(user) => {
                    self.ended.user_not_before(*user, &event.reason, event.at, event.until);
                }
                EventKind::AppNotBefore(app) => {
                    self.ended.app_not_before(app, &event.reason, event.at, event.until);
                }
                EventKind::RolesOfUser(user, version) => self.ended.roles_of_user(*user, *version, event.until),
                EventKind::RoleChanged(name, version) => self.ended.role_changed(name, *version, event.until),
                EventKind::AppsChanged => cursor.apps_changed = true,
                EventKind::KeyRevoked(_) | EventKind::KeysChanged => cursor.keys_changed = true,
                EventKind::Unknown => tracing::warn!("a newer node tells of something that this one does not know"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::start::Around;

    /// A node on SQLite, which has no wake-ups.
    async fn node(folder: &Path) -> Menjin {
        let toml =
            format!("secret_key = \"{}\"\n[server]\npublic_url = \"http://127.0.0.1\"\n", "0123456789abcdef".repeat(4));
        Menjin::new(Config::parse(&toml, folder).unwrap(), Around::default()).await.unwrap()
    }

    /// Time is tokio's, and passes where all wait for it. That one reading is enough for an end is shown over HTTP.
    #[tokio::test]
    async fn cl_02_what_another_node_tells_is_read_within_one_interval_of_the_feed_and_that_within_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (node(folder.path()).await, node(folder.path()).await);
        let interval = here.config.lifetimes.feed_read;
        assert!(interval < Duration::from_secs(1), "{interval:?}");
        tokio::time::pause();
        let following = tokio::spawn(follow(here.clone()));
        for _ in 0..5 {
            let kid = there.rotate_key(&crate::store::Actor::command()).await.unwrap();
            let is_known = || here.ring.rows().iter().any(|row| row.kid == kid);
            let told = Instant::now();
            while !is_known() {
                assert!(told.elapsed() <= interval, "{:?}", told.elapsed());
                tokio::time::advance(Duration::from_millis(1)).await;
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            }
        }
        following.abort();
    }
}
