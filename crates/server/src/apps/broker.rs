//! The platform's access token of each app: fetched once, kept sealed in the store, replaced ahead of its end (design §4.7).
//!
//! The row's version makes one refresher win; on this node one caller fetches while the others wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use menjin_platform::{AccessToken, Error, OpenId, PhoneCode, PhoneNumber};
use menjin_token::Timestamp;

use super::App;
use crate::problem::Problem;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{PlatformTokenRow, StoreError};

/// A token this near to its end is replaced; `WeChat` renews its stable token five minutes ahead.
const AHEAD: Duration = Duration::from_mins(5);
/// A forced replacement waits so long after the last one.
const BETWEEN_FORCED: Duration = Duration::from_mins(1);

/// One at a time for each app.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    fetching: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Timestamp>>>>>,
}

/// A token and which one it is.
struct Held {
    token: AccessToken,
    version: i64,
}

impl Broker {
    fn turn(&self, app: &str) -> Arc<tokio::sync::Mutex<Option<Timestamp>>> {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(fetching.entry(app.to_owned()).or_default())
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
}

impl From<Error> for Unfetched {
    fn from(error: Error) -> Self {
        Self::Platform(error)
    }
}

impl From<Problem> for Unfetched {
    fn from(problem: Problem) -> Self {
        Self::Ours(problem)
    }
}

impl From<StoreError> for Unfetched {
    fn from(error: StoreError) -> Self {
        Self::Ours(error.into())
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

/// A phone number for its code; the token is replaced once when the platform calls it stale.
pub(crate) async fn phone(
    menjin: &Menjin,
    app: &App,
    code: &PhoneCode,
    openid: &OpenId,
) -> Result<PhoneNumber, Unfetched> {
    let phones = app.platform().and_then(|platform| platform.phone()).ok_or(Problem::UnsupportedByPlatform)?;
    let held = current(menjin, app).await?;
    let mut answer = phones.phone(&held.token, code, openid).await;
    if let Err(Error::TokenStale { .. }) = answer {
        let held = replace(menjin, app, held.version).await?;
        answer = phones.phone(&held.token, code, openid).await;
    }
    Ok(answer.inspect_err(|error| app.complain_of_quota(error, menjin.clock.now()))?)
}

async fn current(menjin: &Menjin, app: &App) -> Result<Held, Unfetched> {
    let now = menjin.clock.now();
    if let Some(held) = kept(menjin, app, now, AHEAD).await? {
        return Ok(held);
    }
    let turn = menjin.broker.turn(&app.id);
    let _turn = turn.lock().await;
    if let Some(held) = kept(menjin, app, now, AHEAD).await? {
        return Ok(held);
    }
    match fetch(menjin, app, false).await {
        Ok(held) => Ok(held),
        // The old one is good through the overlap.
        Err(unfetched) => kept(menjin, app, now, Duration::ZERO).await?.ok_or(unfetched),
    }
}

/// The token that the platform called stale is version `stale`: another one, forced at most once a minute.
async fn replace(menjin: &Menjin, app: &App, stale: i64) -> Result<Held, Unfetched> {
    let now = menjin.clock.now();
    let turn = menjin.broker.turn(&app.id);
    let mut last_forced = turn.lock().await;
    let before = match kept(menjin, app, now, Duration::ZERO).await? {
        Some(held) if held.version != stale => return Ok(held),
        before => before,
    };
    let held = fetch(menjin, app, false).await?;
    if before.is_none_or(|before| before.token.expose() != held.token.expose()) {
        return Ok(held);
    }
    if last_forced.is_some_and(|at| now.since(at) < BETWEEN_FORCED) {
        return Err(Problem::PlatformBusy { retry_after: BETWEEN_FORCED }.into());
    }
    *last_forced = Some(now);
    fetch(menjin, app, true).await
}

async fn kept(menjin: &Menjin, app: &App, now: Timestamp, ahead: Duration) -> Result<Option<Held>, Unfetched> {
    let Some(row) = menjin.store.platform_token(&app.id).await?.filter(|row| now.plus(ahead) < row.expires_at) else {
        return Ok(None);
    };
    let token = menjin
        .sealer
        .open(Sealed::PlatformToken, app.id.as_bytes(), &row.sealed)
        .map_err(|error| Problem::Internal(error.into()))?;
    let token =
        String::from_utf8(token.to_vec()).context("a platform token that is not text").map_err(Problem::Internal)?;
    Ok(Some(Held { token: AccessToken::new(token, row.expires_at.since(now)), version: row.version }))
}

async fn fetch(menjin: &Menjin, app: &App, force: bool) -> Result<Held, Unfetched> {
    let tokens = app.platform().and_then(|platform| platform.access_token()).ok_or(Problem::UnsupportedByPlatform)?;
    let former = menjin.store.platform_token(&app.id).await?.map_or(0, |row| row.version);
    let told = |error: &Error| app.complain_of_quota(error, menjin.clock.now());
    let token = tokens.access_token(force).await.inspect_err(told)?;
    let now = menjin.clock.now();
    let row = PlatformTokenRow {
        version: former + 1,
        sealed: menjin.sealer.seal(
            Sealed::PlatformToken,
            app.id.as_bytes(),
            token.expose().as_bytes(),
            &*menjin.entropy,
        ),
        expires_at: now.plus(token.expires_in()),
    };
    if menjin.store.put_platform_token(&app.id, former, row).await? {
        return Ok(Held { token, version: former + 1 });
    }
    kept(menjin, app, now, Duration::ZERO)
        .await?
        .context("another node replaced the platform token, and it is gone")
        .map_err(|error| Problem::Internal(error).into())
}
