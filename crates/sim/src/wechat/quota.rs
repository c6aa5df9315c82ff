//! How often what was called within this minute or this day, for 45011 and 45009.

use std::collections::HashMap;

use crate::wechat::errors::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Window {
    Minute,
    /// A day of China, which is where the counters are reset.
    Day,
    /// A month of China.
    Month,
}

impl Window {
    fn number(self, now: i64) -> i64 {
        match self {
            Self::Minute => now.div_euclid(60),
            Self::Day => (now + 8 * 3600).div_euclid(86_400),
            Self::Month => month(Self::Day.number(now)),
        }
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::Minute => Refusal::MinuteQuota,
            Self::Day => Refusal::DailyQuota,
            Self::Month => Refusal::TooManyClears,
        }
    }
}

/// The number of the month that a day since 1970 lies in: years of 365.2425 days that begin in March, and their months of
/// 30.6 days.
fn month(day: i64) -> i64 {
    let day = day + 719_468;
    let century = (4 * day + 3).div_euclid(146_097);
    let in_century = day - (146_097 * century).div_euclid(4);
    let year = (4 * in_century + 3).div_euclid(1461);
    let in_year = in_century - (1461 * year).div_euclid(4);
    (century * 100 + year) * 12 + (5 * in_year + 2).div_euclid(153)
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

    /// The app's counters of this day begin anew.
    pub(crate) fn clear_days(&mut self, appid: &str) {
        self.counts.retain(|counted, _| counted.window != Window::Day || counted.subject != appid);
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
    fn a_month_is_a_month_of_the_calendar() {
        // 31 January and 1 February, 28 and 29 February 2024, and 1 March; each at noon in China.
        let noon = |day: i64| Window::Month.number(day * 86_400 + 4 * 3600);
        let [january, february, leap, march] = [19_753, 19_754, 19_782, 19_783].map(noon);
        assert_eq!((february - january, leap - february, march - leap), (1, 0, 1));
        assert_eq!(noon(20_089) - noon(19_723), 12, "a year later");
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
