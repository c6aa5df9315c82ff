//! What a platform's error number means to us, why it comes and what to do, in Chinese and English. The source of the
//! documentation on them.
//!
//! Not here: the numbers; each platform has a table of its own.

use crate::{Kind, alipay, douyin, qq, qq_connect, wechat};

/// One error of a platform's.
#[derive(Debug, Clone, Copy)]
pub struct Explained {
    /// The platform's number.
    pub errcode: i64,
    /// What Alipay writes beside a number that says too little, such as `isv.code-invalid`; else empty.
    pub sub_code: &'static str,
    /// How it is treated. An interface may differ: where no access token is sent, `TokenStale` becomes `Misconfigured`;
    /// with `WeChat`'s phone code, 40013 becomes `BadCode`.
    pub kind: Kind,
    /// Whether a user can bring it about. Only then may the platform's own text reach a client.
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

/// All errors of one platform that are known.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// What people call the platform, in Chinese.
    pub name_zh: &'static str,
    /// What people call the platform, in English.
    pub name_en: &'static str,
    /// Its errors.
    pub rows: &'static [Explained],
}

/// The tables of all platforms.
pub fn tables() -> [Table; 5] {
    [
        Table { name_zh: "微信", name_en: "WeChat", rows: wechat::all() },
        Table { name_zh: "QQ 小程序", name_en: "QQ mini program", rows: &qq::ERRCODES },
        Table { name_zh: "QQ 互联", name_en: "QQ Connect", rows: &qq_connect::ERRCODES },
        Table { name_zh: "抖音", name_en: "Douyin", rows: &douyin::ERRCODES },
        Table { name_zh: "支付宝", name_en: "Alipay", rows: &alipay::ERRCODES },
    ]
}

/// Cause and remedy, each in Chinese and English.
pub(crate) type Words = [&'static str; 4];

/// A row of a table.
pub(crate) const fn row(errcode: i64, kind: Kind, words: Words) -> Explained {
    let [cause_zh, cause_en, remedy_zh, remedy_en] = words;
    Explained { errcode, sub_code: "", kind, caused_by_user: false, cause_zh, cause_en, remedy_zh, remedy_en }
}

/// A row for what a user can bring about.
pub(crate) const fn by_user(errcode: i64, kind: Kind, words: Words) -> Explained {
    Explained { caused_by_user: true, ..row(errcode, kind, words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_every_platform_has_its_words_and_stands_once() {
        for table in tables() {
            for explained in table.rows {
                for chinese in [explained.cause_zh, explained.remedy_zh] {
                    assert!(chinese.ends_with('。'), "{chinese}");
                }
                for english in [explained.cause_en, explained.remedy_en] {
                    assert!(english.is_ascii() && english.ends_with('.'), "{english}");
                }
            }
            let ascending =
                |pair: &[Explained]| (pair[0].errcode, pair[0].sub_code) < (pair[1].errcode, pair[1].sub_code);
            assert!(table.rows.windows(2).all(ascending), "{}", table.name_en);
        }
    }

    #[test]
    fn what_users_can_cause_is_about_their_code_or_themselves() {
        for explained in tables().iter().flat_map(|table| table.rows) {
            let is_theirs = matches!(explained.kind, Kind::BadCode | Kind::CodeUsed | Kind::Blocked);
            assert!(!is_theirs || explained.caused_by_user, "{explained:?}");
        }
    }
}
