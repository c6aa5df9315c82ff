//! Keys read from menjin's JWKS (RFC 7517) over HTTP: bounded, rarely, one fetch at a time, never without a deadline.
//!
//! Does not: parse keys (`menjin-token`) or believe a redirect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;
use menjin_token::jwks::MAX_JWKS;
use menjin_token::{JwksError, KeySet, Timestamp};
use reqwest::{Client, Url};
use tokio::sync::Mutex;

use crate::keys::{Current, Keys};
use crate::menjin::{DEADLINE, bare_client, root};
use crate::{Clock, Refusal};

/// How long keys count as fresh: what `Cache-Control: max-age` says, within these bounds.
const DEFAULT_AGE: Duration = Duration::from_mins(5);
const MIN_AGE: Duration = Duration::from_mins(1);
const MAX_AGE: Duration = Duration::from_hours(24);
/// An unknown `kid` may cause one fetch in this time…
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_mins(1);
/// …and none so soon after another, whatever came of it.
const JUST_TRIED: Duration = Duration::from_secs(5);
/// After a failure: with keys at hand, and without any.
const RETRY_PAUSE: Duration = Duration::from_secs(10);
const EMPTY_PAUSE: Duration = Duration::from_secs(1);
/// For so long after menjin has said that its keys changed, tokens of the new ones are looked out for: the node that
/// answered the first fetch may not have heard of them yet.
const JUST_CHANGED: Duration = Duration::from_secs(10);
const NEVER: i64 = i64::MIN;

/// menjin's published keys.
pub(crate) struct Remote {
    url: Url,
    client: Client,
    clock: Arc<dyn Clock>,
    max_stale: Duration,
    keys: Keys,
    /// From when until when the keys need no thought at all.
    read_at: AtomicI64,
    fresh_until: AtomicI64,
    /// Whether the keys were said to have changed since the last fetch that succeeded began; and when they last were.
    aged: AtomicBool,
    changed_at: AtomicI64,
    /// Held while fetching, so that there is one fetch at a time.
    log: Mutex<Log>,
}

/// When what was fetched.
#[derive(Default)]
struct Log {
    body: Vec<u8>,
    tried_at: Option<Timestamp>,
    asked_for_unknown_at: Option<Timestamp>,
}

/// Why a fetch is wanted.
#[derive(Clone, Copy)]
enum Want {
    /// No keys are at hand, or none that are young enough.
    Any,
    /// The keys at hand have aged.
    Fresh,
    /// menjin has just said that they are others.
    Changed,
    /// A token names a key that is not among them.
    Unknown,
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no answer: {}", root(.0))]
    Unreachable(#[from] reqwest::Error),
    #[error("status {0}")]
    Status(u16),
    #[error(transparent)]
    Document(#[from] JwksError),
    #[error("no key in the set can be used")]
    Empty,
}

impl Remote {
    pub(crate) fn new(url: Url, clock: Arc<dyn Clock>, max_stale: Duration) -> Result<Self, reqwest::Error> {
        let client = bare_client(&url).timeout(DEADLINE).build()?;
        Ok(Self {
            url,
            client,
            clock,
            max_stale,
            keys: Keys::default(),
            read_at: AtomicI64::new(NEVER),
            fresh_until: AtomicI64::new(NEVER),
            aged: AtomicBool::default(),
            changed_at: AtomicI64::new(NEVER),
            log: Mutex::default(),
        })
    }

    /// The keys: at once while fresh, at once and refreshed behind the request's back while stale,
    /// after a fetch when there are none; and a 503 when that fails.
    pub(crate) async fn ready(self: &Arc<Self>, now: Timestamp) -> Result<Arc<Current>, Refusal> {
        if self.usable_at(now) {
            if !self.fresh_at(now) && self.log.try_lock().is_ok_and(|log| self.allows(Want::Fresh, &log, now)) {
                tokio::spawn(Arc::clone(self).fetch_for(Want::Fresh));
            }
            return Ok(self.keys.current());
        }
        self.fetched(Want::Any).await;
        if self.usable_at(self.clock.now()) { Ok(self.keys.current()) } else { Err(Refusal::KeysUnavailable) }
    }

    /// The keys after a token named one that is not among them.
    pub(crate) async fn after_unknown_key(self: &Arc<Self>) -> Arc<Current> {
        // Waits for a fetch that is under way; it may be bringing that key.
        let wanted = self.allows(Want::Unknown, &*self.log.lock().await, self.clock.now());
        if wanted {
            self.fetched(Want::Unknown).await;
        }
        self.keys.current()
    }

    /// The feed says that the keys have changed: they are fetched again at once.
    pub(crate) fn age(self: &Arc<Self>) {
        self.changed_at.store(self.clock.now().millis(), Ordering::Release);
        self.aged.store(true, Ordering::Release);
        tokio::spawn(Arc::clone(self).fetch_for(Want::Changed));
    }

    fn fresh_at(&self, now: Timestamp) -> bool {
        // Keys from the future are not fresh: the clock was set back, and their age is not known.
        let read_at = self.read_at.load(Ordering::Acquire);
        let is_young = (read_at..self.fresh_until.load(Ordering::Acquire)).contains(&now.millis());
        is_young && !self.aged.load(Ordering::Acquire)
    }

    fn usable_at(&self, now: Timestamp) -> bool {
        let fresh_until = self.fresh_until.load(Ordering::Acquire);
        fresh_until != NEVER && now < Timestamp::from_millis(fresh_until).plus(self.max_stale)
    }

    /// Fetches in a task of its own: a caller who hangs up does not stop what others wait for.
    async fn fetched(self: &Arc<Self>, want: Want) {
        _ = tokio::spawn(Arc::clone(self).fetch_for(want)).await;
    }

    async fn fetch_for(self: Arc<Self>, want: Want) {
        let mut log = self.log.lock().await;
        let now = self.clock.now();
        if !self.allows(want, &log, now) {
            return; // Somebody else has just done it.
        }
        if let Want::Unknown = want {
            log.asked_for_unknown_at = Some(now);
        }
        let had_aged = self.aged.swap(false, Ordering::AcqRel);
        let fetched = self.fetch().await.and_then(|(body, age)| self.take(&mut log, body, age));
        if let Err(error) = fetched {
            // What has changed is still to be fetched.
            self.aged.fetch_or(had_aged, Ordering::AcqRel);
            tracing::warn!(jwks.host = self.url.host_str(), %error, "menjin's keys can't be read");
        }
        log.tried_at = Some(self.clock.now());
    }

    fn take(&self, log: &mut Log, body: Vec<u8>, age: Duration) -> Result<(), FetchError> {
        let set = parse(&body)?;
        // The same bytes again change no key, so nothing that was verified needs to be verified anew.
        if body != log.body {
            self.keys.replace(set);
            log.body = body;
        }
        let now = self.clock.now();
        self.read_at.store(now.millis(), Ordering::Release);
        self.fresh_until.store(now.plus(age).millis(), Ordering::Release);
        Ok(())
    }

    /// menjin itself said so and no stranger's token, so keys may be fetched sooner.
    fn has_just_changed(&self, now: Timestamp) -> bool {
        let changed_at = self.changed_at.load(Ordering::Acquire);
        let until = Timestamp::from_millis(changed_at).plus(JUST_CHANGED).millis();
        changed_at != NEVER && (changed_at..until).contains(&now.millis())
    }

    fn allows(&self, want: Want, log: &Log, now: Timestamp) -> bool {
        // A time that lies ahead was noted before the clock was set back.
        let passed =
            |since: Option<Timestamp>, pause| since.is_none_or(|since| now < since || now.since(since) >= pause);
        let just_changed = self.has_just_changed(now);
        let pause = if just_changed { EMPTY_PAUSE } else { RETRY_PAUSE };
        match want {
            Want::Any => passed(log.tried_at, EMPTY_PAUSE),
            Want::Changed => self.aged.load(Ordering::Acquire),
            Want::Fresh => passed(log.tried_at, pause),
            Want::Unknown if just_changed || self.aged.load(Ordering::Acquire) => passed(log.tried_at, pause),
            Want::Unknown => passed(log.asked_for_unknown_at, UNKNOWN_KEY_PAUSE) && passed(log.tried_at, JUST_TRIED),
        }
    }

    async fn fetch(&self) -> Result<(Vec<u8>, Duration), FetchError> {
        let mut response = self.client.get(self.url.clone()).send().await.map_err(reqwest::Error::without_url)?;
        if response.status() != http::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let age = max_age(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len() + chunk.len() > MAX_JWKS {
                return Err(JwksError::TooLarge.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, age))
    }
}

fn parse(body: &[u8]) -> Result<KeySet, FetchError> {
    let set = KeySet::parse(body)?;
    if set.is_empty() {
        return Err(FetchError::Empty);
    }
    Ok(set)
}

/// `max-age` (RFC 9111 section 5.2.2.1) within our bounds.
fn max_age(headers: &HeaderMap) -> Duration {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let seconds = directives
        .flat_map(|value| value.split(','))
        .filter_map(|directive| directive.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("max-age"))
        .and_then(|(_, seconds)| seconds.trim_matches('"').parse().ok());
    seconds.map_or(DEFAULT_AGE, Duration::from_secs).clamp(MIN_AGE, MAX_AGE)
}
