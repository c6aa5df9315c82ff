//! One-use codes of five minutes: the mechanism behind login codes and phone codes, which are separate spaces.

use std::collections::{HashMap, VecDeque};

/// <https://developers.weixin.qq.com/miniprogram/dev/api/open-api/login/wx.login.html>
const LIFE: i64 = 5 * 60;

#[derive(Debug)]
pub(crate) struct Codes<T> {
    known: HashMap<String, Code<T>>,
    /// Oldest first, to be swept.
    order: VecDeque<(i64, String)>,
    life: i64,
}

#[derive(Debug)]
struct Code<T> {
    made_at: i64,
    spent: bool,
    grant: T,
}

/// What a presented code turns out to be. One that has expired is as unknown as one that never was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Presented<'a, T> {
    Good(&'a T),
    Spent(&'a T),
    Unknown,
}

impl<T> Default for Codes<T> {
    fn default() -> Self {
        Self::living(LIFE)
    }
}

impl<T> Codes<T> {
    /// Codes that live so many seconds instead of five minutes.
    pub(crate) fn living(life: i64) -> Self {
        Self { known: HashMap::new(), order: VecDeque::new(), life }
    }

    pub(crate) fn issue(&mut self, code: String, grant: T, now: i64) {
        self.sweep(now);
        self.order.push_back((now, code.clone()));
        self.known.insert(code, Code { made_at: now, spent: false, grant });
    }

    pub(crate) fn present(&self, code: &str, now: i64) -> Presented<'_, T> {
        match self.known.get(code) {
            Some(code) if now >= code.made_at + self.life => Presented::Unknown,
            Some(code) if code.spent => Presented::Spent(&code.grant),
            Some(code) => Presented::Good(&code.grant),
            None => Presented::Unknown,
        }
    }

    /// What the code was made for, whatever has become of it.
    pub(crate) fn peek(&self, code: &str) -> Option<&T> {
        self.known.get(code).map(|code| &code.grant)
    }

    pub(crate) fn spend(&mut self, code: &str) {
        if let Some(code) = self.known.get_mut(code) {
            code.spent = true;
        }
    }

    fn sweep(&mut self, now: i64) {
        let life = self.life;
        while let Some((_, code)) = self.order.pop_front_if(|(made_at, _)| now >= *made_at + life) {
            self.known.remove(&code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_five_minutes() {
        let mut codes = Codes::default();
        codes.issue("0a".into(), "alice", 1000);
        assert_eq!(codes.present("0a", 1299), Presented::Good(&"alice"));
        assert_eq!(codes.present("0a", 1300), Presented::Unknown);
        codes.spend("0a");
        assert_eq!(codes.present("0a", 1299), Presented::Spent(&"alice"));
        assert_eq!(codes.present("0a", 1300), Presented::Unknown);
        assert_eq!(codes.present("0b", 1000), Presented::Unknown);
    }

    #[test]
    fn expired_codes_do_not_pile_up() {
        let mut codes = Codes::default();
        for second in 0..1000 {
            codes.issue(second.to_string(), (), second);
        }
        assert_eq!((codes.known.len(), codes.order.len()), (300, 300));
    }
}
