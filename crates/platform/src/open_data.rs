//! What encrypted data from a client turns out to be, and the checks on it that its caller owes.
//!
//! Not here: the decryption (`watermarked`), and whose data it is: compare [`Profile::open_id`].

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::{AppId, OpenId, PhoneNumber, UnionId};

/// How far ahead of ours the platform's clock may be.
const CLOCK_DIFFERENCE: i64 = 60;

/// The grey picture of the announcement of 2022, and the one that the mini-program framework has shipped as its default.
const GREY_AVATARS: [&str; 2] = [
    "icTdbqWNOwNRna42FI242Lcia07jQodd2FJGIYQfG0LAJGFxM4FbnQP6yfMxBgJ0F3YRqJCJ1aPAK2dQagdusBZg",
    "POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg",
];

/// The data could not be opened. It says no more, on purpose: base64, length, padding, JSON and foreign watermarks all
/// look alike. Mostly the session key has been replaced: `wx.login` again, then ask the user again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the encrypted data can't be opened with this session key")]
pub struct NotOpened;

/// Whether a base64 text has met a form decoder without having been escaped: its `+` became spaces. That is the
/// client's mistake and deserves a clear 400, which [`NotOpened`] could not give.
pub fn looks_unescaped(base64: &str) -> bool {
    base64.contains(' ')
}

/// Decrypted data, made for this app.
///
/// <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html>
#[derive(Debug, Clone, PartialEq)]
pub struct OpenedData {
    /// What it says.
    pub payload: Payload,
    /// For whom and when it was made. Check the age before believing the payload.
    pub watermark: Watermark,
}

/// What decrypted data says. `Debug` shows only the kind.
#[derive(Clone, PartialEq)]
pub enum Payload {
    /// From `getUserInfo` or `getUserProfile`.
    Profile(Profile),
    /// From `getPhoneNumber` before it gave codes.
    Phone(PhoneNumber),
    /// Anything else, such as `openGId` of a group share; an object, watermark included.
    Other(Value),
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Profile(_) => "Profile(..)",
            Self::Phone(_) => "Phone(..)",
            Self::Other(_) => "Other(..)",
        })
    }
}

/// For whom and when the platform made the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    /// The app; [`crate::OpenData::decrypt`] has compared it.
    pub appid: AppId,
    /// Seconds since 1970.
    pub timestamp: i64,
}

impl Watermark {
    /// Refuses data older than `max_age`, data from the future, and data made after `not_later_than`: the moment at
    /// which the key that opened it was superseded.
    pub fn check(&self, now: i64, max_age: Duration, not_later_than: Option<i64>) -> Result<(), NotOpened> {
        let max_age = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
        let age = now.saturating_sub(self.timestamp);
        let in_time = (-CLOCK_DIFFERENCE..=max_age).contains(&age);
        let before_successor = not_later_than.is_none_or(|last| self.timestamp <= last);
        if in_time && before_successor { Ok(()) } else { Err(NotOpened) }
    }
}

/// What a user looks like, in the platform's own members. `Debug` shows nothing of it.
///
/// <https://developers.weixin.qq.com/miniprogram/dev/api/open-api/user-info/UserInfo.html>
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    /// Given by `getUserInfo` only. Where it is given, it must be the signed-in identity's.
    pub open_id: Option<OpenId>,
    /// Given by `getUserInfo` only, to apps of an open-platform account.
    pub union_id: Option<UnionId>,
    /// As typed by whoever; untrusted text.
    #[serde(rename = "nickName")]
    pub nickname: String,
    /// Untrusted; WeChat's own die when the user changes the picture.
    pub avatar_url: String,
    /// 0 unknown, 1 male, 2 female; always 0 since October 2021.
    pub gender: u8,
    /// Such as `zh_CN`.
    pub language: String,
    /// Empty since October 2021.
    pub country: String,
    /// Empty since October 2021.
    pub province: String,
    /// Empty since October 2021.
    pub city: String,
}

impl Profile {
    /// Reads the `rawData` of a client; believe it only with a good signature.
    pub fn from_raw_data(raw_data: &str) -> Result<Self, NotOpened> {
        serde_json::from_str(raw_data).map_err(|_| NotOpened)
    }

    /// Whether this is the stand-in that WeChat has given for everybody since 2022: named 微信用户 in the user's
    /// language, or nameless with the grey picture. It must never replace what a person has chosen.
    ///
    /// <https://developers.weixin.qq.com/community/develop/doc/00022c683e8a80b29bed2142b56c01>
    pub fn is_anonymous(&self) -> bool {
        match self.nickname.trim() {
            "" => self.avatar_url.is_empty() || self.has_grey_avatar(),
            "微信用户" | "微信用戶" => true,
            name => name.eq_ignore_ascii_case("WeChat User"),
        }
    }

    /// Whether the picture is WeChat's grey one, in any size: not worth keeping.
    pub fn has_grey_avatar(&self) -> bool {
        GREY_AVATARS.iter().any(|grey| self.avatar_url.contains(grey))
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_watermark_must_be_young_and_not_from_the_future() {
        let watermark = Watermark { appid: AppId::parse("wx1").unwrap(), timestamp: 10_000 };
        for (now, fits) in
            [(10_000, true), (13_600, true), (13_601, false), (9_940, true), (9_939, false), (i64::MIN, false)]
        {
            assert_eq!(watermark.check(now, HOUR, None).is_ok(), fits, "{now}");
        }
        assert!(watermark.check(10_000, Duration::MAX, None).is_ok());
    }

    #[test]
    fn a_superseded_key_opens_only_what_is_not_later_than_its_successor() {
        let watermark = Watermark { appid: AppId::parse("wx1").unwrap(), timestamp: 10_000 };
        for (successor, fits) in [(9_999, false), (10_000, true), (10_001, true)] {
            assert_eq!(watermark.check(10_010, HOUR, Some(successor)).is_ok(), fits, "{successor}");
        }
    }

    fn profile(nickname: &str, avatar_url: &str) -> Profile {
        Profile { nickname: nickname.to_owned(), avatar_url: avatar_url.to_owned(), ..Profile::default() }
    }

    #[test]
    fn the_stand_in_of_2022_is_recognised() {
        let grey = "https://mmbiz.qpic.cn/mmbiz/icTdbqWNOwNRna42FI242Lcia07jQodd2FJGIYQfG0LAJGFxM4FbnQP6yfMxBgJ0F3YRqJCJ1aPAK2dQagdusBZg/0";
        let shipped = "https://thirdwx.qlogo.cn/mmopen/vi_32/POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132";
        for name in ["微信用户", "微信用戶", "WeChat User", "Wechat user", " 微信用户 ", ""] {
            assert!(profile(name, grey).is_anonymous(), "{name}");
            assert!(profile(name, shipped).is_anonymous(), "{name}");
            assert!(profile(name, "").is_anonymous(), "{name}");
        }
        assert!(!profile("小明", grey).is_anonymous());
        assert!(profile("小明", grey).has_grey_avatar());
        assert!(!profile("", "https://thirdwx.qlogo.cn/mmopen/vi_32/hers/132").is_anonymous());
    }

    #[test]
    fn spaces_betray_an_unescaped_form() {
        assert!(looks_unescaped("ab cd=="));
        assert!(!looks_unescaped("ab+cd=="));
    }

    #[test]
    fn personal_data_does_not_show_itself() {
        let payload = Payload::Profile(profile("小明", "https://example.com/face"));
        let shown = format!("{payload:?} {:?} {:?}", profile("小明", ""), Payload::Other(Value::from("小明")));
        assert_eq!(shown, "Profile(..) Profile { .. } Other(..)");
    }
}
