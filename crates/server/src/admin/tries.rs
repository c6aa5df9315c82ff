//! How often an operator is guessed at: from one place a few times, then ever more slowly; over all places loosely. Who comes from
//! where the operator has signed in is counted by that place alone, so that nobody keeps an operator out from elsewhere. A place by
//! itself has so many wrong tries in an hour, whichever names it makes up: each is a hash, and others wait for theirs.
//!
//! Counted on this node, and over all nodes where there is Redis; also where `[limits]` is off. Names that nobody has are counted
//! apart: however many are made up, no operator's count is pushed out. Does not: addresses by themselves (`limits`).

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use menjin_token::Timestamp;
use quick_cache::unsync::Cache;

use crate::limits::network;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::{self, HeldDigest, Pace, Slowing};

/// What is remembered of operators, and as much of names that nobody has: whoever makes up more waits for a hash each time.
const REMEMBERED: usize = 8192;
/// Whoever rests for so long begins anew.
const REST: Duration = Duration::from_hours(1);
/// The audit gets one line of refusals in this time, of each.
const TOLD: Duration = Duration::from_mins(1);
/// A place where an operator has signed in stays theirs for so long.
const HOME: Duration = Duration::from_hours(30 * 24);

const FROM_PLACE: Slowing = Slowing { free: 5, first: Duration::from_secs(30), longest: Duration::from_mins(15) };
const OF_NAME: Slowing = Slowing { free: 30, first: Duration::from_secs(5), longest: Duration::from_mins(1) };

/// Wrong ones of a place in an hour, over all names alike; then one a minute. Fewer than may wait for a hash (`passwords.waiting`).
const OF_PLACE: u32 = 60;

/// Somebody who says that they are an operator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who<'a> {
    /// What they say they are called.
    pub(super) name: &'a str,
    /// Whether an operator who can sign in is.
    pub(super) is_operator: bool,
    /// From where they come.
    pub(super) ip: Option<&'a str>,
}

/// A try that was counted before it is carried out, so that many at once are many.
pub(super) struct Tried<'m> {
    menjin: &'m Menjin,
    is_operator: bool,
    counted: Vec<(Key, Slowing)>,
    home: Option<Key>,
    place: Option<Placed<'m>>,
}

impl Tried<'_> {
    /// They were who they said.
    pub(super) async fn succeeded(self) {
        let Self { menjin, is_operator, counted, home, place } = self;
        menjin.operator_tries.counts(is_operator).forget(&counted);
        if let Some(home) = home {
            menjin.operator_tries.settle(home, menjin.clock.now());
        }
        if let Some(line) = &menjin.fast.line {
            line.forget_slowed(&counted).await;
        }
        if let Some(place) = place {
            place.give_back().await;
        }
    }

    /// It is given back: nothing was compared.
    pub(super) async fn was_no_guess(self) {
        let Self { menjin, is_operator, counted, place, .. } = self;
        menjin.operator_tries.counts(is_operator).give_back(&counted);
        if let Some(line) = &menjin.fast.line {
            line.give_back_slowed(&counted).await;
        }
        if let Some(place) = place {
            place.give_back().await;
        }
    }
}

/// A try of a place, whichever name it was for.
struct Placed<'m> {
    menjin: &'m Menjin,
    key: Key,
}

impl<'m> Placed<'m> {
    /// Takes one of those that a place has; nothing where nobody's address is known, as all would be one place.
    async fn take(menjin: &'m Menjin, ip: Option<&str>) -> Result<Option<Self>, Duration> {
        if ip.is_none() {
            return Ok(None);
        }
        let key = menjin.digester.digest("operators' tries of a place", place(ip).as_bytes());
        let here = &menjin.operator_tries.places;
        here.take(key)?;
        if let Some(line) = &menjin.fast.line {
            // What is refused was not tried.
            line.take_try(&key, here.pace()).await.inspect_err(|_| here.give_back(&key))?;
        }
        Ok(Some(Self { menjin, key }))
    }

    /// It was no wrong one.
    async fn give_back(self) {
        let here = &self.menjin.operator_tries.places;
        here.give_back(&self.key);
        if let Some(line) = &self.menjin.fast.line {
            line.give_back_try(&self.key, here.pace()).await;
        }
    }
}

/// Counts a try to sign in; 429 where there were too many.
pub(super) async fn to_sign_in<'m>(menjin: &'m Menjin, who: Who<'_>) -> Result<Tried<'m>, Problem> {
    // The same for every name: whoever is refused by it learns of none.
    let place = Placed::take(menjin, who.ip).await;
    let place = place.map_err(|retry_after| Problem::TooManyRequests { retry_after })?;
    match at_name(menjin, who).await {
        Ok(tried) => Ok(Tried { place, ..tried }),
        Err(problem) => {
            if let Some(place) = place {
                place.give_back().await;
            }
            Err(problem)
        }
    }
}

/// Counts a try at a name.
async fn at_name<'m>(menjin: &'m Menjin, who: Who<'_>) -> Result<Tried<'m>, Problem> {
    let [from, whole, home] = keys(menjin, who.name, who.ip);
    let count = |of| begin(menjin, who.is_operator, of, Some(home));
    let tried = count(vec![(from, FROM_PLACE), (whole, OF_NAME)]).await;
    if tried.is_ok() {
        return tried.map_err(|retry_after| Problem::TooManyRequests { retry_after });
    }
    // Nobody's places are looked for, too: it takes as long.
    let addresses = menjin.store.operator_addresses(who.name).await?;
    let is_home = menjin.operator_tries.is_home(home, menjin.clock.now());
    let is_here = || addresses.iter().any(|ip| place(Some(ip)) == place(who.ip));
    let is_own = who.is_operator && who.ip.is_some() && (is_home || is_here());
    let tried = if is_own { count(vec![(from, FROM_PLACE)]).await } else { tried };
    tried.map_err(|retry_after| Problem::TooManyRequests { retry_after })
}

/// Counts a try of somebody who is signed in to prove themselves once more: by the sign-in, so that nobody else's tries bar them.
pub(super) async fn to_confirm(menjin: &Menjin, session: HeldDigest) -> Result<Tried<'_>, Problem> {
    let key = menjin.digester.digest("operator's tries to confirm", &session);
    let begun = begin(menjin, true, vec![(key, FROM_PLACE)], None).await;
    begun.map_err(|retry_after| Problem::TooManyRequests { retry_after })
}

/// Counts on this node and over all; how long to wait where there were too many.
async fn begin(
    menjin: &Menjin,
    is_operator: bool,
    counted: Vec<(Key, Slowing)>,
    home: Option<Key>,
) -> Result<Tried<'_>, Duration> {
    let here = menjin.operator_tries.counts(is_operator);
    here.begin(&counted, menjin.clock.now())?;
    if let Some(line) = &menjin.fast.line {
        // What is refused was not tried.
        line.begin_slowly(&counted, REST).await.inspect_err(|_| here.give_back(&counted))?;
    }
    Ok(Tried { menjin, is_operator, counted, home, place: None })
}

/// Whether the audit shall hear of a refusal.
pub(super) fn is_to_be_told(menjin: &Menjin, of: &str, ip: Option<&str>) -> bool {
    let [from, ..] = keys(menjin, of, ip);
    menjin.operator_tries.is_to_be_told(from, menjin.clock.now())
}

/// A name from a place, the name alone, and the place as that operator's own.
fn keys(menjin: &Menjin, name: &str, ip: Option<&str>) -> [Key; 3] {
    let digest = |what, text: &str| menjin.digester.digest(what, text.as_bytes());
    let placed = format!("{name}\n{}", place(ip));
    [digest("operator's tries", &placed), digest("operator's tries", name), digest("operator's place", &placed)]
}

/// What an address is counted by: a home has many of IPv6.
fn place(ip: Option<&str>) -> String {
    let text = ip.unwrap_or_default();
    text.parse().map_or_else(|_| text.to_owned(), |ip: IpAddr| network(ip.to_canonical()).to_string())
}

type Key = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Count {
    tries: u32,
    last: Timestamp,
    until: Timestamp,
}

/// The counters of this node.
pub(crate) struct Tries {
    operators: Counts,
    nobodys: Counts,
    places: store::Tries,
    homes: Mutex<Cache<Key, Timestamp>>,
    told: Mutex<Cache<Key, Timestamp>>,
}

impl Default for Tries {
    fn default() -> Self {
        let times = || Mutex::new(Cache::new(REMEMBERED / 8));
        let places = store::Tries::new(Pace::new(OF_PLACE, Duration::from_hours(1)));
        Self { operators: Counts::default(), nobodys: Counts::default(), places, homes: times(), told: times() }
    }
}

impl Tries {
    fn counts(&self, is_operator: bool) -> &Counts {
        if is_operator { &self.operators } else { &self.nobodys }
    }

    /// Forgets places that have been quiet.
    pub(crate) fn forget_quiet(&self) {
        self.places.forget_quiet();
    }

    fn settle(&self, home: Key, now: Timestamp) {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner).insert(home, now);
    }

    fn is_home(&self, home: Key, now: Timestamp) -> bool {
        let homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        homes.get(&home).is_some_and(|at| now < at.plus(HOME))
    }

    fn is_to_be_told(&self, from: Key, now: Timestamp) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.get(&from).is_none_or(|told| now >= told.plus(TOLD));
        if is_due {
            told.insert(from, now);
        }
        is_due
    }
}

/// How often each was tried.
struct Counts(Mutex<Cache<Key, Count>>);

impl Default for Counts {
    fn default() -> Self {
        Self(Mutex::new(Cache::new(REMEMBERED)))
    }
}

impl Counts {
    fn begin(&self, of: &[(Key, Slowing)], now: Timestamp) -> Result<(), Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = Duration::ZERO;
        for (key, _) in of {
            let until = counts.get(key).map_or(now, |count| count.until);
            wait = wait.max(Duration::from_millis(until.millis().saturating_sub(now.millis()).max(0).unsigned_abs()));
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        for (key, slowing) in of {
            let before = counts.get(key).copied().filter(|count| now < count.last.plus(REST));
            let tries = before.map_or(0, |count| count.tries).saturating_add(1);
            counts.insert(*key, Count { tries, last: now, until: now.plus(slowing.after(tries)) });
        }
        Ok(())
    }

    fn give_back(&self, of: &[(Key, Slowing)]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in of {
            match counts.get(key).copied() {
                // Whoever had to wait did not get to try.
                Some(Count { tries: tries @ 2.., last, .. }) => {
                    counts.insert(*key, Count { tries: tries - 1, last, until: last });
                }
                Some(_) => drop(counts.remove(key)),
                None => {}
            }
        }
    }

    fn forget(&self, of: &[(Key, Slowing)]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in of {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::sha256;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    /// Of lin, from a place.
    fn of(from: &str) -> [(Key, Slowing); 2] {
        [(sha256(from.as_bytes()), FROM_PLACE), ([7; 32], OF_NAME)]
    }

    fn barred(counts: &Counts, from: &str, seconds: i64) -> Option<u64> {
        counts.begin(&of(from), at(seconds)).err().map(|wait| wait.as_secs())
    }

    #[test]
    fn after_a_few_tries_each_waits_longer() {
        let counts = Counts::default();
        for nth in 0..5 {
            assert_eq!(barred(&counts, "a", 0), None, "{nth}");
        }
        assert_eq!(barred(&counts, "a", 0), Some(30));
        assert_eq!(barred(&counts, "a", 29), Some(1));
        assert_eq!(barred(&counts, "a", 30), None);
        assert_eq!(barred(&counts, "a", 31), Some(59), "the next waits twice as long");
        assert_eq!(barred(&counts, "b", 31), None, "another place is not barred with it");
    }

    #[test]
    fn over_all_places_a_name_is_tried_once_a_minute() {
        let counts = Counts::default();
        let mut now = 0;
        for nth in 0..60 {
            while barred(&counts, &format!("thief {nth}"), now).is_some() {
                now += 1;
            }
        }
        assert_eq!(barred(&counts, "another", now), Some(60));
        assert_eq!(barred(&counts, "another", now + 60), None);
        assert_eq!(counts.begin(&of("home")[..1], at(now + 60)), Ok(()), "who is counted by the place alone");
    }

    #[test]
    fn who_signs_in_or_rests_begins_anew() {
        let counts = Counts::default();
        for _ in 0..5 {
            assert_eq!(barred(&counts, "a", 0), None);
        }
        counts.forget(&of("a"));
        for _ in 0..5 {
            assert_eq!(barred(&counts, "a", 1), None);
        }
        assert!(barred(&counts, "a", 2).is_some());
        for _ in 0..5 {
            assert_eq!(barred(&counts, "a", 3700), None);
        }
    }

    #[test]
    fn what_was_not_compared_is_given_back() {
        let counts = Counts::default();
        for _ in 0..100 {
            assert_eq!(barred(&counts, "a", 0), None);
            counts.give_back(&of("a"));
        }
        assert!(counts.0.lock().unwrap().is_empty(), "nothing is kept of it");
        for _ in 0..4 {
            assert_eq!(barred(&counts, "a", 0), None);
        }
        for _ in 0..3 {
            assert_eq!(barred(&counts, "a", 0), None, "the fifth that counts is still to come");
            counts.give_back(&of("a"));
        }
        assert_eq!(barred(&counts, "a", 0), None);
        assert_eq!(barred(&counts, "a", 0), Some(30));
    }

    #[test]
    fn names_that_nobody_has_push_no_operators_count_out() {
        let tries = Tries::default();
        for _ in 0..5 {
            assert_eq!(barred(tries.counts(true), "a", 0), None);
        }
        for nth in 0..3 * u32::try_from(REMEMBERED).unwrap() {
            let made_up = sha256(&nth.to_be_bytes());
            assert_eq!(tries.counts(false).begin(&[(made_up, FROM_PLACE)], at(0)), Ok(()));
        }
        assert_eq!(barred(tries.counts(true), "a", 0), Some(30));
    }

    #[test]
    fn a_place_is_a_network() {
        assert_eq!(place(Some("2001:db8::1")), place(Some("2001:db8::ffff")));
        assert_ne!(place(Some("2001:db8::1")), place(Some("2001:db8:0:1::1")));
        assert_ne!(place(Some("192.0.2.1")), place(Some("192.0.2.2")));
        assert_eq!(place(Some("::ffff:192.0.2.1")), place(Some("192.0.2.1")));
    }

    #[test]
    fn the_audit_hears_of_refusals_once_a_minute() {
        let tries = Tries::default();
        assert!(tries.is_to_be_told([1; 32], at(0)));
        assert!(!tries.is_to_be_told([1; 32], at(59)));
        assert!(tries.is_to_be_told([1; 32], at(60)));
    }
}
