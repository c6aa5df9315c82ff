//! The error numbers of QQ Connect, ascending.
//!
//! <https://wiki.connect.qq.com/公共返回码说明>

use crate::Kind;
use crate::explained::{Explained, by_user, row};

const REPORT: [&str; 2] = ["这是 menjin 的缺陷，请反馈。", "This is a defect of menjin; please report it."];
const CONSOLE: [&str; 2] = [
    "在 QQ 互联管理中心核对 APP ID 与 APP Key，并更新 menjin.toml 中该应用的 appid 和 secret。",
    "Compare appid and secret of the app in menjin.toml with APP ID and APP Key in the console of QQ Connect.",
];
const REDIRECT: [&str; 2] = [
    "在 QQ 互联管理中心把 menjin 的回调地址（server.public_url 下的 /v1/login/应用/callback）登记为网站回调域。",
    "Register the callback of menjin (below server.public_url: /v1/login/APP/callback) in the console of QQ Connect.",
];
const REVIEW: [&str; 2] = [
    "在 QQ 互联管理中心提交审核；审核前只有登记的测试号能登录。",
    "Have the app reviewed in the console of QQ Connect; until then only its test accounts can sign in.",
];
const AGAIN: [&str; 2] = ["让用户重新点击 QQ 登录。", "Let the person begin the sign-in with QQ again."];
const PERMIT: [&str; 2] =
    ["在 QQ 互联管理中心为应用申请 get_user_info 权限。", "Apply for get_user_info in the console of QQ Connect."];
const UNION: [&str; 2] = [
    "menjin 会不带 unionid 重新查询；需要打通同一主体的应用时，在 QQ 互联管理中心申请 unionid。",
    "menjin asks again without it; apply for unionids in the console if people are to be one over several apps.",
];

/// Five numbers say the same.
const fn permissions(errcode: i64) -> Explained {
    let cause = ["应用的权限列表获取或校验失败。", "The app's list of permissions could not be had or verified."];
    row(errcode, Kind::Misconfigured, [cause[0], cause[1], PERMIT[0], PERMIT[1]])
}

/// All that its interfaces are documented to answer.
pub static ERRCODES: [Explained; 33] = [
    row(
        100_000,
        Kind::BadInput,
        ["缺少 response_type，或其值非法。", "response_type is missing or not valid.", REPORT[0], REPORT[1]],
    ),
    row(100_001, Kind::Misconfigured, ["缺少 client_id。", "client_id is missing.", CONSOLE[0], CONSOLE[1]]),
    row(100_002, Kind::Misconfigured, ["缺少 client_secret。", "client_secret is missing.", CONSOLE[0], CONSOLE[1]]),
    row(
        100_003,
        Kind::BadInput,
        ["请求头中缺少 Authorization。", "The Authorization header is missing.", REPORT[0], REPORT[1]],
    ),
    row(
        100_004,
        Kind::BadInput,
        ["缺少 grant_type，或其值非法。", "grant_type is missing or not valid.", REPORT[0], REPORT[1]],
    ),
    row(100_005, Kind::BadInput, ["缺少 code。", "The code is missing.", REPORT[0], REPORT[1]]),
    row(100_006, Kind::BadInput, ["缺少 refresh_token。", "The refresh_token is missing.", REPORT[0], REPORT[1]]),
    row(100_007, Kind::BadInput, ["缺少 access_token。", "The access_token is missing.", REPORT[0], REPORT[1]]),
    row(100_008, Kind::Misconfigured, ["appid 不存在。", "The appid does not exist.", CONSOLE[0], CONSOLE[1]]),
    row(100_009, Kind::Misconfigured, ["APP Key 错误。", "The APP Key is wrong.", CONSOLE[0], CONSOLE[1]]),
    row(
        100_010,
        Kind::Misconfigured,
        [
            "回调地址不合法：与应用登记的网站回调域不符，或与授权时不一致。",
            "The redirect address is not the one of the console, or not the one of the authorisation.",
            REDIRECT[0],
            REDIRECT[1],
        ],
    ),
    row(100_011, Kind::Misconfigured, ["应用未通过审核。", "The app is not approved.", REVIEW[0], REVIEW[1]]),
    row(100_012, Kind::BadInput, ["HTTP 请求不是 POST。", "The request is no POST.", REPORT[0], REPORT[1]]),
    row(100_013, Kind::Unexpected, ["access_token 非法。", "The access_token is not valid.", AGAIN[0], AGAIN[1]]),
    row(100_014, Kind::Unexpected, ["access_token 已过期。", "The access_token has expired.", AGAIN[0], AGAIN[1]]),
    row(100_015, Kind::Unexpected, ["access_token 已被撤销。", "The access_token was revoked.", AGAIN[0], AGAIN[1]]),
    row(
        100_016,
        Kind::Unexpected,
        ["access_token 校验失败。", "The access_token could not be verified.", AGAIN[0], AGAIN[1]],
    ),
    row(100_017, Kind::Misconfigured, ["获取 appid 失败。", "The appid could not be had.", CONSOLE[0], CONSOLE[1]]),
    row(100_018, Kind::Unexpected, ["获取 code 失败。", "The code could not be had.", AGAIN[0], AGAIN[1]]),
    by_user(
        100_019,
        Kind::BadCode,
        [
            "用 code 换取 access_token 失败：code 错误、已过期或属于其他应用。",
            "The code could not be exchanged: it is wrong, expired, or another app's.",
            AGAIN[0],
            AGAIN[1],
        ],
    ),
    by_user(100_020, Kind::CodeUsed, ["code 已被使用。", "The code has been used.", AGAIN[0], AGAIN[1]]),
    row(
        100_021,
        Kind::Unexpected,
        ["获取 access_token 失败。", "The access_token could not be had.", AGAIN[0], AGAIN[1]],
    ),
    row(
        100_022,
        Kind::Unexpected,
        ["获取 refresh_token 失败。", "The refresh_token could not be had.", AGAIN[0], AGAIN[1]],
    ),
    permissions(100_023),
    permissions(100_024),
    permissions(100_025),
    permissions(100_026),
    permissions(100_027),
    row(100_028, Kind::BadInput, ["缺少参数 which。", "The parameter which is missing.", REPORT[0], REPORT[1]]),
    row(100_029, Kind::BadInput, ["HTTP 请求错误。", "The HTTP request is wrong.", REPORT[0], REPORT[1]]),
    row(
        100_030,
        Kind::Misconfigured,
        ["用户未授予该接口的权限。", "The user has not granted this interface.", PERMIT[0], PERMIT[1]],
    ),
    row(
        100_031,
        Kind::Misconfigured,
        ["应用没有该接口的权限。", "The app has no right to this interface.", PERMIT[0], PERMIT[1]],
    ),
    row(100_048, Kind::Unexpected, ["应用未开通 unionid。", "The app may not have unionids.", UNION[0], UNION[1]]),
];
