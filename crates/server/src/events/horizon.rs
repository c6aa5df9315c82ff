//! Up to which place of the audit everything is there: places are given before transactions commit, so a line may turn up behind
//! others. Whoever reads in order reads up to here and no further, and so misses nothing, however long a COMMIT takes.
//!
//! Where lines are missing, a point is fixed: the last line that there is. It is reached when everybody who was writing then
//! has come to an end. PostgreSQL tells who writes; with MySQL the longest statement is waited for, and then its lines are
//! looked for that are written and not committed.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::state::Menjin;
use crate::store::{Result, Store};

/// The name under which it is kept in the store.
const SETTLED: &str = "settled";
/// Longer than any statement lives: whoever got a place has written its line by then.
const OVERLAP: Duration = Duration::from_secs(12);
/// What was written before somebody reads for the first time counts as settled, but for the last so many.
const YOUNG: i64 = 5000;
/// It is kept in the store this often; what was noted is never ahead of what is so.
const NOTED: Duration = Duration::from_secs(5);
/// Mostly whoever writes is done within milliseconds.
const BREATH: Duration = Duration::from_millis(15);
const TRIES: u32 = 6;

/// What this node knows of it.
#[derive(Debug, Default)]
pub(crate) struct Horizon(tokio::sync::Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    settled: i64,
    /// When it was last looked for.
    looked_at: Option<Instant>,
    /// What the store keeps, and since when.
    noted: Option<(i64, Instant)>,
    point: Option<Point>,
}

/// Where it will be once those are done who may still add lines before.
#[derive(Debug)]
struct Point {
    last: i64,
    since: Instant,
    /// Who was writing then; `None` where the store can't tell.
    writers: Option<BTreeSet<String>>,
}

/// The last place before which nothing turns up any more.
pub(super) async fn settled(menjin: &Menjin) -> Result<i64> {
    let asked_at = Instant::now();
    let mut known = menjin.horizon.0.lock().await;
    if known.looked_at.is_some_and(|at| at > asked_at) {
        // Somebody looked while this one waited: however many ask, the store is asked by one after the other.
        return Ok(known.settled);
    }
    let began_at = Instant::now();
    let store = &*menjin.store;
    known.begin(store).await?;
    for _ in 0..TRIES {
        if known.advance(store).await? {
            break;
        }
        tokio::time::sleep(BREATH).await;
    }
    known.note(store).await?;
    known.looked_at = Some(began_at);
    Ok(known.settled)
}

impl Known {
    async fn begin(&mut self, store: &dyn Store) -> Result<()> {
        let kept = if let Some(kept) = store.place(SETTLED).await? {
            kept
        } else {
            let highest = store.audit_run(0).await?.highest;
            store.begin_place(SETTLED, (highest - YOUNG).max(0)).await?
        };
        // A store that knows less than it did was brought back to an earlier time.
        let went_back = self.noted.is_none_or(|(noted, _)| kept < noted);
        if went_back {
            *self = Self { settled: kept, noted: Some((kept, Instant::now())), ..Self::default() };
        }
        self.settled = self.settled.max(kept);
        Ok(())
    }

    /// Goes as far as it can; false when another try may lead further at once.
    async fn advance(&mut self, store: &dyn Store) -> Result<bool> {
        let run = store.audit_run(self.settled).await?;
        let moved = run.last > self.settled;
        self.settled = run.last;
        if run.highest == run.last {
            self.point = None;
            return Ok(true);
        }
        if moved && self.point.is_none() {
            return Ok(false);
        }
        let Some(point) = self.point.as_mut().filter(|point| point.last > run.last) else {
            let writers = store.audit_writers().await?;
            let can_tell = writers.is_some();
            self.point = Some(Point { last: run.highest, since: Instant::now(), writers });
            return Ok(!can_tell);
        };
        let is_over = match (&mut point.writers, store.audit_writers().await?) {
            (Some(then), Some(now)) => {
                then.retain(|writer| now.contains(writer));
                then.is_empty()
            }
            _ => point.since.elapsed() >= OVERLAP,
        };
        if !is_over {
            return Ok(point.writers.is_none());
        }
        let last = point.last;
        if let Some(pending) = store.audit_pending(self.settled, last + 1).await? {
            self.settled = self.settled.max(pending - 1);
        } else {
            (self.settled, self.point) = (last, None);
        }
        Ok(self.point.is_some())
    }

    async fn note(&mut self, store: &dyn Store) -> Result<()> {
        let is_due = self.noted.is_none_or(|(noted, at)| noted < self.settled && at.elapsed() >= NOTED);
        if is_due {
            store.raise_place(SETTLED, self.settled).await?;
            self.noted = Some((self.settled, Instant::now()));
        }
        Ok(())
    }
}
