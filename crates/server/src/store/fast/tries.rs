//! Tries that are counted before they are made, and given back when they were right: on this node, and in Redis over all.
//!
//! Every key ends by itself, as soon as it means nothing any more.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use redis::Script;
use tokio::time::Instant;

use super::Line;

/// So many tries at once, and then one each time that this part of the period has passed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    count: NonZeroU32,
    each: Duration,
}

impl Pace {
    /// So many in a period.
    pub(crate) fn new(count: u32, period: Duration) -> Self {
        let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self { count, each: period / count.get() }
    }

    fn burst(self) -> Duration {
        self.each * self.count.get()
    }
}

/// What was tried on this node, by keyed digests: no name and no address.
pub(crate) struct Tries {
    pace: Pace,
    /// When the next one of each key would be due at an even pace.
    due: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Tries {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, due: Mutex::default() }
    }

    /// Takes one; too many: how long to wait.
    pub(crate) fn take(&self, key: [u8; 32]) -> Result<(), Duration> {
        let now = Instant::now();
        let mut all = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let due = all.get(&key).map_or(now, |due| (*due).max(now));
        let wait = (due + self.pace.each).saturating_duration_since(now).saturating_sub(self.pace.burst());
        if wait.is_zero() {
            all.insert(key, due + self.pace.each);
            Ok(())
        } else {
            Err(wait)
        }
    }

    /// Gives one back.
    pub(crate) fn give_back(&self, key: &[u8; 32]) {
        let mut all = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(due) = all.get_mut(key) {
            *due = due.checked_sub(self.pace.each).unwrap_or(*due);
        }
    }

    /// The pace that is kept.
    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// Forgets what means nothing any more.
    pub(crate) fn forget_quiet(&self) {
        let now = Instant::now();
        let mut all = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, due| *due > now);
        all.shrink_to_fit();
    }
}

/// Time in microseconds, by Redis' own clock; a key holds when the next one is due at an even pace (GCRA).
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = tonumber(redis.call('GET', KEYS[1]) or now)
if due < now then due = now end
local wait = due + each - now - burst
if wait > 0 then return math.ceil(wait) end
local next = due + each
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
return 0",
    )
});

static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local due = tonumber(redis.call('GET', KEYS[1]) or 0)
if due > 0 then redis.call('SET', KEYS[1], string.format('%.0f', due - tonumber(ARGV[1])), 'KEEPTTL') end
return 0",
    )
});

impl Line {
    /// Takes a try of all nodes together; too many: how long to wait. Nothing when Redis can't tell.
    pub(crate) async fn take_try(&self, key: &[u8; 32], pace: Pace) -> Result<(), Duration> {
        let mut script = TAKE.prepare_invoke();
        script.key(self.tries(key)).arg(micros(pace.each)).arg(micros(pace.burst()));
        match self.run::<u64>(&script).await {
            Some(wait) if wait > 0 => Err(Duration::from_micros(wait)),
            Some(_) | None => Ok(()),
        }
    }

    /// Gives a try back.
    pub(crate) async fn give_back_try(&self, key: &[u8; 32], pace: Pace) {
        let mut script = GIVE_BACK.prepare_invoke();
        script.key(self.tries(key)).arg(micros(pace.each));
        self.run::<u64>(&script).await;
    }

    fn tries(&self, key: &[u8; 32]) -> String {
        let short = u128::from_be_bytes(key[..16].try_into().expect("sixteen of 32 bytes"));
        self.key(&format!("tries:{short:032x}"))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    #[tokio::test(start_paused = true)]
    async fn after_a_few_tries_one_comes_at_a_time() {
        let tries = Tries::new(Pace::new(10, Duration::from_hours(1)));
        for nth in 0..10 {
            assert_eq!(tries.take(KEY), Ok(()), "{nth}");
        }
        assert_eq!(tries.take(KEY), Err(Duration::from_mins(6)));
        assert_eq!(tries.take([8; 32]), Ok(()), "another key is another matter");
        tokio::time::advance(Duration::from_mins(6)).await;
        assert_eq!(tries.take(KEY), Ok(()));
        assert!(tries.take(KEY).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_right_try_costs_nothing_and_quiet_keys_are_forgotten() {
        let tries = Tries::new(Pace::new(2, Duration::from_mins(1)));
        for _ in 0..100 {
            assert_eq!(tries.take(KEY), Ok(()));
            tries.give_back(&KEY);
        }
        tries.take(KEY).unwrap();
        tries.forget_quiet();
        assert_eq!(tries.due.lock().unwrap().len(), 1);
        tokio::time::advance(Duration::from_mins(2)).await;
        tries.forget_quiet();
        assert!(tries.due.lock().unwrap().is_empty());
    }
}
