//! How often what was called within this minute or this day, for 45011 and 45009.

use std::collections::HashMap;

use crate::wechat::errors::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Window {
    Minute,
    /// A day of China, which is where the counters are reset.
    Day,
}

impl Window {
    fn number(self, now: i64) -> i64 {
        match self {
            Self::Minute => now.div_euclid(60),
            Self::Day => (now + 8 * 3600).div_euclid(86_400),
        }
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::Minute => Refusal::MinuteQuota,
            Self::Day => Refusal::DailyQuota,
        }
    }
}

/// What is counted: a call, by whom, in which kind of window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Counted {
    pub(crate) call: &'static str,
    pub(crate) subject: String,
    pub(crate) window: Window,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: HashMap<Counted, (i64, u32)>,
    swept: i64,
}

impl Counters {
    /// Counts one call, or refuses it when the window is full; what is refused is not counted.
    pub(crate) fn count(&mut self, counted: Counted, limit: Option<u32>, now: i64) -> Result<(), Refusal> {
        let Some(limit) = limit else { return Ok(()) };
        self.sweep(now);
        let window = counted.window;
        let (number, count) = self.counts.entry(counted).or_default();
        if *number != window.number(now) {
            (*number, *count) = (window.number(now), 0);
        }
        if *count >= limit {
            return Err(window.refusal());
        }
        *count += 1;
        Ok(())
    }

    /// Once a minute the counters of past windows go.
    fn sweep(&mut self, now: i64) {
        let minute = Window::Minute.number(now);
        if self.swept != minute {
            self.swept = minute;
            self.counts.retain(|counted, (number, _)| *number == counted.window.number(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_refuses_until_the_next_one_begins() {
        let mut counters = Counters::default();
        let mut call = |window, now| counters.count(Counted { call: "x", subject: "wx".into(), window }, Some(2), now);
        assert_eq!([call(Window::Minute, 60), call(Window::Minute, 119)], [Ok(()), Ok(())]);
        assert_eq!(call(Window::Minute, 119), Err(Refusal::MinuteQuota));
        assert_eq!(call(Window::Minute, 120), Ok(()));
        assert_eq!([call(Window::Day, 0), call(Window::Day, 57_599)], [Ok(()), Ok(())]);
        assert_eq!([call(Window::Day, 57_599), call(Window::Day, 57_600)], [Err(Refusal::DailyQuota), Ok(())]);
    }

    #[test]
    fn past_windows_do_not_pile_up() {
        let mut counters = Counters::default();
        for second in 0..6000 {
            let counted = Counted { call: "x", subject: second.to_string(), window: Window::Minute };
            counters.count(counted, Some(1), second).expect("each subject calls once");
        }
        assert_eq!(counters.counts.len(), 60);
    }
}
