//! How much one address may ask: loosely, as phones share addresses, and tighter once it keeps failing (design §4.14).

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use crate::config;
use crate::extract::Client;
use crate::problem::Problem;
use crate::state::Menjin;

/// The counters of this node.
pub(crate) struct Limits(Option<Arc<Counters>>);

struct Counters {
    asked: DefaultKeyedRateLimiter<IpAddr>,
    failed: DefaultKeyedRateLimiter<IpAddr>,
    /// Until when an address may not sign in.
    barred: Mutex<HashMap<IpAddr, Instant>>,
    clock: DefaultClock,
}

impl Counters {
    fn barred(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.barred.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limits {
    pub(crate) fn new(limits: &config::Limits) -> Self {
        let a_minute =
            |count: u32| RateLimiter::keyed(Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)));
        Self(limits.enabled.then(|| {
            let counters = Counters {
                asked: a_minute(limits.per_address),
                failed: a_minute(limits.failures_per_address),
                barred: Mutex::default(),
                clock: DefaultClock::default(),
            };
            Arc::new(counters)
        }))
    }

    /// Forgets addresses that have been quiet.
    pub(crate) fn forget_quiet(&self) {
        if let Some(counters) = &self.0 {
            counters.asked.retain_recent();
            counters.failed.retain_recent();
            counters.barred().retain(|_, until| *until > Instant::now());
        }
    }
}

/// A request within the limits of its address.
pub(crate) struct Allowed(Option<(Arc<Counters>, IpAddr)>);

impl Allowed {
    /// For a sign-in: refuses an address that failed too often, before any code is spent.
    pub(crate) fn before_sign_in(self) -> Result<Failures, Problem> {
        if let Some((counters, address)) = &self.0 {
            let barred = counters.barred().get(address).map(|until| until.saturating_duration_since(Instant::now()));
            if let Some(wait) = barred.filter(|wait| !wait.is_zero()) {
                return Err(refused(wait));
            }
        }
        Ok(Failures(self.0))
    }
}

/// Counts what comes of a sign-in.
pub(crate) struct Failures(Option<(Arc<Counters>, IpAddr)>);

impl Failures {
    /// Counts a refused sign-in against its address; one too many bars the address until the next may come.
    pub(crate) fn count(&self, problem: &Problem) {
        let is_failure = matches!(problem, Problem::CodeInvalid(_) | Problem::CodeUsed | Problem::PlatformBlocked(_));
        if let Some((counters, address)) = self.0.as_ref().filter(|_| is_failure)
            && let Err(not_until) = counters.failed.check_key(address)
        {
            let until = Instant::now() + not_until.wait_time_from(counters.clock.now());
            counters.barred().insert(*address, until);
        }
    }
}

fn refused(wait: Duration) -> Problem {
    metrics::counter!("menjin_limited_total").increment(1);
    Problem::TooManyRequests { retry_after: wait.max(Duration::from_secs(1)) }
}

impl FromRequestParts<Menjin> for Allowed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Menjin) -> Result<Self, Problem> {
        let Some(counters) = &state.limits.0 else { return Ok(Self(None)) };
        let Some(ip) = Client::from_request_parts(parts, state).await?.ip else { return Ok(Self(None)) };
        let address = network(ip);
        match counters.asked.check_key(&address) {
            Ok(()) => Ok(Self(Some((Arc::clone(counters), address)))),
            Err(not_until) => Err(refused(not_until.wait_time_from(counters.clock.now()))),
        }
    }
}

/// A home has a /64 of IPv6, not an address.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
    }
}
