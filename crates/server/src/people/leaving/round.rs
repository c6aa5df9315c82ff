//! The round that erases whoever's cooling-off is over. It ends after a while, or when nothing can be done, and the next one
//! goes on where it stopped.
//!
//! Does not: what it is to erase somebody (`mod.rs`).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use menjin_token::UserId;
use tokio::time::Instant;

use super::{empty, erase_emptied};
use crate::state::Menjin;
use crate::store::{Actor, Due, Emptied, StoreError};

/// So many are erased before the next are asked for.
const AT_ONCE: u32 = 100;
/// After so long the rest waits for the next round: so much else is done each minute.
const ROUND: Duration = Duration::from_secs(30);
/// So many failures in a row are the store's, and nobody's own: the rest waits for the next round.
const IN_A_ROW: u32 = 10;

/// Where the last round stopped.
#[derive(Debug, Default)]
pub(crate) struct Stopped(Mutex<Place>);

#[derive(Debug, Default)]
struct Place {
    /// Behind whom the next round begins; nobody: with whoever is due the longest.
    after: Option<Due>,
    /// Who was being emptied when the time was over, and how far they are.
    halfway: Option<(UserId, Emptied)>,
}

impl Stopped {
    fn swap(&self, place: Place) -> Place {
        std::mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), place)
    }
}

/// Erases everybody whose cooling-off is over. Several nodes may do it at once: each person is erased by one. Whoever can't be
/// erased keeps nobody waiting, and is tried again once all the others were.
pub(crate) async fn erase_due(menjin: &Menjin) -> anyhow::Result<()> {
    let mut place = menjin.erasing_stopped.swap(Place::default());
    let done = round(menjin, &mut place, Instant::now() + ROUND).await;
    menjin.erasing_stopped.swap(place);
    done
}

async fn round(menjin: &Menjin, place: &mut Place, until: Instant) -> anyhow::Result<()> {
    let (mut first, mut count, mut in_a_row) = (None, 0_u32, 0);
    'round: loop {
        let due = menjin.store.due_to_leave(menjin.clock.now(), place.after, AT_ONCE).await?;
        for one in &due {
            match in_time(menjin, one.user, place, until).await {
                Ok(true) => in_a_row = 0,
                Ok(false) => break 'round,
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    tracing::error!(error = format!("{error:#}"), user.id = %one.user, "somebody could not be erased, and is tried again");
                    first.get_or_insert(error);
                    count += 1;
                    in_a_row += 1;
                }
            }
            place.after = Some(*one);
            if in_a_row == IN_A_ROW || Instant::now() >= until {
                break 'round;
            }
        }
        if due.len() < AT_ONCE as usize {
            place.after = None;
            break;
        }
    }
    first.map_or(Ok(()), |error| Err(error.context(format!("{count} could not be erased, the first because"))))
}

/// Whether there was the time for it. What was emptied stays so.
async fn in_time(menjin: &Menjin, user: UserId, place: &mut Place, until: Instant) -> Result<bool, StoreError> {
    let halfway = place.halfway.take().filter(|(of, _)| *of == user);
    let mut emptied = halfway.map(|(_, emptied)| emptied).unwrap_or_default();
    if !empty(menjin, (user, true), &mut emptied, Some(until)).await? {
        place.halfway = Some((user, emptied));
        return Ok(false);
    }
    erase_emptied(menjin, user, &Actor::system(), (true, emptied)).await?;
    Ok(true)
}
