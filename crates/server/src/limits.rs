//! How much one address may ask: loosely, as phones share addresses, and tighter once it keeps failing (design §4.14); and
//! how much one signed-in person may ask of the platform.
//!
//! Lives here: whom a limit counts, and what a failure is. Does not: counting (`store/fast`).

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use menjin_token::UserId;

use crate::config;
use crate::extract::Client;
use crate::problem::Problem;
use crate::seal::Digester;
use crate::state::Menjin;
use crate::store::{InProcess, Line, Quotas};

/// The counters: of this node, and over all nodes where there is Redis.
pub(crate) struct Limits(Option<Arc<Counters>>);

struct Counters {
    here: InProcess,
    everywhere: Option<Arc<Line>>,
    quotas: Quotas,
}

impl Limits {
    pub(crate) fn new(limits: &config::Limits, everywhere: Option<&Arc<Line>>) -> Self {
        let some = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quotas = Quotas {
            asked: some(limits.per_address),
            failed: some(limits.failures_per_address),
            failed_at: some(limits.failures_per_app),
            of_person: some(limits.per_person),
        };
        let counters = || Counters { here: InProcess::new(quotas), everywhere: everywhere.cloned(), quotas };
        Self(limits.enabled.then(|| Arc::new(counters())))
    }

    /// Counts what a signed-in person asks of the platform, or of the disk.
    pub(crate) async fn person_asks(&self, user: UserId) -> Result<(), Problem> {
        let Some(counters) = &self.0 else { return Ok(()) };
        counters.here.ask_as(user).map_err(refused)?;
        let Some(line) = &counters.everywhere else { return Ok(()) };
        let asked = line.count_ask(&user.to_string(), Some(counters.quotas.of_person)).await;
        asked.and_then(|asked| asked.wait).map_or(Ok(()), |wait| Err(refused(wait)))
    }

    /// Forgets addresses that have been quiet.
    pub(crate) fn forget_quiet(&self) {
        if let Some(counters) = &self.0 {
            counters.here.forget_quiet();
        }
    }
}

/// An address, and what it is counted by.
struct Counted {
    counters: Arc<Counters>,
    address: IpAddr,
    /// What Redis knows it by; empty without Redis.
    digest: String,
}

impl Counted {
    async fn of(parts: &mut Parts, state: &Menjin) -> Result<Option<Self>, Problem> {
        let Some(counters) = &state.limits.0 else { return Ok(None) };
        let Some(ip) = Client::from_request_parts(parts, state).await?.ip else { return Ok(None) };
        let address = network(ip);
        let digest = counters.everywhere.as_ref().map(|_| digest(&state.digester, address)).unwrap_or_default();
        Ok(Some(Self { counters: Arc::clone(counters), address, digest }))
    }

    /// Asks Redis, and counts there with a `quota`; what it bars is kept here, too.
    async fn ask_everywhere(&self, quota: Option<NonZeroU32>) -> Result<(), Problem> {
        let Some(line) = &self.counters.everywhere else { return Ok(()) };
        let Some(asked) = line.count_ask(&self.digest, quota).await else { return Ok(()) };
        self.counters.here.bar(self.address, asked.bars);
        asked.wait.map_or(Ok(()), |wait| Err(refused(wait)))
    }

    fn may_prove(&self, app: &str) -> Result<(), Problem> {
        self.counters.here.barred(self.address, app).map_or(Ok(()), |wait| Err(refused(wait)))
    }

    async fn fail(&self, app: &str) {
        let Counters { here, everywhere, quotas } = &*self.counters;
        here.fail(self.address, app);
        if let Some(line) = everywhere
            && let Some(bars) = line.count_failure(&self.digest, app, *quotas).await
        {
            here.bar(self.address, bars);
        }
    }
}

/// A request within the limits of its address.
pub(crate) struct Allowed(Option<Counted>);

impl Allowed {
    /// For a sign-in to `app`: refuses an address that failed too often, before any code is spent.
    pub(crate) fn before_sign_in(self, app: &str) -> Result<Failures, Problem> {
        if let Some(counted) = &self.0 {
            counted.may_prove(app)?;
        }
        Ok(Failures(self.0.map(|counted| (counted, app.to_owned()))))
    }
}

impl FromRequestParts<Menjin> for Allowed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Menjin) -> Result<Self, Problem> {
        let Some(counted) = Counted::of(parts, state).await? else { return Ok(Self(None)) };
        counted.counters.here.ask(counted.address).map_err(refused)?;
        counted.ask_everywhere(Some(counted.counters.quotas.asked)).await?;
        Ok(Self(Some(counted)))
    }
}

/// A request that must prove who asks, and may come as often as it likes while it can.
pub(crate) struct Unproved(Option<Counted>);

impl Unproved {
    pub(crate) async fn of(parts: &mut Parts, state: &Menjin) -> Result<Self, Problem> {
        Counted::of(parts, state).await.map(Self)
    }

    /// Refuses an address that failed too often as `app`.
    pub(crate) async fn before_proof(self, app: &str) -> Result<Failures, Problem> {
        if let Some(counted) = &self.0 {
            counted.may_prove(app)?;
            counted.ask_everywhere(None).await?;
            counted.may_prove(app)?;
        }
        Ok(Failures(self.0.map(|counted| (counted, app.to_owned()))))
    }
}

/// Counts what comes of a sign-in, or of another proof.
pub(crate) struct Failures(Option<(Counted, String)>);

impl Failures {
    /// Counts a refused proof against its address and app; one too many bars them until the next may come.
    pub(crate) async fn count(&self, problem: &Problem) {
        let is_failure = matches!(
            problem,
            Problem::CodeInvalid(_)
                | Problem::CodeUsed
                | Problem::PlatformBlocked(_)
                | Problem::ClientInvalid
                | Problem::TokenInvalid
                | Problem::TokenUsed
        );
        if let Some((counted, app)) = self.0.as_ref().filter(|_| is_failure) {
            counted.fail(app).await;
        }
    }
}

fn refused(wait: Duration) -> Problem {
    metrics::counter!("menjin_limited_total").increment(1);
    Problem::TooManyRequests { retry_after: wait.max(Duration::from_secs(1)) }
}

/// A home has a /64 of IPv6, not an address.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
    }
}

/// Addresses are people's: Redis counts digests of them, which all nodes make alike.
fn digest(digester: &Digester, address: IpAddr) -> String {
    let digest = match address {
        IpAddr::V4(v4) => digester.digest("address", &v4.octets()),
        IpAddr::V6(v6) => digester.digest("address", &v6.octets()),
    };
    format!("{:032x}", u128::from_be_bytes(digest[..16].try_into().expect("sixteen of 32 bytes")))
}
