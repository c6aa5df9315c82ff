//! Hashing passwords: slow and large on purpose, so only so many at a time, with a bounded line before it. How long the answer to a
//! wrong one takes tells nothing of whose it is. Not hidden: how long a place is taken, which whoever fills all the others can
//! measure, and so in which form a name's hash is kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

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
    slowest: Slowest,
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
    /// A request ends after `request_timeout`: no answer is held back for more than half of that.
    pub(crate) fn new(config: &config::Passwords, request_timeout: Duration) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(config.at_once)),
            waiting: Arc::default(),
            most_waiting: config.waiting,
            cost: Cost::own(config.memory, config.iterations),
            slowest: Slowest::new(request_timeout / 2),
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
        self.timed(password, kept).await.map(|(compared, ..)| compared)
    }

    /// The same, where a wrong one must not tell by its time what it was compared with: it is told when the slowest form that was
    /// met of late would have told it.
    pub(super) async fn compare_evenly(&self, password: &Typed, kept: Hash) -> Result<Compared, Problem> {
        let form = kept.form();
        let (compared, began, took) = self.timed(password, kept).await?;
        self.slowest.note(form, took);
        if compared == Compared::Wrong {
            // Nobody's place is taken meanwhile.
            tokio::time::sleep_until(began + self.slowest.of_all()).await;
        }
        Ok(compared)
    }

    /// With when it began, and how long it took.
    async fn timed(&self, password: &Typed, kept: Hash) -> Result<(Compared, Instant, Duration), Problem> {
        let (password, cost) = (password.clone(), self.cost);
        let work = move || {
            let began = Instant::now();
            let compared = match kept.is_of(&password, cost) {
                false => Compared::Wrong,
                true if kept.is_outdated(cost) => Compared::Outdated,
                true => Compared::Right,
            };
            (compared, began, began.elapsed())
        };
        self.run(work).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let place = Place::take(&self.waiting, self.most_waiting + self.slots.available_permits())?;
        let permit = Arc::clone(&self.slots).acquire_owned().await;
        let permit = permit.map_err(|_| Problem::PasswordsBusy)?;
        drop(place);
        let done = tokio::task::spawn_blocking(move || {
            // A request that is gone meanwhile leaves its hash running, and its place taken.
            let _permit = permit;
            let began = Instant::now();
            let done = work();
            metrics::histogram!("menjin_password_hash_seconds").record(began.elapsed().as_secs_f64());
            done
        });
        done.await.map_err(|error| Problem::Internal(error.into()))
    }
}

/// How long a comparison takes with each form of a hash that was met within the hour: about the longest of the last few. While
/// another system's hashes are few, hardly a name that is nobody's is compared with their form, and a slow answer would tell whose is.
struct Slowest {
    forms: Mutex<HashMap<String, Met>>,
    at_most: Duration,
}

/// A form that was met.
struct Met {
    took: Duration,
    /// When it was met last.
    at: Instant,
}

impl Slowest {
    /// A clock that leaps holds nobody up for longer.
    const AT_MOST: Duration = Duration::from_secs(3);
    /// A form that nobody brings for so long holds nobody up any more: the last one may have moved to ours.
    const MEANT: Duration = Duration::from_hours(1);

    fn new(at_most: Duration) -> Self {
        Self { forms: Mutex::default(), at_most: at_most.min(Self::AT_MOST) }
    }

    fn note(&self, form: String, took: Duration) {
        let at = Instant::now();
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        forms.retain(|_, met| at < met.at + Self::MEANT);
        let before = forms.get(&form).map_or(Duration::ZERO, |met| met.took);
        forms.insert(form, Met { took: took.max((before * 7 + took) / 8), at });
    }

    fn of_all(&self) -> Duration {
        let now = Instant::now();
        let forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = forms.values().filter(|met| now < met.at + Self::MEANT);
        meant.map(|met| met.took).max().unwrap_or_default().min(self.at_most)
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

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::super::NOBODYS;
    use super::*;

    fn typed(text: &str) -> Typed {
        Typed::of(&SecretString::from(text)).unwrap()
    }

    /// Time stands still but for what waits: a comparison takes none of it.
    #[tokio::test(start_paused = true)]
    async fn a_wrong_password_takes_as_long_whatever_form_it_is_compared_with() {
        const LONG: Duration = Duration::from_millis(700);
        let cheap = config::Passwords { memory: 64, iterations: 1, ..config::Passwords::default() };
        let pool = Pool::new(&cheap, Duration::from_secs(10));
        let ours = pool.hash(&typed("correct horse"), [7; 16]).await.unwrap();
        let took = async |password: &str, kept: &Hash| {
            let began = Instant::now();
            let compared = pool.compare_evenly(&typed(password), kept.clone()).await.unwrap();
            (compared, began.elapsed().as_millis())
        };
        assert_eq!(took("wrong", &ours).await, (Compared::Wrong, 0));
        pool.slowest.note("pbkdf2_sha256$1000000".to_owned(), LONG);
        for kept in [&ours, &NOBODYS] {
            let (compared, millis) = took("wrong", kept).await;
            assert!(compared == Compared::Wrong && (700..710).contains(&millis), "{millis}");
        }
        assert_eq!(took("correct horse", &ours).await, (Compared::Right, 0), "whoever knows it does not wait");
    }

    #[test]
    fn one_long_comparison_is_not_remembered_for_ever() {
        let slowest = Slowest::new(Duration::from_secs(5));
        slowest.note("ours".to_owned(), Duration::from_mins(1));
        assert_eq!(slowest.of_all(), Slowest::AT_MOST);
        for _ in 0..100 {
            slowest.note("ours".to_owned(), Duration::from_millis(30));
        }
        assert!(slowest.of_all() < Duration::from_millis(40), "{:?}", slowest.of_all());
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_that_nobody_brings_for_an_hour_holds_nobody_up() {
        const OURS: Duration = Duration::from_millis(30);
        const SLOW: Duration = Duration::from_millis(700);
        let slowest = Slowest::new(Duration::from_secs(5));
        let met = |form: &str, took| slowest.note(form.to_owned(), took);
        met("slow", SLOW);
        tokio::time::advance(Duration::from_mins(59)).await;
        met("ours", OURS);
        assert_eq!(slowest.of_all(), SLOW);
        met("slow", SLOW);
        tokio::time::advance(Duration::from_mins(59)).await;
        met("ours", OURS);
        assert_eq!(slowest.of_all(), SLOW, "it was met meanwhile");
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(slowest.of_all(), OURS, "the last who had it has another one by now");
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(slowest.of_all(), Duration::ZERO);
    }

    #[test]
    fn no_answer_is_held_back_for_more_than_half_of_what_a_request_has() {
        let pool = Pool::new(&config::Passwords::default(), Duration::from_secs(2));
        pool.slowest.note("slow".to_owned(), Duration::from_mins(1));
        assert_eq!(pool.slowest.of_all(), Duration::from_secs(1));
    }
}
