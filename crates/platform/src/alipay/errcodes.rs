//! The errors of Alipay's gateway, ascending: its numbers, and the words beside them that say what they mean.

use crate::Kind;
use crate::explained::{Explained, Words, by_user, row};

const fn worded(errcode: i64, sub_code: &'static str, kind: Kind, words: Words) -> Explained {
    Explained { sub_code, ..row(errcode, kind, words) }
}

const REPORT: [&str; 2] = ["这是 menjin 的缺陷，请反馈。", "This is a defect of menjin; please report it."];
const AGAIN: [&str; 2] = [
    "重新调用 my.getAuthCode（网页则重新点击登录）获取新的 authCode。",
    "Call my.getAuthCode again (on a website: begin the sign-in again) for a new code.",
];
const CONSOLE: [&str; 2] = [
    "在支付宝开放平台控制台核对应用的 APPID、应用公钥与支付宝公钥，并更新 menjin.toml。",
    "Compare appid, the app's own public key and Alipay's public key in Alipay's console with menjin.toml.",
];
const RIGHTS: [&str; 2] = [
    "在支付宝开放平台控制台为应用添加“获取会员信息”能力并签约。",
    "Add the member-information ability to the app in Alipay's console.",
];

/// What sign-ins can be answered.
pub static ERRCODES: [Explained; 13] = [
    row(
        20000,
        Kind::Unexpected,
        [
            "支付宝服务不可用；authCode 可能已被消耗。",
            "Alipay's service is unavailable; the code may be spent.",
            AGAIN[0],
            AGAIN[1],
        ],
    ),
    worded(
        20000,
        "isp.unknow-error",
        Kind::Unexpected,
        [
            "支付宝内部错误；authCode 可能已被消耗。",
            "A fault of Alipay's servers; the code may be spent.",
            AGAIN[0],
            AGAIN[1],
        ],
    ),
    row(20001, Kind::Misconfigured, ["授权权限不足。", "The authorisation does not reach.", RIGHTS[0], RIGHTS[1]]),
    row(40001, Kind::BadInput, ["缺少必选参数。", "A parameter is missing.", REPORT[0], REPORT[1]]),
    worded(
        40001,
        "isv.missing-parameter",
        Kind::BadInput,
        ["缺少必选参数。", "A parameter is missing.", REPORT[0], REPORT[1]],
    ),
    row(40002, Kind::BadInput, ["参数非法。", "A parameter is not valid.", REPORT[0], REPORT[1]]),
    Explained {
        sub_code: "isv.code-invalid",
        ..by_user(
            40002,
            Kind::BadCode,
            [
                "authCode 无效：错误、已过期、已使用或属于其他应用。",
                "The code is not valid: wrong, expired, used, or another app's.",
                AGAIN[0],
                AGAIN[1],
            ],
        )
    },
    worded(
        40002,
        "isv.grant-type-invalid",
        Kind::BadInput,
        ["grant_type 错误。", "The grant_type is wrong.", REPORT[0], REPORT[1]],
    ),
    worded(
        40002,
        "isv.invalid-app-id",
        Kind::Misconfigured,
        ["APPID 无效。", "The appid is not valid.", CONSOLE[0], CONSOLE[1]],
    ),
    worded(
        40002,
        "isv.invalid-signature",
        Kind::Misconfigured,
        [
            "请求签名无效：menjin.toml 中的 private_key 与控制台登记的应用公钥不配对。",
            "The signature is not valid: private_key does not belong to the public key in the console.",
            CONSOLE[0],
            CONSOLE[1],
        ],
    ),
    // Whoever likes can send such a code, so it is no fault of the operator's.
    Explained {
        sub_code: "isv.unmatched-app-id",
        ..by_user(
            40002,
            Kind::BadCode,
            [
                "authCode 属于其他应用。",
                "The code is another app's.",
                "在本应用中获取 authCode；如果每次都这样，核对 menjin.toml 中的 APPID。",
                "Get the code in this app; if it is so every time, compare the appid in menjin.toml with Alipay's console.",
            ],
        )
    },
    row(40004, Kind::Unexpected, ["业务处理失败。", "The business failed.", AGAIN[0], AGAIN[1]]),
    row(40006, Kind::Misconfigured, ["应用权限不足。", "The app has not the right.", RIGHTS[0], RIGHTS[1]]),
];
