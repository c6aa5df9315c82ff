//! Carrying out what waits: at once where it was heard, and each minute whatever is left, by whichever node claims it first.

use std::time::Duration;

use menjin_token::Timestamp;

use super::count;
use super::queue::Waiting;
use crate::people;
use crate::session;
use crate::state::Menjin;
use crate::store::{CarriedOut, CarryingOut, ClaimedPush, ClaimingPush, Emptied, EndReason};

/// A node that dies in the middle is waited for so long; each try waits twice as long as the one before.
const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_hours(1);
/// About eight hours. A store that is down counts no tries: nothing can be claimed there.
const MOST_TRIES: u32 = 15;
/// A push that was repeated meanwhile is known by its row: far longer than one may be under way.
const KNOWN: Duration = Duration::from_hours(1);
/// What could not be carried out is kept sealed for so long, for whoever looks into it.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Carries out what comes, for as long as the server runs.
pub(crate) async fn follow(menjin: Menjin) {
    loop {
        menjin.push_waits.notified().await;
        if let Err(error) = drain(&menjin).await {
            tracing::warn!(error = format!("{error:#}"), "pushes wait, and are looked for again in a minute");
        }
    }
}

/// Carries out all that is due now.
pub(crate) async fn drain(menjin: &Menjin) -> anyhow::Result<()> {
    loop {
        let now = menjin.clock.now();
        let claiming = ClaimingPush { now, first: FIRST, longest: LONGEST };
        let Some(claimed) = menjin.store.claim_push(claiming).await? else { return Ok(()) };
        if let Err(error) = carry_out(menjin, &claimed).await {
            fail(menjin, &claimed, &error, now).await?;
        }
    }
}

async fn carry_out(menjin: &Menjin, claimed: &ClaimedPush) -> anyhow::Result<()> {
    let waiting = Waiting::open(menjin, claimed)?;
    let carrying = |now: Timestamp, emptied: &Emptied| CarryingOut {
        claim: claimed.claim,
        identity: waiting.identity(),
        asks: waiting.asks(),
        app: claimed.app.clone(),
        why: waiting.why(),
        received_at: claimed.received_at,
        emptied: emptied.clone(),
        now,
        tokens_until: menjin.tokens_until(now),
        known_until: now.plus(KNOWN),
    };
    let mut emptied = Emptied::default();
    while let Some(further) = menjin.store.empty_for_push(carrying(menjin.clock.now(), &emptied)).await? {
        emptied = further;
    }
    // That may have taken long, and tokens were refreshed meanwhile.
    let now = menjin.clock.now();
    match menjin.store.carry_out_push(carrying(now, &emptied)).await? {
        CarriedOut::NotOurs => return Ok(()),
        CarriedOut::Nobody => {
            tracing::info!(app.id = claimed.app, push.why = waiting.why(), "a push was about nobody here");
        }
        CarriedOut::Done { user, ended, former_avatars, was_last } => {
            for (of, address) in former_avatars {
                people::take_down(menjin, of, &address).await;
            }
            session::ended(menjin, &ended, EndReason::AccountClosed, now);
            let (why, sessions) = (waiting.why(), ended.len());
            tracing::info!(app.id = claimed.app, push.why = why, user.id = %user, sessions, was_last, "a push was carried out");
        }
    }
    count(&claimed.app, "done");
    Ok(())
}

/// The claim is the pause before the next try.
async fn fail(menjin: &Menjin, claimed: &ClaimedPush, error: &anyhow::Error, now: Timestamp) -> anyhow::Result<()> {
    let (app, tries, error) = (&claimed.app, claimed.claim.tries, format!("{error:#}"));
    if tries < MOST_TRIES {
        count(app, "failed");
        tracing::warn!(app.id = app, tries, error, "a push could not be carried out, and is tried again");
        return Ok(());
    }
    if menjin.store.give_up_push(claimed.claim, now.plus(KEPT)).await? {
        count(app, "given_up");
        tracing::error!(
            app.id = app,
            tries,
            error,
            "a push was given up: what somebody withdrew at the platform is still kept here; see docs/pushes.md"
        );
    }
    Ok(())
}
