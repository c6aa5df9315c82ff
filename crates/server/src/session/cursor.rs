//! How far this node has read the feed. Places are given before transactions commit, so one may turn up behind those that
//! were read: everything from the first missing place on is read again, until the longest transaction is over (design §4.5).
//!
//! A COMMIT itself may take longer than that, when a standby has to confirm it and does not: then its client was told that
//! the store is unavailable, and the end holds all the same. So single places are looked for as long as a token lives.
//!
//! What was read last is read again each time. Once it is gone, this may be another feed: that of a database which a failover
//! or a backup brought back to an earlier time, and which gives the same places again.

use std::ops::RangeInclusive;
use std::time::Duration;

use menjin_token::Timestamp;
use tokio::time::Instant;

use crate::store::Event;

/// Longer than any transaction lives, and a reading beside it that had to wait.
const OVERLAP: Duration = Duration::from_secs(12);
/// So often places that were given up are looked for, and so many of them.
const LOOK: Duration = Duration::from_secs(3);
const LATE: usize = 256;
/// What was told before then, when the reading begins, has nothing missing any more; clocks of nodes may differ.
const YOUNG: Duration = Duration::from_secs(70);

/// A place in the feed.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// The last place that was read.
    last: i64,
    /// What stood there.
    witness: Option<Event>,
    /// Places before it that were not there, and since when they are missed.
    missing: Vec<(RangeInclusive<i64>, Instant)>,
    /// Places that were given up, each looked for by itself until then.
    late: Vec<(i64, Instant)>,
    looked: Option<Instant>,
    has_begun: bool,
    /// Readings that began since the last one that succeeded.
    tries: u32,
    /// The ring is to be read again: it stays so until that is done, also if whoever read this line was stopped before.
    pub(crate) keys_changed: bool,
    /// The same of the apps that the store holds.
    pub(crate) apps_changed: bool,
}

impl Cursor {
    /// A reading begins: everything after this place.
    pub(crate) fn begin(&mut self) -> i64 {
        self.tries = self.tries.saturating_add(1);
        if self.witness.is_some() { self.after().min(self.last - 1) } else { self.after() }
    }

    /// Whether what was read last still stands where it stood, as a reading found.
    pub(crate) fn is_at_home(&self, events: &[Event]) -> bool {
        self.witness.as_ref().is_none_or(|witness| events.contains(witness))
    }

    /// It does not: all is read once more, and what is known stays known. `true` when nobody can have swept it, as tokens that it
    /// refuses may live: the feed went back.
    pub(crate) fn begin_again(&mut self, now: Timestamp) -> bool {
        let went_back = self.witness.take().is_some_and(|witness| now < witness.until);
        (self.last, self.has_begun) = (0, false);
        self.missing.clear();
        self.late.clear();
        // Keys and apps are those of an earlier time, too.
        self.keys_changed |= went_back;
        self.apps_changed |= went_back;
        went_back
    }

    fn after(&self) -> i64 {
        self.missing.first().map_or(self.last, |(places, _)| places.start() - 1)
    }

    /// The events that are new, of those that a reading found which began at `began`.
    /// Tokens live for `token_life` at the longest.
    pub(crate) fn take(
        &mut self,
        events: Vec<Event>,
        (began, now): (Instant, Timestamp),
        token_life: Duration,
    ) -> Vec<Event> {
        if std::mem::take(&mut self.tries) > 1 {
            // The store hung or was gone: a COMMIT that waited as long as we did may be carried out only now.
            self.missing.iter_mut().for_each(|(_, since)| *since = began);
        }
        if let Some(latest) = events.last().filter(|latest| latest.seq >= self.last) {
            self.witness = Some(latest.clone());
        }
        let mut new = Vec::new();
        for event in events {
            let seq = event.seq;
            if seq <= self.last {
                if !self.found(seq) {
                    continue;
                }
            } else {
                let may_miss = self.has_begun || event.at > now.minus(YOUNG);
                if seq > self.last + 1 && may_miss {
                    self.missing.push((self.last + 1..=seq - 1, began));
                }
                self.last = seq;
            }
            new.push(event);
        }
        self.has_begun = true;
        let until = began + token_life;
        for (places, _) in self.missing.extract_if(.., |(_, since)| began.duration_since(*since) >= OVERLAP) {
            // The latest: what is far behind was rolled back, or swept.
            self.late.extend(places.rev().take(LATE).map(|place| (place, until)));
        }
        self.late.retain(|(_, until)| began < *until);
        let surplus = self.late.len().saturating_sub(LATE);
        self.late.drain(..surplus);
        new
    }

    /// Places to look for by themselves, if it is time.
    pub(crate) fn late(&mut self, began: Instant) -> Vec<i64> {
        if self.late.is_empty() || self.looked.is_some_and(|looked| began.duration_since(looked) < LOOK) {
            return Vec::new();
        }
        self.looked = Some(began);
        self.late.iter().map(|(place, _)| *place).collect()
    }

    /// These were found.
    pub(crate) fn take_late(&mut self, events: &[Event]) {
        self.late.retain(|(place, _)| events.iter().all(|event| event.seq != *place));
    }

    /// Whether this place was missing; it no longer is.
    fn found(&mut self, seq: i64) -> bool {
        let Some(at) = self.missing.iter().position(|(places, _)| places.contains(&seq)) else { return false };
        let (places, since) = self.missing.remove(at);
        for rest in [seq + 1..=*places.end(), *places.start()..=seq - 1] {
            if !rest.is_empty() {
                self.missing.insert(at, (rest, since));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EventKind;

    fn now() -> Timestamp {
        Timestamp::from_secs(1_800_000_000)
    }

    fn event(seq: i64, at: Timestamp) -> Event {
        Event { seq, kind: EventKind::KeysChanged, reason: String::new(), at, until: at }
    }

    const LIFE: Duration = Duration::from_mins(16);

    /// A feed as others write it, read by one node.
    struct Feed {
        there: Vec<Event>,
        cursor: Cursor,
        clock: Instant,
    }

    impl Feed {
        fn new() -> Self {
            Self { there: Vec::new(), cursor: Cursor::default(), clock: Instant::now() }
        }

        fn write(&mut self, seqs: impl IntoIterator<Item = i64>) {
            self.there.extend(seqs.into_iter().map(|seq| event(seq, now())));
        }

        /// A reading that gets no answer.
        fn fail(&mut self) {
            self.cursor.begin();
        }

        fn read_after(&mut self, wait: u64) -> Vec<i64> {
            self.clock += Duration::from_secs(wait);
            let found = self.found();
            assert!(self.cursor.is_at_home(&found));
            self.take(found)
        }

        fn found(&mut self) -> Vec<Event> {
            let after = self.cursor.begin();
            let mut found: Vec<Event> = self.there.iter().filter(|event| event.seq > after).cloned().collect();
            found.sort_by_key(|event| event.seq);
            found
        }

        fn take(&mut self, found: Vec<Event>) -> Vec<i64> {
            self.cursor.take(found, (self.clock, now()), LIFE).into_iter().map(|event| event.seq).collect()
        }

        /// A reading that does not find what was read last; whether the feed went back, and what is read then.
        fn read_again(&mut self) -> (bool, Vec<i64>) {
            let found = self.found();
            assert!(!self.cursor.is_at_home(&found));
            let went_back = self.cursor.begin_again(now());
            let found = self.found();
            (went_back, self.take(found))
        }
    }

    /// One that refuses tokens which may live.
    fn telling(seq: i64, reason: &str) -> Event {
        Event { reason: reason.to_owned(), until: now().plus(LIFE), ..event(seq, now()) }
    }

    #[test]
    fn what_was_read_is_not_read_again() {
        let mut feed = Feed::new();
        feed.write(1..=3);
        assert_eq!(feed.read_after(0), [1, 2, 3]);
        assert_eq!(feed.cursor.after(), 3);
        feed.write([4]);
        assert_eq!(feed.read_after(0), [4]);
        assert!(feed.read_after(0).is_empty());
    }

    #[test]
    fn what_turns_up_behind_is_read_once() {
        let mut feed = Feed::new();
        feed.write([1, 2, 7, 9]);
        assert_eq!(feed.read_after(0), [1, 2, 7, 9]);
        feed.write([4, 8]);
        assert_eq!(feed.read_after(1), [4, 8]);
        feed.write([3, 6, 10]);
        assert_eq!(feed.read_after(1), [3, 6, 10]);
        assert_eq!(feed.cursor.after(), 4, "5 is still missing");
        feed.write([5]);
        assert_eq!(feed.read_after(1), [5]);
        assert_eq!(feed.cursor.after(), 10);
    }

    #[test]
    fn what_never_comes_is_given_up_after_the_longest_transaction() {
        let mut feed = Feed::new();
        feed.write([1, 3]);
        feed.read_after(0);
        feed.read_after(11);
        assert_eq!(feed.cursor.after(), 1);
        feed.read_after(1);
        assert_eq!(feed.cursor.after(), 3);
    }

    #[test]
    fn a_place_that_was_given_up_is_looked_for_by_itself_while_tokens_live() {
        let mut feed = Feed::new();
        feed.write([1, 3]);
        feed.read_after(0);
        assert!(feed.cursor.late(feed.clock).is_empty());
        feed.read_after(12);
        assert_eq!(feed.cursor.late(feed.clock), [2]);
        assert!(feed.cursor.late(feed.clock).is_empty(), "not each time");
        feed.read_after(4);
        assert_eq!(feed.cursor.late(feed.clock), [2]);
        feed.cursor.take_late(&[event(2, now())]);
        feed.read_after(4);
        assert!(feed.cursor.late(feed.clock).is_empty(), "it was found");
        feed.write([9]);
        feed.read_after(1);
        feed.read_after(12);
        assert_eq!(feed.cursor.late(feed.clock), [8, 7, 6, 5, 4]);
        feed.read_after(16 * 60);
        assert!(feed.cursor.late(feed.clock).is_empty(), "every token of then is dead");
    }

    #[test]
    fn a_reading_after_a_long_pause_still_looks_for_what_was_missing() {
        let mut feed = Feed::new();
        feed.write([1, 3]);
        feed.read_after(0);
        feed.write([2]);
        assert_eq!(feed.read_after(3600), [2], "the store was gone for an hour, and this was committed meanwhile");
    }

    #[test]
    fn a_commit_that_stood_still_with_the_store_is_waited_for() {
        let mut feed = Feed::new();
        feed.write([1, 3]);
        feed.read_after(0);
        feed.fail();
        assert!(feed.read_after(3600).is_empty(), "the store is back, and carries the commit out after this reading");
        feed.write([2]);
        assert_eq!(feed.read_after(1), [2]);
    }

    #[test]
    fn a_feed_that_went_back_is_read_from_its_beginning() {
        let mut feed = Feed::new();
        feed.there = (1..=5).map(|seq| telling(seq, "before")).collect();
        assert_eq!(feed.read_after(0), [1, 2, 3, 4, 5]);
        feed.there.truncate(3);
        assert_eq!(feed.read_again(), (true, vec![1, 2, 3]));
        assert!(feed.cursor.keys_changed && feed.cursor.apps_changed);
        feed.there.push(telling(4, "after"));
        assert_eq!(feed.read_after(1), [4]);
    }

    #[test]
    fn a_feed_that_went_back_and_came_on_again_meanwhile_is_told_by_what_stands_there() {
        let mut feed = Feed::new();
        feed.there = (1..=5).map(|seq| telling(seq, "before")).collect();
        feed.read_after(0);
        feed.there.truncate(3);
        feed.there.extend((4..=9).map(|seq| telling(seq, "after")));
        assert_eq!(feed.read_again(), (true, (1..=9).collect()));
        assert!(feed.read_after(1).is_empty());
    }

    #[test]
    fn a_feed_that_was_swept_did_not_go_back() {
        let mut feed = Feed::new();
        feed.write(1..=3);
        feed.read_after(0);
        feed.there.clear();
        assert_eq!(feed.read_again(), (false, Vec::new()));
        assert!(!feed.cursor.keys_changed);
        assert!(feed.read_after(1).is_empty());
        feed.there = vec![telling(2, "")];
        assert_eq!(feed.read_after(1), [2], "nobody could see that this one went back, and it is read all the same");
    }

    #[test]
    fn a_feed_that_can_t_be_read_after_it_went_back_is_read_from_its_beginning_later() {
        let mut feed = Feed::new();
        feed.there = (1..=5).map(|seq| telling(seq, "before")).collect();
        feed.read_after(0);
        feed.there.truncate(3);
        feed.found();
        assert!(feed.cursor.begin_again(now()));
        feed.fail();
        assert_eq!(feed.read_after(1), [1, 2, 3]);
    }

    #[test]
    fn at_the_beginning_only_what_is_young_can_miss_anything() {
        let mut feed = Feed::new();
        let old = now().minus(Duration::from_mins(10));
        feed.there = vec![event(100, old), event(200, old), event(300, now())];
        assert_eq!(feed.read_after(0), [100, 200, 300]);
        assert_eq!(feed.cursor.after(), 200, "the sweeper took what was before");
        feed.write([299]);
        assert_eq!(feed.read_after(1), [299]);
    }

    #[test]
    fn an_empty_feed_misses_whatever_comes_before_the_first() {
        let mut feed = Feed::new();
        assert!(feed.read_after(0).is_empty());
        feed.write([12]);
        assert_eq!(feed.read_after(1), [12]);
        feed.write([11]);
        assert_eq!(feed.read_after(1), [11]);
    }
}
