//! What this process did in the last hour, minute by minute, in memory that does not grow: for the charts of the console.
//!
//! Does not: `/metrics` (`metrics`), which a Prometheus keeps for longer; what other nodes did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use menjin_token::{SessionId, Timestamp};

/// Minutes that are shown.
const SHOWN: i64 = 60;
/// A session counts as active for so many minutes after it was issued a token: as long as an access token usually lives.
const ACTIVE: i64 = 15;
const KEPT: i64 = SHOWN + ACTIVE;
/// Two for each doubling of a microsecond, up to a minute.
const BUCKETS: usize = 52;
/// So many sketch how many different sessions there were, to within three per cent.
const REGISTERS: u32 = 1024;
/// Names of refusals and of platforms' errors that a minute keeps apart.
const NAMES: usize = 64;

/// The last minutes of this process.
pub(crate) struct Hour(Box<[Minute]>);

struct Minute {
    /// Which minute since 1970 it is about.
    which: AtomicI64,
    signed_in: AtomicU32,
    refreshed: AtomicU32,
    /// Answers by how long they took.
    took: [AtomicU32; BUCKETS],
    sessions: [AtomicU8; REGISTERS as usize],
    told: Mutex<BTreeMap<Told, u32>>,
}

/// What went wrong, by the word that it is looked up by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Problem(&'static str),
    Platform(&'static str, i64),
}

/// A minute, as a chart shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) signed_in: u32,
    pub(crate) refreshed: u32,
    pub(crate) refused: u32,
    pub(crate) answered: u32,
    /// Different sessions that were issued a token in the last [`ACTIVE`] minutes.
    pub(crate) active: u32,
    /// Half of the answers took at most so many milliseconds, and nineteen of twenty.
    pub(crate) p50: f64,
    pub(crate) p95: f64,
}

/// The last hour.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// The minutes, the oldest first; the last one is not over.
    pub(crate) points: Vec<Point>,
    /// All of them together; `active` is that of the last one.
    pub(crate) whole: Point,
    /// Refusals and failures by code, the most frequent first.
    pub(crate) problems: Vec<(&'static str, u32)>,
    /// Errors that platforms answered, by platform and errcode.
    pub(crate) platforms: Vec<(&'static str, i64, u32)>,
}

impl Default for Hour {
    fn default() -> Self {
        Self((0..KEPT).map(|_| Minute::default()).collect())
    }
}

impl Default for Minute {
    fn default() -> Self {
        Self {
            which: AtomicI64::new(i64::MIN),
            signed_in: AtomicU32::default(),
            refreshed: AtomicU32::default(),
            took: std::array::from_fn(|_| AtomicU32::default()),
            sessions: std::array::from_fn(|_| AtomicU8::default()),
            told: Mutex::default(),
        }
    }
}

impl Hour {
    /// Somebody signed in.
    pub(crate) fn signed_in(&self, now: Timestamp) {
        self.minute(now).signed_in.fetch_add(1, Ordering::Relaxed);
    }

    /// A refresh token was traded.
    pub(crate) fn refreshed(&self, now: Timestamp) {
        self.minute(now).refreshed.fetch_add(1, Ordering::Relaxed);
    }

    /// A session was issued an access token.
    pub(crate) fn issued(&self, now: Timestamp, session: SessionId) {
        let bytes: [u8; 16] = session.to_bytes();
        // The end of an id is random.
        let Some((_, random)) = bytes.split_last_chunk::<8>() else { return };
        let random = u64::from_be_bytes(*random);
        let register = usize::try_from(random % u64::from(REGISTERS)).unwrap_or(0);
        let rank = u8::try_from(((random / u64::from(REGISTERS)) | (1 << 54)).trailing_zeros() + 1).unwrap_or(u8::MAX);
        self.minute(now).sessions[register].fetch_max(rank, Ordering::Relaxed);
    }

    /// A request was answered.
    pub(crate) fn answered(&self, now: Timestamp, took: Duration) {
        let bucket = bucket(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.minute(now).took[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused, or failed.
    pub(crate) fn refused(&self, now: Timestamp, code: &'static str) {
        self.minute(now).tell(Told::Problem(code));
    }

    /// A platform answered an error.
    pub(crate) fn platform_said(&self, now: Timestamp, platform: &'static str, errcode: i64) {
        self.minute(now).tell(Told::Platform(platform, errcode));
    }

    /// Its place among the kept minutes, emptied when an older one stood there. What is counted in that very moment may be lost.
    fn minute(&self, now: Timestamp) -> &Minute {
        let which = minute_of(now);
        let minute = &self.0[place(which)];
        let before = minute.which.load(Ordering::Acquire);
        let is_older = before < which;
        if is_older && minute.which.compare_exchange(before, which, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            minute.clear();
        }
        minute
    }

    /// What is kept of a minute, unless that is too long ago or nothing came in it.
    fn kept(&self, which: i64) -> Option<&Minute> {
        Some(&self.0[place(which)]).filter(|minute| minute.which.load(Ordering::Acquire) == which)
    }

    /// Different sessions that were issued a token in the last [`ACTIVE`] minutes.
    pub(crate) fn active(&self, now: Timestamp) -> u32 {
        self.active_in(minute_of(now))
    }

    fn active_in(&self, last: i64) -> u32 {
        different((last - ACTIVE + 1..=last).filter_map(|which| self.kept(which)))
    }

    /// The hour that ends with this minute.
    pub(crate) fn look(&self, now: Timestamp) -> Look {
        let last = minute_of(now);
        let mut look = Look::default();
        let (mut took, mut told) = ([0; BUCKETS], BTreeMap::new());
        for which in last - SHOWN + 1..=last {
            let mut point = Point { active: self.active_in(which), ..Point::default() };
            if let Some(minute) = self.kept(which) {
                let of_minute = minute.took();
                point.signed_in = minute.signed_in.load(Ordering::Relaxed);
                point.refreshed = minute.refreshed.load(Ordering::Relaxed);
                point.answered = of_minute.iter().sum();
                (point.p50, point.p95) = (part(&of_minute, 50), part(&of_minute, 95));
                took.iter_mut().zip(of_minute).for_each(|(sum, count): (&mut u32, _)| *sum = sum.saturating_add(count));
                for (what, count) in minute.told.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    point.refused += if matches!(what, Told::Problem(_)) { *count } else { 0 };
                    *told.entry(what.clone()).or_insert(0) += count;
                }
            }
            look.points.push(point);
        }
        let sum = |of: fn(&Point) -> u32| look.points.iter().map(of).sum();
        look.whole = Point {
            signed_in: sum(|it| it.signed_in),
            refreshed: sum(|it| it.refreshed),
            refused: sum(|it| it.refused),
            answered: sum(|it| it.answered),
            active: look.points.last().map_or(0, |it| it.active),
            p50: part(&took, 50),
            p95: part(&took, 95),
        };
        for (what, count) in told {
            match what {
                Told::Problem(code) => look.problems.push((code, count)),
                Told::Platform(platform, errcode) => look.platforms.push((platform, errcode, count)),
            }
        }
        look.problems.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        look.platforms.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        look
    }
}

impl Minute {
    fn clear(&self) {
        self.signed_in.store(0, Ordering::Relaxed);
        self.refreshed.store(0, Ordering::Relaxed);
        self.took.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        self.sessions.iter().for_each(|rank| rank.store(0, Ordering::Relaxed));
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn tell(&self, what: Told) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = told.len() >= NAMES;
        match told.get_mut(&what) {
            Some(count) => *count = count.saturating_add(1),
            None if is_full => {}
            None => drop(told.insert(what, 1)),
        }
    }

    fn took(&self) -> [u32; BUCKETS] {
        std::array::from_fn(|at| self.took[at].load(Ordering::Relaxed))
    }
}

fn minute_of(now: Timestamp) -> i64 {
    now.secs().div_euclid(60)
}

fn place(which: i64) -> usize {
    usize::try_from(which.rem_euclid(KEPT)).unwrap_or(0)
}

/// Which half of which doubling.
fn bucket(micros: u64) -> usize {
    let micros = micros.max(2);
    let doubling = micros.ilog2();
    let half = (micros >> (doubling - 1)) & 1;
    (2 * doubling as usize + usize::try_from(half).unwrap_or(0)).min(BUCKETS - 1)
}

/// So many milliseconds did `percent` of the answers take at most.
fn part(took: &[u32; BUCKETS], percent: u64) -> f64 {
    let all: u64 = took.iter().map(|count| u64::from(*count)).sum();
    let mut seen = 0;
    for (at, count) in took.iter().enumerate() {
        seen += u64::from(*count);
        if all > 0 && seen * 100 >= all * percent {
            let doubling = 1_u32 << (at / 2);
            let micros = if at % 2 == 0 { doubling + doubling / 2 } else { doubling * 2 };
            return f64::from(micros) / 1000.0;
        }
    }
    0.0
}

/// How many different sessions these minutes saw, as `HyperLogLog` tells it.
fn different<'m>(minutes: impl Iterator<Item = &'m Minute>) -> u32 {
    let mut ranks = [0_u8; REGISTERS as usize];
    for minute in minutes {
        for (rank, seen) in ranks.iter_mut().zip(&minute.sessions) {
            *rank = (*rank).max(seen.load(Ordering::Relaxed));
        }
    }
    let registers = f64::from(REGISTERS);
    let sum: f64 = ranks.iter().map(|rank| 0.5_f64.powi(i32::from(*rank))).sum();
    let empty: u32 = ranks.iter().map(|rank| u32::from(*rank == 0)).sum();
    let raw = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
    let few = registers * (registers / f64::from(empty.max(1))).ln();
    rounded(if raw <= 2.5 * registers && empty > 0 { few } else { raw })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what does not fit saturates")]
fn rounded(value: f64) -> u32 {
    value.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 / 60 * 60 + minute * 60)
    }

    fn session(number: u64) -> SessionId {
        let mut bytes = [7; 16];
        // As random as an id's end is.
        bytes[8..].copy_from_slice(&crate::entropy::sha256(&number.to_be_bytes())[..8]);
        SessionId::from_bytes(bytes)
    }

    #[test]
    fn each_minute_has_its_own_and_the_hour_has_all() {
        let hour = Hour::default();
        for minute in 0..3 {
            (0..=minute).for_each(|_| hour.signed_in(at(minute)));
            hour.refused(at(minute), "code_used");
        }
        hour.refused(at(2), "code_invalid");
        hour.platform_said(at(2), "wechat", 40_029);
        let look = hour.look(at(2));
        let signed_in: Vec<_> = look.points.iter().map(|point| point.signed_in).collect();
        assert_eq!((signed_in.len(), &signed_in[56..]), (60, &[0, 1, 2, 3][..]));
        assert_eq!((look.whole.signed_in, look.whole.refused), (6, 4));
        assert_eq!(look.problems, [("code_used", 3), ("code_invalid", 1)]);
        assert_eq!(look.platforms, [("wechat", 40_029, 1)]);
    }

    #[test]
    fn what_is_older_than_an_hour_is_gone() {
        let hour = Hour::default();
        hour.signed_in(at(0));
        assert_eq!(hour.look(at(59)).whole.signed_in, 1);
        assert_eq!(hour.look(at(60)).whole.signed_in, 0);
        hour.refreshed(at(75));
        let look = hour.look(at(75));
        assert_eq!((look.whole.signed_in, look.whole.refreshed), (0, 1), "the place is taken over");
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing() {
        let hour = Hour::default();
        hour.signed_in(at(75));
        hour.signed_in(at(0));
        assert_eq!(hour.look(at(75)).whole.signed_in, 2);
    }

    #[test]
    fn a_session_is_counted_once_however_often_it_refreshes() {
        let hour = Hour::default();
        for minute in 0..5 {
            (0..40).for_each(|number| hour.issued(at(minute), session(number)));
        }
        let few = hour.look(at(4)).whole.active;
        assert!((39..=41).contains(&few), "{few}");
        assert_eq!(hour.active(at(4)), few);
        assert_eq!(hour.look(at(19)).whole.active, 0, "none of them holds a token");
        (0..50_000).for_each(|number| hour.issued(at(5), session(number)));
        let many = hour.look(at(5)).whole.active;
        assert!((46_000..=54_000).contains(&many), "{many}");
    }

    #[test]
    fn times_are_told_to_within_a_half() {
        for micros in [2_u32, 3, 100, 999, 1_000, 25_000, 1_500_000, 30_000_000] {
            let hour = Hour::default();
            (0..19).for_each(|_| hour.answered(at(0), Duration::from_micros(micros.into())));
            hour.answered(at(0), Duration::from_mins(1));
            let whole = hour.look(at(0)).whole;
            let told = whole.p95 * 1000.0 / f64::from(micros);
            assert!((1.0..=1.5).contains(&told), "{micros}: {told}");
            assert_eq!((whole.p50.to_bits(), whole.answered), (whole.p95.to_bits(), 20));
        }
        let hour = Hour::default();
        hour.answered(at(0), Duration::ZERO);
        hour.answered(at(0), Duration::MAX);
        assert_eq!(hour.look(at(0)).whole.answered, 2);
    }

    #[test]
    fn names_are_bounded() {
        let hour = Hour::default();
        (0..1000).for_each(|errcode| hour.platform_said(at(0), "wechat", errcode));
        assert_eq!(hour.look(at(0)).platforms.len(), NAMES);
    }
}
