//! Rate counters of this node alone.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use menjin_token::UserId;
use tokio::time::Instant;

use super::Quotas;

/// For how long an address may not authenticate: as any app (`""`), or as one.
pub(crate) type Bars = Vec<(String, Duration)>;

/// What addresses asked of this node.
pub(crate) struct InProcess {
    asked: DefaultKeyedRateLimiter<IpAddr>,
    failed: DefaultKeyedRateLimiter<IpAddr>,
    failed_at: DefaultKeyedRateLimiter<(IpAddr, String)>,
    of_person: DefaultKeyedRateLimiter<UserId>,
    /// Until when an address is barred, from any app (`""`) or from one; what Redis says is kept here, too.
    barred: Mutex<HashMap<IpAddr, HashMap<String, Instant>>>,
    clock: DefaultClock,
}

impl InProcess {
    pub(crate) fn new(quotas: Quotas) -> Self {
        Self {
            asked: a_minute(quotas.asked),
            failed: a_minute(quotas.failed),
            failed_at: a_minute(quotas.failed_at),
            of_person: a_minute(quotas.of_person),
            barred: Mutex::default(),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request; too many: how long to wait.
    pub(crate) fn ask(&self, address: IpAddr) -> Result<(), Duration> {
        self.asked.check_key(&address).map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    /// Counts a request of a signed-in person; too many: how long to wait.
    pub(crate) fn ask_as(&self, user: UserId) -> Result<(), Duration> {
        self.of_person.check_key(&user).map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    /// Counts a failure; too many bar the address, until the next may come.
    pub(crate) fn fail(&self, address: IpAddr, app: &str) {
        let of_all = self.failed.check_key(&address).err();
        let of_app = self.failed_at.check_key(&(address, app.to_owned())).err();
        let waits = [("", of_all), (app, of_app)];
        let barred = waits.into_iter().filter_map(|(name, not_until)| {
            not_until.map(|not_until| (name.to_owned(), not_until.wait_time_from(self.clock.now())))
        });
        self.bar(address, barred.collect());
    }

    /// Notes bars of whatever origin.
    pub(crate) fn bar(&self, address: IpAddr, bars: Bars) {
        if bars.is_empty() {
            return;
        }
        let mut barred = self.barred.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = barred.entry(address).or_default();
        for (app, wait) in bars {
            let until = Instant::now() + wait;
            of_address.entry(app).and_modify(|is| *is = until.max(*is)).or_insert(until);
        }
    }

    /// How long the address may not authenticate as `app`.
    pub(crate) fn barred(&self, address: IpAddr, app: &str) -> Option<Duration> {
        let barred = self.barred.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = barred.get(&address)?;
        let until = ["", app].into_iter().filter_map(|name| of_address.get(name)).max()?;
        Some(until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero())
    }

    /// Forgets addresses that have been quiet.
    pub(crate) fn forget_quiet(&self) {
        self.asked.retain_recent();
        self.failed.retain_recent();
        self.failed_at.retain_recent();
        self.of_person.retain_recent();
        let mut barred = self.barred.lock().unwrap_or_else(PoisonError::into_inner);
        barred.retain(|_, of_address| {
            of_address.retain(|_, until| *until > Instant::now());
            !of_address.is_empty()
        });
    }
}

fn a_minute<K: Hash + Eq + Clone>(count: NonZeroU32) -> DefaultKeyedRateLimiter<K> {
    RateLimiter::keyed(Quota::per_minute(count))
}
