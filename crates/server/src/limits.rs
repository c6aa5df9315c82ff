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
use menjin_token::{SessionId, UserId};

use crate::config;
use crate::extract::Client;
use crate::problem::Problem;
use crate::seal::Digester;
use crate::state::Menjin;
use crate::store::{InProcess, Line, Pace, PasswordRow, Quotas, Tries};

/// A copy of everything that is kept of somebody is the largest answer there is.
const EXPORTS: u32 = 10;

/// The counters: of this node, and over all nodes where there is Redis.
pub(crate) struct Limits(Option<Arc<Counters>>);

struct Counters {
    here: InProcess,
    everywhere: Option<Arc<Line>>,
    quotas: Quotas,
    /// Passwords, by account; and by account and session, or device, where somebody is signed in there.
    passwords: Tries,
    registrations: Tries,
    exports: Tries,
    /// Refusals that are written down.
    told: Tries,
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
        let hourly = |count| Tries::new(Pace::new(count, Duration::from_hours(1)));
        let counters = || Counters {
            here: InProcess::new(quotas),
            everywhere: everywhere.cloned(),
            quotas,
            passwords: hourly(limits.failures_per_account),
            registrations: hourly(limits.registrations_per_address),
            exports: hourly(EXPORTS),
            told: Tries::new(Pace::new(1, Duration::from_mins(1))),
        };
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
            for tries in [&counters.passwords, &counters.registrations, &counters.exports, &counters.told] {
                tries.forget_quiet();
            }
        }
    }

    /// Takes one of the wrong passwords that an account may get, by the digest of its name, whether it is anybody's or not. When
    /// they are used up, somebody who holds what strangers don't has as many of their own: whoever guesses does not lock
    /// them out. An address is no such thing: many share one, and would learn who is signed in behind it.
    pub(crate) async fn before_password(
        &self,
        menjin: &Menjin,
        name: &[u8; 32],
        holds: Holds<'_>,
        row: Option<&PasswordRow>,
    ) -> Result<Tried, Problem> {
        let Some(counters) = &self.0 else { return Ok(Tried(None)) };
        let Err(wait) = counters.take(&counters.passwords, name).await else {
            return Ok(Tried(Some((Arc::clone(counters), *name))));
        };
        let held = match holds {
            Holds::Session(session) => session.to_string(),
            Holds::Device(device) => {
                // Nobody's sessions are looked for, too: it takes as long.
                let user = row.map_or(UserId::from_bytes([0; 16]), |row| row.user.id);
                let sessions = menjin.store.sessions_of(user, menjin.clock.now()).await?;
                let is_theirs = |it: &&str| sessions.iter().any(|session| session.device.id.as_deref() == Some(*it));
                device.filter(is_theirs).ok_or_else(|| refused(wait))?.to_owned()
            }
        };
        let own = menjin.digester.digest("password name and holder", format!("{name:?}{held}").as_bytes());
        counters.take(&counters.passwords, &own).await.map_err(refused)?;
        Ok(Tried(Some((Arc::clone(counters), own))))
    }

    /// Takes one of the accounts that an address may make.
    pub(crate) async fn before_registration(&self, menjin: &Menjin, client: &Client) -> Result<(), Problem> {
        let Some((counters, ip)) = self.0.as_ref().zip(client.ip) else { return Ok(()) };
        let key = menjin.digester.digest("registrations", network(ip).to_string().as_bytes());
        counters.take(&counters.registrations, &key).await.map_err(refused)
    }

    /// Takes one of the copies of everything that a person may have in an hour.
    pub(crate) async fn before_export(&self, menjin: &Menjin, user: UserId) -> Result<(), Problem> {
        let Some(counters) = &self.0 else { return Ok(()) };
        let key = menjin.digester.digest("exports", user.to_string().as_bytes());
        counters.take(&counters.exports, &key).await.map_err(refused)
    }

    /// Whether a refusal of somebody is written down: once a minute.
    pub(crate) fn may_tell_refusal(&self, whom: [u8; 32]) -> bool {
        self.0.as_ref().is_none_or(|counters| counters.told.take(whom).is_ok())
    }
}

impl Counters {
    async fn take(&self, tries: &Tries, key: &[u8; 32]) -> Result<(), Duration> {
        tries.take(*key)?;
        let Some(line) = &self.everywhere else { return Ok(()) };
        // What is refused was not tried.
        line.take_try(key, tries.pace()).await.inspect_err(|_| tries.give_back(key))
    }
}

/// What somebody who tries a password holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holds<'a> {
    /// A living session of the account.
    Session(SessionId),
    /// What their device calls itself, which nobody else is told: it counts where the account is signed in on that device.
    Device(Option<&'a str>),
}

/// A try that was taken.
pub(crate) struct Tried(Option<(Arc<Counters>, [u8; 32])>);

impl Tried {
    /// It is given back: the password was right, or was not compared.
    pub(crate) async fn was_no_guess(self) {
        let Some((counters, key)) = self.0 else { return };
        counters.passwords.give_back(&key);
        if let Some(line) = &counters.everywhere {
            line.give_back_try(&key, counters.passwords.pace()).await;
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
        let Counters { here, everywhere, quotas, .. } = &*self.counters;
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
                | Problem::PasswordWrong
                | Problem::OldPasswordWrong
                | Problem::UsernameTaken
                | Problem::ResetCodeInvalid
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
pub(crate) fn network(ip: IpAddr) -> IpAddr {
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
