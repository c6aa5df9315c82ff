//! Tries that come ever more slowly, over all nodes in Redis: some are free, then each waits twice as long as the one before.
//!
//! Every key ends by itself, as soon as it means nothing any more. Not here: the same on this node (`admin/tries`).

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::Line;

/// So many tries are free; then each waits twice as long as the one before, up to a bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slowing {
    pub(crate) free: u32,
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Slowing {
    /// How long to wait after so many.
    pub(crate) fn after(self, tries: u32) -> Duration {
        let Some(over) = tries.checked_sub(self.free) else { return Duration::ZERO };
        self.first.saturating_mul(1 << over.min(16)).min(self.longest)
    }
}

/// Time in milliseconds, by Redis' own clock; the same as [`Slowing::after`].
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait, tries = 0, {}
for at = 1, #KEYS do
  local held = redis.call('HMGET', KEYS[at], 'tries', 'until')
  tries[at] = tonumber(held[1] or 0) + 1
  wait = math.max(wait, tonumber(held[2] or 0) - now)
end
if wait > 0 then return wait end
for at = 1, #KEYS do
  local free, first, longest = tonumber(ARGV[3 * at - 1]), tonumber(ARGV[3 * at]), tonumber(ARGV[3 * at + 1])
  local pause = 0
  if tries[at] >= free then pause = math.min(first * 2 ^ math.min(tries[at] - free, 16), longest) end
  redis.call('HSET', KEYS[at], 'tries', tries[at], 'until', string.format('%.0f', now + pause))
  redis.call('PEXPIRE', KEYS[at], ARGV[1])
end
return 0",
    )
});

/// One try less, and no wait: whoever had to wait did not get to try.
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
for at = 1, #KEYS do
  local tries = tonumber(redis.call('HGET', KEYS[at], 'tries') or 0)
  if tries > 1 then redis.call('HSET', KEYS[at], 'tries', tries - 1, 'until', 0) else redis.call('DEL', KEYS[at]) end
end
return 0",
    )
});

static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new("return redis.call('DEL', unpack(KEYS))"));

impl Line {
    /// Counts a try under each of the keys, unless one of them is to be waited for: how long. Whoever rests for `rest` begins
    /// anew. Nothing when Redis can't tell.
    pub(crate) async fn begin_slowly(&self, of: &[([u8; 32], Slowing)], rest: Duration) -> Result<(), Duration> {
        let mut script = BEGIN.prepare_invoke();
        script.arg(millis(rest));
        for (key, Slowing { free, first, longest }) in of {
            script.key(self.slowed(key)).arg(*free).arg(millis(*first)).arg(millis(*longest));
        }
        match self.run::<u64>(&script).await {
            Some(wait) if wait > 0 => Err(Duration::from_millis(wait)),
            Some(_) | None => Ok(()),
        }
    }

    /// A try under each of the keys is given back: nothing was compared.
    pub(crate) async fn give_back_slowed(&self, of: &[([u8; 32], Slowing)]) {
        self.with_slowed(&GIVE_BACK, of).await;
    }

    /// They count no more.
    pub(crate) async fn forget_slowed(&self, of: &[([u8; 32], Slowing)]) {
        self.with_slowed(&FORGET, of).await;
    }

    async fn with_slowed(&self, script: &Script, of: &[([u8; 32], Slowing)]) {
        let mut script = script.prepare_invoke();
        for (key, _) in of {
            script.key(self.slowed(key));
        }
        self.run::<u64>(&script).await;
    }

    fn slowed(&self, key: &[u8; 32]) -> String {
        let short = u128::from_be_bytes(key[..16].try_into().expect("sixteen of 32 bytes"));
        self.key(&format!("slowed:{short:032x}"))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
