//! Rate counters over all nodes: the same rule as `in_process`, in Redis, a round trip a request.
//!
//! Every key ends by itself, as soon as it means nothing any more.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::{Bars, Line};

/// How much one address may, each minute, and one person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quotas {
    /// Requests.
    pub(crate) asked: NonZeroU32,
    /// Failures in all.
    pub(crate) failed: NonZeroU32,
    /// Failures at one app.
    pub(crate) failed_at: NonZeroU32,
    /// Requests of a signed-in person that cost more than others.
    pub(crate) of_person: NonZeroU32,
}

/// What Redis says of an address.
#[derive(Debug)]
pub(crate) struct Asked {
    /// How long it should wait with this request.
    pub(crate) wait: Option<Duration>,
    /// From what it is barred.
    pub(crate) bars: Bars,
}

/// Time in microseconds, by Redis' own clock; `take` is GCRA: a key holds when the next one is due at an even pace.
const COMMON: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function take(key, count)
  local pace = 60000000 / count
  local due = tonumber(redis.call('GET', key) or now)
  if due < now then due = now end
  local wait = due + pace - now - 60000000
  if wait > 0 then return math.ceil(wait) end
  local next = due + pace
  redis.call('SET', key, string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
  return 0
end
local function bars(key)
  local found = {}
  local all = redis.call('HGETALL', key)
  for at = 1, #all, 2 do
    local left = tonumber(all[at + 1]) - now
    if left > 0 then
      found[#found + 1] = all[at]
      found[#found + 1] = string.format('%.0f', left)
    end
  end
  return found
end
";

static ASK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{COMMON}
local wait = 0
if ARGV[1] ~= '0' then wait = take(KEYS[1], ARGV[1]) end
return {{wait, bars(KEYS[2])}}"
    ))
});

static FAIL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{COMMON}
for at = 1, 2 do
  local wait = take(KEYS[at], ARGV[at])
  if wait > 0 then
    redis.call('HSET', KEYS[3], at == 1 and '' or ARGV[3], string.format('%.0f', now + wait))
    local lives = math.ceil(wait / 1000)
    if redis.call('PTTL', KEYS[3]) < lives then redis.call('PEXPIRE', KEYS[3], lives) end
  end
end
return bars(KEYS[3])"
    ))
});

impl Line {
    /// Counts a request of `who` (with a `quota`), and tells what bars it; `None` when Redis can't tell.
    pub(crate) async fn count_ask(&self, who: &str, quota: Option<NonZeroU32>) -> Option<Asked> {
        let mut script = ASK.prepare_invoke();
        script.key(self.key(&format!("asked:{who}"))).key(self.barred(who)).arg(quota.map_or(0, NonZeroU32::get));
        let (wait, bars) = self.run::<(u64, Vec<(String, u64)>)>(&script).await?;
        Some(Asked { wait: Some(Duration::from_micros(wait)).filter(|wait| !wait.is_zero()), bars: durations(bars) })
    }

    /// Counts a failure of `who` at `app`; from what it is barred now.
    pub(crate) async fn count_failure(&self, who: &str, app: &str, quotas: Quotas) -> Option<Bars> {
        let mut script = FAIL.prepare_invoke();
        script.key(self.key(&format!("failed:{who}"))).key(self.key(&format!("failed:{who}:{app}")));
        script.key(self.barred(who)).arg(quotas.failed.get()).arg(quotas.failed_at.get()).arg(app);
        self.run::<Vec<(String, u64)>>(&script).await.map(durations)
    }

    fn barred(&self, who: &str) -> String {
        self.key(&format!("barred:{who}"))
    }
}

fn durations(bars: Vec<(String, u64)>) -> Bars {
    bars.into_iter().map(|(app, micros)| (app, Duration::from_micros(micros))).collect()
}
