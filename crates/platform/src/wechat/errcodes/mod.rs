//! WeChat's errcodes: what each means to us, why it comes, and what to do, in Chinese and English. The source of the
//! documentation on them; covers what the interfaces of this crate can answer and the errors that all of them share.
//!
//! <https://developers.weixin.qq.com/doc/oplatform/developers/errCode/>

mod table;

use self::table::TABLE;
use crate::Explained;

/// What is known about an errcode.
pub fn explain(errcode: i64) -> Option<&'static Explained> {
    TABLE.binary_search_by_key(&errcode, |explained| explained.errcode).ok().map(|at| &TABLE[at])
}

/// Every known errcode, in ascending order.
pub fn all() -> &'static [Explained] {
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_errcode_is_found() {
        for explained in all() {
            assert_eq!(explain(explained.errcode).unwrap().errcode, explained.errcode);
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
}
