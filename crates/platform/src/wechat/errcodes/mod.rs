//! WeChat's errcodes: what each means to us, why it comes, and what to do, in Chinese and English. The source of the
//! documentation on them; covers what the interfaces of this crate can answer and the errors that all of them share.
//!
//! <https://developers.weixin.qq.com/doc/oplatform/developers/errCode/>

mod table;

use std::time::Duration;

use self::table::TABLE;
use crate::Kind;

const DAILY_QUOTA: i64 = 45009;
const MINUTE_QUOTA: i64 = 45011;

/// One errcode.
#[derive(Debug, Clone, Copy)]
pub struct Explained {
    /// WeChat's number.
    pub errcode: i64,
    /// How it is treated. Two interfaces differ: where no access token is sent, `TokenStale` becomes `Misconfigured`;
    /// with a phone code, 40013 becomes `BadCode`.
    pub kind: Kind,
    /// Whether a user can bring it about. Only then may WeChat's own text reach a client.
    pub caused_by_user: bool,
    /// Why it comes, in Chinese.
    pub cause_zh: &'static str,
    /// Why it comes, in English.
    pub cause_en: &'static str,
    /// What to do, in Chinese.
    pub remedy_zh: &'static str,
    /// What to do, in English.
    pub remedy_en: &'static str,
}

/// What is known about an errcode.
pub fn explain(errcode: i64) -> Option<&'static Explained> {
    TABLE.binary_search_by_key(&errcode, |explained| explained.errcode).ok().map(|at| &TABLE[at])
}

/// Every known errcode, in ascending order.
pub fn all() -> &'static [Explained] {
    &TABLE
}

/// When asking again makes sense, for `Busy` and `Quota`.
pub(super) fn retry_after(errcode: i64) -> Duration {
    Duration::from_secs(match errcode {
        MINUTE_QUOTA => 60,
        DAILY_QUOTA => 3600,
        _ => 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_errcode_is_found_and_has_its_words() {
        for explained in all() {
            assert_eq!(explain(explained.errcode).unwrap().errcode, explained.errcode);
            for chinese in [explained.cause_zh, explained.remedy_zh] {
                assert!(chinese.ends_with('。'), "{chinese}");
            }
            for english in [explained.cause_en, explained.remedy_en] {
                assert!(english.is_ascii() && english.ends_with('.'), "{english}");
            }
        }
        assert!(explain(0).is_none());
        assert!(explain(99_999).is_none());
    }

    #[test]
    fn only_what_users_can_cause_may_be_shown_to_them() {
        let shown: Vec<i64> =
            all().iter().filter(|explained| explained.caused_by_user).map(|explained| explained.errcode).collect();
        assert_eq!(shown, [40029, 40163, 40226, 45011, 87007, 87009]);
    }

    #[test]
    fn the_wait_fits_the_quota() {
        assert_eq!([-1, 45011, 45009].map(|errcode| retry_after(errcode).as_secs()), [2, 60, 3600]);
    }
}
