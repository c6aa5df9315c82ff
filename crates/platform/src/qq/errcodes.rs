//! The errcodes of QQ mini programs, ascending.

use crate::Kind;
use crate::explained::{Explained, by_user, row};

const REPORT: [&str; 2] = ["这是 menjin 的缺陷，请反馈。", "This is a defect of menjin; please report it."];
const CONSOLE: [&str; 2] = [
    "在 QQ 小程序管理后台核对 AppID 与 AppSecret，并更新 menjin.toml 中该应用的 appid 和 secret。",
    "Compare appid and secret of the app in menjin.toml with the console of QQ mini programs.",
];

/// All that its interfaces are documented to answer.
pub static ERRCODES: [Explained; 6] = [
    row(
        -1,
        Kind::Busy,
        [
            "QQ 服务器繁忙。",
            "QQ's servers are busy.",
            "稍后重试，同一个 code 仍可使用。",
            "Try again in a moment; the same code may be sent again.",
        ],
    ),
    row(40001, Kind::Misconfigured, ["AppSecret 错误。", "The AppSecret is wrong.", CONSOLE[0], CONSOLE[1]]),
    row(40002, Kind::BadInput, ["grant_type 不合法。", "The grant_type is not valid.", REPORT[0], REPORT[1]]),
    row(40013, Kind::Misconfigured, ["AppID 不合法。", "The appid is not valid.", CONSOLE[0], CONSOLE[1]]),
    by_user(
        40029,
        Kind::BadCode,
        [
            "code 无效：错误、已过期、已使用或属于其他小程序。",
            "The code is not valid: wrong, expired, used, or another mini program's.",
            "让小程序重新调用 qq.login 获取新的 code 后再登录。",
            "Let the mini program call qq.login again and send the new code.",
        ],
    ),
    by_user(
        45011,
        Kind::Quota,
        [
            "该用户一分钟内登录超过 100 次。",
            "This user has signed in more than 100 times within a minute.",
            "一分钟后重试，并检查小程序是否循环登录。",
            "Try again in a minute, and see whether the mini program signs in in a loop.",
        ],
    ),
];
