//! How often a sign-in of an operator is tried: from one address a few times, then ever more slowly; over all addresses loosely, so
//! that nobody keeps an operator out for long.
//!
//! Counted on this node, and over all nodes where there is Redis; also where `[limits]` is off. Does not: addresses by themselves
//! (`limits`).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use menjin_token::Timestamp;
use quick_cache::unsync::Cache;

use crate::state::Menjin;
use crate::store::Slowing;

/// Names and addresses that are remembered; whoever makes up more waits for a hash each time.
const REMEMBERED: usize = 8192;
/// Whoever rests for so long begins anew.
const REST: Duration = Duration::from_hours(1);
/// The audit gets one line of refusals in this time, for a name and address.
const TOLD: Duration = Duration::from_mins(1);

const FROM_ADDRESS: Slowing = Slowing { free: 5, first: Duration::from_secs(30), longest: Duration::from_mins(15) };
const OF_NAME: Slowing = Slowing { free: 30, first: Duration::from_secs(5), longest: Duration::from_mins(1) };

/// Counts a try before it is carried out, so that many at once are many; how long to wait where there were too many.
pub(super) async fn begin(menjin: &Menjin, name: &str, ip: Option<&str>) -> Result<(), Duration> {
    let [from, whole] = keys(menjin, name, ip);
    menjin.operator_tries.begin([from, whole], menjin.clock.now())?;
    match &menjin.fast.line {
        Some(line) => line.begin_slowly([(from, FROM_ADDRESS), (whole, OF_NAME)], REST).await,
        None => Ok(()),
    }
}

/// They were who they said.
pub(super) async fn succeed(menjin: &Menjin, name: &str, ip: Option<&str>) {
    let keys = keys(menjin, name, ip);
    menjin.operator_tries.succeed(keys);
    if let Some(line) = &menjin.fast.line {
        line.forget_slowed(keys).await;
    }
}

/// Whether the audit shall hear of a refusal.
pub(super) fn is_to_be_told(menjin: &Menjin, name: &str, ip: Option<&str>) -> bool {
    let [from, _] = keys(menjin, name, ip);
    menjin.operator_tries.is_to_be_told(from, menjin.clock.now())
}

/// A name from an address, and the name alone.
fn keys(menjin: &Menjin, name: &str, ip: Option<&str>) -> Keys {
    let digest = |text: String| menjin.digester.digest("operator's tries", text.as_bytes());
    [digest(format!("{name}\n{}", ip.unwrap_or_default())), digest(name.to_owned())]
}

type Keys = [[u8; 32]; 2];

#[derive(Debug, Clone, Copy)]
struct Count {
    tries: u32,
    last: Timestamp,
    until: Timestamp,
    told: Option<Timestamp>,
}

/// The counters of this node.
pub(crate) struct Tries(Mutex<Cache<[u8; 32], Count>>);

impl Default for Tries {
    fn default() -> Self {
        Self(Mutex::new(Cache::new(REMEMBERED)))
    }
}

impl Tries {
    fn begin(&self, keys: Keys, now: Timestamp) -> Result<(), Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = Duration::ZERO;
        for key in &keys {
            let until = counts.get(key).map_or(now, |count| count.until);
            wait = wait.max(Duration::from_millis(until.millis().saturating_sub(now.millis()).max(0).unsigned_abs()));
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        for (key, slowing) in keys.into_iter().zip([FROM_ADDRESS, OF_NAME]) {
            let before = counts.get(&key).copied().filter(|count| now < count.last.plus(REST));
            let tries = before.map_or(0, |count| count.tries).saturating_add(1);
            let until = now.plus(slowing.after(tries));
            counts.insert(key, Count { tries, last: now, until, told: before.and_then(|count| count.told) });
        }
        Ok(())
    }

    fn succeed(&self, keys: Keys) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &keys {
            counts.remove(key);
        }
    }

    fn is_to_be_told(&self, from: [u8; 32], now: Timestamp) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&from).copied().unwrap_or(Count { tries: 0, last: now, until: now, told: None });
        let is_due = count.told.is_none_or(|told| now >= told.plus(TOLD));
        if is_due {
            counts.insert(from, Count { told: Some(now), ..count });
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::sha256;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    /// Of lin, from an address.
    fn keys(ip: &str) -> Keys {
        [sha256(ip.as_bytes()), [7; 32]]
    }

    fn barred(tries: &Tries, ip: &str, seconds: i64) -> Option<u64> {
        tries.begin(keys(ip), at(seconds)).err().map(|wait| wait.as_secs())
    }

    #[test]
    fn after_a_few_tries_each_waits_longer() {
        let tries = Tries::default();
        for nth in 0..5 {
            assert_eq!(barred(&tries, "a", 0), None, "{nth}");
        }
        assert_eq!(barred(&tries, "a", 0), Some(30));
        assert_eq!(barred(&tries, "a", 29), Some(1));
        assert_eq!(barred(&tries, "a", 30), None);
        assert_eq!(barred(&tries, "a", 31), Some(59), "the next waits twice as long");
        assert_eq!(barred(&tries, "b", 31), None, "another address is not barred with it");
    }

    #[test]
    fn nobody_is_kept_out_for_more_than_a_minute_by_other_addresses() {
        let tries = Tries::default();
        let mut now = 0;
        for nth in 0..60 {
            while barred(&tries, &format!("thief {nth}"), now).is_some() {
                now += 1;
            }
        }
        assert!(barred(&tries, "owner", now).is_some_and(|wait| wait <= 60));
        assert_eq!(barred(&tries, "owner", now + 60), None);
    }

    #[test]
    fn who_signs_in_or_rests_begins_anew() {
        let tries = Tries::default();
        for _ in 0..5 {
            assert_eq!(barred(&tries, "a", 0), None);
        }
        tries.succeed(keys("a"));
        for _ in 0..5 {
            assert_eq!(barred(&tries, "a", 1), None);
        }
        assert!(barred(&tries, "a", 2).is_some());
        for _ in 0..5 {
            assert_eq!(barred(&tries, "a", 3700), None);
        }
    }

    #[test]
    fn the_audit_hears_of_refusals_once_a_minute() {
        let tries = Tries::default();
        assert_eq!(barred(&tries, "a", 0), None);
        assert!(tries.is_to_be_told(keys("a")[0], at(0)));
        assert!(!tries.is_to_be_told(keys("a")[0], at(59)));
        assert!(tries.is_to_be_told(keys("a")[0], at(60)));
    }
}
