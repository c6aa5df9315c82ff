//! Hashing passwords: slow and large on purpose, so only so many at a time, with a bounded line before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::hash::Cost;
use super::{Hash, Typed};
use crate::config;
use crate::problem::Problem;

/// What hashes passwords, people's and operators'.
pub(crate) struct Pool {
    slots: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
    cost: Cost,
}

/// What a password is, compared with a kept one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// Another one.
    Wrong,
    /// The same.
    Right,
    /// The same, and kept in another form than we make today.
    Outdated,
}

impl Pool {
    pub(crate) fn new(config: &config::Passwords) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(config.at_once)),
            waiting: Arc::default(),
            most_waiting: config.waiting,
            cost: Cost::own(config.memory, config.iterations),
        }
    }

    /// A hash for a new password.
    pub(crate) async fn hash(&self, password: &Typed, salt: [u8; 16]) -> Result<Hash, Problem> {
        let (password, cost) = (password.clone(), self.cost);
        let hash = self.run(move || Hash::of(&password, cost, salt)).await?;
        hash.ok_or_else(|| Problem::Internal(anyhow::anyhow!("argon2 refused `passwords.memory` or `.iterations`")))
    }

    /// Whether it is the kept one.
    pub(crate) async fn compare(&self, password: &Typed, kept: Hash) -> Result<Compared, Problem> {
        let (password, cost) = (password.clone(), self.cost);
        self.run(move || match kept.is_of(&password, cost) {
            false => Compared::Wrong,
            true if kept.is_outdated(cost) => Compared::Outdated,
            true => Compared::Right,
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let place = Place::take(&self.waiting, self.most_waiting + self.slots.available_permits())?;
        let permit = Arc::clone(&self.slots).acquire_owned().await;
        let permit = permit.map_err(|_| Problem::PasswordsBusy)?;
        drop(place);
        let done = tokio::task::spawn_blocking(move || {
            // A request that is gone meanwhile leaves its hash running, and its place taken.
            let _permit = permit;
            let began = tokio::time::Instant::now();
            let done = work();
            metrics::histogram!("menjin_password_hash_seconds").record(began.elapsed().as_secs_f64());
            done
        });
        done.await.map_err(|error| Problem::Internal(error.into()))
    }
}

/// A place in the line.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>, most: usize) -> Result<Self, Problem> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(waiting));
        if before >= most {
            return Err(Problem::PasswordsBusy);
        }
        place.tell();
        Ok(place)
    }

    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    fn tell(&self) {
        metrics::gauge!("menjin_password_waiting").set(self.0.load(Ordering::Relaxed) as f64);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        self.tell();
    }
}
