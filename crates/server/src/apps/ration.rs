//! How often an app's token may be forced, and how seldom the platform is asked while it may not (design §4.7).
//!
//! The store counts for all nodes. Does not: asking (`fetch`).

use std::time::Duration;

use super::App;
use super::broker::{CLOCKS_DIFFER, Lost};
use crate::state::Menjin;
use crate::store::{Forced, Forcing, TokenClaiming};

/// A forced token kills the one before at once, and the platform rations them.
const BETWEEN_FORCED: Duration = Duration::from_mins(1);
const FORCED_A_DAY: u32 = 10;
/// `WeChat` counts days in China's time, which knows no summer.
const CHINA: Duration = Duration::from_hours(8);
const DAY: i64 = 24 * 60 * 60;

/// Counts a forced token. Refused, and the platform still gives the token that was reported: it is not asked again for a
/// minute at most, however often the token is reported.
pub(super) async fn may_force(menjin: &Menjin, app: &App) -> Result<(), Lost> {
    let now = menjin.clock.now();
    let in_china = now.plus(CHINA).secs();
    let forcing = Forcing {
        app: app.id.clone(),
        now,
        none_since: now.minus(BETWEEN_FORCED),
        day: in_china.div_euclid(DAY),
        a_day: FORCED_A_DAY,
    };
    let wait = match menjin.store.count_forced(forcing).await? {
        Forced::Allowed => return Ok(()),
        Forced::TooSoon(last) => last.plus(BETWEEN_FORCED).since(now),
        Forced::TooOften => Duration::from_secs((DAY - in_china.rem_euclid(DAY)).unsigned_abs()),
    };
    let resting = TokenClaiming {
        app: resting(app),
        former: 0,
        claim: menjin.entropy.bytes(),
        now,
        until: now.plus(wait.min(BETWEEN_FORCED)),
        longest: now.plus(BETWEEN_FORCED + CLOCKS_DIFFER),
    };
    menjin.store.claim_platform_token(resting).await?;
    Err(limited(menjin, app, wait))
}

/// Refuses while the platform was asked a moment ago, gave the reported token again, and none may be forced.
pub(super) async fn not_in_vain(menjin: &Menjin, app: &App) -> Result<(), Lost> {
    let now = menjin.clock.now();
    let until = menjin.store.platform_token_claimed_until(&resting(app)).await?;
    let until = until.filter(|until| now < *until && *until <= now.plus(BETWEEN_FORCED + CLOCKS_DIFFER));
    until.map_or(Ok(()), |until| Err(limited(menjin, app, until.since(now))))
}

/// A claim beside the one on the next token, which must stay free for those who replace a token at its end. No app has this
/// name.
fn resting(app: &App) -> String {
    format!("{}/in-vain", app.id)
}

fn limited(menjin: &Menjin, app: &App, wait: Duration) -> Lost {
    metrics::counter!("menjin_platform_token_limited_total", "app" => app.id.clone()).increment(1);
    app.complain_of_forcing(menjin.clock.now());
    Lost::Limited(wait)
}
