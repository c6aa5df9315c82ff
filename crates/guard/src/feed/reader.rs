//! Who reads the feed: first all of it, then the stream; by asking where the stream brings nothing.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use http::{Method, StatusCode};
use menjin_token::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use super::Freshness;
use super::events::Events;
use super::page::Page;
use crate::menjin::{self, Menjin, SILENCE, Trouble};
use crate::remote::Remote;
use crate::{Clock, Ended};

const PLACE: &[&str] = &["v1", "revocations"];
const STREAM: &[&str] = &["v1", "revocations", "stream"];
/// Between two questions where there is no stream.
const POLL: Duration = Duration::from_millis(600);
/// A stream that brings nothing is not tried again for so long: a proxy in between may hold it back.
const NO_STREAM: Duration = Duration::from_mins(1);
/// After a stream has ended well, as at a restart of menjin.
const AGAIN: Duration = Duration::from_millis(150);
/// After a failure, doubled with each.
const RETRY: Duration = Duration::from_millis(400);
const MAX_RETRY: Duration = Duration::from_secs(5);
/// Requests that read for themselves in vain are followed by no other for so long.
const IN_VAIN: Duration = Duration::from_secs(2);
/// All endings are looked through so often, to drop those that can't matter any more.
const FORGET: Duration = Duration::from_secs(10);

/// What the task and the requests share.
pub(crate) struct Reader {
    menjin: Arc<Menjin>,
    keys: Option<Arc<Remote>>,
    pub(super) ended: Arc<Ended>,
    clock: Arc<dyn Clock>,
    pub(super) freshness: Freshness,
    place: Mutex<Place>,
    /// Held while a request reads; from when on the next one may.
    by_request: tokio::sync::Mutex<Option<Instant>>,
    has_told: AtomicBool,
}

/// How far we are.
#[derive(Default)]
struct Place {
    cursor: Option<String>,
    menjin_read_at: Option<Timestamp>,
    /// When the keys have changed: nodes that take turns in answering tell it again and again.
    keys_changed: HashSet<Timestamp>,
    forgot_at: Option<Instant>,
}

impl Reader {
    pub(crate) fn new(
        menjin: Arc<Menjin>,
        keys: Option<Arc<Remote>>,
        clock: Arc<dyn Clock>,
        freshness: Freshness,
    ) -> Self {
        Self {
            menjin,
            keys,
            ended: Arc::default(),
            clock,
            freshness,
            place: Mutex::default(),
            by_request: tokio::sync::Mutex::default(),
            has_told: AtomicBool::default(),
        }
    }

    /// Reads until it is stopped from outside.
    pub(super) async fn run(self: Arc<Self>) {
        let (mut retry, mut stream_from) = (RETRY, Instant::now());
        loop {
            let read = if !self.freshness.was_read() || Instant::now() < stream_from {
                self.ask().await.map(|()| if self.may_stream(stream_from) { Duration::ZERO } else { POLL })
            } else {
                self.follow().await.map(|brought| {
                    if brought {
                        return jittered(AGAIN);
                    }
                    tracing::info!("the stream of ended sessions brings nothing: they are asked for instead");
                    stream_from = Instant::now() + NO_STREAM;
                    Duration::ZERO
                })
            };
            let pause = match read {
                Ok(pause) => {
                    retry = RETRY;
                    pause
                }
                Err(trouble) => {
                    self.tell(&trouble);
                    let pause = jittered(retry);
                    retry = (retry * 2).min(MAX_RETRY);
                    pause
                }
            };
            sleep(pause).await;
        }
    }

    fn may_stream(&self, from: Instant) -> bool {
        self.freshness.was_read() && Instant::now() >= from
    }

    /// By a request that found the feed too old: one at a time, and rarely.
    pub(super) async fn read_for_a_request(&self) {
        let mut next = self.by_request.lock().await;
        if self.freshness.holds(self.clock.now()) || next.is_some_and(|next| Instant::now() < next) {
            return;
        }
        if let Err(trouble) = self.ask().await {
            self.tell(&trouble);
        }
        *next = (!self.freshness.holds(self.clock.now())).then(|| Instant::now() + IN_VAIN);
    }

    /// Asks until there is no more.
    async fn ask(&self) -> Result<(), Trouble> {
        loop {
            let (asked, since) = (Instant::now(), self.since());
            let request = self.menjin.request(Method::GET, PLACE).query(&since);
            let page = Page::read(&menjin::answer(request).await?.ok()?.body)?;
            let more = page.more;
            if more && since.iter().any(|(_, cursor)| *cursor == page.next) {
                return Err(Trouble::Odd("there is more at the same place"));
            }
            self.take(page, asked)?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Reads the stream to its end; whether it ever brought anything.
    async fn follow(&self) -> Result<bool, Trouble> {
        let since = self.since();
        let query: Vec<_> = since.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut stream = self.menjin.stream(STREAM, &query).await?;
        if stream.status() != StatusCode::OK {
            // Asking may be possible all the same; if not, its refusal is told.
            return Ok(false);
        }
        let (mut events, mut heard) = (Events::default(), Instant::now());
        let mut brought = false;
        loop {
            // A guard that may lag less than the stream's own beat asks in between.
            let patience = SILENCE.min(self.freshness.max_lag() / 2);
            match timeout(patience, stream.chunk()).await {
                Err(_) if heard.elapsed() < SILENCE => self.ask().await?,
                Err(_) | Ok(Ok(None)) => return Ok(brought),
                // A stream that breaks after it has brought something is one that has ended.
                Ok(Err(error)) => return if brought { Ok(true) } else { Err(error.into()) },
                Ok(Ok(Some(chunk))) => {
                    heard = Instant::now();
                    for data in events.take(&chunk)? {
                        self.take(Page::read(data.as_bytes())?, heard)?;
                        brought = true;
                    }
                }
            }
        }
    }

    fn since(&self) -> Vec<(&'static str, String)> {
        self.place().cursor.clone().map(|cursor| ("since", cursor)).into_iter().collect()
    }

    fn take(&self, page: Page, asked: Instant) -> Result<(), Trouble> {
        let keys_changed = page.tell(&self.ended)?;
        if let Some(max_lag) = page.max_lag() {
            self.freshness.heard_max_lag(max_lag);
        }
        let mut place = self.place();
        let known = place.keys_changed.len();
        place.keys_changed.extend(keys_changed);
        if place.keys_changed.len() > known
            && let Some(keys) = &self.keys
        {
            keys.age();
        }
        place.cursor = Some(page.next);
        if page.more {
            return Ok(());
        }
        let now = self.clock.now();
        // What menjin has read again since is as fresh as the answer; else menjin itself stands still.
        if place.menjin_read_at == Some(page.read_at) {
            self.freshness.is_as_old_as_it_was(now);
        } else {
            place.menjin_read_at = Some(page.read_at);
            self.freshness.mark(asked, now);
            if place.forgot_at.is_none_or(|forgot_at| forgot_at.elapsed() >= FORGET) {
                place.forgot_at = Some(Instant::now());
                // By the earlier of two clocks: what is forgotten too early would be good again when ours is set back.
                self.ended.forget_before(now.min(page.read_at));
            }
            if self.has_told.swap(false, Ordering::Relaxed) {
                tracing::info!("the feed of ended sessions is read again");
            }
        }
        Ok(())
    }

    /// Once, until it has been read again.
    fn tell(&self, trouble: &Trouble) {
        if self.has_told.swap(true, Ordering::Relaxed) {
            tracing::debug!(error = %trouble, "the feed of ended sessions can't be read");
        } else {
            tracing::warn!(error = %trouble, "the feed of ended sessions can't be read");
        }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        // No holder leaves it half written.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From half of a pause to one and a half, so that guards that lost one menjin do not come back as one.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [128];
    // Without randomness the pause is what it is.
    _ = rand::fill(&mut byte);
    pause / 2 + pause * u32::from(byte[0]) / 256
}
