//! How much one address may ask: loosely, as phones share addresses, and tighter once it keeps failing (design §4.14).

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config;
use crate::extract::Client;
use crate::problem::Problem;
use crate::state::Menjin;

/// The counters of this node.
pub(crate) struct Limits(Option<Arc<Counters>>);

struct Counters {
    asked: DefaultKeyedRateLimiter<IpAddr>,
    failed: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Limits {
    pub(crate) fn new(limits: &config::Limits) -> Self {
        let a_minute =
            |count: u32| RateLimiter::keyed(Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)));
        Self(limits.enabled.then(|| {
            let counters = Counters {
                asked: a_minute(limits.per_address),
                failed: a_minute(limits.failures_per_address),
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
        }
    }
}

/// A request within the limits of its address.
pub(crate) struct Allowed(Option<(Arc<Counters>, IpAddr)>);

impl Allowed {
    /// Counts a refused sign-in against the address, and refuses the address when there were too many.
    pub(crate) fn counting<T>(self, outcome: Result<T, Problem>) -> Result<T, Problem> {
        let Err(problem) = outcome else { return outcome };
        let is_failure = matches!(problem, Problem::CodeInvalid(_) | Problem::CodeUsed | Problem::PlatformBlocked(_));
        if let Some((counters, address)) = self.0.filter(|_| is_failure)
            && let Err(not_until) = counters.failed.check_key(&address)
        {
            return Err(Problem::TooManyRequests { retry_after: not_until.wait_time_from(counters.clock.now()) });
        }
        Err(problem)
    }
}

impl FromRequestParts<Menjin> for Allowed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Menjin) -> Result<Self, Problem> {
        let Some(counters) = &state.limits.0 else { return Ok(Self(None)) };
        let Some(ip) = Client::from_request_parts(parts, state).await?.ip else { return Ok(Self(None)) };
        let address = network(ip);
        match counters.asked.check_key(&address) {
            Ok(()) => Ok(Self(Some((Arc::clone(counters), address)))),
            Err(not_until) => {
                let retry_after = not_until.wait_time_from(counters.clock.now()).max(Duration::from_secs(1));
                metrics::counter!("menjin_limited_total").increment(1);
                Err(Problem::TooManyRequests { retry_after })
            }
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
