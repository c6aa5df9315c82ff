//! What has ended, as the feed brought it to this node: kept in memory in the order of arrival, for guards elsewhere
//! (design §4.5). A line that was committed late stands where it arrived, so whoever goes on from a place misses nothing.
//!
//! Lives here: the lines and who waits for more. Does not: the wire (`revocations`), reading the feed (`feed`).

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use menjin_token::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::store::{EndReason, Event, EventKind};

/// So many lines are given at once.
const PAGE: usize = 1000;

/// What this node knows to have ended.
pub(crate) struct Told {
    run: String,
    lines: Mutex<Lines>,
    news: watch::Sender<News>,
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct Lines {
    /// Each with its place, counted from 1.
    kept: VecDeque<(u64, Line)>,
    /// The place of the last one that came.
    last: u64,
    read_at: Timestamp,
}

/// What ended, and until when that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) kind: EventKind,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) at: Timestamp,
    pub(crate) until: Timestamp,
}

/// What those who wait are woken by.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct News {
    last: u64,
    /// This node stops: nobody waits any longer.
    pub(crate) closing: bool,
}

/// Lines from some place on.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) lines: Vec<Line>,
    /// The place after them.
    pub(crate) next: u64,
    /// Whether there are more.
    pub(crate) more: bool,
    /// Whether it begins with the first line that is kept.
    pub(crate) from_start: bool,
    /// All that the store told by then is in the lines up to the last.
    pub(crate) read_at: Timestamp,
}

impl Told {
    /// Nothing yet; `run` tells this run of this node from every other, and at most so many wait at once.
    pub(crate) fn new(run: [u8; 16], streams: usize) -> Self {
        let room = Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS)));
        let run = format!("{:032x}", u128::from_be_bytes(run));
        Self { run, lines: Mutex::default(), news: watch::Sender::default(), room }
    }

    /// Adds what the feed brought.
    pub(super) fn add(&self, event: &Event) {
        match event.kind {
            EventKind::SessionEnded(_)
            | EventKind::UserNotBefore(_)
            | EventKind::AppNotBefore(_)
            | EventKind::RolesOfUser(..)
            | EventKind::RoleChanged(..)
            | EventKind::KeyRevoked(_)
            | EventKind::KeysChanged => {}
            // Of this program alone, or of a newer one.
            EventKind::AppsChanged | EventKind::Unknown => return,
        }
        // One of a few words, for each of many lines.
        let reason = EndReason::from_code(&event.reason)
            .map_or_else(|| Cow::Owned(event.reason.clone()), |reason| Cow::Borrowed(reason.code()));
        let line = Line { kind: event.kind.clone(), reason, at: event.at, until: event.until };
        let mut lines = self.lines();
        lines.last += 1;
        let place = lines.last;
        lines.kept.push_back((place, line));
    }

    /// The feed was read to its end at `now`: whoever waits learns of what is new.
    pub(super) fn mark_read(&self, now: Timestamp) {
        let last = {
            let mut lines = self.lines();
            lines.read_at = now;
            lines.last
        };
        self.news.send_if_modified(|news| std::mem::replace(&mut news.last, last) != last);
    }

    /// When the feed was read.
    pub(crate) fn read_at(&self) -> Timestamp {
        self.lines().read_at
    }

    /// Whether the feed was read in this time before `now`; not in the future either, as after the clock was set back.
    pub(super) fn was_read_within(&self, time: Duration, now: Timestamp) -> bool {
        let read_at = self.lines().read_at;
        read_at <= now && now.since(read_at) <= time
    }

    /// Drops what can't matter any more, also behind a line that a node whose clock was ahead has told.
    pub(crate) fn forget_before(&self, past: Timestamp) {
        let mut lines = self.lines();
        lines.kept.retain(|(_, line)| line.until >= past);
        let room = 2 * lines.kept.len();
        lines.kept.shrink_to(room);
    }

    /// What came after `place`, or everything that is kept.
    pub(super) fn page(&self, place: Option<u64>) -> Page {
        let lines = self.lines();
        let known = place.filter(|place| *place <= lines.last);
        let skipped = lines.kept.partition_point(|(place, _)| *place <= known.unwrap_or_default());
        let mut found = lines.kept.range(skipped..);
        let page: Vec<(u64, Line)> = found.by_ref().take(PAGE).cloned().collect();
        let more = found.next().is_some();
        let next = page.last().filter(|_| more).map_or(lines.last, |(place, _)| *place);
        let page = page.into_iter().map(|(_, line)| line).collect();
        Page { lines: page, next, more, from_start: known.is_none(), read_at: lines.read_at }
    }

    /// A place as others keep it.
    pub(super) fn cursor(&self, place: u64) -> String {
        format!("{}-{place}", self.run)
    }

    /// The place that a cursor names; `None` for another node's or run's.
    pub(super) fn place(&self, cursor: &str) -> Option<u64> {
        cursor.strip_prefix(&self.run)?.strip_prefix('-')?.parse().ok()
    }

    /// Changes when there are more lines, and when this node stops.
    pub(super) fn news(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    /// A place among those who wait; `None` when all are taken.
    pub(super) fn seat(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// This node stops: those who wait go.
    pub(crate) fn close(&self) {
        self.news.send_modify(|news| news.closing = true);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // No holder leaves the lines half written.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use menjin_token::SessionId;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + secs)
    }

    fn event(nth: u8) -> Event {
        let kind = EventKind::SessionEnded(SessionId::from_bytes([nth; 16]));
        let secs = i64::from(nth);
        Event { seq: secs, kind, reason: "session_kicked".to_owned(), at: at(secs), until: at(900 + secs) }
    }

    fn told(events: impl IntoIterator<Item = u8>) -> Told {
        let told = Told::new([7; 16], 2);
        events.into_iter().for_each(|nth| told.add(&event(nth)));
        told.mark_read(at(1));
        told
    }

    /// The seconds at which the lines of a page happened.
    fn times(page: &Page) -> Vec<i64> {
        page.lines.iter().map(|line| line.at.since(at(0)).as_secs().cast_signed()).collect()
    }

    #[test]
    fn lines_are_given_in_the_order_in_which_they_arrived() {
        let told = told([1, 3]);
        let first = told.page(None);
        assert_eq!((times(&first), first.next, first.more, first.from_start), (vec![1, 3], 2, false, true));
        told.add(&event(2));
        let late = told.page(Some(first.next));
        assert_eq!((times(&late), late.next, late.from_start), (vec![2], 3, false), "committed late");
        assert!(told.page(Some(3)).lines.is_empty());
    }

    #[test]
    fn what_is_forgotten_moves_no_place() {
        let told = told([1, 2, 3]);
        told.forget_before(at(902));
        assert_eq!(times(&told.page(None)), [2, 3]);
        for (since, left) in [(0, vec![2, 3]), (1, vec![2, 3]), (2, vec![3]), (3, vec![])] {
            let page = told.page(Some(since));
            assert_eq!((times(&page), page.next), (left, 3), "{since}");
        }
        told.forget_before(at(5000));
        assert_eq!((told.page(None).next, told.page(Some(3)).next), (3, 3));
        told.add(&event(9));
        assert_eq!(times(&told.page(Some(3))), [9]);
    }

    #[test]
    fn a_line_from_a_clock_far_ahead_keeps_none_of_those_behind_it() {
        let told = told([1]);
        told.add(&Event { until: at(86_400), ..event(2) });
        for nth in [3, 4, 5] {
            told.add(&event(nth));
        }
        told.forget_before(at(904));
        assert_eq!(times(&told.page(None)), [2, 4, 5]);
        for (since, left) in [(1, vec![2, 4, 5]), (2, vec![4, 5]), (3, vec![4, 5]), (4, vec![5]), (5, vec![])] {
            let page = told.page(Some(since));
            assert_eq!((times(&page), page.next, page.more), (left, 5, false), "{since}");
        }
        assert_eq!(told.lines().kept.len(), 3);
    }

    #[test]
    fn a_reading_is_recent_for_a_while_and_not_in_the_future() {
        let told = told([]);
        let within = |secs| told.was_read_within(Duration::from_secs(5), at(secs));
        assert_eq!([-3600, 0, 1, 6, 7].map(within), [false, false, true, true, false]);
        assert!(!Told::new([7; 16], 2).was_read_within(Duration::from_secs(5), at(0)), "it never was");
    }

    #[test]
    fn a_place_that_nobody_was_given_begins_anew() {
        let told = told([1, 2]);
        let page = told.page(Some(3));
        assert_eq!((times(&page), page.from_start), (vec![1, 2], true));
        assert_eq!(told.place(&told.cursor(2)), Some(2));
        let other = Told::new([8; 16], 2);
        for foreign in [other.cursor(2), String::new(), "2".to_owned(), format!("{}-x", told.run), told.run.clone()] {
            assert_eq!(told.place(&foreign), None, "{foreign}");
        }
    }

    #[test]
    fn pages_are_bounded_and_together_whole() {
        let told = told(std::iter::repeat_n(5, 2 * PAGE + 1));
        let (mut place, mut counted) = (None, Vec::new());
        loop {
            let page = told.page(place);
            counted.push(page.lines.len());
            place = Some(page.next);
            if !page.more {
                break;
            }
        }
        assert_eq!(counted, [PAGE, PAGE, 1]);
    }

    #[test]
    fn whoever_waits_is_woken_by_more_lines_and_by_the_end_alone() {
        let told = told([1]);
        let mut news = told.news();
        told.mark_read(at(2));
        assert!(!news.has_changed().unwrap(), "it was read, and brought nothing");
        told.add(&event(2));
        told.mark_read(at(3));
        assert!(news.has_changed().unwrap());
        news.borrow_and_update();
        told.close();
        assert!(news.has_changed().unwrap() && news.borrow().closing);
    }

    #[test]
    fn only_so_many_may_wait() {
        let told = told([]);
        let seats: Vec<_> = std::iter::from_fn(|| told.seat()).collect();
        assert_eq!(seats.len(), 2);
        drop(seats);
        assert!(told.seat().is_some());
    }
}
