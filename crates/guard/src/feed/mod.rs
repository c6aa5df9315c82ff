//! The feed of endings in another program than menjin: a task reads `GET /v1/revocations`, then its stream, and asks
//! each second where a stream is not to be had (design §4.5).
//!
//! Lives here: the reader, and how fresh it is. Does not: what has ended (`ended`), the wire (`page`, `events`).

mod events;
mod page;
mod reader;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use menjin_token::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

pub(crate) use self::reader::Reader;
use crate::ended::{DEFAULT_MAX_LAG, Ended, STRICT_LAG};

/// The first requests wait for the first reading so long, and no longer.
const FIRST_READ: Duration = Duration::from_secs(3);
const NEVER: i64 = i64::MIN;

/// A guard's own reader of the feed. It stops when this is dropped.
pub(crate) struct Feed {
    reader: Arc<Reader>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// How long ago the feed was read, by the machine's clock and by one that nobody sets. A clock that is set back must not
/// keep a feed fresh that is cut, nor may a machine that slept.
pub(crate) struct Freshness {
    began: Instant,
    /// Since when somebody reads.
    started: AtomicI64,
    steady: AtomicI64,
    clock: AtomicI64,
    /// In milliseconds; menjin's own until the program says another.
    max_lag: AtomicU64,
    is_said: bool,
    first: watch::Sender<bool>,
}

impl Feed {
    pub(crate) fn new(reader: Reader) -> Self {
        let feed = Self { reader: Arc::new(reader), task: Mutex::default() };
        feed.keep_running();
        feed
    }

    pub(crate) fn ended(&self) -> &Ended {
        &self.reader.ended
    }

    /// Whether nobody can be vouched for.
    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        !self.reader.freshness.holds(now)
    }

    /// Sees to it that the feed is fresh, as far as a request may wait for that.
    pub(crate) async fn freshen(&self, now: Timestamp) {
        self.keep_running();
        let freshness = &self.reader.freshness;
        if freshness.holds(now) {
            return;
        }
        if freshness.was_read() {
            // A clock that jumped makes the feed look old, and a strict one is old each second.
            self.reader.read_for_a_request().await;
        } else {
            let mut first = freshness.first.subscribe();
            _ = timeout(FIRST_READ.saturating_sub(freshness.read_for()), first.wait_for(|is_read| *is_read)).await;
        }
    }

    /// Starts the reader, again if the runtime that it was in is gone.
    fn keep_running(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        // Built outside of a runtime, it starts with the first request.
        if let Ok(runtime) = Handle::try_current() {
            self.reader.freshness.start();
            *task = Some(runtime.spawn(Arc::clone(&self.reader).run()));
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl Freshness {
    pub(crate) fn new(max_lag: Option<Duration>) -> Self {
        let lag = max_lag.unwrap_or(DEFAULT_MAX_LAG);
        let freshness = Self {
            began: Instant::now(),
            started: AtomicI64::default(),
            steady: AtomicI64::new(NEVER),
            clock: AtomicI64::new(NEVER),
            max_lag: AtomicU64::default(),
            is_said: max_lag.is_some(),
            first: watch::Sender::new(false),
        };
        freshness.allow(lag);
        freshness
    }

    fn allow(&self, max_lag: Duration) {
        let millis = u64::try_from(max_lag.max(STRICT_LAG).as_millis()).unwrap_or(u64::MAX);
        self.max_lag.store(millis, Ordering::Relaxed);
    }

    /// menjin says how long it wants to be vouched for.
    fn heard_max_lag(&self, max_lag: Duration) {
        if !self.is_said {
            self.allow(max_lag);
        }
    }

    fn max_lag(&self) -> Duration {
        Duration::from_millis(self.max_lag.load(Ordering::Relaxed))
    }

    fn steady_now(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn start(&self) {
        self.started.store(self.steady_now(), Ordering::Release);
    }

    /// For how long somebody has been reading.
    fn read_for(&self) -> Duration {
        self.steady_since(self.started.load(Ordering::Acquire))
    }

    fn was_read(&self) -> bool {
        self.steady.load(Ordering::Acquire) != NEVER
    }

    /// The feed was read to its end, by a question of that moment or later.
    fn mark(&self, asked: Instant, now: Timestamp) {
        let asked = i64::try_from(asked.duration_since(self.began).as_millis()).unwrap_or(i64::MAX);
        self.clock.store(now.millis(), Ordering::Release);
        self.steady.fetch_max(asked, Ordering::AcqRel);
        self.first.send_replace(true);
    }

    /// menjin answers, and has read nothing since: if the clock jumped meanwhile, that made nothing older.
    fn is_as_old_as_it_was(&self, now: Timestamp) {
        self.clock.store(now.minus(self.steady_age()).millis(), Ordering::Release);
    }

    fn steady_age(&self) -> Duration {
        self.steady_since(self.steady.load(Ordering::Acquire))
    }

    fn steady_since(&self, moment: i64) -> Duration {
        Duration::from_millis(u64::try_from(self.steady_now().saturating_sub(moment)).unwrap_or(0))
    }

    fn holds(&self, now: Timestamp) -> bool {
        let clock = self.clock.load(Ordering::Acquire);
        if !self.was_read() {
            return false;
        }
        self.steady_age().max(now.since(Timestamp::from_millis(clock))) <= self.max_lag()
    }
}
