//! The platforms, and how each names people: openids and unionids of its own form.

use serde::{Deserialize, Serialize};

use crate::people::{self, digest};

/// Whose servers an app belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// 微信.
    #[default]
    WeChat,
    /// QQ: mini programs, and websites by QQ Connect.
    Qq,
    /// 抖音.
    Douyin,
    /// 支付宝.
    Alipay,
}

impl Platform {
    /// The person within one app.
    pub(crate) fn openid(self, person: &str, appid: &str) -> String {
        match self {
            Self::WeChat => people::openid(person, appid),
            Self::Qq => hex(&digest(&["qq openid", appid, person]), 32).to_uppercase(),
            Self::Douyin => format!("_000{}", hex(&digest(&["douyin openid", appid, person]), 32)),
            Self::Alipay => format!("0{}", hex(&digest(&["alipay open_id", appid, person]), 47)),
        }
    }

    /// The person over all apps of one account; at Alipay, of all.
    pub(crate) fn unionid(self, person: &str, account: &str) -> String {
        match self {
            Self::WeChat => people::unionid(person, account),
            Self::Qq => format!("UID_{}", hex(&digest(&["qq unionid", account, person]), 32).to_uppercase()),
            Self::Douyin => {
                let text = hex(&digest(&["douyin unionid", account, person]), 32);
                [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
            }
            Self::Alipay => user_id(person),
        }
    }
}

/// `2088` and twelve digits: Alipay's name for a person, the same in every app that is old enough to see it.
pub(crate) fn user_id(person: &str) -> String {
    let digits = digest(&["alipay user_id", person]);
    let digits: String = digits[..12].iter().map(|byte| char::from(b'0' + byte % 10)).collect();
    format!("2088{digits}")
}

fn hex(bytes: &[u8], length: usize) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.take(length).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Development databases hold these; a change of the derivation orphans every one of them.
    #[test]
    fn the_names_of_people_look_as_the_platforms_do() {
        let qq = Platform::Qq.openid("alice", "1100000001");
        assert!(qq.len() == 32 && qq.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()), "{qq}");
        assert_eq!(Platform::Qq.unionid("alice", "acme").len(), 36);
        assert_eq!(Platform::Douyin.openid("alice", "tt0000000000000000").len(), 36);
        assert_eq!(Platform::Douyin.unionid("alice", "acme").matches('-').count(), 4);
        assert_eq!(Platform::Alipay.unionid("alice", "acme"), Platform::Alipay.unionid("alice", ""));
        assert_eq!(user_id("alice").len(), 16);
    }
}
