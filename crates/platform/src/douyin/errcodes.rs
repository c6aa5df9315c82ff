//! The error numbers of Douyin, ascending.

use crate::Kind;
use crate::explained::{Explained, by_user, row};

const REPORT: [&str; 2] =
    ["这是 menjin 的缺陷，请附上 log_id 反馈。", "This is a defect of menjin; please report it with the log_id."];
const CONSOLE: [&str; 2] = [
    "在抖音开放平台控制台核对 AppID 与 AppSecret，并更新 menjin.toml 中该应用的 appid 和 secret；沙盒应用还要设置 base_url。",
    "Compare appid and secret of the app in menjin.toml with Douyin's console; an app of the sandbox also needs its base_url.",
];
const PHONE_AGAIN: [&str; 2] = [
    "让用户重新点击手机号按钮，换取新的 code。",
    "Let the person tap the phone-number button again, which gives a new code.",
];

/// All that its interfaces are documented to answer. A used code has no number of its own.
pub static ERRCODES: [Explained; 12] = [
    row(
        -1,
        Kind::Unexpected,
        [
            "抖音服务器内部错误；code 可能已被消耗。",
            "A fault of Douyin's servers; the code may be spent.",
            "重新调用 tt.login 后再登录。",
            "Call tt.login again and sign in with the new code.",
        ],
    ),
    row(40014, Kind::BadInput, ["缺少必要参数。", "A parameter is missing.", REPORT[0], REPORT[1]]),
    row(40015, Kind::Misconfigured, ["AppID 错误。", "The appid is wrong.", CONSOLE[0], CONSOLE[1]]),
    row(40017, Kind::Misconfigured, ["AppSecret 错误。", "The AppSecret is wrong.", CONSOLE[0], CONSOLE[1]]),
    by_user(
        40018,
        Kind::BadCode,
        [
            "code 无效：错误、已过期、已使用或属于其他小程序。",
            "The code is not valid: wrong, expired, used, or another mini program's.",
            "重新调用 tt.login 获取新的 code 后再登录。",
            "Call tt.login again and sign in with the new code.",
        ],
    ),
    by_user(
        40019,
        Kind::BadCode,
        [
            "anonymous_code 无效。",
            "The anonymous_code is not valid.",
            "用 tt.login 返回的 code 登录；匿名 code 不代表用户。",
            "Sign in with the code of tt.login; an anonymous one stands for no person.",
        ],
    ),
    row(40020, Kind::BadInput, ["grant_type 错误。", "The grant_type is wrong.", REPORT[0], REPORT[1]]),
    row(
        28_001_005,
        Kind::Busy,
        ["抖音服务器繁忙。", "Douyin's servers are busy.", "稍后重试。", "Try again in a moment."],
    ),
    row(28_001_007, Kind::BadInput, ["参数不合法。", "A parameter is not valid.", REPORT[0], REPORT[1]]),
    row(
        28_001_008,
        Kind::TokenStale,
        [
            "client_token 已过期。",
            "The client_token has expired.",
            "menjin 会自动换取新的 client_token 并重试一次；若持续出现，检查是否有其他程序也在换取。",
            "menjin renews it and tries once more; if it goes on, look for another program that renews it too.",
        ],
    ),
    row(
        28_003_017,
        Kind::Quota,
        [
            "接口调用次数已达上限。",
            "The quota of the interface is used up.",
            "次日重试，或在抖音开放平台控制台申请提高上限。",
            "Wait for the next day, or apply for more in Douyin's console.",
        ],
    ),
    by_user(
        28_005_187,
        Kind::BadCode,
        ["手机号 code 已过期。", "The phone code has expired.", PHONE_AGAIN[0], PHONE_AGAIN[1]],
    ),
];
