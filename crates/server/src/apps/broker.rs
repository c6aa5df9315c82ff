//! The platform's access token of each app: fetched once for all nodes, kept sealed in the store, replaced ahead of its
//! end (design §4.7).
//!
//! Lives here: who asks the platform, and who waits. The store decides: a claim lets one node ask, the row's version lets
//! one answer stand. On this node the callers share one flight. Does not: asking once and putting the answer (`fetch`).

use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use menjin_platform::{AccessToken, Error, OpenId, PhoneCode, PhoneNumber};
use menjin_token::Timestamp;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use super::App;
use super::fetch::{Claimed, fetch};
use super::flights::Flights;
use super::ration::not_in_vain;
use crate::problem::Problem;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{PlatformTokenRow, StoreError, TokenClaim, TokenClaiming};

/// A token this near to its end is replaced. `WeChat` renews its stable token five minutes ahead; our clock and its may
/// differ by half a minute before it would give the old one once more.
const AHEAD: Duration = Duration::from_secs(270);
/// Nobody claims for longer: an answer takes two deadlines at most.
const CLAIM_BEYOND: Duration = Duration::from_secs(5);
/// Clocks of two nodes differ by less.
pub(super) const CLOCKS_DIFFER: Duration = Duration::from_mins(1);
/// How often those who wait look at the store, woken or not.
const LOOK: Duration = Duration::from_millis(100);

/// What is being replaced on this node now.
#[derive(Default)]
pub(crate) struct Broker {
    flights: Flights<(String, Wanted), Result<Held, Lost>>,
}

/// Which token will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    /// One that has some life left.
    Fresh,
    /// Another one than this version, which the platform called stale.
    OtherThan(i64),
}

/// A token and which one it is.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The token, with the time that it has left.
    pub(crate) token: AccessToken,
    /// When it dies.
    pub(crate) expires_at: Timestamp,
    pub(super) version: i64,
}

impl Held {
    /// Whether it is this text; takes the same time for each.
    pub(super) fn is(&self, text: &str) -> bool {
        self.token.expose().as_bytes().ct_eq(text.as_bytes()).into()
    }

    fn lives(&self, now: Timestamp, ahead: Duration) -> bool {
        now.plus(ahead) < self.expires_at
    }
}

/// Why there is no token: told to everybody who waited for it.
#[derive(Debug, Clone)]
pub(super) enum Lost {
    /// The platform's own doing.
    Platform(Error),
    /// Whoever asked came without an answer, or takes too long.
    Busy,
    /// It may not be forced again before then.
    Limited(Duration),
    /// The platform has none.
    Unsupported,
    /// The store failed.
    Store(String),
    /// What is kept can't be opened, or worse.
    Ours(String),
}

impl From<StoreError> for Lost {
    fn from(error: StoreError) -> Self {
        Self::Store(format!("{:#}", anyhow::Error::new(error)))
    }
}

impl From<Lost> for Problem {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Platform(error) => error.into(),
            Lost::Busy => Self::PlatformBusy { retry_after: Duration::from_secs(1) },
            Lost::Limited(retry_after) => Self::PlatformTokenLimit { retry_after },
            Lost::Unsupported => Self::UnsupportedByPlatform,
            Lost::Store(why) => Self::StoreUnavailable(anyhow::Error::msg(why)),
            Lost::Ours(why) => Self::Internal(anyhow::Error::msg(why)),
        }
    }
}

/// Why the platform's answer was not to be had.
#[derive(Debug)]
pub(crate) enum Unfetched {
    /// The platform's own doing.
    Platform(Error),
    /// Anything else.
    Ours(Problem),
}

impl Unfetched {
    /// The platform's number, where it gave one.
    pub(crate) fn errcode(&self) -> Option<i64> {
        match self {
            Self::Platform(error) => error.errcode(),
            Self::Ours(_) => None,
        }
    }

    /// What the platform said, where it did.
    pub(crate) fn platform_error(&self) -> Option<&Error> {
        match self {
            Self::Platform(error) => Some(error),
            Self::Ours(_) => None,
        }
    }
}

impl From<Lost> for Unfetched {
    fn from(lost: Lost) -> Self {
        if let Lost::Platform(error) = lost { Self::Platform(error) } else { Self::Ours(lost.into()) }
    }
}

impl From<Unfetched> for Problem {
    fn from(unfetched: Unfetched) -> Self {
        match unfetched {
            Unfetched::Platform(error) => error.into(),
            Unfetched::Ours(problem) => problem,
        }
    }
}

/// A phone number for its code.
pub(crate) async fn phone(
    menjin: &Menjin,
    app: &App,
    code: &PhoneCode,
    openid: &OpenId,
) -> Result<PhoneNumber, Unfetched> {
    let phones = app.platform().and_then(|platform| platform.phone());
    let phones = phones.ok_or(Unfetched::Ours(Problem::UnsupportedByPlatform))?;
    with_token(menjin, app, |token| Box::pin(async move { phones.phone(&token, code, openid).await })).await
}

/// What is asked with the app's access token. Only what changes nothing when the platform refuses the token may be asked so:
/// the token is then replaced, and it is asked once more.
pub(crate) async fn with_token<'a, T>(
    menjin: &Menjin,
    app: &App,
    ask: impl Fn(AccessToken) -> BoxFuture<'a, Result<T, Error>> + Send,
) -> Result<T, Unfetched> {
    let held = current(menjin, app).await?;
    let mut answer = ask(held.token).await;
    if let Err(Error::TokenStale { .. }) = answer {
        let held = other_than(menjin, app, held.version).await?;
        answer = ask(held.token).await;
    }
    answer.inspect_err(|error| app.complain_of_quota(error, menjin.clock.now())).map_err(Unfetched::Platform)
}

/// A token with some life left.
pub(super) async fn current(menjin: &Menjin, app: &App) -> Result<Held, Lost> {
    let now = menjin.clock.now();
    if let Some(line) = &menjin.fast.line
        && let Some(row) = line.cached_token(&app.id).await
        && let Ok(held) = opened(menjin, app, &row, now)
        && held.lives(now, AHEAD)
    {
        return Ok(held);
    }
    if let Some(held) = kept(menjin, app, now).await?.filter(|held| held.lives(now, AHEAD)) {
        return Ok(held);
    }
    flight(menjin, app, Wanted::Fresh).await
}

/// The token that the platform called stale is version `stale`: another one.
pub(super) async fn other_than(menjin: &Menjin, app: &App, stale: i64) -> Result<Held, Lost> {
    flight(menjin, app, Wanted::OtherThan(stale)).await
}

/// Somebody says that the platform refused `token`: replaced, unless it is not the one that is held.
pub(super) async fn reported(menjin: &Menjin, app: &App, token: &str) -> Result<(), Lost> {
    let now = menjin.clock.now();
    let Some(row) = menjin.store.platform_token(&app.id).await? else { return Ok(()) };
    if let Some(line) = &menjin.fast.line {
        // Whoever reports an old one may have read it in the cache.
        line.cache_token(&app.id, &row, true).await;
    }
    let held = opened(menjin, app, &row, now)?;
    if held.is(token) && held.lives(now, Duration::ZERO) {
        other_than(menjin, app, held.version).await?;
    }
    Ok(())
}

/// The token as the store has it, if it lives.
pub(super) async fn kept(menjin: &Menjin, app: &App, now: Timestamp) -> Result<Option<Held>, Lost> {
    let Some(row) = menjin.store.platform_token(&app.id).await? else { return Ok(None) };
    if let Some(line) = &menjin.fast.line {
        line.cache_token(&app.id, &row, false).await;
    }
    let held = opened(menjin, app, &row, now)?;
    Ok(Some(held).filter(|held| held.lives(now, Duration::ZERO)))
}

fn opened(menjin: &Menjin, app: &App, row: &PlatformTokenRow, now: Timestamp) -> Result<Held, Lost> {
    let ours = |error: anyhow::Error| Lost::Ours(format!("{error:#}"));
    let token = menjin
        .sealer
        .open(Sealed::PlatformToken, app.id.as_bytes(), &row.sealed)
        .map_err(|error| ours(error.into()))?;
    let token = String::from_utf8(token.to_vec()).context("a platform token that is not text").map_err(ours)?;
    let token = AccessToken::new(token, row.expires_at.since(now));
    Ok(Held { token, expires_at: row.expires_at, version: row.version })
}

/// Joins whoever replaces the token on this node. The flight goes on without its passengers: the platform was asked.
async fn flight(menjin: &Menjin, app: &App, wanted: Wanted) -> Result<Held, Lost> {
    let name = (app.id.clone(), wanted);
    let app = menjin.apps.by_id(&app.id).ok_or(Lost::Unsupported)?;
    let menjin_of_flight = menjin.clone();
    let work = || async move { replaced(&menjin_of_flight, &app, wanted).await };
    menjin.broker.flights.join(name, work).await.unwrap_or_else(|panic| Err(Lost::Ours(panic)))
}

/// The wanted token: from the store when another node was first, else from the platform, if nobody else asks it.
async fn replaced(menjin: &Menjin, app: &App, wanted: Wanted) -> Result<Held, Lost> {
    let deadline = Instant::now() + menjin.config.wechat.deadline;
    let mut woken = menjin.fast.wake.listener();
    let mut waited_for = None;
    loop {
        let now = menjin.clock.now();
        // Before the token is read: whoever ends a claim has put its token first.
        let claimed_until = menjin.store.platform_token_claimed_until(&app.id).await?;
        let row = menjin.store.platform_token(&app.id).await?;
        let former = row.as_ref().map_or(0, |row| row.version);
        let held = row.map(|row| opened(menjin, app, &row, now)).transpose()?;
        let held = held.filter(|held| held.lives(now, Duration::ZERO));
        match (&held, wanted) {
            (Some(held), Wanted::Fresh) if held.lives(now, AHEAD) => return Ok(held.clone()),
            (Some(held), Wanted::OtherThan(stale)) if held.version != stale => return Ok(held.clone()),
            // Looked at again once the claim stands; here it spares the store two writes for each report of a storm.
            (Some(_), Wanted::OtherThan(_)) => not_in_vain(menjin, app).await?,
            _ => {}
        }
        if waited_for == Some(former) && claimed_until.is_none_or(|until| until <= now) {
            // It came without a token, or died: those who come after this try again.
            return Err(Lost::Busy);
        }
        let claim = menjin.entropy.bytes();
        match menjin.store.claim_platform_token(claiming(menjin, app, (former, claim), now)).await? {
            TokenClaim::Ours => return fetch(menjin, app, Claimed { claim, former, held, wanted }).await,
            TokenClaim::Replaced => {}
            TokenClaim::Held(_) => {
                if let (Some(held), Wanted::Fresh) = (held, wanted) {
                    // The old one is good through the overlap.
                    return Ok(held);
                }
                waited_for = Some(former);
                drop(tokio::time::timeout(LOOK, woken.changed()).await);
            }
        }
        if Instant::now() >= deadline {
            return Err(Lost::Busy);
        }
    }
}

fn claiming(menjin: &Menjin, app: &App, (former, claim): (i64, [u8; 16]), now: Timestamp) -> TokenClaiming {
    let until = now.plus(menjin.config.wechat.deadline * 2 + CLAIM_BEYOND);
    TokenClaiming { app: app.id.clone(), former, claim, now, until, longest: until.plus(CLOCKS_DIFFER) }
}
