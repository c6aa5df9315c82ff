//! The simulator's time, in Unix seconds: the system's, shifted or stopped at will.
//!
//! The only file of this crate that reads a clock; all the rest takes `now` from here.

use std::time::SystemTime;

#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: i64,
    stopped_at: Option<i64>,
    /// A step of a scenario happens at its own second, however long it takes.
    pinned: Option<i64>,
}

impl Clock {
    pub(crate) fn now(&self) -> i64 {
        self.pinned.unwrap_or_else(|| self.unpinned())
    }

    fn unpinned(&self) -> i64 {
        self.stopped_at.unwrap_or_else(|| system_seconds().saturating_add(self.ahead))
    }

    /// Sets the clock and holds it there, or lets it go.
    pub(crate) fn pin(&mut self, at: Option<i64>) {
        if let Some(at) = at {
            self.set(at);
        }
        self.pinned = at;
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.stopped_at.is_some()
    }

    pub(crate) fn advance(&mut self, seconds: i64) {
        match &mut self.stopped_at {
            Some(stopped_at) => *stopped_at = stopped_at.saturating_add(seconds),
            None => self.ahead = self.ahead.saturating_add(seconds),
        }
    }

    pub(crate) fn set(&mut self, unix_seconds: i64) {
        self.advance(unix_seconds.saturating_sub(self.unpinned()));
    }

    /// Stops the clock where it is, or lets it run on from there.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        let now = self.now();
        self.stopped_at = frozen.then_some(now);
        if !frozen {
            self.ahead = now.saturating_sub(system_seconds());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one clock read of the simulator")]
pub(crate) fn system_seconds() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_it_is_told() {
        let mut clock = Clock::default();
        clock.freeze(true);
        clock.set(1_700_000_000);
        clock.advance(300);
        assert_eq!(clock.now(), 1_700_000_300);
        assert!(clock.is_frozen());
    }

    #[test]
    fn a_thawed_clock_goes_on_from_where_it_stood() {
        let mut clock = Clock::default();
        clock.freeze(true);
        clock.set(1_700_000_000);
        clock.freeze(false);
        assert!((1_700_000_000..1_700_000_100).contains(&clock.now()));
    }
}
