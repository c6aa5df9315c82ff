//! One node asks the platform for an app's token, once its claim stands: normally, and by force when that changes nothing.

use std::time::Duration;

use menjin_platform::{AccessToken, Error};
use menjin_token::Timestamp;

use super::App;
use super::broker::{Held, Lost, Wanted, kept};
use super::ration::{may_force, not_in_vain};
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::PlatformTokenRow;

/// While the old token is still good, a platform that fails is left alone for so long.
const REST: Duration = Duration::from_secs(10);
/// What a claim was made for.
pub(super) struct Claimed {
    pub(super) claim: [u8; 16],
    /// The version to be replaced.
    pub(super) former: i64,
    /// The token of that version, while it lives.
    pub(super) held: Option<Held>,
    pub(super) wanted: Wanted,
}

/// Asks, puts the answer in the store, and wakes those who wait on other nodes.
pub(super) async fn fetch(menjin: &Menjin, app: &App, claimed: Claimed) -> Result<Held, Lost> {
    match asked(menjin, app, &claimed).await {
        Ok(Some(token)) => put(menjin, app, claimed.former, token).await,
        other => {
            // Nothing to put: the claim ends, and waits a little where there is no hurry.
            let at_rest = claimed.held.filter(|_| claimed.wanted == Wanted::Fresh);
            let until = at_rest.as_ref().map(|_| menjin.clock.now().plus(REST));
            menjin.store.leave_platform_token(&app.id, claimed.claim, until).await?;
            menjin.fast.wake.tell();
            // The old one is good through the overlap.
            at_rest.ok_or_else(|| other.err().unwrap_or(Lost::Busy))
        }
    }
}

/// A token to put; `None` when it is the old one, and that will do.
async fn asked(menjin: &Menjin, app: &App, claimed: &Claimed) -> Result<Option<AccessToken>, Lost> {
    if claimed.held.is_some() && claimed.wanted != Wanted::Fresh {
        not_in_vain(menjin, app).await?;
    }
    let token = ask(menjin, app, false).await?;
    if !claimed.held.as_ref().is_some_and(|held| held.is(token.expose())) {
        return Ok(Some(token));
    }
    match claimed.wanted {
        Wanted::Fresh => Ok(None),
        Wanted::OtherThan(_) => {
            may_force(menjin, app).await?;
            ask(menjin, app, true).await.map(Some)
        }
    }
}

async fn ask(menjin: &Menjin, app: &App, force: bool) -> Result<AccessToken, Lost> {
    let tokens = app.platform().and_then(|platform| platform.access_token()).ok_or(Lost::Unsupported)?;
    let kind = if force { "forced" } else { "normal" };
    metrics::counter!("menjin_platform_token_fetches_total", "app" => app.id.clone(), "kind" => kind).increment(1);
    let told = |error: &Error| app.complain_of_quota(error, menjin.clock.now());
    tokens.access_token(force).await.inspect_err(told).map_err(Lost::Platform)
}

async fn put(menjin: &Menjin, app: &App, former: i64, token: AccessToken) -> Result<Held, Lost> {
    let now: Timestamp = menjin.clock.now();
    let (version, expires_at) = (former + 1, now.plus(token.expires_in()));
    let plain = token.expose().as_bytes();
    let sealed = menjin.sealer.seal(Sealed::PlatformToken, app.id.as_bytes(), plain, &*menjin.entropy);
    let row = PlatformTokenRow { version, sealed, expires_at };
    if !menjin.store.put_platform_token(&app.id, former, row.clone()).await? {
        // This node was slow, its claim ran out, and another's answer stands.
        return kept(menjin, app, now).await?.ok_or(Lost::Busy);
    }
    if let Some(line) = &menjin.fast.line {
        line.cache_token(&app.id, &row, true).await;
    }
    menjin.fast.wake.tell();
    Ok(Held { token, expires_at, version })
}
